"""Workflows as they are configured: their nodes, and the events that bring profiles in."""

from typing import Annotated, Any, Literal, TypeAlias

from msgspec import Meta, Struct, field

from tocsin.core.configuration_rules import Percent
from tocsin.core.configuration_words import (
    Channel,
    Count,
    Id,
    ImportSource,
    Label,
    MessageEvent,
    Name,
    NodeId,
    Occasion,
    ProfileEvent,
    Reentry,
    Status,
    TimeOfDay,
    Weekday,
)


class When(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """Which events of a kind count; whatever is left out does not narrow (facts, 3.10).

    `occasions`: what the event must have been, any of them. `sources`: who must have imported. `fields`: those of which
    one must have changed. `query`: a filter that the profile must fit afterwards. `resource`, `channel`, `status`:
    those of the subscription.
    """

    occasions: tuple[Occasion, ...] = ()
    sources: tuple[ImportSource, ...] = ()
    fields: tuple[Name, ...] = ()
    query: dict[str, Any] | None = None
    resource: Id | None = None
    channel: Channel | None = None
    status: Status | None = None


class Duration(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """A length of time, its parts added up."""

    days: Count = 0
    hours: Count = 0
    minutes: Count = 0
    seconds: Count = 0

    @property
    def total_seconds(self) -> int:
        """The whole of it."""
        return ((self.days * 24 + self.hours) * 60 + self.minutes) * 60 + self.seconds


class Until(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """A moment to wait for: the next `time` of a day, or the date in a field of the profile."""

    time: TimeOfDay | None = None
    weekdays: tuple[Weekday, ...] = ()
    field: Name | None = None
    yearly: bool = False
    offset_days: Annotated[int, Meta(ge=-366, le=366)] = 0


class Entry(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """An event that brings the profile it happens to into the workflow."""

    event: ProfileEvent
    when: When | None = None


class StartNode(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True, tag_field="type", tag="start"):
    """Where profiles come in, by calls and by the events."""

    id: NodeId
    next: NodeId
    name: Label = ""
    events: tuple[Entry, ...] = ()


class CampaignNode(
    Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True, tag_field="type", tag="campaign"
):
    """Sends a trigger's message. `skipped`: where a profile goes that it cannot be sent to."""

    id: NodeId
    trigger: Id
    next: NodeId
    name: Label = ""
    skipped: NodeId | None = None


class DelayNode(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True, tag_field="type", tag="delay"):
    """Waits. `otherwise`: where a profile goes whose field holds no date to come."""

    id: NodeId
    next: NodeId
    name: Label = ""
    duration: Duration | None = field(default=None, name="for")
    until: Until | None = None
    otherwise: NodeId | None = None


class ConditionNode(
    Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True, tag_field="type", tag="condition"
):
    """Asks whether the profile fits a filter (docs/api/filters.md)."""

    id: NodeId
    query: dict[str, Any]
    yes: NodeId
    no: NodeId
    name: Label = ""


class ContentBranch(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """A way for the profiles whose content fits all of `when`, which is keyed by dotted paths."""

    when: dict[str, Any]
    next: NodeId


class ContentFilterNode(
    Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True, tag_field="type", tag="content_filter"
):
    """Looks at the content that the profile came with: the first branch that fits, or `otherwise`."""

    id: NodeId
    branches: Annotated[tuple[ContentBranch, ...], Meta(min_length=1, max_length=100)]
    otherwise: NodeId
    name: Label = ""


class ApiRequestNode(
    Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True, tag_field="type", tag="api_request"
):
    """Asks a server, with templates for the URL, headers and body; the answer's JSON becomes content."""

    id: NodeId
    method: Literal["GET", "POST", "PUT", "PATCH", "DELETE"]
    url: Annotated[str, Meta(min_length=1, max_length=8000)]
    next: NodeId
    failed: NodeId
    name: Label = ""
    headers: dict[str, str] = field(default_factory=dict)
    json: Any = None
    body: Annotated[str, Meta(max_length=100_000)] | None = None
    timeout_seconds: Annotated[float, Meta(gt=0, le=60)] = 10.0
    retries: Annotated[int, Meta(ge=0, le=5)] = 2
    save_as: Annotated[str, Meta(pattern="^[A-Za-z_][A-Za-z0-9_]{0,59}$")] | None = None


class UpdateNode(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True, tag_field="type", tag="update"):
    """Changes the profile, as an item of an import does; texts are templates."""

    id: NodeId
    next: NodeId
    name: Label = ""
    set: dict[str, Any] = field(default_factory=dict)
    subscriptions: Annotated[tuple[dict[str, Any], ...], Meta(max_length=100)] = ()


class Share(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """A way for so many of the profiles."""

    percent: Annotated[float, Meta(gt=0, le=100)]
    next: NodeId


class SplitNode(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True, tag_field="type", tag="split"):
    """Divides profiles by chance; the same profile always goes the same way."""

    id: NodeId
    branches: Annotated[tuple[Share, ...], Meta(min_length=1, max_length=100)]
    name: Label = ""


class FeedbackNode(
    Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True, tag_field="type", tag="feedback"
):
    """Waits for one of the events of a message: the one of campaign `of`, or the last one of the passage."""

    id: NodeId
    events: Annotated[tuple[MessageEvent, ...], Meta(min_length=1)]
    within: Duration
    next: NodeId
    otherwise: NodeId
    name: Label = ""
    of: NodeId | None = None


class WorkflowJumpNode(
    Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True, tag_field="type", tag="workflow_jump"
):
    """Ends here, and enters another workflow of the database at its start."""

    id: NodeId
    workflow: Id
    name: Label = ""


class EndNode(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True, tag_field="type", tag="end"):
    """Where a profile leaves."""

    id: NodeId
    name: Label = ""


Node: TypeAlias = (
    StartNode
    | CampaignNode
    | DelayNode
    | ConditionNode
    | ContentFilterNode
    | ApiRequestNode
    | UpdateNode
    | SplitNode
    | FeedbackNode
    | WorkflowJumpNode
    | EndNode
)


class Workflow(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """An automation scenario: a graph of nodes that profiles go through (docs/api/workflows.md)."""

    id: Id
    name: Name
    database: Id
    nodes: Annotated[tuple[Node, ...], Meta(max_length=1000)]
    reentry: Reentry = "while_inside_ignored"
    control_group_percent: Percent = 0
    ignore_control_group: bool = False
    active: bool = False

    def entries(self) -> tuple[Entry, ...]:
        """The events that bring profiles in."""
        return next((node.events for node in self.nodes if isinstance(node, StartNode)), ())
