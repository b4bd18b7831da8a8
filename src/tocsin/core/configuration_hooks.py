"""Outgoing webhooks as they are configured."""

from typing import Annotated, Literal

from msgspec import Meta, Struct, field

from tocsin.core.configuration_words import Id, Label, Name
from tocsin.core.messages import EventType

HookUrl = Annotated[str, Meta(pattern=r"\Ahttps?://[^\s/?#@]+(/\S*)?\Z", max_length=2000)]
HookSecret = Annotated[str, Meta(max_length=200)]


class OAuth2(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """How to get a token for a hook, by the client credentials grant (RFC 6749, section 4.4)."""

    token_url: HookUrl
    client_id: Annotated[str, Meta(min_length=1, max_length=500)]
    client_secret: Annotated[str, Meta(min_length=1, max_length=2000)]
    scope: Annotated[str, Meta(max_length=1000)] = ""
    credentials_in: Literal["header", "body"] = "header"


class Hook(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """A server that is told what happens (facts, section 8): the events of `events` that pass every filter given.

    `success`: an expression found in the first 10,000 characters of the answer; empty: any status 2xx.
    `connections`: how many batches may be under way at once. `fields`: of the profile, put into `custom_data`.
    `secrets` is what `${NAME}` stands for in the URL, the headers and `oauth2`; reading a file fills it, and no file
    has it.
    """

    id: Id
    name: Name
    url: HookUrl
    events: Annotated[tuple[EventType, ...], Meta(min_length=1, max_length=100)]
    databases: tuple[Id, ...] = ()
    resources: tuple[Id, ...] = ()
    triggers: tuple[Id, ...] = ()
    workflows: tuple[Id, ...] = ()
    fields: Annotated[tuple[Label, ...], Meta(max_length=100)] = ()
    headers: dict[str, str] = field(default_factory=dict)
    oauth2: OAuth2 | None = None
    secret: HookSecret = ""
    previous_secret: HookSecret = ""
    success: Annotated[str, Meta(max_length=1000)] = ""
    batch_size: Annotated[int, Meta(ge=1, le=10_000)] = 500
    connections: Annotated[int, Meta(ge=1, le=16)] = 4
    timeout_seconds: Annotated[float, Meta(gt=0, le=60)] = 10.0
    active: bool = True
    secrets: dict[str, str] = field(default_factory=dict)
