"""The log of messages, and one message: as it was sent, each attempt, what happened to it and why."""

from datetime import datetime, timedelta
from typing import Any, Final

from msgspec import json
from starlette.responses import Response

from tocsin.actions import copies, explaining, message_log, message_views
from tocsin.actions.copies import MessageCopy
from tocsin.core import ids, push
from tocsin.core.configuration import Configuration
from tocsin.core.copies import EmailCopy, PushCopy, SmsCopy
from tocsin.core.errors import Invalid, NotFound
from tocsin.core.message_log import BEGINNING, END, STATES, Search, State
from tocsin.store.database import Transaction
from tocsin.store.message_log import LoggedMessage, Place, WaitingMessage
from tocsin.web.admin import frame
from tocsin.web.admin.overview import names_of
from tocsin.web.admin.visit import Visit

WAITING: Final = "waiting"
_PAGE = 50
_CHANNELS = ("email", "sms", "push")
_FILTERS = ("address", "profile", "trigger", "launch", "channel", "state", "database", "from", "until")


async def list_messages(visit: Visit) -> Response:
    """A page of the log, the newest first."""
    asked = {name: visit.query(name) for name in _FILTERS}
    listed: list[dict[str, Any]] = []
    mistake = more = ""
    async with visit.context.database.transaction() as transaction:
        known = await visit.context.configuration(transaction)
        try:
            search = _read_search(visit)
            if asked["state"] == WAITING:
                listed, more = await _list_waiting(visit, transaction, known, search)
            else:
                listed, more = await _list_done(visit, transaction, known, search)
        except Invalid as wrong:
            mistake = wrong.describe()
    return visit.render(
        "messages/list.html",
        422 if mistake else 200,
        asked=asked,
        is_asked=any(asked.values()),
        listed=listed,
        more=more,
        mistake=mistake,
        rest="".join(f"&{name}={frame.quote(value)}" for name, value in asked.items() if value),
        names=names_of(known),
        triggers=list(known.triggers.values()),
        databases=list(known.databases.values()),
        states=(WAITING, *STATES),
        channels=_CHANNELS,
    )


def _read_search(visit: Visit) -> Search:
    state = visit.query("state")
    states: dict[str, State] = {one: one for one in STATES}
    if state and state != WAITING and state not in states:
        raise Invalid("there is no such state", path="state")
    return Search(
        address=visit.query("address")[:320],
        profile_id=_read_id(visit, "profile"),
        trigger_id=_read_number(visit, "trigger"),
        launch_id=_read_id(visit, "launch"),
        channel=visit.query("channel") if visit.query("channel") in _CHANNELS else None,
        state=states.get(state),
        database_id=_read_number(visit, "database"),
        from_at=_read_time(visit, "from") or BEGINNING,
        until=_read_time(visit, "until", later=timedelta(minutes=1)) or END,
    )


def _read_id(visit: Visit, name: str) -> bytes | None:
    text = visit.query(name)
    found = ids.parse(text)
    if text and found is None:
        raise Invalid("expected 24 hex digits", path=name)
    return found


def _read_number(visit: Visit, name: str) -> int | None:
    text = visit.query(name)
    if not text:
        return None
    if not (text.isascii() and text.isdecimal() and len(text) <= 9):  # noqa: PLR2004 - 2**31
        raise Invalid("expected a number", path=name)
    return int(text)


def _read_time(visit: Visit, name: str, later: timedelta = timedelta()) -> datetime | None:
    """A time as `datetime-local` fields send it, in the viewer's zone; the whole minute counts."""
    text = visit.query(name)
    if not text:
        return None
    try:
        at = datetime.fromisoformat(text)
        return (at if at.tzinfo else at.replace(tzinfo=visit.zone)) + later
    except (ValueError, OverflowError):
        raise Invalid("expected a time, as 2026-01-31T12:00", path=name) from None


async def _list_done(
    visit: Visit, transaction: Transaction, known: Configuration, search: Search
) -> tuple[list[dict[str, Any]], str]:
    at, _, event_id = visit.query("before").partition("_")
    place = Place()
    if event_id:
        place = Place(_parse_place(at), ids.parse(event_id) or b"")
    listed = await message_log.list_messages(transaction, known, search, place, _PAGE + 1)
    page = [_describe_done(one, known) for one in listed[:_PAGE]]
    last = listed[_PAGE - 1] if len(listed) > _PAGE else None
    return page, f"{last.at.isoformat()}_{last.event_id.hex()}" if last else ""


def _parse_place(text: str) -> datetime:
    try:
        return datetime.fromisoformat(text.replace(" ", "+"))
    except ValueError:
        raise Invalid("this page of the log is not known", path="before") from None


