"""What is final or far-reaching: merging, deleting, launching by hand; each is shown before it is done."""

from datetime import datetime
from typing import Any

from starlette.responses import Response

from tocsin.actions import profile_ends, profile_views
from tocsin.actions.profile_edits import open_profile, state_of
from tocsin.core import ids
from tocsin.core.configuration import Configuration, Database
from tocsin.core.errors import Ambiguous, Conflict, Invalid, NotFound
from tocsin.core.launches import BatchOutcome
from tocsin.web.admin.forms import is_number
from tocsin.web.admin.profiles import values
from tocsin.web.admin.profiles.page import describe_head, describe_subscription, read_id
from tocsin.web.admin.visit import Visit

_MOST_HTML = 20_000
_MOST_TARGETS = 500


async def show_merge(visit: Visit) -> Response:
    """The form for the other profile; then what both become."""
    return await _merge_page(visit, visit.query("with"), {})


async def merge(visit: Visit) -> Response:
    """Make one profile of the two that were shown."""
    profile_id, other_id = read_id(visit), ids.parse(visit.form.text("with"))
    if other_id is None:
        return await _merge_page(visit, visit.form.text("with"), {"with": visit.t("profiles_merge_unknown")})
    try:
        await _check_unchanged(visit, profile_id, other_id)
        await profile_ends.merge(visit.context, visit.author, profile_id, other_id)
    except (NotFound, Conflict, Invalid) as mistake:
        return await _merge_page(visit, other_id.hex(), {mistake.path if mistake.path == "with" else "": mistake.debug})
    return visit.go(f"profiles/{profile_id.hex()}", "profiles_merged")


async def _check_unchanged(visit: Visit, profile_id: bytes, other_id: bytes) -> None:
    previewed = await profile_ends.preview_merge(visit.context, profile_id, other_id.hex())
    if visit.form.text("made_of") != _state(previewed):
        raise Conflict(visit.t("profiles_changed_meanwhile"))


def _state(preview: profile_ends.Merging) -> str:
    return state_of(preview.stays) + state_of(preview.goes)


async def _merge_page(visit: Visit, text: str, mistakes: dict[str, str]) -> Response:
    async with open_profile(visit.context, read_id(visit)) as opened:
        profile, database, configuration = opened.profile, opened.database, opened.configuration
    preview = None
    if text:
        try:
            preview = await profile_ends.preview_merge(visit.context, profile.id, text)
        except (NotFound, Ambiguous) as mistake:
            mistakes.setdefault("with", _say_other(visit, mistake))
        except Conflict as mistake:
            mistakes.setdefault("", mistake.describe())
    return visit.render(
        "profiles/merge.html",
        422 if mistakes else 200,
        **describe_head(profile),
        text=text,
        preview=_describe_merging(visit, configuration, database, preview) if preview else None,
        mistakes=mistakes,
    )


def _say_other(visit: Visit, mistake: NotFound | Ambiguous) -> str:
    return visit.t("profiles_merge_unknown" if isinstance(mistake, NotFound) else "profiles_merge_several")


def _describe_merging(
    visit: Visit, configuration: Configuration, database: Database, preview: profile_ends.Merging
) -> dict[str, Any]:
    """Fields side by side, and the subscriptions that come out of it."""
    columns = [
        {one.name: one.text for one in values.list_shown(database, profile, visit.t)}
        for profile in (preview.stays, preview.goes, preview.merged)
    ]
    names = list(dict.fromkeys(name for column in (columns[2], columns[0], columns[1]) for name in column))
    rows = [(name, *(column.get(name, "") for column in columns)) for name in names]
    return {
        "with": preview.goes.id.hex(),
        "made_of": _state(preview),
        "goes": describe_head(preview.goes)["title"],
        "rows": [
            {"name": name, "stays": stays, "goes": goes, "merged": merged, "is_kept": merged == stays}
            for name, stays, goes, merged in rows
        ],
        "subscriptions": [describe_subscription(configuration, one) for one in preview.merged.subscriptions[:100]],
    }


