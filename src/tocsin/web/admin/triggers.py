"""Triggers: which there are and what came of them, and the form that makes and changes one."""

from collections.abc import Mapping
from typing import Any, Final

from starlette.responses import Response

from tocsin.actions import configuration_changes, launch_views
from tocsin.core import funnel, statistics
from tocsin.core.configuration import Configuration, Trigger
from tocsin.core.configuration_workflows import CampaignNode
from tocsin.core.errors import Invalid, MemberMistakes
from tocsin.core.launch_text import LaunchView
from tocsin.core.listening import OCCASIONS
from tocsin.core.statistics import Statistics
from tocsin.core.subscriptions import STATUSES
from tocsin.store import configuration as stored_configuration
from tocsin.store import statistics as stored_statistics
from tocsin.store.database import Transaction
from tocsin.web.admin import entries, versions
from tocsin.web.admin.entries import Member
from tocsin.web.admin.visit import Visit

SECTION: Final = "triggers"
CHANNELS: Final = ("email", "sms", "push")
EVENTS: Final = ("api_call", "api_import", "update", "subscribe")
_PAGE, _LAUNCHES, _VERSIONS, _REASONS = 50, 8, 5, 6
_UTM = ("source", "medium", "campaign", "content", "term")
_PARTS = ("days", "hours", "minutes", "seconds")
_OCCASIONS = tuple(dict.fromkeys(one for of_event in OCCASIONS.values() for one in of_event))
_GROUPS = ("when", "give_up_after", "quiet_hours", "tracking", "tracking.utm")

FIELDS: Final = (
    Member("name"),
    Member("active", "box"),
    Member("database", "number"),
    Member("event", default="api_call"),
    Member("when.occasions", "words"),
    Member("when.fields", "lines"),
    Member("when.query", "data"),
    Member("when.resource", "number"),
    Member("when.channel"),
    Member("when.status"),
    Member("channel", default="email"),
    Member("template", "number"),
    Member("sender", "number"),
    Member("resource", "number"),
    Member("for_confirm", "box"),
    Member("push_sending_mode", default="fanout"),
    Member("policy", "number"),
    Member("ignore_policies", "box"),
    Member("quiet_hours.from"),
    Member("quiet_hours.to"),
    Member("quiet_hours.then", default="postpone"),
    Member("control_group_percent", "number"),
    Member("ignore_control_group", "box"),
    *(Member(f"give_up_after.{part}", "number") for part in _PARTS),
    Member("tracking.opens", "switch"),
    Member("tracking.clicks", "switch"),
    Member("tracking.text", "box"),
    Member("tracking.reading", "box"),
    Member("tracking.replies", "box"),
    *(Member(f"tracking.utm.{word}") for word in _UTM),
    Member("tracking.utm_domains", "lines"),
)


async def list_triggers(visit: Visit) -> Response:
    """Those that fit, by number, with what came of each ever."""
    asked = {name: visit.query(name) for name in ("q", "state", "channel", "database")}
    after = entries.parse_key(visit.query("after")) or 0
    async with visit.context.database.transaction() as transaction:
        configuration = await visit.context.configuration(transaction)
        fitting = [one for one in configuration.triggers.values() if _fits(one, asked)]
        rest = sorted((one for one in fitting if one.id > after), key=lambda one: one.id)
        page = rest[:_PAGE]
        totals = await stored_statistics.list_totals(transaction, [one.id for one in page])
    return visit.render(
        "triggers/list.html",
        triggers=[{"of": one, "numbers": statistics.describe(totals[one.id])} for one in page],
        databases=_options(configuration, "databases"),
        asked=asked,
        is_filtered=any(asked.values()),
        count=len(fitting),
        after=after,
        more=page[-1].id if len(rest) > _PAGE else 0,
        channels=CHANNELS,
    )


def _fits(trigger: Trigger, asked: Mapping[str, str]) -> bool:
    words = asked["q"].casefold().split()
    return (
        (asked["q"] == str(trigger.id) or all(word in trigger.name.casefold() for word in words))
        and asked["state"] in ("", "active" if trigger.active else "inactive")
        and asked["channel"] in ("", trigger.channel)
        and asked["database"] in ("", str(trigger.database))
    )


async def show(visit: Visit) -> Response:
    """What a trigger does, what came of it, and who changed it."""
    return await _page(visit, "")


async def change(visit: Visit) -> Response:
    """Switch it on or off, or remove it."""
    key, action = entries.key_of(visit), visit.form.text("do")
    if action == "remove":
        refusal = await entries.remove(visit, SECTION, key)
        return await _page(visit, refusal, is_needed=True) if refusal else visit.go(SECTION, "removed")
    if action not in ("activate", "deactivate"):
        raise Invalid("there is nothing to do")
    try:
        await entries.switch(visit, SECTION, key, is_active=action == "activate")
    except MemberMistakes as mistakes:
        return await _page(visit, mistakes.debug)
    return visit.go(f"{SECTION}/{key}", f"triggers_{action}d")


async def _page(visit: Visit, refusal: str, *, is_needed: bool = False) -> Response:
    """`refusal`: why nothing was changed; `is_needed` when that is because others name it."""
    key = entries.key_of(visit)
    async with visit.context.database.transaction() as transaction:
        configuration = await visit.context.configuration(transaction)
        trigger = configuration.get_trigger(key)
        totals = (await stored_statistics.list_totals(transaction, [key]))[key]
        reasons = await stored_statistics.list_reasons_of_trigger(transaction, key)
        history = await stored_configuration.list_history(transaction, SECTION, str(key), _VERSIONS + 1)
        marks = await stored_configuration.list_marks(transaction)
        launches = await _launches(visit, transaction, trigger)
    numbers = statistics.describe(totals)
    steps = funnel.steps(trigger.channel, numbers)
    return visit.render(
        "triggers/trigger.html",
        409 if refusal else 200,
        trigger=trigger,
        refusal=refusal,
        is_needed=is_needed,
        numbers=numbers,
        reasons=list(reasons.items())[:_REASONS],
        steps=steps,
        shapes=funnel.draw(steps),
        launches=launches,
        versions=versions.describe(history)[:_VERSIONS],
        server=visit.context.public_url,
        file=marks.get((SECTION, str(key)), ""),
        **_names(configuration, trigger),
    )


