"""Senders as they are configured: the ways out."""

from typing import Annotated, Any, Literal, TypeAlias

from msgspec import Meta, Struct, field

from tocsin.core.configuration_words import Count, DomainName, Id, Name, Port
from tocsin.core.configuration_workflows import Duration

HttpStatus = Annotated[int, Meta(ge=100, le=599)]
Expression = Annotated[str, Meta(max_length=1000)]


class Dkim(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """Who signs a sender's mails. The key is a PEM file of each worker's host, so that no database holds it."""

    domain: DomainName
    selector: DomainName
    key_file: Annotated[str, Meta(min_length=1, max_length=1000)]


DomainPattern = Annotated[str, Meta(min_length=1, max_length=253)]
DomainPatterns = Annotated[tuple[DomainPattern, ...], Meta(min_length=1, max_length=1000)]


class DomainLimit(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """What a sender may do at once to the domains of recipients. The names of `match` are one destination together;
    each domain that fits a form with `*` is one of its own.
    """

    match: DomainPatterns
    connections: Annotated[int, Meta(ge=0, le=1000)] = 0
    messages_per_second: Annotated[float, Meta(ge=0, le=10**6)] = 0.0


class SmtpSender(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True, tag_field="type", tag="smtp"):
    """A way out by an SMTP server. `timeout_seconds` bounds each step of a session.

    `delivered`: what a mail counts as delivered by: nothing; that the server accepts it, which is honest of one that
    speaks to the servers of recipients; or that a notification says so (RFC 3461).
    """

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
    delivered: Literal["never", "accepted", "reported"] = "never"
    domains: Annotated[tuple[DomainLimit, ...], Meta(max_length=200)] = ()
    dkim: Dkim | None = None
    give_up_after: Duration | None = None


SenderIds = Annotated[tuple[Id, ...], Meta(min_length=1, max_length=20)]


class RouteRule(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """Which senders take a message, by the domains of its two addresses; without any domains all of them fit."""

    senders: SenderIds
    to_domains: tuple[DomainPattern, ...] = ()
    from_domains: tuple[DomainPattern, ...] = ()


class RouteSender(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True, tag_field="type", tag="route"):
    """A choice among other senders (facts, section 9: virtual senders): the first rule that fits, else `senders`.

    The first sender of the list that can be used takes the message.
    """

    id: Id
    name: Name
    channel: Literal["email", "sms", "push"]
    senders: SenderIds
    rules: Annotated[tuple[RouteRule, ...], Meta(max_length=200)] = ()
    give_up_after: Duration | None = None

    def sender_ids(self) -> list[int]:
        """Every sender that it may choose, each once."""
        return list(dict.fromkeys([*(one for rule in self.rules for one in rule.senders), *self.senders]))


AlphabetName = Annotated[str, Meta(max_length=100)]


class SmsAlphabets(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """How an SMS provider calls the alphabet of a text, where it must be told."""

    gsm7: AlphabetName = "GSM-7"
    ucs2: AlphabetName = "UCS-2"


class SmsAnswer(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """How the answer of an SMS provider is read. Expressions are searched for in its first 10,000 characters.

    `message_id` is a JSONPath, or an expression with one group. What is neither accepted nor refused is tried again.
    """

    accepted_status: tuple[HttpStatus, ...] = (200, 201, 202)
    accepted: Expression = ""
    refused_status: tuple[HttpStatus, ...] = (400, 422)
    refused: Expression = ""
    message_id: Expression = ""


class SmsReceipts(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """How what an SMS provider reports is read. All but the words are JSONPaths, or names of plain members."""

    status: Expression = ""
    delivered: tuple[Name, ...] = ()
    failed: tuple[Name, ...] = ()
    message_id: Expression = ""
    provider_id: Expression = ""
    reason: Expression = ""
    reports: Expression = ""
    phone: Expression = ""
    text: Expression = ""
    stop_words: tuple[Name, ...] = ("STOP", "СТОП")


class HttpSender(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True, tag_field="type", tag="http"):
    """A way out by the HTTP API of an SMS provider: a request for each message (core/sms_requests.py).

    `secrets` is what `${NAME}` stands for in the texts; reading a file fills it, and no file has it.
    """

    id: Id
    name: Name
    channel: Literal["sms"]
    url: Annotated[str, Meta(min_length=1, max_length=8000)]
    method: Literal["POST", "GET", "PUT"] = "POST"
    headers: dict[str, str] = field(default_factory=dict)
    json: dict[str, Any] | None = None
    form: dict[str, str] | None = None
    body: str | None = None
    from_name: str = ""
    alphabets: SmsAlphabets | None = None
    answer: SmsAnswer | None = None
    receipts: SmsReceipts | None = None
    callback_secret: str = ""
    connections: Annotated[int, Meta(ge=1, le=1000)] = 10
    timeout_seconds: Annotated[float, Meta(gt=0, le=600)] = 30.0
    messages_per_second: Annotated[float, Meta(ge=0, le=10**6)] = 0.0
    secrets: dict[str, str] = field(default_factory=dict)
    give_up_after: Duration | None = None


FilePath = Annotated[str, Meta(min_length=1, max_length=1000)]
HttpUrl = Annotated[str, Meta(pattern=r"\Ahttps?://[^\s/?#@]+/?\Z", max_length=300)]


class FcmSender(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True, tag_field="type", tag="fcm"):
    """A way out by Firebase Cloud Messaging. The account's key is a file of each worker's host: no database holds it.

    `payload`: `notification` is shown by the device itself; `data` is left to the app (the keys of the public SDKs).
    """

    id: Id
    name: Name
    channel: Literal["push"]
    credentials_file: FilePath
    payload: Literal["notification", "data"] = "notification"
    base_url: HttpUrl = "https://fcm.googleapis.com"
    connections: Annotated[int, Meta(ge=1, le=1000)] = 100
    timeout_seconds: Annotated[float, Meta(gt=0, le=600)] = 10.0
    messages_per_second: Annotated[float, Meta(ge=0, le=10**6)] = 0.0
    give_up_after: Duration | None = None


class ApnsSender(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True, tag_field="type", tag="apns"):
    """A way out by the Apple Push Notification service, with a provider token. `base_url` is for other servers."""

    id: Id
    name: Name
    channel: Literal["push"]
    key_file: FilePath
    key_id: Annotated[str, Meta(pattern=r"\A[A-Z0-9]{10}\Z")]
    team_id: Annotated[str, Meta(pattern=r"\A[A-Z0-9]{10}\Z")]
    topic: Annotated[str, Meta(pattern=r"\A[A-Za-z0-9.-]+\Z", max_length=200)]
    sandbox: bool = False
    base_url: HttpUrl | None = None
    connections: Annotated[int, Meta(ge=1, le=1000)] = 100
    timeout_seconds: Annotated[float, Meta(gt=0, le=600)] = 10.0
    messages_per_second: Annotated[float, Meta(ge=0, le=10**6)] = 0.0
    give_up_after: Duration | None = None


PushHost = Annotated[str, Meta(min_length=1, max_length=253)]

# The push services of the browsers: Chrome and its kin, Firefox, Safari, Edge.
PUSH_HOSTS = (
    "fcm.googleapis.com", "updates.push.services.mozilla.com", "*.push.apple.com", "*.notify.windows.com",
)  # fmt: skip


class WebpushSender(
    Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True, tag_field="type", tag="webpush"
):
    """A way out to browsers (RFC 8030, RFC 8292). Subscribers say where their pushes go: only `hosts` are asked."""

    id: Id
    name: Name
    channel: Literal["push"]
    private_key_file: FilePath
    subject: Annotated[str, Meta(min_length=1, max_length=300)]
    hosts: Annotated[tuple[PushHost, ...], Meta(min_length=1, max_length=100)] = PUSH_HOSTS
    connections: Annotated[int, Meta(ge=1, le=1000)] = 100
    timeout_seconds: Annotated[float, Meta(gt=0, le=600)] = 10.0
    messages_per_second: Annotated[float, Meta(ge=0, le=10**6)] = 0.0
    give_up_after: Duration | None = None


Sender: TypeAlias = SmtpSender | RouteSender | HttpSender | FcmSender | ApnsSender | WebpushSender
