"""What keeps messages from being sent, as it is configured: suppression lists, sending policies, quiet hours."""

from typing import Annotated, Literal

from msgspec import Meta, Struct, field

from tocsin.core.configuration_words import Id, Name, TimeOfDay

GLOBAL_LIST = 1
MOST_ADDRESSES_OF_A_FILE = 100_000

Percent = Annotated[float, Meta(ge=0, le=100)]
# A limit is said of a profile; of what one resource, or one channel, sends to it; or of one of its addresses.
Per = Literal["profile", "resource", "channel", "address"]


class SuppressionList(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """Addresses that get nothing: emails, phone numbers, `@domain`, devices. Without databases it holds for all.

    `addresses` are those that the file names; others are added by calls and kept beside.
    """

    id: Id
    name: Name
    description: str = ""
    databases: tuple[Id, ...] = ()
    addresses: Annotated[tuple[str, ...], Meta(max_length=MOST_ADDRESSES_OF_A_FILE)] = ()

    def holds_for(self, database_id: int) -> bool:
        """Whether nothing is sent to its addresses for profiles of a database."""
        return not self.databases or database_id in self.databases


class Limit(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """At most so many messages in so many days (facts, section 9)."""

    messages: Annotated[int, Meta(ge=1, le=15)]
    days: Annotated[int, Meta(ge=1, le=16)]
    per: Per = "profile"


class QuietHours(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """Times of day, in the profile's time zone, at which nothing is sent: it waits for their end, or is dropped."""

    from_time: TimeOfDay = field(name="from")
    to: TimeOfDay
    then: Literal["postpone", "drop"] = "postpone"


class Policy(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """How much is sent, and when. The default holds where neither the trigger nor its resource names another."""

    id: Id
    name: Name
    default: bool = False
    limits: tuple[Limit, ...] = ()
    quiet_hours: QuietHours | None = None
