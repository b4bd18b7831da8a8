"""Changing one configured object: what the forms of the console do."""

from collections.abc import Mapping
from hashlib import sha256
from typing import Any

import msgspec

from tocsin.actions import configuration as whole
from tocsin.actions.context import Context
from tocsin.core import configuration_file
from tocsin.core import configuration_references as references
from tocsin.core.audits import Author
from tocsin.core.configuration import Configuration
from tocsin.core.configuration_file import Change, Key, Objects
from tocsin.core.errors import Conflict, NotFound
from tocsin.store import configuration as stored_configuration
from tocsin.store.database import Transaction

CHANGED_MEANWHILE = "somebody has changed this in the meantime"


def members_of(configuration: Configuration, section: str, key: Key) -> dict[str, Any]:
    """An object as an entry of the configuration file, secrets included; or NotFound."""
    found = getattr(configuration_file.list_objects(configuration), section).get(key)
    if found is None:
        raise NotFound(f"there is nothing numbered {key} among the {section.replace('_', ' ')}")
    members: dict[str, Any] = msgspec.to_builtins(found)
    return members


def state_of(members: Mapping[str, Any]) -> str:
    """A short text that is another one after any change: who saves says which state it was made of."""
    return sha256(msgspec.json.encode(members, order="deterministic")).hexdigest()[:16]


def next_id(configuration: Configuration, section: str) -> int:
    """The number for one more object."""
    return int(max(getattr(configuration, section), default=0)) + 1


async def save(
    context: Context,
    transaction: Transaction,
    author: Author,
    section: str,
    entry: Mapping[str, Any],
    *,
    made_of: str | None,
) -> Change:
    """Make or change the object of an entry of the configuration file; what that changes.

    `made_of`: the state that was edited, None for a new object. MemberMistakes with every mistake by its member;
    Conflict when the object is there already, is another one by now, or when stored data is in the way.
    """
    await stored_configuration.lock(transaction)
    configuration = await context.configuration(transaction)
    stored = configuration_file.list_objects(configuration)
    _check_state(configuration, section, entry.get("name" if section == "tokens" else "id"), made_of)
    # What `${NAME}` stands for is taken from what is stored, not from the entry.
    members = {member: value for member, value in entry.items() if member != references.SECRETS}
    wanted = configuration_file.revise(stored, section, members)
    (change,) = configuration_file.differences(stored, wanted, prune=False)
    if change.action != "unchanged":
        now = context.clock()
        await whole.revise_workflows(transaction, configuration, wanted, [change], now, dry_run=False)
        await whole.write(context, transaction, author, configuration, wanted, [change])
    return change


async def remove(context: Context, transaction: Transaction, author: Author, section: str, key: Key) -> None:
    """Remove an object; NotFound, or MemberMistakes when others need it."""
    await stored_configuration.lock(transaction)
    configuration = await context.configuration(transaction)
    stored = configuration_file.list_objects(configuration)
    name = members_of(configuration, section, key)["name"]
    configuration_file.check_without(stored, section, key)
    change = Change("removed", section, key, name)
    await whole.revise_workflows(transaction, configuration, Objects(), [change], context.clock(), dry_run=False)
    await whole.write(context, transaction, author, configuration, Objects(), [change])


def _check_state(configuration: Configuration, section: str, key: Any, made_of: str | None) -> None:
    try:
        before = members_of(configuration, section, key)
    except NotFound:
        if made_of is not None:
            raise Conflict(CHANGED_MEANWHILE) from None
        return
    if made_of is None:
        raise Conflict(f"there is one numbered {key} already", path="id")
    if state_of(before) != made_of:
        raise Conflict(CHANGED_MEANWHILE)
