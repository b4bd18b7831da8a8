"""Making the configuration equal to a file, printing it as one, and making tokens."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from hashlib import sha256
from pathlib import PurePath
from typing import NamedTuple

from tocsin.actions import audits, suppressed, workflow_changes
from tocsin.actions.context import Context
from tocsin.core import configuration_file
from tocsin.core.audits import Author, Deed
from tocsin.core.configuration import Configuration, Database, Token
from tocsin.core.configuration_consent import list_warnings
from tocsin.core.configuration_file import Change, Objects
from tocsin.core.configuration_hooks_check import list_hook_warnings
from tocsin.core.configuration_rules_check import list_kept_out
from tocsin.core.configuration_words import Permission
from tocsin.core.errors import Conflict
from tocsin.core.identities import Describer, Kind
from tocsin.store import configuration as stored_configuration
from tocsin.store import identities, profiles
from tocsin.store.configuration import ObjectChange
from tocsin.store.database import Transaction

TOKEN_BYTES = 24
_PAGE = 5000


APPLY = Author("command", "tocsin apply")
_CREATE_TOKEN = Author("command", "tocsin token create")


class Applied(NamedTuple):
    """What applying a file changed, how many passages it ended, by workflow and former node, and what is doubtful."""

    changes: Sequence[Change]
    left: Mapping[int, Mapping[str, int]]
    warnings: Sequence[str] = ()


async def apply(
    context: Context,
    text: str,
    file_name: str,
    environment: Mapping[str, str],
    *,
    dry_run: bool = False,
    prune: bool = False,
    author: Author = APPLY,
) -> Applied:
    """Make the configuration equal to the file; what that changes. ConfigurationMistakes: then nothing has changed.

    Conflict when a workflow with profiles inside is to be of another database, or a field is to be unique of which
    profiles share values.
    """
    async with context.database.transaction() as transaction:
        await stored_configuration.lock(transaction)
        configuration = await context.configuration(transaction)
        stored = configuration_file.list_objects(configuration)
        wanted = configuration_file.parse(text, file_name, environment, stored, prune=prune)
        changes = configuration_file.differences(stored, wanted, prune=prune)
        if not dry_run and any(one.section == "databases" and one.action == "changed" for one in changes):
            # Fields may become matchable or unique; locks of values come before those of profiles.
            await identities.lock_all(transaction)
        left = await revise_workflows(transaction, configuration, wanted, changes, context.clock(), dry_run=dry_run)
        if not dry_run:
            await write(context, transaction, author, configuration, wanted, changes)
            await stored_configuration.mark(
                transaction,
                [(change.section, str(change.key)) for change in changes if change.action != "removed"],
                PurePath(file_name).name,
            )
    return Applied(changes, left, _list_warnings(configuration, wanted))


def _list_warnings(configuration: Configuration, wanted: Objects) -> list[str]:
    """What is doubtful of what the file says, beside all that is stored."""
    triggers, databases = {**configuration.triggers, **wanted.triggers}, {**configuration.databases, **wanted.databases}
    return [
        *list_warnings(wanted.triggers, {**configuration.templates, **wanted.templates}),
        *list_kept_out(wanted.workflows.values(), triggers, databases),
        *list_hook_warnings(wanted.hooks.values()),
    ]


async def export(context: Context) -> str:
    """The present configuration as a file."""
    async with context.database.transaction() as transaction:
        return configuration_file.dump(configuration_file.list_objects(await context.configuration(transaction)))


async def create_token(
    context: Context, name: str, permissions: tuple[Permission, ...], author: Author = _CREATE_TOKEN
) -> str:
    """A new token's text; only its hash is kept. Raises Conflict when the name is taken."""
    text = context.random(TOKEN_BYTES).hex()
    token = Token(name, sha256(text.encode()).hexdigest(), permissions or ("*",))
    async with context.database.transaction() as transaction:
        await stored_configuration.lock(transaction)
        configuration = await context.configuration(transaction)
        if any(known.name == name for known in configuration.tokens.values()):
            raise Conflict(f"there is a token named {name!r} already")
        await audits.write_configuration(
            context, transaction, author, [ObjectChange("tokens", name, token)], [Deed("created", "tokens", name, name)]
        )
    return text


async def revise_workflows(
    transaction: Transaction,
    configuration: Configuration,
    wanted: Objects,
    changes: Sequence[Change],
    now: datetime,
    *,
    dry_run: bool,
) -> dict[int, Mapping[str, int]]:
    """Bring the passages of workflows that change or are removed into line; those that ended."""
    left = {}
    for change in changes:
        if change.section == "workflows" and change.action in ("changed", "removed"):
            before, after = configuration.workflows[int(change.key)], wanted.workflows.get(int(change.key))
            left[before.id] = await workflow_changes.revise(transaction, before, after, now, dry_run=dry_run)
    return {workflow_id: by_node for workflow_id, by_node in left.items() if by_node}


async def write(
    context: Context,
    transaction: Transaction,
    author: Author,
    configuration: Configuration,
    wanted: Objects,
    changes: Sequence[Change],
) -> None:
    """Make the configuration what was wanted and checked, with all that follows from it."""
    written = [
        ObjectChange(change.section, str(change.key), getattr(wanted, change.section).get(change.key))
        for change in changes
        if change.action != "unchanged"
    ]
    if not written:
        return
    for identifier, database in wanted.databases.items():
        before = configuration.databases.get(identifier)
        await _index(transaction, before, database)
        await _check_unique(transaction, before, database)
    await suppressed.follow_file(transaction, wanted.suppression_lists, changes, context.clock())
    deeds = [
        Deed(change.action, change.section, str(change.key), change.name, {"members": change.members})
        for change in changes
        if change.action != "unchanged"
    ]
    await audits.write_configuration(context, transaction, author, written, deeds)


async def _index(transaction: Transaction, before: Database | None, after: Database) -> None:
    """Keep the identities of stored profiles true when fields begin or cease to be matchable, or change their type."""
    if before is None:
        return
    old = {(name, field.type) for name, field in before.custom_fields().items() if field.is_matchable}
    new = {(name, field.type) for name, field in after.custom_fields().items() if field.is_matchable}
    if old == new:
        return
    await identities.lock_all(transaction)
    await identities.delete_fields(transaction, after.id, sorted(name for name, _ in old - new))
    added = {name: after.custom_fields()[name] for name, _ in new - old}
    if not added:
        return
    describer = Describer(Database(id=after.id, name=after.name, fields=dict(added)))
    last = b""
    while page := await profiles.list_after(transaction, after.id, last, _PAGE):
        gained = [
            (profile.id, [one for one in describer.describe(profile.fields, ()) if one[0] == Kind.CUSTOM_FIELD])
            for profile in page
        ]
        await identities.insert(transaction, after.id, gained)
        last = page[-1].id


async def _check_unique(transaction: Transaction, before: Database | None, after: Database) -> None:
    """Conflict when a field begins to be unique and is not; its values are indexed by now."""
    known = before.custom_fields() if before else {}
    for name, field in after.custom_fields().items():
        if before is None or not field.unique or (name in known and known[name] == field):
            continue
        await identities.lock_all(transaction)
        shared = await identities.count_shared(transaction, after.id, name)
        if shared:
            raise Conflict(
                f"database {after.id}: field {name} cannot be unique: {shared} of its values belong to several profiles"
            )
