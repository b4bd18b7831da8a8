"""`integrations/…/profile_import`: one profile by flat parameters, from the URL, a form, JSON or XML (facts, 5.6)."""

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl

from msgspec import field, structs

from tocsin.core import phones
from tocsin.core.configuration import Database, Resource
from tocsin.core.errors import Invalid, NotAllowed, TocsinError
from tocsin.web import codec
from tocsin.web.api import profiles, triggers, workflow_launches
from tocsin.web.api.launching import ProfileAnswer
from tocsin.web.api.profiles import ImportRequest
from tocsin.web.api.triggers import ImportAndStartRequest
from tocsin.web.api.workflow_launches import WorkflowImportAndStartRequest
from tocsin.web.call import Call
from tocsin.web.envelope import Envelope

MOST_PARAMETERS = 1000

_FORM = "application/x-www-form-urlencoded"
_BY_FIELD = "field_name"
_TILDA_NAMES: Mapping[str, str] = {"Email": "email", "Phone": "phone", "Name": "_fname"}
_TILDA_OWN = frozenset({"formid", "tranid", "test", "COOKIES"})

_is_in_item = re.compile(r"data(?:\.|: )").match
_lost_its_plus = re.compile(r" (?=[0-9])").match


class QuickImportParameters(Envelope, kw_only=True, omit_defaults=True):
    """Create or update one profile. Every other parameter is a field of it."""

    db_id: int
    matching: str = ""
    email: str | None = None
    phone: str | None = None
    field_name: str = ""
    field_value: Any = None
    resource_id: int | None = None
    trigger_id: int | None = None
    workflow_id: int | None = None
    skip_triggers: bool = False
    skip_invalid_subscriptions: bool = False
    detect_geo: bool | None = None


class QuickImport(QuickImportParameters, kw_only=True, omit_defaults=True):
    """The same, the fields of the profile gathered."""

    fields: dict[str, Any] = field(default_factory=dict)


class Probe(Envelope):
    """The call by which Tilda finds out, while its user enters the URL, whether anybody answers there."""


_PARAMETERS = frozenset(one.encode_name for one in structs.fields(QuickImportParameters))


def read_any(query: bytes, body: bytes, content_type: str) -> QuickImport:
    """The call of a query and a body, of which the body wins; or Invalid."""
    return _request(_members(query, body, content_type))


def read_tilda(query: bytes, body: bytes, content_type: str) -> QuickImport | Probe:
    """The same of a form of Tilda, whose inputs for contacts have names of their own; or its probe."""
    members = _members(query, body, content_type)
    if members.get("test") == "test" and members.keys().isdisjoint({"email", "phone", *_TILDA_NAMES}):
        return codec.from_members(members, Probe)
    known = {_TILDA_NAMES.get(name, name): value for name, value in members.items() if name not in _TILDA_OWN}
    return _request(known | {name: members[name] for name in _TILDA_NAMES.values() if name in members})


def read_lpgenerator(query: bytes, body: bytes, content_type: str) -> QuickImport:
    """The same of LPGenerator, which has the visitor's input in `lead_data`, apart from what its user has set."""
    members = _members(query, body, content_type)
    lead = members.get("lead_data")
    if not isinstance(lead, dict):
        raise Invalid("expected an object", path="lead_data")
    filled = {name: value for name, value in lead.items() if not isinstance(value, str) or value.strip()}
    contacts = {name: filled.pop(name) for name in ("email", "phone") if name in filled}
    parameters = {name: value for name, value in members.items() if name in _PARAMETERS}
    return _request(parameters | contacts, filled)


async def import_profile(call: Call, request: QuickImport) -> ProfileAnswer:
    """Create or update one profile, subscribe its contacts, and launch for it."""
    database = call.configuration.get_database(request.db_id)
    _check_launch(call, request, database)
    shared, warnings = _shared(call, request)
    try:
        answer = await _run(call, request, shared)
    except TocsinError as mistake:
        # The members of the one item stand at the root of this call.
        if _is_in_item(mistake.debug):
            mistake.debug = mistake.debug[len("data") + 1 :].lstrip()
        raise
    if warnings:
        answer.warnings = [*(answer.warnings or ()), *warnings]
    return answer


async def import_from_tilda(call: Call, request: QuickImport | Probe) -> ProfileAnswer:
    """Create or update the profile of a form of Tilda; its probe changes nothing."""
    return ProfileAnswer() if isinstance(request, Probe) else await import_profile(call, request)


async def _run(call: Call, request: QuickImport, shared: dict[str, Any]) -> ProfileAnswer:
    if request.trigger_id is not None:
        return await triggers.import_and_start(call, ImportAndStartRequest(trigger_id=request.trigger_id, **shared))
    if request.workflow_id is not None:
        return await workflow_launches.import_and_start(
            call, WorkflowImportAndStartRequest(workflow_id=request.workflow_id, db_id=request.db_id, **shared)
        )
    done = await profiles.import_one(call, ImportRequest(db_id=request.db_id, **shared))
    return ProfileAnswer(profile_id=done.profile_id, ignored_fields=done.ignored_fields, warnings=done.warnings)


