"""`messages/search` (ours): the log of messages, newest first, by whatever is known of one."""

from datetime import UTC, datetime
from typing import Annotated, Literal

from msgspec import UNSET, Meta, Struct, UnsetType

from tocsin.actions import message_log
from tocsin.actions.hooks import parse_instant
from tocsin.core import ids
from tocsin.core.configuration import Configuration
from tocsin.core.errors import Invalid
from tocsin.core.message_log import BEGINNING, END, Search, State, channel_of
from tocsin.store.message_log import LoggedMessage, Place, WaitingMessage
from tocsin.web.call import Call
from tocsin.web.envelope import Envelope, Success


class MessageSearchRequest(Envelope, kw_only=True, omit_defaults=True):
    """Which messages: all that is given must fit."""

    address: str = ""
    profile_id: str = ""
    trigger_id: int | None = None
    launch_id: str = ""
    db_id: int | None = None
    channel: Literal["email", "sms", "push"] | None = None
    state: State | Literal["waiting"] | None = None
    from_at: str = ""
    until: str = ""
    from_id: str = ""
    limit: Annotated[int, Meta(ge=1, le=1000)] = 100


class FoundMessage(Struct, kw_only=True):
    """A message, and what is known of it last."""

    smid: str | UnsetType = UNSET
    state: str
    at: str
    channel: str | UnsetType = UNSET
    db_id: int | UnsetType = UNSET
    profile_id: str
    trigger_id: int
    launch_id: str
    address: str | UnsetType = UNSET
    attempts: int | UnsetType = UNSET
    code: int | UnsetType = UNSET
    text: str | UnsetType = UNSET


class MessageSearchAnswer(Success, kw_only=True):
    """A page of messages, the newest first."""

    data: list[FoundMessage]
    next_from_id: str | UnsetType = UNSET


async def search_messages(call: Call, request: MessageSearchRequest) -> MessageSearchAnswer:
    """A page of the messages of an address, a profile, a trigger or a launch, or of all, the newest first."""
    search = _read_search(call, request)
    if request.state == "waiting":
        return await _search_waiting(call, search, request)
    page = await message_log.list_messages(
        call.transaction, call.configuration, search, _read_place(request.from_id), request.limit
    )
    return MessageSearchAnswer(
        data=[_describe_logged(call.configuration, one) for one in page],
        next_from_id=_write_place(page[-1]) if page else UNSET,
    )


async def _search_waiting(call: Call, search: Search, request: MessageSearchRequest) -> MessageSearchAnswer:
    before = _read_id(request.from_id, "from_id") or ids.LAST
    page = await message_log.list_waiting(call.transaction, call.configuration, search, before, request.limit)
    return MessageSearchAnswer(
        data=[_describe_waiting(call.configuration, one) for one in page],
        next_from_id=page[-1].id.hex() if page else UNSET,
    )


def _read_search(call: Call, request: MessageSearchRequest) -> Search:
    if request.db_id is not None:
        call.configuration.get_database(request.db_id)
    return Search(
        address=request.address.strip(),
        profile_id=_read_id(request.profile_id, "profile_id"),
        trigger_id=request.trigger_id,
        launch_id=_read_id(request.launch_id, "launch_id"),
        channel=request.channel,
        state=None if request.state == "waiting" else request.state,
        database_id=request.db_id,
        from_at=parse_instant(request.from_at, "from_at") or BEGINNING,
        until=parse_instant(request.until, "until") or END,
    )


def _read_id(text: str, path: str) -> bytes | None:
    found = ids.parse(text)
    if text and found is None:
        raise Invalid("expected 24 hex digits", path=path)
    return found


def _read_place(text: str) -> Place:
    """When the last event was, a dash, and its id."""
    if not text:
        return Place()
    at, _, said = text.rpartition("-")
    event_id, instant = ids.parse(said), parse_instant(at, "from_id")
    if event_id is None or instant is None:
        raise Invalid("expected the next_from_id of the page before", path="from_id")
    return Place(instant, event_id)


def _write_place(last: LoggedMessage) -> str:
    return f"{_instant(last.at)}-{last.event_id.hex()}"


def _describe_logged(configuration: Configuration, one: LoggedMessage) -> FoundMessage:
    trigger = configuration.triggers.get(one.trigger_id)
    return FoundMessage(
        smid=one.message_id.hex() or UNSET,
        state=one.state,
        at=_instant(one.at),
        channel=channel_of(one.type, trigger.channel if trigger else "") or UNSET,
        db_id=one.database_id or UNSET,
        profile_id=one.profile_id.hex(),
        trigger_id=one.trigger_id,
        launch_id=one.launch_id.hex(),
        address=one.address or UNSET,
        code=one.code or UNSET,
        text=one.text or UNSET,
    )


def _describe_waiting(configuration: Configuration, one: WaitingMessage) -> FoundMessage:
    trigger = configuration.triggers.get(one.trigger_id)
    return FoundMessage(
        smid=one.id.hex(),
        state="waiting",
        at=_instant(one.due_at),
        channel=trigger.channel if trigger else UNSET,
        db_id=trigger.database if trigger else UNSET,
        profile_id=one.profile_id.hex(),
        trigger_id=one.trigger_id,
        launch_id=one.launch_id.hex(),
        address=one.address,
        attempts=one.attempts,
    )


def _instant(at: datetime) -> str:
    return at.astimezone(UTC).isoformat().removesuffix("+00:00") + "Z"
