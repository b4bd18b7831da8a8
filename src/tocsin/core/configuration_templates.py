"""Templates as they are configured: what a message says, per channel."""

from msgspec import Struct

from tocsin.core.configuration_words import Id, Name


class EmailTemplate(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """The email of a template. Without `text` it is derived from `html`."""

    from_email: str
    subject: str
    from_name: str = ""
    reply_to_email: str = ""
    reply_to_name: str = ""
    html: str = ""
    text: str = ""


class SmsTemplate(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """The SMS of a template."""

    text: str


class Template(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """What a message says, per channel, in the template language (docs/api/templates.md)."""

    id: Id
    name: Name
    email: EmailTemplate | None = None
    sms: SmsTemplate | None = None
