"""What recipients do on the pages that links in their mails lead to."""

from collections.abc import Mapping, Sequence
from typing import Any, Literal, NamedTuple

from tocsin.actions import profiles
from tocsin.actions.context import Context
from tocsin.core import preferences
from tocsin.core.configuration import Configuration, Database
from tocsin.core.messages import ClaimedMessage, Event, EventType
from tocsin.core.preferences import Choice, Place
from tocsin.core.profiles import Profile, Revision
from tocsin.core.reactions import Reaction
from tocsin.core.visits import Visit, read_visit
from tocsin.store import events, passages, reactions
from tocsin.store import profiles as stored_profiles
from tocsin.store.database import Transaction

Outcome = Literal["seen", "done", "undone", "unchanged", "gone"]


class Visitor(NamedTuple):
    """Who asked, as far as HTTP tells; `way`: page, one_click."""

    ip: str
    user_agent: str
    way: str = "page"


class Page(NamedTuple):
    """What the page shows: whose address, masked, and `name` of what the mail was for, empty when it was for none.

    `ended`: the names of what was ended; `undo` a token that takes it back.
    """

    outcome: Outcome
    visit: Visit
    address: str = ""
    name: str = ""
    places: Sequence[Place] = ()
    ended: Sequence[str] = ()
    undo: str = ""


class _Found(NamedTuple):
    configuration: Configuration
    database: Database
    profile: Profile
    address: str


async def find_visit(context: Context, token: str) -> Visit | None:
    """What a link says; None when it was not made here, or long ago."""
    async with context.database.transaction() as transaction:
        signer = await context.signer(transaction)
    return read_visit(signer, token, context.clock().timestamp())


async def look(context: Context, visit: Visit) -> Page:
    """The choices as they are. Nothing is changed: programs look too."""
    async with context.database.transaction() as transaction:
        found = await _find(context, transaction, visit, is_locked=False)
    return _page("seen", visit, found) if found else Page("gone", visit)


async def choose(context: Context, visit: Visit, choice: Choice, visitor: Visitor) -> Page:
    """Do what was asked, in one committed transaction with its event; what listens to the profile hears it."""
    async with context.database.transaction() as transaction:
        found = await _find(context, transaction, visit, is_locked=True)
        if found is None:
            return Page("gone", visit)
        before = found.profile
        after = preferences.apply(before, visit, found.address, choice, found.configuration.resources)
        if after == before:
            return _page("unchanged", visit, found)
        ended = preferences.ended_at(before, after)
        await _revise(context, transaction, found, after)
        if ended:
            data = {"resource_id": visit.resource_id, "ended_at": ended, "choice": choice.action}
            await _record(context, transaction, visit, before, {"unsub": data}, visitor)
        signer = await context.signer(transaction)
        undo = preferences.make_undo(signer, before, visit, found.address, context.clock().timestamp())
    names = [found.configuration.resources[one].name for one in ended if one in found.configuration.resources]
    return _page("done", visit, found._replace(profile=after))._replace(ended=names, undo=undo)


async def undo(context: Context, visit: Visit, token: str) -> Page:
    """Take back what was done within the last hour, if the token says what that was."""
    async with context.database.transaction() as transaction:
        found = await _find(context, transaction, visit, is_locked=True)
        if found is None:
            return Page("gone", visit)
        now = context.clock().timestamp()
        signer = await context.signer(transaction)
        after = preferences.undo(signer, token, found.profile, visit, found.address, now)
        if after is None:
            return _page("seen", visit, found)
        await _revise(context, transaction, found, after)
    return _page("undone", visit, found._replace(profile=after))


async def confirm(context: Context, visit: Visit, visitor: Visitor) -> Page:
    """Subscribe what waits to be confirmed; `unchanged` when it is subscribed already, `gone` when it is no more."""
    async with context.database.transaction() as transaction:
        found = await _find(context, transaction, visit, is_locked=True)
        if found is None:
            return Page("gone", visit)
        after = preferences.confirm(found.profile, visit, found.address)
        if after == found.profile:
            is_confirmed = preferences.is_confirmed(after, visit, found.address)
            return _page("unchanged" if is_confirmed else "gone", visit, found)
        await _revise(context, transaction, found, after)
        await _record(
            context, transaction, visit, found.profile, await _confirming(context, transaction, visit), visitor
        )
    return _page("done", visit, found._replace(profile=after))


async def _confirming(context: Context, transaction: Transaction, visit: Visit) -> dict[EventType, Mapping[str, Any]]:
    """A confirmation is a click too (facts, section 8)."""
    wanted: set[tuple[bytes, Reaction]] = {(visit.message_id, "opened"), (visit.message_id, "clicked")}
    first = await reactions.insert(transaction, wanted, context.clock())
    opens: tuple[EventType, ...] = ("open", "uopen") if (visit.message_id, "opened") in first else ()
    clicks: tuple[EventType, ...] = ("click", "uclick") if (visit.message_id, "clicked") in first else ("click",)
    said = {"resource_id": visit.resource_id}
    return {**{type_: {} for type_ in (*opens, *clicks)}, "confirm": said, "confirmsub": said}


async def _find(context: Context, transaction: Transaction, visit: Visit, *, is_locked: bool) -> _Found | None:
    """The profile, or the one that it has become part of, if it still has the address."""
    configuration = await context.configuration(transaction)
    database = configuration.databases.get(visit.database_id)
    if database is None:
        return None
    await stored_profiles.prefer_indexes(transaction)
    read = profiles.get_locked if is_locked else _get
    found = await read(transaction, database, [visit.profile_id])
    if not found:
        messages = await reactions.find_messages(transaction, [visit.message_id])
        found = await read(transaction, database, [one.profile_id for one in messages.values()])
    profile = next(iter(found.values()), None)
    address = preferences.find_address(profile, visit) if profile else None
    return _Found(configuration, database, profile, address) if profile and address else None


async def _get(transaction: Transaction, database: Database, profile_ids: Sequence[bytes]) -> dict[bytes, Profile]:
    return await stored_profiles.get(transaction, database.id, profile_ids)


async def _revise(context: Context, transaction: Transaction, found: _Found, after: Profile) -> None:
    revisions = [Revision(found.profile, after)]
    await profiles.revise(context, transaction, found.configuration, found.database, revisions)


async def _record(
    context: Context,
    transaction: Transaction,
    visit: Visit,
    profile: Profile,
    happened: Mapping[EventType, Mapping[str, Any]],
    visitor: Visitor,
) -> None:
    """The events, as long as the message is known, and whoever waits for them is due."""
    message = (await reactions.find_messages(transaction, [visit.message_id])).get(visit.message_id)
    if message is None:
        return
    now = context.clock()
    of = ClaimedMessage(message.id, message.launch_id, profile.id, message.trigger_id, 0, message.address, None, None)
    shared = {name: value for name, value in visitor._asdict().items() if value}
    event_ids = context.new_ids_beside([profile.id] * len(happened))
    recorded = [
        Event(event_id, now, type_, visit.database_id, of, {**data, **shared})
        for event_id, (type_, data) in zip(event_ids, happened.items(), strict=True)
    ]
    await events.insert(transaction, recorded)
    await passages.wake(transaction, [message.id], now)


def _page(outcome: Outcome, visit: Visit, found: _Found) -> Page:
    resources = found.configuration.resources
    resource = resources.get(visit.resource_id)
    places = preferences.list_places(found.profile, found.address, resources)
    return Page(outcome, visit, preferences.mask(found.address), resource.name if resource else "", places)
