"""`messages/…` (ours) and `subscribers/history_get` (facts, 5.5): what happened to messages and to profiles."""

import re
from datetime import UTC, datetime, timedelta
from typing import Any

from msgspec import UNSET, Struct, UnsetType

from tocsin.actions import profiles
from tocsin.core import ids
from tocsin.core.configuration import Configuration
from tocsin.core.errors import Invalid, NotFound
from tocsin.store import history
from tocsin.store import profiles as stored_profiles
from tocsin.store.history import BEGINNING, END, KnownMessage, PastEvent, Point, Span
from tocsin.web.api.profiles import read_matching
from tocsin.web.call import Call
from tocsin.web.envelope import DataAnswer, Envelope, SearchEnvelope, Success, Verbatim
from tocsin.web.lists import PageRequest

MOST_EVENTS = 10_000

# Members of an event's data that are told as members of the event.
_NAMED = frozenset(
    ("address", "attempts", "code", "status", "text", "missing_values", "reason", "rule", "workflow_id", "custom_data")
)

_is_date = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}").fullmatch


class MessageRequest(Envelope, kw_only=True, omit_defaults=True):
    """Which message."""

    smid: str


class MessageListRequest(PageRequest, kw_only=True, omit_defaults=True):
    """What happened to the messages of a profile."""

    db_id: int
    profile_id: str
    from_id: str = ""


class HistoryRequest(SearchEnvelope, kw_only=True, omit_defaults=True):
    """What happened to a profile, from one day to another; both count."""

    list_id: int
    date_from: str = ""
    date_to: str = ""


class Waiting(Struct):
    """A message in the queue."""

    due_at: str
    attempts: int


class EventDescription(Struct, kw_only=True):
    """Something that happened to a message."""

    event_id: str
    smid: str | UnsetType = UNSET
    type: str
    at: str
    trigger_id: int
    launch_id: str
    address: str | UnsetType = UNSET
    attempts: int | UnsetType = UNSET
    code: int | UnsetType = UNSET
    status: str | UnsetType = UNSET
    text: str | UnsetType = UNSET
    missing_values: int | UnsetType = UNSET
    reason: str | UnsetType = UNSET
    rule: str | UnsetType = UNSET
    workflow_id: int | UnsetType = UNSET
    data: dict[str, Any] | UnsetType = UNSET
    custom_data: Any = UNSET


class MessageDescription(Struct, kw_only=True):
    """A message: whose, where it goes, how it waits, and what happened to it, in order."""

    smid: str
    profile_id: str
    trigger_id: int
    launch_id: str
    address: str
    waiting: Waiting | UnsetType = UNSET
    events: list[EventDescription]


class MessageListAnswer(Success, kw_only=True):
    """A page of events, the oldest first."""

    data: list[EventDescription]
    next_from_id: str | UnsetType = UNSET


class HistoryEntry(Struct, kw_only=True):
    """An event as the platform shows it."""

    profile_id: str
    list_id: int
    action: str
    count: int
    datetime: str
    email: str
    event_id: str
    smid: str
    campaign_id: int
    campaign_name: str | UnsetType = UNSET
    message_id: int | UnsetType = UNSET
    message_name: str | UnsetType = UNSET


class HistoryAnswer(Success, kw_only=True):
    """Events, the oldest first."""

    data: list[HistoryEntry]


async def get_message(call: Call, request: MessageRequest) -> DataAnswer:
    """What is known of a message: how it waits, and what happened to it."""
    message_id = ids.parse(request.smid)
    message = await history.find(call.transaction, message_id) if message_id else None
    if message is None or message_id is None:
        raise NotFound("there is no such message", path="smid")
    past = await history.list_of_message(call.transaction, message.profile_id, message_id)
    return DataAnswer(data=_describe_message(message_id, message, past))


