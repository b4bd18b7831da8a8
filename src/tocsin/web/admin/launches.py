"""Launches: what calls and events have started, and holding, ending or repeating it."""

from starlette.responses import Response

from tocsin.actions import launch_changes, launch_views
from tocsin.core import ids, statistics
from tocsin.core.errors import Invalid
from tocsin.store import launches
from tocsin.store import statistics as stored_statistics
from tocsin.web.admin.overview import list_launches, names_of
from tocsin.web.admin.visit import Visit

_PAGE = 50


async def list_page(visit: Visit) -> Response:
    """A page of launches, the newest first, perhaps of one trigger or scenario."""
    before = ids.parse(visit.query("before")) or launches.END
    trigger_id, workflow_id = _number(visit, "trigger"), _number(visit, "workflow")
    async with visit.context.database.transaction() as transaction:
        known = await visit.context.configuration(transaction)
        listed = await list_launches(
            transaction, before=before, limit=_PAGE + 1, trigger_id=trigger_id, workflow_id=workflow_id
        )
    more = listed[_PAGE - 1]["id"] if len(listed) > _PAGE else ""
    return visit.render(
        "launches/list.html",
        launches=listed[:_PAGE],
        more=more,
        names=names_of(known),
        trigger=trigger_id or "",
        workflow=workflow_id or "",
    )


async def show(visit: Visit) -> Response:
    """One launch: how far it is, and what became of its messages."""
    launch_id = launch_views.parse_id(visit.path["id"])
    async with visit.context.database.transaction() as transaction:
        known = await visit.context.configuration(transaction)
        view = await launch_views.get_view(transaction, launch_id, visit.now)
        reasons = await stored_statistics.list_reasons_of_launch(transaction, launch_id)
    return visit.render(
        "launches/launch.html",
        id=launch_id.hex(),
        view=view,
        numbers=statistics.describe(view.totals),
        reasons=reasons,
        names=names_of(known),
    )


async def change(visit: Visit) -> Response:
    """Hold it, go on with it, end it, or send again to whom it did not reach."""
    launch_id = launch_views.parse_id(visit.path["id"])
    for verb in launch_changes.VERBS:
        if visit.form.text("do") == verb:
            await launch_changes.change(visit.context, visit.author, verb, launch_id)
            return visit.go(f"launches/{launch_id.hex()}", f"launches_{verb}")
    raise Invalid("there is no such button")


def _number(visit: Visit, name: str) -> int | None:
    text = visit.query(name)
    return int(text) if text.isascii() and text.isdecimal() and len(text) <= 9 else None  # noqa: PLR2004 - 2**31
