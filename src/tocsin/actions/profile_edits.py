"""What people change of a profile by hand: each change in one transaction, with a note of who made it."""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from hashlib import sha256
from typing import Any, NamedTuple

import msgspec

from tocsin.actions import audits, profiles, subscriptions, suppressed
from tocsin.actions.context import Context
from tocsin.actions.profile_views import get_record, list_addresses, name_of
from tocsin.core import preferences, unsubscribing
from tocsin.core import subscriptions as core_subscriptions
from tocsin.core.audits import Author, Deed
from tocsin.core.configuration import Configuration, Database
from tocsin.core.errors import Conflict, Invalid, NotFound
from tocsin.core.launches import ImportItem, ItemError
from tocsin.core.matching import Search
from tocsin.core.messages import Event, EventType, Subject
from tocsin.core.profiles import Profile, Revision
from tocsin.core.subscriptions import Subscription
from tocsin.store import events
from tocsin.store.database import Transaction
from tocsin.store.profiles import Record

_MARK_LENGTH = 16
_SECTION = "profiles"


class Opened(NamedTuple):
    """A profile about to be changed, and what a change needs."""

    transaction: Transaction
    configuration: Configuration
    database: Database
    record: Record

    @property
    def profile(self) -> Profile:
        """As it is before the change."""
        return self.record.profile

    def deed(self, action: str, **details: Any) -> Deed:
        """What is noted of the change."""
        return Deed(action, _SECTION, self.profile.id.hex(), name_of(self.profile), details)


def state_of(profile: Profile) -> str:
    """Equal as long as nobody has changed the fields."""
    return sha256(msgspec.json.encode(profile.fields, order="deterministic")).hexdigest()[:_MARK_LENGTH]


def mark_of(subscription: Subscription) -> str:
    """How forms name a subscription."""
    identity = core_subscriptions.identity(subscription)
    return sha256(msgspec.json.encode(identity)).hexdigest()[:_MARK_LENGTH]


@asynccontextmanager
async def open_profile(context: Context, profile_id: bytes) -> AsyncIterator[Opened]:
    """A transaction with a profile; or NotFound."""
    async with context.database.transaction() as transaction:
        configuration = await context.configuration(transaction)
        record, database = await get_record(transaction, configuration, profile_id)
        yield Opened(transaction, configuration, database, record)


async def create(context: Context, author: Author, database_id: int, data: Mapping[str, Any]) -> bytes:
    """Add a profile with these fields and `subscriptions`; its id. Conflict when its email address is taken; Invalid
    with the field in `path`.
    """
    async with context.database.transaction() as transaction:
        configuration = await context.configuration(transaction)
        database = configuration.get_database(database_id)
        matching = profiles.check_matching(configuration, database, "email_profile", field_name="", resource_id=None)
        job = profiles.Import(configuration, database, matching, is_single=True, may_update=False, source="manual")
        profile_id = await _import(context, transaction, job, data)
        name = str(data.get("email") or "")
        await audits.record(context, transaction, author, [Deed("created", _SECTION, profile_id.hex(), name)])
    return profile_id


async def save_fields(
    context: Context, author: Author, profile_id: bytes, changes: Mapping[str, Any], made_of: str
) -> None:
    """Change some fields as an import would; None clears one. Conflict when others changed fields since `made_of`."""
    async with open_profile(context, profile_id) as opened:
        if made_of != state_of(opened.profile):
            raise Conflict("somebody has changed this profile meanwhile; what it says now is shown below")
        if not changes:
            return
        search = Search(profile_id=profile_id.hex())
        matching = profiles.check_matching(
            opened.configuration, opened.database, "profile_id", field_name="", resource_id=None
        )
        job = profiles.Import(
            opened.configuration,
            opened.database,
            matching,
            search=search,
            is_single=True,
            may_create=False,
            source="manual",
        )
        await _import(context, opened.transaction, job, changes)
        deed = opened.deed("changed", fields=sorted(changes))
        await audits.record(context, opened.transaction, author, [deed])


async def _import(context: Context, transaction: Transaction, job: profiles.Import, data: Mapping[str, Any]) -> bytes:
    found = await profiles.import_items(context, transaction, job, [ImportItem(dict(data))])
    outcome = found.outcomes[0]
    if not isinstance(outcome, ItemError):
        return outcome
    place, _, sentence = outcome.error_debug.partition(": ")
    path = place.removeprefix("data").removeprefix(".")
    error = Conflict if outcome.error == Conflict.code else Invalid
    raise error(sentence or outcome.error_debug, path=path if sentence else "")


async def set_subscription(context: Context, author: Author, profile_id: bytes, said: Mapping[str, Any]) -> None:
    """Add a subscription, or change the one with this address; Invalid with the member in `path`."""
    async with open_profile(context, profile_id) as opened:
        read = core_subscriptions.Reader(opened.configuration, opened.database).read(dict(said))
        await subscriptions.set_one(
            context,
            opened.transaction,
            opened.configuration,
            opened.database,
            profile_id,
            read,
            skip_triggers=False,
        )
        details = {"status": read["status"]} if "status" in read else {}
        deed = opened.deed("changed", subscription=describe_subscription(read), **details)
        await audits.record(context, opened.transaction, author, [deed])


