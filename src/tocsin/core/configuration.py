"""What is configured, from databases to workflows and tokens: the shapes of tocsin.yaml."""

from collections.abc import Mapping
from hmac import compare_digest
from typing import Literal, TypeVar

from msgspec import Struct, field

from tocsin.core.configuration_hooks import Hook
from tocsin.core.configuration_rules import GLOBAL_LIST, Percent, Policy, QuietHours, SuppressionList
from tocsin.core.configuration_senders import Sender
from tocsin.core.configuration_templates import Template
from tocsin.core.configuration_tracking import Tracking
from tocsin.core.configuration_words import Channel, DomainName, FieldType, Id, Name, Permission
from tocsin.core.configuration_workflows import Duration, When, Workflow
from tocsin.core.errors import NotFound

_T = TypeVar("_T")

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
    control_group_percent: Percent = 0

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
    tracking_domain: DomainName | None = None
    policy: Id | None = None


class Trigger(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """An event-launched mailing: to the subscription at its resource, without one to the profile's own address.

    `for_confirm`: to one that waits to be confirmed, and to no other.
    """

    id: Id
    name: Name
    database: Id
    template: Id
    sender: Id
    event: Literal["api_call", "api_import", "update", "subscribe"] = "api_call"
    when: When | None = None
    channel: Literal["email", "sms", "push"] = "email"
    resource: Id | None = None
    for_confirm: bool = False
    tracking: Tracking | None = None
    push_sending_mode: Literal["fanout", "last"] = "fanout"
    give_up_after: Duration | None = None
    policy: Id | None = None
    ignore_policies: bool = False
    quiet_hours: QuietHours | None = None
    control_group_percent: Percent = 0
    ignore_control_group: bool = False
    active: bool = False


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
    suppression_lists: Mapping[int, SuppressionList] = field(default_factory=dict)
    policies: Mapping[int, Policy] = field(default_factory=dict)
    hooks: Mapping[int, Hook] = field(default_factory=dict)
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

    def get_suppression_list(self, identifier: int) -> SuppressionList:
        """The suppression list, or NotFound. The global one is there without being configured (facts, 6.4)."""
        if identifier == GLOBAL_LIST and identifier not in self.suppression_lists:
            return SuppressionList(GLOBAL_LIST, "Global suppress list")
        return _get(self.suppression_lists, identifier, "suppression list")

    def get_hook(self, identifier: int) -> Hook:
        """The hook, or NotFound."""
        return _get(self.hooks, identifier, "hook")

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
