"""What is configured, from databases to workflows and tokens: the shapes of tocsin.yaml."""

from collections.abc import Mapping
from hmac import compare_digest
from typing import Annotated, Any, Literal, TypeAlias, TypeVar

from msgspec import Meta, Struct, field

from tocsin.core.errors import NotFound

_T = TypeVar("_T")

Channel = Literal["email", "sms", "push", "telegram_bot", "whatsapp", "viber", "notify"]
FieldType = Literal["string", "int", "float", "bool", "date", "datetime", "enum", "ip", "tags", "object", "arr_object"]
Permission = Literal[
    "*", "launch", "profiles.read", "profiles.write", "profiles.delete", "workflows.read", "workflows.write",
    "tasks.read", "files.write",
]  # fmt: skip

# What may happen to a profile: an import by the API, a change of fields, a change of subscriptions.
ProfileEvent = Literal["api_import", "update", "subscribe"]
Occasion = Literal["created", "updated", "new_subscription", "new_channel", "new_contact", "new_status"]
Status = Literal["subscribed", "unsubscribed", "complained", "hardbounced", "unconfirmed", "suspended", "invalid"]

Id = Annotated[int, Meta(ge=1, le=2**31 - 1)]
Name = Annotated[str, Meta(min_length=1, max_length=200)]
Label = Annotated[str, Meta(max_length=200)]
Port = Annotated[int, Meta(ge=1, le=65535)]
TimeOfDay = Annotated[str, Meta(pattern="^[0-2][0-9]:[0-5][0-9]$")]
Weekday = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
Count = Annotated[int, Meta(ge=0, le=10**9)]
DomainName = Annotated[str, Meta(pattern=r"\A[A-Za-z0-9._-]+\Z", max_length=253)]
NodeId = Annotated[str, Meta(pattern="^[A-Za-z0-9_-]{1,60}$")]
# What a workflow does with a profile that enters again (facts, 4.2).
Reentry = Literal["once_ever", "while_inside_ignored", "restart", "separate"]
# What may happen to a message, in the API's names (facts, 8).
MessageEvent = Literal[
    "send", "deliv", "undeliv", "sbounce", "hbounce", "suppress",
    "open", "uopen", "click", "uclick", "read", "skimmed", "glanced", "reply",
    "confirm", "confirmsub", "unsub", "complain",
    "send_sms", "deliv_sms", "undeliv_sms", "click_sms", "uclick_sms", "unsub_sms",
    "send_push", "deliv_push", "undeliv_push", "open_push", "uopen_push", "click_push", "uclick_push",
]  # fmt: skip

MATCHABLE: frozenset[FieldType] = frozenset({"string", "int", "enum", "ip", "tags"})


