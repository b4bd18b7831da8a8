"""The log of messages: what may be asked of it, and in which state a message is by what happened to it."""

from collections.abc import Callable, Collection, Iterable, Mapping
from datetime import UTC, datetime
from typing import Literal, NamedTuple, get_args

from msgspec import Struct

from tocsin.core import emails, phones

# The last that is known of a message that waits no longer.
State = Literal[
    "sent", "delivered", "opened", "clicked", "replied", "bounced", "complained", "failed", "skipped", "cancelled"
]  # fmt: skip
STATES: tuple[State, ...] = get_args(State)

BEGINNING = datetime(1, 1, 2, tzinfo=UTC)
END = datetime(9999, 12, 30, tzinfo=UTC)

# By which events a message is known to have come to a state, those that end its waiting first.
TYPES: Mapping[State, tuple[str, ...]] = {
    "sent": ("send", "send_sms", "send_push"),
    "failed": ("undeliv", "undeliv_sms", "undeliv_push"),
    "skipped": ("skip", "suppress"),
    "cancelled": ("cancel",),
    "delivered": ("deliv", "deliv_sms", "deliv_push"),
    "opened": ("uopen", "uopen_push"),
    "clicked": ("uclick", "uclick_sms", "uclick_push"),
    "replied": ("reply",),
    "bounced": ("hbounce", "sbounce"),
    "complained": ("complain",),
}
_ENDS: tuple[State, ...] = ("sent", "failed", "skipped", "cancelled")
# Of two events of a message the later one here says more.
_RANKS = (
    "cancel", "skip", "suppress", "send", "send_sms", "send_push", "sbounce", "undeliv", "undeliv_sms", "undeliv_push",
    "deliv", "deliv_sms", "deliv_push", "uopen", "uopen_push", "uclick", "uclick_sms", "uclick_push",
    "reply", "hbounce", "complain",
)  # fmt: skip
_STATES_OF_TYPES = {type_: state for state, types in TYPES.items() for type_ in types}
_OF_ANY_CHANNEL = frozenset({"skip", "suppress", "cancel"})

TELLING = _RANKS


class Search(Struct, frozen=True):
    """Which messages; what is None or empty does not matter. `address`: whole, or its beginning with a star at the end.

    `state`: messages that have come to it, whatever came after. Times are those of the event that is listed.
    """

    address: str = ""
    profile_id: bytes | None = None
    trigger_id: int | None = None
    launch_id: bytes | None = None
    channel: str | None = None
    state: State | None = None
    database_id: int | None = None
    from_at: datetime = BEGINNING
    until: datetime = END

    @property
    def is_prefix(self) -> bool:
        """Whether only the beginning of the address is known."""
        return self.address.endswith("*")

    @property
    def beginning(self) -> str:
        """What the address begins with, in lower case."""
        return self.address.removesuffix("*").lower()

    @property
    def spellings(self) -> tuple[str, ...]:
        """How messages may have the address; none where only its beginning is known, or nothing.

        As it is too: PostgreSQL makes small letters of what its locale knows.
        """
        if self.is_prefix or not self.address:
            return ()
        parsed = (_try(parse, self.address) for parse in (emails.parse, emails.key, phones.parse))
        written = [text for text in (self.address, *parsed) if text]
        return tuple(dict.fromkeys([text.lower() for text in written] + written))


def _try(parse: Callable[[str], str], text: str) -> str:
    try:
        return parse(text)
    except ValueError:
        return ""


class Sought(NamedTuple):
    """A type of events; whether it is not of one channel, so that the trigger says of which an event is."""

    type: str
    is_of_any_channel: bool


def list_types(search: Search) -> list[Sought]:
    """The types of events that are listed: without a state the one that ended the waiting of each message."""
    states = (search.state,) if search.state else _ENDS
    types = [type_ for state in states for type_ in TYPES[state]]
    return [Sought(one, one in _OF_ANY_CHANNEL) for one in types if _may_be_of(one, search.channel)]


def _may_be_of(type_: str, channel: str | None) -> bool:
    return channel is None or type_ in _OF_ANY_CHANNEL or channel_of(type_) == channel


def channel_of(type_: str, of_trigger: str = "email") -> str:
    """The channel of an event by its type; where the type does not say it, that of its trigger."""
    if type_ in _OF_ANY_CHANNEL:
        return of_trigger
    return next((channel for channel in ("sms", "push") if type_.endswith(f"_{channel}")), "email")


def state_of(types: Iterable[str]) -> State:
    """The state of a message to which events of these types happened, of which one at least is known here."""
    known: Collection[str] = [one for one in types if one in _STATES_OF_TYPES]
    return _STATES_OF_TYPES[max(known, key=_RANKS.index)]
