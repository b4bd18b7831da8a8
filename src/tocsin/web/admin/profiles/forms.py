"""The forms of a profile: its fields, a new one, a subscription, an address to be suppressed."""

from typing import Any

from starlette.responses import Response

from tocsin.actions import profile_edits
from tocsin.actions.profile_edits import open_profile
from tocsin.actions.profile_views import list_addresses
from tocsin.core.configuration import Configuration, Database
from tocsin.core.configuration_rules import GLOBAL_LIST
from tocsin.core.errors import Conflict, Invalid, NotFound
from tocsin.core.subscriptions import STATUSES
from tocsin.web.admin.forms import Mistakes, is_number
from tocsin.web.admin.profiles import values
from tocsin.web.admin.profiles.page import describe_head, describe_subscription, read_id
from tocsin.web.admin.visit import Visit

NEW = "new"
_CHANNELS = ("email", "sms", "push", "telegram_bot", "whatsapp", "viber", "notify")


async def show_new(visit: Visit) -> Response:
    """The form for a new profile."""
    return await _new_page(visit, {})


async def create(visit: Visit) -> Response:
    """Add a profile."""
    async with visit.context.database.transaction() as transaction:
        configuration = await visit.context.configuration(transaction)
    database = _database(configuration, visit.form.text("database"))
    mistakes = Mistakes()
    data = values.read_changes(database, {}, visit.form, mistakes)
    if not mistakes:
        try:
            profile_id = await profile_edits.create(visit.context, visit.author, database.id, data)
            return visit.go(f"profiles/{profile_id.hex()}", "profiles_created")
        except (Invalid, Conflict) as mistake:
            mistakes.add(values.name_mistake(mistake))
    return await _new_page(visit, mistakes.of)


async def _new_page(visit: Visit, mistakes: dict[str, str]) -> Response:
    async with visit.context.database.transaction() as transaction:
        configuration = await visit.context.configuration(transaction)
    database = _database(configuration, visit.form.text("database") or visit.query("database"))
    return visit.render(
        "profiles/edit.html",
        422 if mistakes else 200,
        id="",
        title=visit.t("profiles_new"),
        database=database,
        databases=[(str(one.id), one.name) for one in configuration.databases.values()],
        fields=values.list_typed(database, {}, visit.form),
        statuses=STATUSES,
        made_of="",
        mistakes=mistakes,
    )


def _database(configuration: Configuration, said: str) -> Database:
    if is_number(said):
        return configuration.get_database(int(said))
    first = next(iter(configuration.databases.values()), None)
    if first is None:
        raise NotFound("there is no database yet")
    return first


async def show_edit(visit: Visit) -> Response:
    """The form of a profile's fields."""
    return await _edit_page(visit, {}, is_typed=False)


async def edit(visit: Visit) -> Response:
    """Save the fields that were typed otherwise than they are."""
    profile_id, made_of = read_id(visit), visit.form.text("made_of")
    async with open_profile(visit.context, profile_id) as opened:
        profile, database = opened.profile, opened.database
    mistakes = Mistakes()
    is_typed = made_of == profile_edits.state_of(profile)
    try:
        changes = values.read_changes(database, profile.fields, visit.form, mistakes)
        if not mistakes or not is_typed:
            await profile_edits.save_fields(visit.context, visit.author, profile_id, changes, made_of)
            return visit.go(f"profiles/{profile_id.hex()}", "saved")
    except Conflict as mistake:
        found = mistake if mistake.path else Conflict(visit.t("profiles_changed_meanwhile"))
        mistakes = mistakes if mistake.path else Mistakes()
        mistakes.of[f"field.{found.path}" if found.path else ""] = found.debug
    except Invalid as mistake:
        mistakes.add(values.name_mistake(mistake))
    return await _edit_page(visit, mistakes.of, is_typed=is_typed)


async def _edit_page(visit: Visit, mistakes: dict[str, str], *, is_typed: bool) -> Response:
    async with open_profile(visit.context, read_id(visit)) as opened:
        profile, database = opened.profile, opened.database
    return visit.render(
        "profiles/edit.html",
        422 if mistakes else 200,
        **describe_head(profile),
        database=database,
        databases=[],
        fields=values.list_typed(database, profile.fields, visit.form if is_typed else None),
        statuses=STATUSES,
        made_of=profile_edits.state_of(profile),
        mistakes=mistakes,
    )


async def show_subscription(visit: Visit) -> Response:
    """The form of a subscription, or of a new one."""
    return await _subscription_page(visit, {})


