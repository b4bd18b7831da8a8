"""`webver/get` (facts, 6.6): what was sent, as it was sent."""

from msgspec import UNSET, Struct, UnsetType

from tocsin.actions import copies
from tocsin.actions.copies import MessageCopy
from tocsin.core import ids, push
from tocsin.core.copies import EmailCopy, PushCopy, SmsCopy
from tocsin.core.errors import NotFound
from tocsin.core.explaining import instant
from tocsin.web.call import Call
from tocsin.web.envelope import DataAnswer, Envelope


class CopyRequest(Envelope, kw_only=True, omit_defaults=True):
    """Which message."""

    send_message_id: str
    harmless: bool = False


class SentHeader(Struct):
    """A header of a mail."""

    name: str
    value: str


class SentFile(Struct):
    """A file that a mail carried."""

    name: str
    type: str
    size: int


class SentEmail(Struct, kw_only=True):
    """A mail as it was sent."""

    from_email: str
    from_name: str
    to_email: str
    subject: str
    html: str | UnsetType = UNSET
    text: str
    headers: list[SentHeader]
    attachments: list[SentFile]


class SentSms(Struct, kw_only=True):
    """An SMS as it was sent."""

    from_name: str
    phone: str
    text: str
    segments: int


class SentPush(Struct, kw_only=True):
    """A push message as it was sent."""

    title: str
    text: str
    payload: str


class SentMessageDescription(Struct, kw_only=True):
    """A message as it was sent, under the name of its channel."""

    createtime: str
    email: SentEmail | UnsetType = UNSET
    sms: SentSms | UnsetType = UNSET
    push: SentPush | UnsetType = UNSET


async def get_copy(call: Call, request: CopyRequest) -> DataAnswer:
    """A message as it was sent, as long as copies are kept."""
    message_id = ids.parse(request.send_message_id)
    found = await copies.find(call.transaction, message_id) if message_id else None
    if found is None:
        raise NotFound("there is no such message, or no copy of it is kept", path="send_message_id")
    if request.harmless:
        found = await copies.make_harmless(call.context, call.transaction, call.configuration, found)
    return DataAnswer(data=_describe(found))


def _describe(found: MessageCopy) -> SentMessageDescription:
    described = SentMessageDescription(createtime=instant(found.sent_at))
    match found.content:
        case EmailCopy() as email:
            described.email = _describe_email(email, found)
        case SmsCopy() as sms:
            described.sms = SentSms(from_name=sms.from_name, phone=sms.to, text=sms.text, segments=sms.segments)
        case PushCopy(payload=payload):
            notification = push.decode(payload)
            described.push = SentPush(title=notification.title, text=notification.text, payload=payload.decode())
    return described


def _describe_email(email: EmailCopy, found: MessageCopy) -> SentEmail:
    return SentEmail(
        from_email=email.from_email,
        from_name=email.from_name,
        to_email=email.to,
        subject=email.subject,
        html=UNSET if email.html is None else email.html,
        text=email.text,
        headers=[SentHeader(name, value) for name, value in found.headers],
        attachments=[SentFile(one.name, one.content_type, len(one.data)) for one in found.attachments],
    )