async def change_subscription(
    context: Context, author: Author, profile_id: bytes, mark: str, said: Mapping[str, Any]
) -> None:
    """Change status, priority or categories of a subscription of the profile; or NotFound, Invalid."""
    async with open_profile(context, profile_id) as opened:
        known = _find(opened.profile.subscriptions, mark)
    await set_subscription(context, author, profile_id, {**core_subscriptions.named(known), **said})


async def delete_subscription(context: Context, author: Author, profile_id: bytes, mark: str) -> None:
    """Put a subscription away; or NotFound."""
    async with open_profile(context, profile_id) as opened:
        known = _find(opened.profile.subscriptions, mark)
        await subscriptions.delete(
            context, opened.transaction, opened.configuration, opened.database, profile_id, known
        )
        deed = opened.deed("removed", subscription=describe_subscription(known))
        await audits.record(context, opened.transaction, author, [deed])


async def undelete_subscription(context: Context, author: Author, profile_id: bytes, mark: str) -> None:
    """Bring a subscription back as it was; or NotFound, Conflict."""
    async with open_profile(context, profile_id) as opened:
        known = _find(opened.record.deleted, mark)
        await subscriptions.undelete(
            context, opened.transaction, opened.configuration, opened.database, profile_id, known
        )
        deed = opened.deed("restored", subscription=describe_subscription(known))
        await audits.record(context, opened.transaction, author, [deed])


async def unsubscribe(context: Context, author: Author, profile_id: bytes, mark: str) -> bool:
    """End a subscription, with an event that says so; whether anything changed. NotFound when it is not there."""
    async with open_profile(context, profile_id) as opened:
        meant = _find(opened.profile.subscriptions, mark)
        before = await _lock(opened)
        left = unsubscribing.unsubscribe_one(before.subscriptions, meant)
        return await _end(context, author, opened, before, Profile(before.id, before.fields, left), "this")


async def unsubscribe_all(context: Context, author: Author, profile_id: bytes) -> bool:
    """End every subscription and what comes to the profile's own address; whether anything changed."""
    async with open_profile(context, profile_id) as opened:
        before = await _lock(opened)
        left = unsubscribing.unsubscribe_all(before.subscriptions)
        after = Profile(before.id, unsubscribing.unsubscribe_person(before.fields), left)
        return await _end(context, author, opened, before, after, "all")


async def _lock(opened: Opened) -> Profile:
    locked = await profiles.get_locked(opened.transaction, opened.database, [opened.profile.id])
    if opened.profile.id not in locked:
        raise NotFound("there is no such profile")
    return locked[opened.profile.id]


async def _end(context: Context, author: Author, opened: Opened, before: Profile, after: Profile, choice: str) -> bool:
    if after == before:
        return False
    transaction, database = opened.transaction, opened.database
    await profiles.revise(context, transaction, opened.configuration, database, [Revision(before, after)])
    ended = [
        one
        for one, other in zip(before.subscriptions, after.subscriptions, strict=True)
        if one["status"] != other["status"]
    ]
    await events.insert(transaction, [_tell_end(context, database, before, after, ended, choice)])
    deed = opened.deed("unsubscribed", subscriptions=[describe_subscription(one) for one in ended])
    await audits.record(context, transaction, author, [deed])
    return True


def _tell_end(
    context: Context, database: Database, before: Profile, after: Profile, ended: Sequence[Subscription], choice: str
) -> Event:
    """The event that tells hooks and the timeline of it, as of a person who unsubscribes."""
    is_sms = bool(ended) and all(one["channel"] == "sms" for one in ended)
    type_: EventType = "unsub_sms" if is_sms else "unsub"
    address = str(ended[0].get("email") or ended[0].get("phone") or "") if ended else name_of(before)
    data: dict[str, Any] = {"ended_at": preferences.ended_at(before, after), "choice": choice, "way": "console"}
    if address:
        data["address"] = address
    if choice == "this":
        data["resource_id"] = ended[0]["resource_id"]
    (event_id,) = context.new_ids_beside([before.id])
    return Event(event_id, context.clock(), type_, database.id, Subject(before.id, address=address), data)


async def suppress(
    context: Context, author: Author, profile_id: bytes, address: str, list_id: int, reason: str
) -> None:
    """Put an address of the profile on a suppression list; or NotFound, Invalid with the member in `path`."""
    async with open_profile(context, profile_id) as opened:
        listed = opened.configuration.get_suppression_list(list_id)
        if address not in list_addresses(opened.profile):
            raise Invalid("the profile has no such address", path="address")
        added = await suppressed.add(context, opened.transaction, list_id, [address], reason)
        if added.errors:
            raise Invalid(added.errors[0].error_debug, path="address")
        deed = opened.deed("suppressed", address=address, list=listed.name)
        await audits.record(context, opened.transaction, author, [deed])


def describe_subscription(subscription: Subscription) -> str:
    """`21 email ann@example.com`."""
    address = subscription.get("email") or subscription.get("phone") or subscription.get("subscription_id")
    address = address or next(iter(subscription.get("cc_data", {}).values()), "")
    return f"{subscription['resource_id']} {subscription['channel']} {address}".strip()


def _find(listed: list[Subscription], mark: str) -> Subscription:
    for one in listed:
        if mark_of(one) == mark:
            return one
    raise NotFound("the profile has no such subscription any more")
