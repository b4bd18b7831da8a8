"""How many messages came to what, by minute and channel, for charts."""

from collections import defaultdict
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Literal, NamedTuple

# Of deferred ones each attempt counts; opened and clicked are the first of each message, by people.
TrafficOutcome = Literal[
    "sent", "deferred", "failed", "skipped", "cancelled", "delivered", "opened", "clicked", "replied", "bounced",
    "complained", "unsubscribed",
]  # fmt: skip

# Channel and outcome of what is counted, by the type of the event. A skip does not say its channel.
COUNTED: dict[str, tuple[str, TrafficOutcome]] = {
    "send": ("email", "sent"),
    "send_sms": ("sms", "sent"),
    "send_push": ("push", "sent"),
    "undeliv": ("email", "failed"),
    "undeliv_sms": ("sms", "failed"),
    "undeliv_push": ("push", "failed"),
    "deliv": ("email", "delivered"),
    "deliv_sms": ("sms", "delivered"),
    "deliv_push": ("push", "delivered"),
    "skip": ("", "skipped"),
    "suppress": ("", "skipped"),
    "cancel": ("", "cancelled"),
    "uopen": ("email", "opened"),
    "uopen_push": ("push", "opened"),
    "uclick": ("email", "clicked"),
    "uclick_sms": ("sms", "clicked"),
    "uclick_push": ("push", "clicked"),
    "reply": ("email", "replied"),
    "hbounce": ("email", "bounced"),
    "sbounce": ("email", "bounced"),
    "complain": ("email", "complained"),
    "unsub": ("email", "unsubscribed"),
    "unsub_sms": ("sms", "unsubscribed"),
}


class Count(NamedTuple):
    """So many in the minute (or hour) that begins at `at`; `channel` is empty where it is not known (of skips)."""

    at: datetime
    channel: str
    outcome: TrafficOutcome
    total: int


class Series(NamedTuple):
    """One line of a chart: a total for each step of its span, zeros included."""

    channel: str
    outcome: TrafficOutcome
    totals: list[int]


def minute_of(at: datetime) -> datetime:
    """When the minute of an instant began, UTC."""
    return at.astimezone(UTC).replace(second=0, microsecond=0)


def fill(counts: Iterable[Count], from_at: datetime, until: datetime, step: timedelta) -> list[Series]:
    """A line for each channel and outcome that occurs, in the order of their names, a total for each step from
    `from_at`; the last one may be cut short by `until`. What was before or after does not count.
    """
    lines: dict[tuple[str, TrafficOutcome], list[int]] = defaultdict(lambda: [0] * -((from_at - until) // step))
    for one in counts:
        if from_at <= one.at < until:
            lines[one.channel, one.outcome][(one.at - from_at) // step] += one.total
    return [Series(channel, outcome, totals) for (channel, outcome), totals in sorted(lines.items())]
