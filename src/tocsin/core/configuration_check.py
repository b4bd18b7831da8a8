"""What no single member shows: that objects fit together, and that what they hold can be used."""

import re
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from tocsin.core import destinations, emails, fields, listening, mongo, routing, schedule, sms
from tocsin.core.configuration import MATCHABLE, Database, Field, Resource, Token, Trigger
from tocsin.core.configuration_consent import check_confirmation, check_marketing
from tocsin.core.configuration_hooks import Hook
from tocsin.core.configuration_rules import Policy, SuppressionList
from tocsin.core.configuration_senders import HttpSender, RouteSender, Sender, SmtpSender, WebpushSender
from tocsin.core.configuration_templates import EmailTemplate, PushTemplate, SmsTemplate, Template
from tocsin.core.configuration_words import ProfileEvent, noun
from tocsin.core.configuration_workflows import When, Workflow
from tocsin.core.errors import Invalid, TemplateMistake
from tocsin.core.fields import check_field_names
from tocsin.core.push import is_reserved
from tocsin.core.push_hosts import check_webpush
from tocsin.core.sms_requests import check_http_sender
from tocsin.core.templates.template import compile_template

Path = tuple[str | int, ...]

_SHORTEST_AGE_SECONDS = 60
_LONGEST_AGE_SECONDS = 30 * 86400

_is_token = re.compile("[!-~]{16,200}").fullmatch


class Finding(NamedTuple):
    """A mistake at the member `path` of an object; the path is empty when it is about the whole."""

    path: tuple[str | int, ...]
    sentence: str


class Known(NamedTuple):
    """Everything that will be configured, tokens by name; `broken` are the (section, id) with mistakes of their own."""

    databases: Mapping[int, Database]
    resources: Mapping[int, Resource]
    senders: Mapping[int, Sender]
    templates: Mapping[int, Template]
    triggers: Mapping[int, Trigger]
    workflows: Mapping[int, Workflow]
    suppression_lists: Mapping[int, SuppressionList]
    policies: Mapping[int, Policy]
    hooks: Mapping[int, Hook]
    tokens: Mapping[str, Token]
    broken: frozenset[tuple[str, int | str]]


def check_database(database: Database) -> Iterator[Finding]:
    """Names and options of the custom fields."""
    for sentence in check_field_names(database):
        yield Finding(("fields",), sentence)
    if schedule.find_zone(database.timezone) is None:
        sentence = f"there is no time zone {database.timezone!r}; expected one as Europe/Riga or +03:00"
        yield Finding(("timezone",), sentence)
    for name, field in database.custom_fields().items():
        for member, sentence in _check_field(field):
            yield Finding(("fields", name, member), sentence)


def _check_field(field: Field) -> Iterator[tuple[str, str]]:
    if field.type == "enum" and not field.values:
        yield "values", "an enum needs values"
    if field.type != "enum" and field.values:
        yield "values", f"only an enum has values, this is {field.type}"
    if len(set(field.values)) < len(field.values) or "" in field.values:
        yield "values", "each value must be given once and not be empty"
    if field.unique and field.type not in MATCHABLE:
        yield "unique", f"{field.type} cannot be unique; only {', '.join(sorted(MATCHABLE))} can"


def check_sender(sender: Sender) -> Iterator[Finding]:
    """Of a mail server user name and password belong together; of an SMS provider all that is said can be used."""
    yield from _check_age(sender)
    if isinstance(sender, HttpSender):
        yield from (Finding(path, sentence) for path, sentence in check_http_sender(sender))
    if isinstance(sender, WebpushSender):
        yield from (Finding(path, sentence) for path, sentence in check_webpush(sender))
    if isinstance(sender, SmtpSender):
        yield from _check_login(sender)
        yield from (Finding(path, sentence) for path, sentence in destinations.check_limits(sender.domains))


def _check_age(one: Sender | Trigger) -> Iterator[Finding]:
    if (
        one.give_up_after is not None
        and not _SHORTEST_AGE_SECONDS <= one.give_up_after.total_seconds <= _LONGEST_AGE_SECONDS
    ):
        yield Finding(("give_up_after",), "expected from 1 minute to 30 days in all")