async def _list_waiting(
    visit: Visit, transaction: Transaction, known: Configuration, search: Search
) -> tuple[list[dict[str, Any]], str]:
    before = ids.parse(visit.query("before")) or ids.LAST
    listed = await message_log.list_waiting(transaction, known, search, before, _PAGE + 1)
    more = listed[_PAGE - 1].id.hex() if len(listed) > _PAGE else ""
    return [_describe_waiting(one, known) for one in listed[:_PAGE]], more


def _describe_done(one: LoggedMessage, known: Configuration) -> dict[str, Any]:
    trigger = known.triggers.get(one.trigger_id)
    return {
        "id": one.message_id.hex(),
        "at": one.at,
        "state": one.state,
        "address": one.address,
        "profile": one.profile_id.hex(),
        "trigger": one.trigger_id,
        "launch": one.launch_id.hex(),
        "channel": trigger.channel if trigger else "",
        "text": " ".join(filter(None, (str(one.code or ""), one.text))),
    }


def _describe_waiting(one: WaitingMessage, known: Configuration) -> dict[str, Any]:
    trigger = known.triggers.get(one.trigger_id)
    return {
        "id": one.id.hex(),
        "at": one.due_at if one.due_at < END - timedelta(days=2) else one.first_due_at,
        "state": WAITING,
        "address": one.address,
        "profile": one.profile_id.hex(),
        "trigger": one.trigger_id,
        "launch": one.launch_id.hex(),
        "channel": trigger.channel if trigger else "",
        "text": "",
    }


async def show(visit: Visit) -> Response:
    """One message."""
    story = await message_views.get_story(visit.context, visit.path["id"])
    async with visit.context.database.transaction() as transaction:
        known = await visit.context.configuration(transaction)
        found = await copies.find(transaction, story.id)
        if found is not None:
            found = await copies.make_harmless(visit.context, transaction, known, found)
        try:
            explained = await explaining.explain_message(visit.context, transaction, known, story.id)
        except NotFound:
            explained = None
    events = [
        {"at": one.at, "type": one.type, "text": _say(one.data), "data": json.format(json.encode(one.data)).decode()}
        for one in reversed(story.events)
    ]
    return visit.render(
        "messages/message.html",
        id=story.id.hex(),
        story=story,
        profile=story.profile_id.hex(),
        launch=story.launch_id.hex(),
        events=events,
        explained=explained,
        kept=_describe_copy(found) if found else {},
        with_images=visit.query("images") == "1",
    )


def _say(data: dict[str, Any]) -> str:
    said = [str(data[name]) for name in ("code", "status", "text", "rule", "reason", "link_url") if data.get(name)]
    return " ".join(said)


def _describe_copy(found: MessageCopy) -> dict[str, Any]:
    content = found.content
    if isinstance(content, EmailCopy):
        return {
            "kind": "email",
            "subject": content.subject,
            "sender": f"{content.from_name} <{content.from_email}>".strip(),
            "to": content.to,
            "text": content.text,
            "has_html": content.html is not None,
            "headers": found.headers,
            "attachments": [
                {"name": one.name, "type": one.content_type, "bytes": len(one.data)} for one in found.attachments
            ],
        }
    if isinstance(content, SmsCopy):
        return {"kind": "sms", "sender": content.from_name, "to": content.to, "text": content.text,
                "segments": content.segments}  # fmt: skip
    return {"kind": "push", "payload": _read_payload(content)}


def _read_payload(content: PushCopy) -> str:
    return json.format(json.encode(push.decode(content.payload))).decode()


async def show_html(visit: Visit) -> Response:
    """The HTML of a mail as it was sent, for a frame."""
    content = (await _find_copy(visit)).content
    if not isinstance(content, EmailCopy) or content.html is None:
        raise NotFound("this message has no HTML")
    return frame.framed(content.html, with_images=visit.query("images") == "1")


async def show_source(visit: Visit) -> Response:
    """A mail as it was handed over, to be saved."""
    return frame.download((await _find_copy(visit)).source, f"{visit.path['id']}.eml", "message/rfc822")


async def show_attachment(visit: Visit) -> Response:
    """One of the files of a mail, to be saved."""
    found, place = await _find_copy(visit), visit.path["place"]
    if not (place.isascii() and place.isdecimal() and int(place[:9]) < len(found.attachments)):
        raise NotFound("there is no such file")
    one = found.attachments[int(place)]
    return frame.download(one.data, one.name, "application/octet-stream")


async def _find_copy(visit: Visit) -> MessageCopy:
    message_id = ids.parse(visit.path["id"])
    async with visit.context.database.transaction() as transaction:
        known = await visit.context.configuration(transaction)
        found = await copies.find(transaction, message_id) if message_id else None
        if found is None:
            raise NotFound("no copy of this message is kept")
        return await copies.make_harmless(visit.context, transaction, known, found)
