"""What the totals of events of a trigger or a launch amount to, in the words of people."""

from collections.abc import Mapping
from typing import NamedTuple

_TYPES = {
    "sent": ("send", "send_sms", "send_push"),
    "delivered": ("deliv", "deliv_sms", "deliv_push"),
    "opened": ("uopen", "uopen_push"),
    "opens": ("open", "open_push"),
    "clicked": ("uclick", "uclick_sms", "uclick_push"),
    "clicks": ("click", "click_sms", "click_push"),
    "replied": ("reply",),
    "unsubscribed": ("unsub", "unsub_sms"),
    "bounced": ("hbounce", "sbounce"),
    "complained": ("complain",),
    "failed": ("undeliv", "undeliv_sms", "undeliv_push"),
    "skipped": ("skip", "suppress"),
    "cancelled": ("cancel",),
}


class Statistics(NamedTuple):
    """How many messages came to what. opened, clicked: first ones, by people; opens, clicks: all, by people."""

    sent: int
    delivered: int
    opened: int
    opens: int
    clicked: int
    clicks: int
    replied: int
    unsubscribed: int
    bounced: int
    complained: int
    failed: int
    skipped: int
    cancelled: int


def describe(totals: Mapping[str, int]) -> Statistics:
    """Of totals by type of event, as store/statistics.py and store/launches.py list them."""
    return Statistics(*(sum(totals.get(one, 0) for one in _TYPES[name]) for name in Statistics._fields))
