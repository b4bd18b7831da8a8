"""What is configured: databases, resources, senders, templates, triggers, tokens: the shapes of tocsin.yaml."""

from collections.abc import Mapping
from typing import Annotated, Literal, TypeVar

from msgspec import Meta, Struct, field

from tocsin.core.errors import NotFound

_T = TypeVar("_T")

Channel = Literal["email", "sms", "push", "telegram_bot", "whatsapp", "viber", "notify"]
FieldType = Literal["string", "int", "float", "bool", "date", "datetime", "enum", "ip", "tags", "object", "arr_object"]
Permission = Literal["*", "launch", "profiles.read", "profiles.write", "tasks.read", "files.write"]

Id = Annotated[int, Meta(ge=1, le=2**31 - 1)]
Name = Annotated[str, Meta(min_length=1, max_length=200)]
Port = Annotated[int, Meta(ge=1, le=65535)]

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

    def custom_fields(self) -> dict[str, Field]:
        """The custom fields by name, each in its long form."""
        return {name: spec if isinstance(spec, Field) else Field(type=spec) for name, spec in self.fields.items()}


class Resource(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """A subscription point: a brand, a list. `databases` are those whose profiles may subscribe to it."""

    id: Id
    name: Name
    databases: tuple[Id, ...] = ()
    channels: tuple[Channel, ...] = ()
    categories: tuple[str, ...] = ()


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


class Trigger(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """An event-launched mailing: to the subscription at its resource, without one to the profile's own address."""

    id: Id
    name: Name
    database: Id
    template: Id
    sender: Id
    event: Literal["api_call"] = "api_call"
    channel: Literal["email"] = "email"
    resource: Id | None = None
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
    tokens: Mapping[str, Token] = field(default_factory=dict)

    def get_database(self, identifier: int) -> Database:
        """The database, or NotFound."""
        return _get(self.databases, identifier, "database")

    def get_trigger(self, identifier: int) -> Trigger:
        """The trigger, or NotFound."""
        return _get(self.triggers, identifier, "trigger")


def _get(objects: Mapping[int, _T], identifier: int, noun: str) -> _T:
    found = objects.get(identifier)
    if found is None:
        raise NotFound(f"there is no {noun} {identifier}")
    return found