def _check_login(sender: SmtpSender) -> Iterator[Finding]:
    if sender.username and not sender.password:
        yield Finding(("password",), "a username needs a password")
    if sender.password and not sender.username:
        yield Finding(("username",), "a password needs a username")


def check_template(template: Template) -> Iterator[Finding]:
    """Every text is in the template language, addresses are addresses, and something is said on some channel."""
    if template.email is None and template.sms is None and template.push is None:
        yield Finding((), "a template needs an email, an sms or a push")
    if template.email is not None:
        yield from _check_email(template.email)
    if template.sms is not None:
        yield from _check_sms(template.sms)
    if template.push is not None:
        yield from _check_push(template.push)
    yield from (Finding(path, sentence) for path, sentence in check_marketing(template))


def _check_email(email: EmailTemplate) -> Iterator[Finding]:
    if not email.html and not email.text:
        yield Finding(("email",), "html or text is missing")
    if not email.subject.strip():
        yield Finding(("email", "subject"), "the subject must not be empty")
    for member in ("from_email", "reply_to_email"):
        yield from _check_address(email, member)
    for member in ("from_email", "from_name", "reply_to_email", "reply_to_name", "subject"):
        if len(getattr(email, member).splitlines()) > 1:
            yield Finding(("email", member), "this must be one line")
    for member in ("from_email", "from_name", "reply_to_email", "reply_to_name", "subject", "html", "text"):
        yield from _check_text(getattr(email, member), ("email", member), escape=member == "html")


def _check_address(email: EmailTemplate, member: str) -> Iterator[Finding]:
    address = getattr(email, member)
    # A template form is known only when a message is made; without a reply address replies go to the sender.
    if "{" in address or (not address and member == "reply_to_email"):
        return
    try:
        emails.parse(address)
    except ValueError as error:
        yield Finding(("email", member), str(error))


def _check_sms(template: SmsTemplate) -> Iterator[Finding]:
    if not template.text.strip():
        yield Finding(("sms", "text"), "the text must not be empty")
    yield from _check_text(template.text, ("sms", "text"), escape=False)
    yield from _check_text(template.from_name, ("sms", "from_name"), escape=False)
    length = sms.measure(template.text)
    if "{" not in template.text and length.segments > template.max_segments:
        sentence = f"the text takes {length.segments} SMS in {length.alphabet}; max_segments is {template.max_segments}"
        yield Finding(("sms", "text"), sentence)


def _check_push(push: PushTemplate) -> Iterator[Finding]:
    if not push.title.strip():
        yield Finding(("push", "title"), "the title must not be empty")
    for member in ("title", "text", "url", "icon", "image", "collapse_key"):
        yield from _check_text(getattr(push, member), ("push", member), escape=False)
    for index, button in enumerate(push.buttons):
        if not button.label.strip():
            yield Finding(("push", "buttons", index, "label"), "the label must not be empty")
        yield from _check_text(button.label, ("push", "buttons", index, "label"), escape=False)
        yield from _check_text(button.url, ("push", "buttons", index, "url"), escape=False)
    for name, text in push.data.items():
        if is_reserved(name):
            yield Finding(("push", "data", name), "providers keep this name for themselves")
        yield from _check_text(text, ("push", "data", name), escape=False)


def _check_text(source: str, path: Path, *, escape: bool) -> Iterator[Finding]:
    try:
        compile_template(source, escape=escape)
    except TemplateMistake as mistake:
        yield Finding(path, str(mistake))


def check_resource(resource: Resource, known: Known) -> Iterator[Finding]:
    """Its databases exist, and its token is nobody else's."""
    for index, identifier in enumerate(resource.databases):
        yield from check_exists(known, "databases", identifier, ("databases", index))
    if resource.token and not _is_token(resource.token):
        sentence = "expected 16 to 200 ASCII letters, digits and signs, without spaces"
        yield Finding(("token",), sentence)
    for other in known.resources.values():
        if resource.token and other.token == resource.token and other.id != resource.id:
            yield Finding(("token",), f"resource {other.id} has the same token")


def check_route(route: RouteSender, known: Known) -> Iterator[Finding]:
    """Its senders exist and send by its channel."""
    yield from (Finding(path, sentence) for path, sentence in routing.check_route(route, known.senders))
    for path, identifier in routing.list_places(route):
        yield from check_exists(known, "senders", identifier, path)


