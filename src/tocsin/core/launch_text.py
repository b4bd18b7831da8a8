"""What is known of a launch, and how it is told line by line."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Literal

from msgspec import Struct

# What a launch is seen to be: `done` is one that runs and of which nothing is left to do.
SeenState = Literal["running", "done", "paused", "cancelled"]

_BOUNCES = ("hbounce", "sbounce")


class LaunchView(Struct, frozen=True, kw_only=True):
    """A launch with its numbers of now. `size`: messages of a trigger, passages of a workflow, begun in all.

    `inside`: passages that go on; `in_hand`: messages of those waiting that a worker may have; `totals`: events.
    """

    id: bytes
    trigger_id: int | None
    workflow_id: int | None
    created_at: datetime
    source: str
    state: SeenState
    size: int
    skipped: int
    waiting: int
    in_hand: int
    inside: int
    totals: Mapping[str, int]

    @property
    def sent(self) -> int:
        """Messages that the next server has accepted, on whatever channel."""
        return self._sum("send", "send_sms", "send_push")

    @property
    def undelivered(self) -> int:
        """Messages that were given up."""
        return self._sum("undeliv", "undeliv_sms", "undeliv_push")

    @property
    def bounced(self) -> int:
        """Messages that came back."""
        return self._sum(*_BOUNCES)

    @property
    def cancelled(self) -> int:
        """Messages that were taken out of the queue."""
        return self._sum("cancel")

    @property
    def retried(self) -> int:
        """Messages that were sent again, as others."""
        return self._sum("retry")

    def _sum(self, *types: str) -> int:
        return sum(self.totals.get(type_, 0) for type_ in types)


def describe_launch(view: LaunchView) -> str:
    """What it launched, when and by which call, and its numbers."""
    lines = [
        f"launch {view.id.hex()}: {view.state}; times are UTC",
        f"{_target(view)}, {_time(view.created_at)}, by {view.source or 'a call'}",
        f"begun {view.size}, skipped {view.skipped}, waiting {view.waiting}"
        + (f", inside {view.inside}" if view.workflow_id is not None else ""),
        *(f"{type_:14} {total}" for type_, total in sorted(view.totals.items())),
    ]
    return "\n".join(lines) + "\n"


def describe_launches(views: Sequence[LaunchView]) -> str:
    """A line for each."""
    return "".join(
        f"{view.id.hex()}  {_time(view.created_at)}  {view.state:9}  {_target(view)}  "
        f"begun {view.size}, waiting {view.waiting}, sent {view.sent}, undelivered {view.undelivered}\n"
        for view in views
    )


def _target(view: LaunchView) -> str:
    return f"trigger {view.trigger_id}" if view.workflow_id is None else f"workflow {view.workflow_id}"


def _time(at: datetime) -> str:
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M:%S}"
