"""What a trigger follows of its mails, as it is configured."""

from typing import Annotated

from msgspec import Meta, Struct

from tocsin.core.configuration_words import DomainName

Word = Annotated[str, Meta(max_length=200)]


class Utm(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """What tracked links tell the site that they lead to; `{trigger}` stands for the trigger's name."""

    source: Word = ""
    medium: Word = ""
    campaign: Word = ""
    content: Word = ""
    term: Word = ""


class Tracking(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """Whether opens and clicks are noticed; None: as the installation does it. `text`: links of the text part too.

    `reading`: how long a mail is looked at, by a pixel of opens that is answered slowly. `replies`: Reply-To names the
    return path too, so that this server hears of replies. `utm_domains`: the only hosts, each with those below it,
    whose links get `utm`; without any, all do.
    """

    opens: bool | None = None
    clicks: bool | None = None
    text: bool = False
    reading: bool = False
    replies: bool = False
    utm: Utm | None = None
    utm_domains: tuple[DomainName, ...] = ()