async def show_delete(visit: Visit) -> Response:
    """What deleting means, and the form that asks for the address."""
    return await _delete_page(visit, {})


async def delete(visit: Visit) -> Response:
    """Delete a profile whose address was typed."""
    try:
        await profile_ends.delete(visit.context, visit.author, read_id(visit), visit.form.text("typed"))
    except Invalid:
        return await _delete_page(visit, {"typed": visit.t("profiles_delete_wrong")})
    return visit.go("profiles", "profiles_deleted")


async def _delete_page(visit: Visit, mistakes: dict[str, str]) -> Response:
    async with open_profile(visit.context, read_id(visit)) as opened:
        profile = opened.profile
    name = profile_views.name_of(profile) or profile.id.hex()
    return visit.render(
        "profiles/delete.html", 422 if mistakes else 200, **describe_head(profile), name=name, mistakes=mistakes
    )


async def show_launch(visit: Visit) -> Response:
    """What can be launched for the profile."""
    return await _launch_page(visit, {}, None)


async def launch(visit: Visit) -> Response:
    """Say what a launch would do; at the second press do it."""
    form, profile_id = visit.form, read_id(visit)
    try:
        target, content = (
            _read_target(form.text("target")),
            values.read_object(form.text("apicontent"), "apicontent", visit.t),
        )
        if form.text("do") == "launch" and form.text("shown") == _shown(visit):
            outcome = await profile_ends.launch(visit.context, visit.author, profile_id, target, content)
            return visit.go(f"profiles/{profile_id.hex()}", "profiles_kept" if outcome.skipped else "profiles_launched")
        outcome = await profile_ends.rehearse_launch(visit.context, profile_id, target, content)
    except (Invalid, NotFound) as mistake:
        path = "apicontent" if mistake.path in ("content", "apicontent") else "target"
        return await _launch_page(visit, {path: mistake.debug}, None)
    return await _launch_page(visit, {}, outcome)


def _shown(visit: Visit) -> str:
    """What was rehearsed must be what is launched."""
    return f"{visit.form.text('target')}:{visit.form.text('apicontent')}"


def _read_target(said: str) -> dict[str, int]:
    kind, _, number = said.partition(".")
    if kind not in ("trigger", "workflow") or not is_number(number):
        raise Invalid("choose what to launch", path="target")
    return {f"{kind}_id": int(number)}


async def _launch_page(visit: Visit, mistakes: dict[str, str], outcome: BatchOutcome | None) -> Response:
    async with open_profile(visit.context, read_id(visit)) as opened:
        configuration, database, profile = opened.configuration, opened.database, opened.profile
    rehearsal = outcome.dry_run if outcome else None
    message = rehearsal.message if rehearsal else None
    item = rehearsal.items[0] if rehearsal and rehearsal.items else None
    return visit.render(
        "profiles/launch.html",
        422 if mistakes else 200,
        **describe_head(profile),
        targets=_list_targets(visit, configuration, database),
        target=visit.form.text("target") or visit.query("target"),
        content=visit.form.text("apicontent"),
        shown=_shown(visit) if rehearsal else "",
        item=item,
        due_at=datetime.fromisoformat(item.due_at) if item and item.due_at else None,
        message=message,
        text=(message.text or message.payload)[:_MOST_HTML] if message else "",
        mistakes=mistakes,
    )


def _list_targets(visit: Visit, configuration: Configuration, database: Database) -> list[tuple[str, str]]:
    """Active triggers that calls launch, and active workflows, of the database."""
    triggers = [
        (f"trigger.{one.id}", f"{visit.t('profiles_trigger')}: {one.name} ({one.id})")
        for one in configuration.triggers.values()
        if one.active and one.event == "api_call" and one.database == database.id
    ]
    workflows = [
        (f"workflow.{one.id}", f"{visit.t('profiles_workflow')}: {one.name} ({one.id})")
        for one in configuration.workflows.values()
        if one.active and one.database == database.id
    ]
    return (triggers + workflows)[:_MOST_TARGETS]
