"""Senders as they are configured: the ways out."""

from typing import Annotated, Literal, TypeAlias

from msgspec import Meta, Struct

from tocsin.core.configuration_words import Count, DomainName, Id, Name, Port


class Dkim(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """Who signs a sender's mails. The key is a PEM file of each worker's host, so that no database holds it."""

    domain: DomainName
    selector: DomainName
    key_file: Annotated[str, Meta(min_length=1, max_length=1000)]


class SmtpSender(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True, tag_field="type", tag="smtp"):
    """A way out by an SMTP server. `timeout_seconds` bounds each step of a session."""

    id: Id
    name: Name
    channel: Literal["email"]
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


Sender: TypeAlias = SmtpSender