async def _launches(visit: Visit, transaction: Transaction, trigger: Trigger) -> list[tuple[LaunchView, Statistics]]:
    """The newest; none when so few are of this trigger that finding them takes too long."""
    try:
        found = await launch_views.list_views(
            transaction, visit.now, from_id="", trigger_id=trigger.id, limit=_LAUNCHES
        )
    except Invalid:
        return []
    return [(one, statistics.describe(one.totals)) for one in found]


def _names(configuration: Configuration, trigger: Trigger) -> dict[str, object]:
    """What stands behind the numbers that a trigger names, and what names it."""
    when = trigger.when
    return {
        "database": configuration.databases.get(trigger.database),
        "said_by": configuration.templates.get(trigger.template),
        "sender": configuration.senders.get(trigger.sender),
        "resource": configuration.resources.get(trigger.resource or 0),
        "policy": configuration.policies.get(trigger.policy or 0),
        "query": entries.show_data(when.query) if when and when.query else "",
        "workflows": [
            workflow
            for workflow in configuration.workflows.values()
            if any(isinstance(node, CampaignNode) and node.trigger == trigger.id for node in workflow.nodes)
        ],
    }


async def show_new(visit: Visit) -> Response:
    """The form for one more, perhaps with what another says."""
    async with visit.context.database.transaction() as transaction:
        configuration = await visit.context.configuration(transaction)
    entry: dict[str, Any] = {}
    cloned = entries.parse_key(visit.query("clone"))
    if cloned is not None:
        entry = configuration_changes.members_of(configuration, SECTION, cloned)
        entry |= {"name": visit.t("entries_copy_of", of=entry["name"]), "active": False}
    else:
        firsts = {name: min(getattr(configuration, f"{name}s"), default="") for name in ("database", "sender")}
        entry = {**firsts, **_asked_template(visit)}
    number = str(configuration_changes.next_id(configuration, SECTION))
    return _form(visit, configuration, None, {"id": number} | entries.fill(FIELDS, _without_id(entry)), {})


def _asked_template(visit: Visit) -> dict[str, int]:
    number = entries.parse_key(visit.query("template"))
    return {} if number is None else {"template": number}


async def create(visit: Visit) -> Response:
    """Make one."""
    found = entries.read((Member("id", "number"), *FIELDS), visit.form)
    return await _save(visit, found, None)


async def show_edit(visit: Visit) -> Response:
    """The form of one, perhaps as it was in a version."""
    key = entries.key_of(visit)
    async with visit.context.database.transaction() as transaction:
        configuration = await visit.context.configuration(transaction)
    restored = await versions.find_restored(visit, SECTION, str(key))
    trigger = configuration.triggers.get(key) if restored else configuration.get_trigger(key)
    present = configuration_changes.members_of(configuration, SECTION, key) if trigger else {}
    values = entries.fill(FIELDS, _without_id(restored or present))
    made_of = configuration_changes.state_of(present) if trigger else ""
    return _form(visit, configuration, key, values | {entries.MADE_OF: made_of}, {})


async def save(visit: Visit) -> Response:
    """Change one."""
    key = entries.key_of(visit)
    found = entries.read(FIELDS, visit.form)
    found.entry["id"] = key
    return await _save(visit, found, key)


async def _save(visit: Visit, found: entries.Read, key: int | None) -> Response:
    mistakes = found.mistakes or await entries.save(
        visit, SECTION, (Member("id"), *FIELDS), found.entry, groups=_GROUPS
    )
    if not mistakes:
        return visit.go(f"{SECTION}/{found.entry['id']}", "saved")
    async with visit.context.database.transaction() as transaction:
        configuration = await visit.context.configuration(transaction)
    values = entries.refill(FIELDS, visit.form) | {name: visit.form.text(name) for name in ("id", entries.MADE_OF)}
    return _form(visit, configuration, key, values, mistakes)


def _without_id(entry: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in entry.items() if name != "id"}


def _form(
    visit: Visit, configuration: Configuration, key: int | None, values: Mapping[str, Any], mistakes: dict[str, str]
) -> Response:
    return visit.render(
        "triggers/form.html",
        422 if mistakes else 200,
        key=key,
        values=values,
        mistakes=mistakes,
        version=visit.query("version"),
        channel_options=[(one, visit.t.word("channel", one)) for one in CHANNELS],
        event_options=[(one, visit.t(f"triggers_event_{one}")) for one in EVENTS],
        status_options=[(one, visit.t.word("triggers_status", one)) for one in STATUSES],
        switch_options=[("", visit.t("triggers_as_installed")), ("yes", visit.t("yes")), ("no", visit.t("no"))],
        occasions=_OCCASIONS,
        parts=_PARTS,
        utm=_UTM,
        options={
            section: _options(configuration, section)
            for section in ("databases", "resources", "senders", "templates", "policies")
        },
    )


def _options(configuration: Configuration, section: str) -> list[tuple[str, str]]:
    return [(str(one.id), f"{one.id} · {one.name}") for _, one in sorted(getattr(configuration, section).items())]
