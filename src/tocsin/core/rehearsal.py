"""A composed message as people read it."""

from email import message_from_bytes, policy
from email.message import EmailMessage

from tocsin.core.launches import RehearsedMessage


def describe_content(channel: str, address: str, body: bytes) -> RehearsedMessage:
    """Of an email its headers, subject and parts, of an SMS its text, of a push its payload."""
    if channel == "email":
        return _describe_mail(address, body)
    text = body.decode(errors="replace")
    is_sms = channel == "sms"
    return RehearsedMessage(channel, address, text=text if is_sms else "", payload="" if is_sms else text)


def _describe_mail(address: str, body: bytes) -> RehearsedMessage:
    mail = message_from_bytes(body, policy=policy.default)
    if not isinstance(mail, EmailMessage):
        raise TypeError("the policy makes an EmailMessage")
    return RehearsedMessage(
        "email",
        address,
        subject=str(mail["subject"] or ""),
        html=_part(mail, "html"),
        text=_part(mail, "plain"),
        headers=[f"{name}: {value}" for name, value in mail.items()],
    )


def _part(mail: EmailMessage, subtype: str) -> str:
    part = mail.get_body((subtype,))
    return str(part.get_content()) if part else ""