def check_trigger(trigger: Trigger, known: Known) -> Iterator[Finding]:
    """What it refers to exists and serves its database and channel."""
    yield from _check_age(trigger)
    yield from check_exists(known, "databases", trigger.database, ("database",))
    yield from check_exists(known, "senders", trigger.sender, ("sender",))
    yield from check_exists(known, "templates", trigger.template, ("template",))
    template = known.templates.get(trigger.template)
    if template is not None and getattr(template, trigger.channel) is None:
        yield Finding(("template",), f"template {template.id} has no {trigger.channel}")
    sender = known.senders.get(trigger.sender)
    if sender is not None and sender.channel != trigger.channel:
        yield Finding(("sender",), f"sender {sender.id} sends {sender.channel}, not {trigger.channel}")
    if trigger.channel == "push" and trigger.resource is None:
        yield Finding(("resource",), "push goes to subscriptions, so it needs a resource")
    yield from (Finding(path, sentence) for path, sentence in check_confirmation(trigger, template))
    if trigger.tracking is not None and trigger.tracking.reading and trigger.tracking.opens is False:
        yield Finding(
            ("tracking", "reading"), "how long a mail is looked at is told by the pixel of opens, which is off"
        )
    if trigger.resource is not None:
        yield from check_exists(known, "resources", trigger.resource, ("resource",))
        resource = known.resources.get(trigger.resource)
        yield from _check_serves(resource, trigger) if resource is not None else ()
    if trigger.when is not None and trigger.event == "api_call":
        yield Finding(("when",), "a trigger for API calls waits for no event")
    elif trigger.when is not None and trigger.event != "api_call":
        yield from check_when(trigger.event, trigger.when, known.databases.get(trigger.database), known, ("when",))


def check_when(
    event: ProfileEvent, when: When, database: Database | None, known: Known, path: Path
) -> Iterator[Finding]:
    """What narrows an event is said of that event, and names what is there."""
    for member in ("occasions", "sources", "fields", "resource", "channel", "status"):
        if getattr(when, member) and member not in listening.MEMBERS[event]:
            yield Finding((*path, member), f"{member} says nothing about {event}")
    for index, occasion in enumerate(when.occasions):
        if occasion not in listening.OCCASIONS[event] and "occasions" in listening.MEMBERS[event]:
            expected = ", ".join(listening.OCCASIONS[event])
            yield Finding((*path, "occasions", index), f"{event} is never {occasion}; expected one of {expected}")
    if when.resource is not None:
        yield from check_exists(known, "resources", when.resource, (*path, "resource"))
    if database is not None:
        yield from _check_fields(database, when, path)


def _check_fields(database: Database, when: When, path: Path) -> Iterator[Finding]:
    named = fields.database_parsers(database)
    for index, name in enumerate(when.fields):
        if name not in named and database.unknown_fields != "keep":
            yield Finding((*path, "fields", index), f"database {database.id} has no field {name}")
    if when.query is not None:
        try:
            mongo.parse(when.query, database, "query")
        except Invalid as mistake:
            yield Finding((*path, "query"), mistake.describe())


def _check_serves(resource: Resource, trigger: Trigger) -> Iterator[Finding]:
    if resource.databases and trigger.database not in resource.databases:
        yield Finding(("resource",), f"resource {resource.id} does not serve database {trigger.database}")
    if resource.channels and trigger.channel not in resource.channels:
        yield Finding(("resource",), f"resource {resource.id} has no channel {trigger.channel}")


def check_exists(known: Known, section: str, identifier: int, path: tuple[str | int, ...]) -> Iterator[Finding]:
    objects: Mapping[int, object] = getattr(known, section)
    if identifier not in objects and (section, identifier) not in known.broken:
        yield Finding(path, f"there is no {noun(section)} {identifier}")


def check_token(token: Token, known: Known) -> Iterator[Finding]:
    """No two names for one text."""
    for other in known.tokens.values():
        if other.sha256 == token.sha256 and other.name != token.name:
            yield Finding((), f"the token {other.name} has the same text")
