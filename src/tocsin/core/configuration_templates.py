"""Templates as they are configured: what a message says, per channel."""

from typing import Annotated, Literal

from msgspec import Meta, Struct, field

from tocsin.core.configuration_words import Id, Label, Name


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
    """The SMS of a template. A message that takes more than `max_segments` is not sent."""

    text: str
    from_name: str = ""
    max_segments: Annotated[int, Meta(ge=1, le=255)] = 10


class PushButton(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """A button below a push message, and where it leads."""

    label: str
    url: str = ""


PushDataKey = Annotated[str, Meta(pattern=r"\A[A-Za-z0-9.-][A-Za-z0-9_.-]*\Z", max_length=100)]


class PushTemplate(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """The push message of a template. `data` is for the app; of those with one `collapse_key` a device shows the last.

    After `ttl_seconds` a provider gives up a device that is not there; without it after its own time.
    """

    title: str
    text: str = ""
    url: str = ""
    icon: str = ""
    image: str = ""
    sound: Label = "default"
    buttons: Annotated[tuple[PushButton, ...], Meta(max_length=3)] = ()
    data: dict[PushDataKey, str] = field(default_factory=dict)
    collapse_key: str = ""
    ttl_seconds: Annotated[int, Meta(ge=0, le=2419200)] | None = None
    priority: Literal["high", "normal"] = "high"


class Template(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """What a message says, per channel, in the template language (docs/api/templates.md).

    `transactional`: whether it is no marketing, so that it needs no way to unsubscribe; None when nobody has said.
    """

    id: Id
    name: Name
    email: EmailTemplate | None = None
    sms: SmsTemplate | None = None
    push: PushTemplate | None = None
    transactional: bool | None = None