class Field(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """A custom profile field. `match` keeps its values findable by the matching mode `custom`."""

    type: FieldType
    unique: bool = False
    values: tuple[str, ...] = ()
    match: bool = True

    @property
    def is_matchable(self) -> bool:
        """Whether profiles can be found by this field."""
        return self.type in MATCHABLE and (self.match or self.unique)


class Database(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """A named set of profiles with typed fields. A field given as a bare word has that type and no options."""

    id: Id
    name: Name
    description: str = ""
    fields: dict[str, Field | FieldType] = field(default_factory=dict)
    unknown_fields: Literal["ignore", "keep", "refuse"] = "ignore"
    timezone: Name = "UTC"

    def custom_fields(self) -> dict[str, Field]:
        """The custom fields by name, each in its long form."""
        return {name: spec if isinstance(spec, Field) else Field(type=spec) for name, spec in self.fields.items()}


class Resource(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """A subscription point: a brand, a list. `databases` are those whose profiles may subscribe to it.

    `token`: what a call shows to end subscriptions here for a message's recipient.
    """

    id: Id
    name: Name
    databases: tuple[Id, ...] = ()
    channels: tuple[Channel, ...] = ()
    categories: tuple[str, ...] = ()
    token: str = ""


class Dkim(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """Who signs a sender's mails. The key is a PEM file of each worker's host, so that no database holds it."""

    domain: DomainName
    selector: DomainName
    key_file: Annotated[str, Meta(min_length=1, max_length=1000)]


class Sender(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """A configured way out: an SMTP server. `timeout_seconds` bounds each step of a session."""

    id: Id
    name: Name
    channel: Literal["email"]
    type: Literal["smtp"]
    host: Annotated[str, Meta(min_length=1, max_length=253)]
    port: Port = 25
    security: Literal["none", "starttls", "tls"] = "starttls"
    username: str = ""
    password: str = ""
    verify_certificate: bool = True
    connections: Annotated[int, Meta(ge=1, le=1000)] = 10
    timeout_seconds: Annotated[float, Meta(gt=0, le=600)] = 30.0
    messages_per_connection: Count = 1000
    messages_per_second: Annotated[float, Meta(ge=0, le=10**6)] = 0.0
    pipelining: bool = True
    dkim: Dkim | None = None


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
    """The SMS of a template."""

    text: str


class Template(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """What a message says, per channel, in the template language (docs/api/templates.md)."""

    id: Id
    name: Name
    email: EmailTemplate | None = None
    sms: SmsTemplate | None = None


class When(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """Which events of a kind count; whatever is left out does not narrow (facts, 3.10).

    `occasions`: what the event must have been, any of them. `fields`: those of which one must have changed. `query`: a
    filter that the profile must fit afterwards. `resource`, `channel`, `status`: those of the subscription.
    """

    occasions: tuple[Occasion, ...] = ()
    fields: tuple[Name, ...] = ()
    query: dict[str, Any] | None = None
    resource: Id | None = None
    channel: Channel | None = None
    status: Status | None = None


class Trigger(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """An event-launched mailing: to the subscription at its resource, without one to the profile's own address."""

    id: Id
    name: Name
    database: Id
    template: Id
    sender: Id
    event: Literal["api_call", "api_import", "update", "subscribe"] = "api_call"
    when: When | None = None
    channel: Literal["email"] = "email"
    resource: Id | None = None
    active: bool = False


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
    active: bool = False

    def entries(self) -> tuple[Entry, ...]:
        """The events that bring profiles in."""
        return next((node.events for node in self.nodes if isinstance(node, StartNode)), ())


class Token(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """An API token, known by the SHA-256 of its text (hex)."""

    name: Name
    sha256: str
    permissions: tuple[Permission, ...] = ("*",)

    def may(self, permission: str) -> bool:
        """Whether calls that need `permission` are allowed."""
        return "*" in self.permissions or permission in self.permissions


class Configuration(Struct, frozen=True):
    """Everything configured, at one version. Tokens are keyed by the SHA-256 of their text."""

    version: int = 0
    databases: Mapping[int, Database] = field(default_factory=dict)
    resources: Mapping[int, Resource] = field(default_factory=dict)
    senders: Mapping[int, Sender] = field(default_factory=dict)
    templates: Mapping[int, Template] = field(default_factory=dict)
    triggers: Mapping[int, Trigger] = field(default_factory=dict)
    workflows: Mapping[int, Workflow] = field(default_factory=dict)
    tokens: Mapping[str, Token] = field(default_factory=dict)

    def get_database(self, identifier: int) -> Database:
        """The database, or NotFound."""
        return _get(self.databases, identifier, "database")

    def listening_triggers(self, database_id: int) -> list[Trigger]:
        """The active triggers that wait for events of profiles of a database."""
        return [
            trigger
            for trigger in self.triggers.values()
            if trigger.active and trigger.event != "api_call" and trigger.database == database_id
        ]

    def get_resource(self, identifier: int) -> Resource:
        """The resource, or NotFound."""
        return _get(self.resources, identifier, "resource")

    def find_resource(self, token: str) -> Resource | None:
        """The resource with this token, compared in a time that tells nothing of it."""
        said = token.encode()
        with_tokens = (one for one in self.resources.values() if one.token)
        return next((one for one in with_tokens if compare_digest(one.token.encode(), said)), None)

    def listening_workflows(self, database_id: int) -> list[Workflow]:
        """The active workflows that events of profiles of a database bring these into."""
        return [
            workflow
            for workflow in self.workflows.values()
            if workflow.active and workflow.database == database_id and workflow.entries()
        ]

    def get_trigger(self, identifier: int) -> Trigger:
        """The trigger, or NotFound."""
        return _get(self.triggers, identifier, "trigger")

    def get_workflow(self, identifier: int) -> Workflow:
        """The workflow, or NotFound."""
        return _get(self.workflows, identifier, "workflow")


def _get(objects: Mapping[int, _T], identifier: int, noun: str) -> _T:
    found = objects.get(identifier)
    if found is None:
        raise NotFound(f"there is no {noun} {identifier}")
    return found