def _check_launch(call: Call, request: QuickImport, database: Database) -> None:
    """NotFound, NotAllowed or Invalid unless what is to be launched can be, by this token and in this database."""
    if request.trigger_id is None and request.workflow_id is None:
        return
    if not call.token.may("launch"):
        raise NotAllowed(f"token {call.token.name!r} lacks the permission launch")
    if request.trigger_id is not None and call.configuration.get_trigger(request.trigger_id).database != database.id:
        raise Invalid(f"trigger {request.trigger_id} is not of database {database.id}", path="trigger_id")
    if request.workflow_id is not None and request.trigger_id is not None:
        raise Invalid("expected either trigger_id or workflow_id", path="workflow_id")


def _shared(call: Call, request: QuickImport) -> tuple[dict[str, Any], list[str]]:
    """The members that the calls behind this one have in common, and what had no effect."""
    phone = _phone(request.phone)
    subscriptions, warnings = _subscriptions(call, request)
    matching = "custom" if request.matching == _BY_FIELD else request.matching
    shared = {
        "matching": matching,
        "email": request.email or None,
        "phone": phone,
        "field_name": request.field_name,
        "field_value": request.field_value,
        "data": _profile(request, phone, subscriptions),
        "skip_triggers": request.skip_triggers,
        "skip_invalid_subscriptions": request.skip_invalid_subscriptions,
        "detect_geo": call.context.places is not None if request.detect_geo is None else request.detect_geo,
    }
    return shared, warnings


def _phone(given: str | None) -> str | None:
    try:
        return phones.parse(given) if given else None
    except ValueError as mistake:
        raise Invalid(str(mistake), path="phone") from None


def _profile(request: QuickImport, phone: str | None, subscriptions: list[dict[str, Any]]) -> dict[str, Any]:
    """The profile as other calls have it. The phone is added to those that it has, or that `phones` says it has."""
    profile = dict(request.fields)
    if request.email:
        profile["email"] = request.email
    if phone and "phones" not in profile:
        profile["phones"] = {"action": "add", "value": [phone]}
    elif phone and not isinstance(profile["phones"], dict):
        profile["phones"] = [phone, *_listed(profile["phones"])]
    if subscriptions:
        profile["subscriptions"] = [*_listed(profile.get("subscriptions")), *subscriptions]
    return profile


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [] if value is None else [value]


def _subscriptions(call: Call, request: QuickImport) -> tuple[list[dict[str, Any]], list[str]]:
    """A subscription for each contact whose channel the resource serves; and what had no effect."""
    if request.resource_id is None:
        return [], []
    resource = call.configuration.get_resource(request.resource_id)
    contacts = (("email", "email", request.email), ("sms", "phone", request.phone))
    found = [
        {"resource_id": resource.id, "channel": channel, member: address}
        for channel, member, address in contacts
        if address and _serves(resource, channel)
    ]
    return found, [] if found else [f"resource_id had no effect: no contact for a channel of resource {resource.id}"]


def _serves(resource: Resource, channel: str) -> bool:
    return not resource.channels or channel in resource.channels


def _request(members: dict[str, Any], fields: dict[str, Any] | None = None) -> QuickImport:
    """The call of flat members; `fields`: those of the profile, where these do not stand among them."""
    if fields is None:
        fields = {name: value for name, value in members.items() if name not in _PARAMETERS}
    parameters = {name: value for name, value in members.items() if name in _PARAMETERS}
    try:
        return codec.from_members({**parameters, "fields": fields}, QuickImport)
    except Invalid as mistake:
        mistake.path = mistake.path.removeprefix("fields").removeprefix(".")
        raise


def _members(query: bytes, body: bytes, content_type: str) -> dict[str, Any]:
    from_query = _read_form(query, "the query")
    if not body or body.isspace():
        return from_query
    if content_type.partition(";")[0].strip().lower() == _FORM:
        return from_query | _read_form(body, "the form")
    return from_query | codec.decode(body, codec.encoding_of(content_type), dict[str, Any])


def _read_form(encoded: bytes, where: str) -> dict[str, Any]:
    """Parameters; a repeated one is a list, and one that was left blank was not filled in."""
    if encoded.count(b"&") >= MOST_PARAMETERS:
        raise Invalid(f"{where} has more than {MOST_PARAMETERS} parameters")
    try:
        pairs = parse_qsl(encoded.decode(), errors="strict")
    except UnicodeDecodeError:
        raise Invalid(f"{where} is not UTF-8") from None
    members: dict[str, Any] = {}
    for name, value in pairs:
        if value.strip():
            told = _lost_its_plus(value) and name.lower() in ("phone", "phones")
            members.setdefault(name, []).append(f"+{value[1:]}" if told else value)
    return {name: values if len(values) > 1 else values[0] for name, values in members.items()}
