"""One profile as people look at it: everything that is stored of it and around it."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final, Literal, NamedTuple, get_args

from tocsin.actions import audits
from tocsin.actions.context import Context
from tocsin.core import exports
from tocsin.core.audits import Author, Deed
from tocsin.core.configuration import Configuration, Database
from tocsin.core.errors import NotFound
from tocsin.core.messages import EventType
from tocsin.core.profiles import Profile
from tocsin.core.suppression import Suppression, values_of
from tocsin.core.workflows.passages import Passage
from tocsin.store import passages, suppressions, timeline
from tocsin.store import profiles as stored_profiles
from tocsin.store.database import Transaction
from tocsin.store.profiles import Record
from tocsin.store.timeline import TimelineEntry, TimelinePlace

TIMELINE_PAGE = 50

_MOST_PASSAGES = 50
_EXPORT_PAGE = 2000

Kind = Literal["messages", "reactions", "skips", "consent", "imports", "steps"]

_TYPES: Final[Mapping[Kind, frozenset[str]]] = {
    "reactions": frozenset({"open", "uopen", "click", "uclick", "read", "skimmed", "glanced", "reply"}),
    "consent": frozenset({"unsub", "confirm", "confirmsub", "complain"}),
    "skips": frozenset({"skip", "suppress"}),
}
_KINDS: tuple[Kind, ...] = get_args(Kind)


class View(NamedTuple):
    """A profile, its database, and what concerns it now. `next` begins the next page of the timeline."""

    record: Record
    database: Database
    suppressed: Sequence[Suppression]
    inside: Sequence[Passage]
    timeline: Sequence[TimelineEntry]
    next: TimelinePlace | None


def plain_type(type_: str) -> str:
    """The type of an event without its channel."""
    return type_.removesuffix("_sms").removesuffix("_push")


def kind_of(type_: str) -> Kind:
    """Which kind of entry of the timeline an event is."""
    plain = plain_type(type_)
    for kind, types in _TYPES.items():
        if plain in types:
            return kind
    return "imports" if plain.startswith("import") else "messages"


def list_kinds() -> tuple[Kind, ...]:
    """All kinds, in the order in which they are offered."""
    return _KINDS


async def get_record(
    transaction: Transaction, configuration: Configuration, profile_id: bytes
) -> tuple[Record, Database]:
    """What is stored of a profile, and its database; or NotFound."""
    record = await stored_profiles.find_record(transaction, profile_id)
    if record is None or record.database_id not in configuration.databases:
        raise NotFound("there is no such profile")
    return record, configuration.databases[record.database_id]


async def get_view(context: Context, profile_id: bytes, kind: Kind | None, before: TimelinePlace) -> View:
    """A profile with a page of its timeline, of one kind or of all; or NotFound."""
    async with context.database.transaction() as transaction:
        configuration = await context.configuration(transaction)
        record, database = await get_record(transaction, configuration, profile_id)
        inside = await passages.list_everywhere(transaction, profile_id, _MOST_PASSAGES)
        listed = await timeline.list_of_profile(
            transaction,
            profile_id,
            before,
            TIMELINE_PAGE + 1,
            types=_types_of(kind),
            with_steps=kind in (None, "steps"),
        )
        suppressed = await suppressions.list_entries(transaction, _values(record))
    shown = listed[:TIMELINE_PAGE]
    more = TimelinePlace(shown[-1].at, shown[-1].key) if len(listed) > TIMELINE_PAGE else None
    return View(record, database, suppressed, inside, shown, more)


def list_addresses(profile: Profile) -> dict[str, str]:
    """Every email address and phone number of a profile and of its subscriptions, with its channel."""
    listed = [("email", profile.fields.get("email")), *(("sms", one) for one in profile.fields.get("phones") or [])]
    listed += [("email", one.get("email")) for one in profile.subscriptions if one["channel"] == "email"]
    listed += [("sms", one.get("phone")) for one in profile.subscriptions if one["channel"] == "sms"]
    return {str(address): channel for channel, address in listed if address}


async def describe_all(context: Context, author: Author, profile_id: bytes) -> dict[str, Any]:
    """Everything that is kept about a person, as plain values, for whoever asks for it by law; that is noted."""
    async with context.database.transaction() as transaction:
        configuration = await context.configuration(transaction)
        record, database = await get_record(transaction, configuration, profile_id)
        suppressed = await suppressions.list_entries(transaction, _values(record))
        inside = await passages.list_everywhere(transaction, profile_id, _EXPORT_PAGE)
        happened = await _list_whole_timeline(transaction, profile_id)
        deed = Deed("exported", "profiles", profile_id.hex(), name_of(record.profile))
        await audits.record(context, transaction, author, [deed])
    return {
        "profile": exports.describe(record.profile),
        "database": {"id": database.id, "name": database.name},
        "created_at": _instant(record.created_at),
        "updated_at": _instant(record.updated_at),
        "deleted_subscriptions": record.deleted,
        "suppressions": [_describe_suppression(one) for one in suppressed],
        "workflows": [
            {"workflow_id": one.workflow_id, "node": one.node, "since": _instant(one.arrived_at)} for one in inside
        ],
        "timeline": [_describe_entry(one) for one in happened],
    }


def name_of(profile: Profile) -> str:
    """What a profile is called where there is room for one word: an address, or a phone number."""
    addresses = list_addresses(profile)
    return next(iter(addresses), "")


async def _list_whole_timeline(transaction: Transaction, profile_id: bytes) -> list[TimelineEntry]:
    listed: list[TimelineEntry] = []
    place = TimelinePlace()
    while page := await timeline.list_of_profile(transaction, profile_id, place, _EXPORT_PAGE):
        listed += page
        place = TimelinePlace(page[-1].at, page[-1].key)
    return listed


def _types_of(kind: Kind | None) -> list[str] | None:
    if kind is None:
        return None
    return [type_ for type_ in get_args(EventType) if kind_of(type_) == kind]


def _values(record: Record) -> list[str]:
    values = {
        value for address, channel in list_addresses(record.profile).items() for value in values_of(channel, address)
    }
    return sorted(values)


def _describe_suppression(one: Suppression) -> dict[str, Any]:
    return {
        "value": one.value,
        "list_id": one.list_id,
        "source": one.source,
        "at": _instant(one.at),
        "reason": one.reason,
        "resource_id": one.resource_id,
    }


def _describe_entry(entry: TimelineEntry) -> dict[str, Any]:
    described: dict[str, Any] = {"at": _instant(entry.at), "type": entry.type}
    if entry.is_step:
        return described | {"workflow_id": entry.workflow_id, "node": entry.node, "target": entry.target}
    described |= {
        "message_id": entry.message_id.hex(),
        "launch_id": entry.launch_id.hex(),
        "trigger_id": entry.trigger_id,
    }
    return {name: value for name, value in described.items() if value} | {"data": entry.data}


def _instant(at: datetime) -> str:
    return at.astimezone(UTC).isoformat().removesuffix("+00:00") + "Z"