async def list_messages(call: Call, request: MessageListRequest) -> MessageListAnswer:
    """A page of what happened to the messages of a profile, in order."""
    profile_id = await _get_profile_id(call, request)
    after = await _get_place(call, profile_id, request.from_id)
    page = await history.list_of_profile(call.transaction, profile_id, Span(), after, request.limit)
    return MessageListAnswer(
        data=[_describe_event(event) for event in page], next_from_id=page[-1].id.hex() if page else UNSET
    )


async def get_history(call: Call, request: HistoryRequest) -> HistoryAnswer:
    """What happened to the messages of the one profile that matches, between two days."""
    database = call.configuration.get_database(request.list_id)
    span = Span(
        _read_day(request.date_from, "date_from") or BEGINNING,
        _after(_read_day(request.date_to, "date_to")),
    )
    profile = await profiles.get_one(
        call.transaction, database, read_matching(call, database, request), request.search()
    )
    listed = await history.list_of_profile(call.transaction, profile.id, span, Point(), MOST_EVENTS)
    return HistoryAnswer(data=[_describe_entry(call.configuration, profile.id, event) for event in listed])


async def _get_profile_id(call: Call, request: MessageListRequest) -> bytes:
    database = call.configuration.get_database(request.db_id)
    profile_id = ids.parse(request.profile_id)
    if profile_id is None or not await stored_profiles.find(call.transaction, database.id, [profile_id]):
        raise NotFound("there is no such profile", path="profile_id")
    return profile_id


async def _get_place(call: Call, profile_id: bytes, said: str) -> Point:
    event_id = ids.parse(said)
    place = await history.find_place(call.transaction, profile_id, event_id) if event_id else None
    if place is None and said:
        raise Invalid("expected the next_from_id of the page before", path="from_id")
    return place or Point()


def _read_day(text: str, path: str) -> datetime | None:
    """Midnight, UTC."""
    if not text:
        return None
    try:
        if _is_date(text):
            return datetime.fromisoformat(text).replace(tzinfo=UTC)
    except ValueError:
        pass
    raise Invalid("expected a day as 2026-11-21", path=path)


def _after(day: datetime | None) -> datetime:
    return END if day is None or day >= END else day + timedelta(days=1)


def _describe_message(message_id: bytes, message: KnownMessage, past: list[PastEvent]) -> MessageDescription:
    return MessageDescription(
        smid=message_id.hex(),
        profile_id=message.profile_id.hex(),
        trigger_id=message.trigger_id,
        launch_id=message.launch_id.hex(),
        address=message.address,
        waiting=Waiting(_instant(message.due_at), message.attempts or 0) if message.due_at else UNSET,
        events=[_describe_event(event) for event in past],
    )


def _describe_event(event: PastEvent) -> EventDescription:
    told = {name: value for name, value in event.data.items() if name in _NAMED}
    if "custom_data" in told:
        told["custom_data"] = Verbatim(told["custom_data"])
    return EventDescription(
        event_id=event.id.hex(),
        smid=event.message_id.hex() or UNSET,
        type=event.type,
        at=_instant(event.at),
        trigger_id=event.trigger_id,
        launch_id=event.launch_id.hex(),
        data={name: value for name, value in event.data.items() if name not in _NAMED} or UNSET,
        **told,
    )


def _describe_entry(configuration: Configuration, profile_id: bytes, event: PastEvent) -> HistoryEntry:
    trigger = configuration.triggers.get(event.trigger_id)
    template = configuration.templates.get(trigger.template) if trigger else None
    return HistoryEntry(
        profile_id=profile_id.hex(),
        list_id=event.database_id,
        action=event.type,
        count=1,
        datetime=_instant(event.at),
        email=event.data.get("address", ""),
        event_id=event.id.hex(),
        smid=event.message_id.hex(),
        campaign_id=event.trigger_id,
        campaign_name=trigger.name if trigger else UNSET,
        message_id=template.id if template else UNSET,
        message_name=template.name if template else UNSET,
    )


def _instant(at: datetime) -> str:
    return at.astimezone(UTC).isoformat().removesuffix("+00:00") + "Z"
