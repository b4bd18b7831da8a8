"""When a message that could not be sent is tried again, and until when."""

from datetime import datetime, timedelta

from tocsin.core.configuration import Trigger
from tocsin.core.configuration_senders import Sender

FIRST_DELAY_SECONDS = 30
LONGEST_DELAY_SECONDS = 4 * 3600
GIVE_UP_AFTER = timedelta(hours=72)
_JITTER = 0.2
_MOST_DOUBLINGS = 20
_LONGEST_SPREAD_SECONDS = 300.0


def give_up_after(trigger: Trigger | None, sender: Sender | None) -> timedelta:
    """How old a message may become: what its trigger says, else its sender, else 72 hours."""
    for one in (trigger, sender):
        if one is not None and one.give_up_after is not None:
            return timedelta(seconds=one.give_up_after.total_seconds)
    return GIVE_UP_AFTER


def next_attempt(attempts: int, now: datetime, give_up_at: datetime, fraction: float) -> datetime | None:
    """When to try again after `attempts` tries, doubling from 30 s to 4 h; None to give up.

    `fraction` (0 to 1, random) spreads messages that failed together by up to a fifth of the delay. Where the next try
    would come too late, there is a last one shortly before `give_up_at`, unless that is now.
    """
    delay = min(FIRST_DELAY_SECONDS * 2 ** min(attempts - 1, _MOST_DOUBLINGS), LONGEST_DELAY_SECONDS)
    next_at = now + timedelta(seconds=delay * (1 + _JITTER * fraction))
    last_at = give_up_at - timedelta(seconds=FIRST_DELAY_SECONDS * (1 + _JITTER * fraction))
    return min(next_at, last_at) if last_at >= now + timedelta(seconds=FIRST_DELAY_SECONDS) else None


def describe_given_up(last_words: str, attempts: int, age: timedelta) -> str:
    """Why a message was given up: what the server said last, how often it was tried, and for how long."""
    tried = "once" if attempts == 1 else f"{attempts} times"
    return f"{last_words} (given up: tried {tried} in {_describe_length(age)})".strip()


def describe_expired(attempts: int, age: timedelta) -> str:
    """Why a message was given up when its time was over before it could be tried, or tried again."""
    tried = {0: "never tried", 1: "tried once"}.get(attempts, f"tried {attempts} times")
    return f"given up: too old after {_describe_length(age)}, {tried}"


def _describe_length(length: timedelta) -> str:
    """In the unit in which it is two or more: `90 minutes`."""
    seconds = max(int(length.total_seconds()), 0)
    for name, size in (("hours", 3600), ("minutes", 60)):
        if seconds >= 2 * size:
            return f"{seconds // size} {name}"
    return f"{seconds} seconds"


def come_back(now: datetime, after_seconds: float, waited_seconds: float, fraction: float) -> datetime:
    """When a message comes back that was not tried, so that it failed at nothing: after `after_seconds`, a fifth later
    at most, and then spread over a tenth of the time that it has waited, five minutes at most.

    What waits for a server that is away is so looked at the less often the longer this lasts.
    """
    spread = min(waited_seconds / 10, _LONGEST_SPREAD_SECONDS)
    return now + timedelta(seconds=after_seconds * (1 + _JITTER * fraction) + spread * fraction)
