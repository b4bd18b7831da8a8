"""The page of one profile, and what its buttons do."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import msgspec
from starlette.responses import Response

from tocsin.actions import profile_edits, profile_views
from tocsin.actions.profile_views import Kind, View
from tocsin.core import ids
from tocsin.core.configuration import Configuration
from tocsin.core.errors import Conflict, Invalid, NotFound
from tocsin.core.subscriptions import STATUSES, SUBSCRIBED, Subscription
from tocsin.core.suppression import AUTOMATIC_LIST, Suppression
from tocsin.store import audits
from tocsin.web.admin.profiles import timeline, values
from tocsin.web.admin.profiles.lists import call_person
from tocsin.web.admin.visit import Visit

_MOST_AUDITS = 10
_MOST_SUBSCRIPTIONS = 100
_TONES = {"subscribed": "good", "unconfirmed": "warn", "suspended": "warn"}


class Subscribed(NamedTuple):
    """A subscription as the page shows it."""

    mark: str
    resource_id: int
    resource: str
    channel: str
    address: str
    status: str
    tone: str
    priority: int
    categories: str
    can_end: bool


async def show(visit: Visit) -> Response:
    """Everything known of a profile, with a page of its timeline."""
    return await _page(visit, {})


async def change(visit: Visit) -> Response:
    """Do what a button of the page says."""
    profile_id, context, author = read_id(visit), visit.context, visit.author
    mark, action = visit.form.text("mark"), visit.form.text("do")
    try:
        if action == "unsubscribe":
            done = await profile_edits.unsubscribe(context, author, profile_id, mark)
        elif action == "unsubscribe_all":
            done = await profile_edits.unsubscribe_all(context, author, profile_id)
        elif action == "delete":
            await profile_edits.delete_subscription(context, author, profile_id, mark)
            done = True
        elif action == "undelete":
            await profile_edits.undelete_subscription(context, author, profile_id, mark)
            done = True
        else:
            raise Invalid("there is no such button")
    except Conflict as mistake:
        return await _page(visit, {"": mistake.debug})
    return visit.go(f"profiles/{profile_id.hex()}", f"profiles_{action}" if done else "profiles_unchanged")


def read_id(visit: Visit) -> bytes:
    """The id in the address, or NotFound."""
    profile_id = ids.parse(visit.path["id"])
    if profile_id is None:
        raise NotFound("there is no such profile")
    return profile_id


async def _page(visit: Visit, mistakes: dict[str, str]) -> Response:
    profile_id = read_id(visit)
    kind = _kind(visit.query("kind"))
    before = timeline.read_place(visit.query("before"))
    view = await profile_views.get_view(visit.context, profile_id, kind, before)
    async with visit.context.database.transaction() as transaction:
        configuration = await visit.context.configuration(transaction)
        past = await audits.list_of_object(transaction, "profiles", profile_id.hex(), _MOST_AUDITS)
    profile = view.record.profile
    person = call_person(profile)
    return visit.render(
        "profiles/profile.html",
        422 if mistakes else 200,
        **describe_head(view.record.profile),
        person=person,
        database=view.database,
        created_at=view.record.created_at,
        updated_at=view.record.updated_at,
        fields=values.list_shown(view.database, profile, visit.t),
        subscriptions=_list_subscriptions(configuration, profile.subscriptions),
        hidden=max(0, len(profile.subscriptions) - _MOST_SUBSCRIPTIONS),
        deleted=_list_subscriptions(configuration, view.record.deleted),
        suppressed=[_describe_suppression(visit, configuration, one) for one in view.suppressed],
        inside=_list_inside(configuration, view),
        entries=[timeline.tell(visit, configuration, entry) for entry in view.timeline],
        next=timeline.write_place(view.next),
        is_first=not visit.query("before"),
        kind=kind or "",
        kinds=profile_views.list_kinds(),
        audits=past if visit.may("users") else [],
        mistakes=mistakes,
    )


def describe_head(profile: Any) -> dict[str, Any]:
    """What the head of every page about a profile says."""
    return {"id": profile.id.hex(), "title": call_person(profile) or profile_views.name_of(profile) or profile.id.hex()}


def _kind(said: str) -> Kind | None:
    return next((kind for kind in profile_views.list_kinds() if kind == said), None)


def _list_subscriptions(configuration: Configuration, listed: Sequence[Subscription]) -> list[Subscribed]:
    return [describe_subscription(configuration, one) for one in listed[:_MOST_SUBSCRIPTIONS]]


def describe_subscription(configuration: Configuration, one: Subscription) -> Subscribed:
    """A subscription with the name of its resource."""
    resource = configuration.resources.get(one["resource_id"])
    status = str(one.get("status", SUBSCRIBED))
    address = one.get("email") or one.get("phone") or next(iter(one.get("cc_data", {}).values()), "")
    if one["channel"] == "push":
        address = f"{one['provider']} {one['subscription_id']}"
    longest = 80
    shown = str(address)
    return Subscribed(
        profile_edits.mark_of(one),
        one["resource_id"],
        resource.name if resource else "",
        one["channel"],
        shown if len(shown) <= longest else f"{shown[:longest]}…",
        status,
        _TONES.get(status, "bad"),
        int(one.get("priority", 0)),
        ", ".join(one.get("cats", ())),
        status in STATUSES and status not in ("unsubscribed", "complained", "hardbounced"),
    )


def _describe_suppression(visit: Visit, configuration: Configuration, one: Suppression) -> dict[str, Any]:
    listed = configuration.suppression_lists.get(one.list_id)
    resource = configuration.resources.get(one.resource_id)
    name = visit.t("profiles_automatic_list") if one.list_id == AUTOMATIC_LIST else listed.name if listed else ""
    return {
        "value": one.value,
        "list": name or visit.t("profiles_global_list"),
        "source": one.source,
        "at": one.at,
        "reason": one.reason[:200],
        "resource": resource.name if resource else "",
    }


def _list_inside(configuration: Configuration, view: View) -> list[dict[str, Any]]:
    listed = []
    for one in view.inside:
        workflow = configuration.workflows.get(one.workflow_id)
        nodes = {node.id: node.name or node.id for node in workflow.nodes} if workflow else {}
        listed.append(
            {
                "workflow_id": one.workflow_id,
                "workflow": workflow.name if workflow else str(one.workflow_id),
                "node": nodes.get(one.node, one.node),
                "since": one.arrived_at,
                "due_at": one.due_at,
            }
        )
    return listed


async def show_data(visit: Visit) -> Response:
    """Everything that is kept about a person, as a file to be handed over."""
    profile_id = read_id(visit)
    told = await profile_views.describe_all(visit.context, visit.author, profile_id)
    body = msgspec.json.format(msgspec.json.encode(told), indent=2)
    headers = {
        "content-disposition": f'attachment; filename="profile-{profile_id.hex()}.json"',
        "cache-control": "private, no-store",
        "x-content-type-options": "nosniff",
    }
    return Response(body, 200, headers, media_type="application/json")