async def save_subscription(visit: Visit) -> Response:
    """Add a subscription, or change status, priority and categories of one."""
    form, profile_id, mark = visit.form, read_id(visit), visit.path["mark"]
    said: dict[str, Any] = {"status": form.text("status"), "priority": form.text("priority")}
    said["cats"] = form.all("cats") if "with_cats" in form else _words(form.text("cats"))
    if mark == NEW and not said["cats"]:
        del said["cats"]
    mistakes = Mistakes()
    try:
        if mark == NEW:
            said |= _read_address(visit)
            await profile_edits.set_subscription(visit.context, visit.author, profile_id, said)
        else:
            await profile_edits.change_subscription(visit.context, visit.author, profile_id, mark, said)
    except Invalid as mistake:
        mistakes.of[_member(mistake.path)] = mistake.debug
        return await _subscription_page(visit, mistakes.of)
    return visit.go(f"profiles/{profile_id.hex()}", "saved")


def _words(text: str) -> list[str]:
    return [one.strip() for one in text.split(",") if one.strip()]


def _member(path: str) -> str:
    top = path.partition(".")[0].partition("[")[0]
    return {
        "email": "address",
        "phone": "address",
        "id": "address",
        "cc_data": "address",
        "subscription_id": "address",
    }.get(top, top)


def _read_address(visit: Visit) -> dict[str, Any]:
    """The members that say whose address it is, as a call has them."""
    form = visit.form
    channel, address = form.text("channel"), form.text("address")
    members: dict[str, Any] = {"resource_id": form.text("resource_id"), "channel": channel}
    if channel == "email":
        return members | {"email": address}
    if channel == "push":
        return members | {"provider": form.text("provider"), "subscription_id": address}
    if channel == "telegram_bot":
        return members | {"cc_data": {"id": address}}
    return members | ({"phone": address} if channel == "sms" else {"cc_data": {"phone": address}})


async def _subscription_page(visit: Visit, mistakes: dict[str, str]) -> Response:
    mark = visit.path["mark"]
    async with open_profile(visit.context, read_id(visit)) as opened:
        configuration, database, profile = opened.configuration, opened.database, opened.profile
    known = next((one for one in profile.subscriptions if profile_edits.mark_of(one) == mark), None)
    if known is None and mark != NEW:
        raise NotFound("the profile has no such subscription any more")
    resources = [one for one in configuration.resources.values() if not one.databases or database.id in one.databases]
    resource = configuration.resources.get(known["resource_id"]) if known else None
    return visit.render(
        "profiles/subscription.html",
        422 if mistakes else 200,
        **describe_head(profile),
        mark=mark,
        known=describe_subscription(configuration, known) if known else None,
        chosen=list(known.get("cats", ())) if known else [],
        categories=list(resource.categories) if resource else [],
        resources=[(str(one.id), one.name) for one in resources],
        channels=[(one, visit.t.word("profiles_channel", one)) for one in _CHANNELS],
        statuses=[(one, visit.t.word("status", one)) for one in STATUSES],
        addresses=list(list_addresses(profile)),
        values=visit.form.members(),
        mistakes=mistakes,
    )


async def show_suppress(visit: Visit) -> Response:
    """The form to put an address on a suppression list."""
    return await _suppress_page(visit, {})


async def suppress(visit: Visit) -> Response:
    """Put an address on a suppression list."""
    form, profile_id = visit.form, read_id(visit)
    try:
        number = form.number("list") or 0
        await profile_edits.suppress(
            visit.context, visit.author, profile_id, form.text("address"), number, form.text("reason")
        )
    except (Invalid, NotFound) as mistake:
        return await _suppress_page(visit, {mistake.path or "list": mistake.debug})
    return visit.go(f"profiles/{profile_id.hex()}", "profiles_suppressed")


async def _suppress_page(visit: Visit, mistakes: dict[str, str]) -> Response:
    async with open_profile(visit.context, read_id(visit)) as opened:
        configuration, database, profile = opened.configuration, opened.database, opened.profile
    return visit.render(
        "profiles/suppress.html",
        422 if mistakes else 200,
        **describe_head(profile),
        addresses=[(one, one) for one in list_addresses(profile)],
        lists=_lists(configuration, database, visit),
        values=visit.form.members(),
        mistakes=mistakes,
    )


def _lists(configuration: Configuration, database: Database, visit: Visit) -> list[tuple[str, str]]:
    """Those that hold for the database."""
    known = [one for one in configuration.suppression_lists.values() if one.holds_for(database.id)]
    listed = [(str(one.id), one.name) for one in known]
    if GLOBAL_LIST not in configuration.suppression_lists:
        listed.insert(0, (str(GLOBAL_LIST), visit.t("profiles_global_list")))
    return listed
