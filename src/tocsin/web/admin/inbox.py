"""The inbox of development: mail that Tocsin has sent to itself, to be looked at."""

from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any

from starlette.responses import Response

from tocsin.actions import inbox
from tocsin.core import ids
from tocsin.core.errors import NotFound
from tocsin.store.inbox import NEWEST
from tocsin.web.admin import frame
from tocsin.web.admin.visit import Visit

_PAGE = 50
_MOST_TEXT = 50_000


async def list_mails(visit: Visit) -> Response:
    """A page of it, the newest first."""
    before, search = ids.parse(visit.query("before")) or NEWEST, visit.query("search")
    async with visit.context.database.transaction() as transaction:
        listed = await inbox.list_page(transaction, search=search, before=before, limit=_PAGE + 1)
        total = await inbox.count(transaction)
    more = listed[_PAGE - 1].id.hex() if len(listed) > _PAGE else ""
    mails = [{"id": one.id.hex(), "mail": one} for one in listed[:_PAGE]]
    return visit.render("inbox/list.html", mails=mails, more=more, search=search, total=total)


async def clear(visit: Visit) -> Response:
    """Delete all of it."""
    await inbox.clear(visit.context, visit.author)
    return visit.go("inbox", "inbox_cleared")


async def show(visit: Visit) -> Response:
    """One mail."""
    raw, told = await _get(visit)
    mail = _parse(raw)
    message_id = str(mail.get("Message-ID", "")).strip("<> ").partition("@")[0]
    return visit.render(
        "inbox/mail.html",
        id=visit.path["id"],
        told=told,
        headers=[(name, str(value)) for name, value in mail.items()],
        text=_body(mail, "plain")[:_MOST_TEXT],
        has_html=bool(_body(mail, "html")),
        attachments=[one.get_filename() or "?" for one in mail.iter_attachments()],
        message=message_id if ids.parse(message_id) else "",
        with_images=visit.query("images") == "1",
    )


async def show_html(visit: Visit) -> Response:
    """The HTML of a mail, for a frame."""
    raw, _ = await _get(visit)
    return frame.framed(_body(_parse(raw), "html"), with_images=visit.query("images") == "1")


async def show_source(visit: Visit) -> Response:
    """A mail as it came, to be saved."""
    raw, _ = await _get(visit)
    return frame.download(raw, f"{visit.path['id']}.eml", "message/rfc822")


async def show_attachment(visit: Visit) -> Response:
    """One of the files of a mail, to be saved."""
    raw, _ = await _get(visit)
    files, place = list(_parse(raw).iter_attachments()), visit.path["place"]
    if not (place.isascii() and place.isdecimal() and int(place[:9]) < len(files)):
        raise NotFound("there is no such file")
    one = files[int(place)]
    data = one.get_payload(decode=True)
    content = data if isinstance(data, bytes) else str(one.get_payload()).encode()
    return frame.download(content, one.get_filename() or "file", "application/octet-stream")


async def _get(visit: Visit) -> tuple[bytes, Any]:
    async with visit.context.database.transaction() as transaction:
        found = await inbox.get(transaction, visit.path["id"])
    return found.raw, found.told


def _parse(raw: bytes) -> EmailMessage:
    mail = message_from_bytes(raw, policy=policy.default)
    return mail if isinstance(mail, EmailMessage) else EmailMessage()


def _body(mail: EmailMessage, kind: str) -> str:
    """The text of a part; what cannot be decoded is shown as far as it can."""
    part = mail.get_body((kind,))
    if part is None:
        return ""
    try:
        return str(part.get_content())
    except (LookupError, ValueError):
        data = part.get_payload(decode=True)
        return data.decode("utf-8", "replace") if isinstance(data, bytes) else ""
