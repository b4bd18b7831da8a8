"""Graphs to begin with. Each is right at once for a database and a trigger of it."""

from collections.abc import Callable, Mapping
from typing import Any, Final

Nodes = list[dict[str, Any]]


def _welcome(trigger: int) -> Nodes:
    return [
        {"id": "start", "type": "start", "next": "welcome", "events": [{"event": "subscribe"}]},
        {"id": "welcome", "type": "campaign", "trigger": trigger, "next": "opened", "skipped": "done"},
        {
            "id": "opened", "type": "feedback", "events": ["open", "click"], "within": {"days": 3},
            "next": "pause", "otherwise": "again",
        },
        {"id": "again", "type": "campaign", "trigger": trigger, "next": "pause"},
        {"id": "pause", "type": "delay", "for": {"days": 4}, "next": "tip"},
        {"id": "tip", "type": "campaign", "trigger": trigger, "next": "done"},
        {"id": "done", "type": "end"},
    ]  # fmt: skip


def _cart(trigger: int) -> Nodes:
    return [
        {"id": "start", "type": "start", "next": "hour"},
        {"id": "hour", "type": "delay", "for": {"hours": 1}, "next": "reminder"},
        {"id": "reminder", "type": "campaign", "trigger": trigger, "next": "clicked", "skipped": "done"},
        {
            "id": "clicked", "type": "feedback", "events": ["click"], "within": {"days": 1},
            "next": "done", "otherwise": "large",
        },
        {
            "id": "large", "type": "content_filter", "branches": [{"when": {"total": {"$gte": 50}}, "next": "morning"}],
            "otherwise": "done",
        },
        {"id": "morning", "type": "delay", "until": {"time": "10:00"}, "next": "last_call"},
        {"id": "last_call", "type": "campaign", "trigger": trigger, "next": "done"},
        {"id": "done", "type": "end"},
    ]  # fmt: skip


def _reactivation(trigger: int) -> Nodes:
    return [
        {"id": "start", "type": "start", "next": "morning"},
        {
            "id": "morning", "type": "delay", "next": "miss_you",
            "until": {"time": "10:00", "weekdays": ["mon", "tue", "wed", "thu", "fri"]},
        },
        {"id": "miss_you", "type": "campaign", "trigger": trigger, "next": "back", "skipped": "done"},
        {
            "id": "back", "type": "feedback", "events": ["open", "click"], "within": {"days": 7},
            "next": "done", "otherwise": "halves",
        },
        {
            "id": "halves", "type": "split",
            "branches": [{"percent": 50, "next": "last_try"}, {"percent": 50, "next": "done"}],
        },
        {"id": "last_try", "type": "campaign", "trigger": trigger, "next": "done"},
        {"id": "done", "type": "end"},
    ]  # fmt: skip


def _short(trigger: int) -> Nodes:
    return [
        {"id": "start", "type": "start", "next": "message"},
        {"id": "message", "type": "campaign", "trigger": trigger, "next": "done"},
        {"id": "done", "type": "end"},
    ]


STARTERS: Final[Mapping[str, Callable[[int], Nodes]]] = {
    "welcome": _welcome,
    "cart": _cart,
    "reactivation": _reactivation,
    "short": _short,
}
