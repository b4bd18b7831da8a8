"""Messages that only show that a sender works."""

from datetime import datetime
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime

_SUBJECT = "Tocsin can send by {name}"
_TEXT = "This message was sent from the console by “{name}” to show that it can.\n"
_SMS_TEXT = "Tocsin can send by {name}."


def trial_mail(name: str, from_address: str, to_address: str, at: datetime, message_id: str) -> bytes:
    """A mail that says which sender it came by, with the line ends of SMTP."""
    mail = EmailMessage(policy=SMTP)
    mail["From"] = from_address
    mail["To"] = to_address
    mail["Subject"] = _SUBJECT.format(name=name)
    mail["Date"] = format_datetime(at)
    mail["Message-ID"] = f"<{message_id}@{from_address.rpartition('@')[2]}>"
    mail["Auto-Submitted"] = "auto-generated"
    mail.set_content(_TEXT.format(name=name))
    return mail.as_bytes()


def trial_sms(name: str) -> bytes:
    """A text message that says which sender it came by."""
    return _SMS_TEXT.format(name=name).encode()
