"""Scenarios: all of them, a new one, and one as a whole."""

from starlette.responses import JSONResponse, Response

from tocsin.actions import workflow_edits, workflow_views
from tocsin.actions.configuration_changes import CHANGED_MEANWHILE
from tocsin.actions.workflow_views import Board
from tocsin.core.configuration import Configuration
from tocsin.core.configuration_words import Reentry
from tocsin.core.errors import Conflict, Invalid, MemberMistakes, NotFound
from tocsin.core.workflows.starters import STARTERS
from tocsin.web.admin import frame
from tocsin.web.admin.forms import Mistakes
from tocsin.web.admin.visit import Visit
from tocsin.web.admin.workflows.board import Marked, NodeMistakes, count_totals, read_id, show_board, split_mistakes

REENTRIES: tuple[Reentry, ...] = ("while_inside_ignored", "once_ever", "restart", "separate")
_LONGEST_NAME = 200


async def list_workflows(visit: Visit) -> Response:
    """All scenarios, or how to begin."""
    summaries = await workflow_views.list_summaries(visit.context)
    if not summaries:
        return await _new_page(visit, {}, is_first=True)
    return visit.render("workflows/list.html", summaries=summaries)


async def show_new(visit: Visit) -> Response:
    """The graphs to begin with."""
    return await _new_page(visit, {})


async def create(visit: Visit) -> Response:
    """A new scenario with one of the graphs, in a chosen database, sending by a chosen trigger."""
    form, mistakes = visit.form, Mistakes()
    starter = form.text("starter", "short")
    database, trigger = await _read_trigger(visit, mistakes)
    if not mistakes:
        try:
            created = await workflow_edits.create(
                visit.context,
                visit.author,
                name=form.text("name") or visit.t.word("workflows_starter", starter),
                database=database,
                trigger=trigger,
                starter=starter,
                names=_node_names(visit, starter),
            )
            return visit.go(f"workflows/{created.id}", "workflows_created")
        except Invalid as mistake:
            mistakes.add(mistake)
    return await _new_page(visit, mistakes.of)


async def _read_trigger(visit: Visit, mistakes: Mistakes) -> tuple[int | None, int | None]:
    """The chosen trigger and the database that it is for."""
    number = mistakes.read(lambda: visit.form.number("trigger"), None)
    async with visit.context.database.transaction() as transaction:
        configuration = await visit.context.configuration(transaction)
    trigger = configuration.triggers.get(number or 0)
    if trigger is None:
        mistakes.of.setdefault("trigger", visit.t("workflows_choose_trigger"))
        return None, None
    return trigger.database, trigger.id


def _node_names(visit: Visit, starter: str) -> dict[str, str]:
    if starter not in STARTERS:
        raise NotFound("there is no such graph to begin with")
    named = {node["id"]: visit.t.word("workflows_begun", node["id"]) for node in STARTERS[starter](0)}
    return {node_id: name for node_id, name in named.items() if name != node_id}


async def _new_page(visit: Visit, mistakes: dict[str, str], *, is_first: bool = False) -> Response:
    async with visit.context.database.transaction() as transaction:
        configuration = await visit.context.configuration(transaction)
    return visit.render(
        "workflows/new.html",
        422 if mistakes else 200,
        starters=list(STARTERS),
        groups=_triggers_by_database(configuration),
        is_first=is_first,
        values=visit.form.members(),
        mistakes=mistakes,
    )


def _triggers_by_database(configuration: Configuration) -> list[dict[str, object]]:
    groups: list[dict[str, object]] = [
        {
            "name": database.name,
            "triggers": [one for _, one in sorted(configuration.triggers.items()) if one.database == database.id],
        }
        for _, database in sorted(configuration.databases.items())
    ]
    return [group for group in groups if group["triggers"]]


async def show(visit: Visit) -> Response:
    """One scenario: its graph, and what concerns it as a whole."""
    return _page(visit, await workflow_views.get_board(visit.context, read_id(visit)), {})


async def change(visit: Visit) -> Response:
    """Another name, database or rule of entering again."""
    workflow_id, form = read_id(visit), visit.form
    members = {name: form.text(name) for name in ("name", "reentry", "database") if name in form}
    pairs, status = [], 422
    try:
        await workflow_edits.change(visit.context, visit.author, workflow_id, form.text("made_of"), members)
        return visit.go(f"workflows/{workflow_id}", "saved")
    except Conflict as conflict:
        pairs, status = [("", _say_conflict(visit, conflict))], 409
    except MemberMistakes as mistake:
        pairs = list(mistake.mistakes)
    except Invalid as mistake:
        pairs = [("", mistake.describe())]
    board = await workflow_views.get_board(visit.context, workflow_id)
    return _page(visit, board, split_mistakes([node.id for node in board.workflow.nodes], pairs), status)


def _say_conflict(visit: Visit, conflict: Conflict) -> str:
    is_meanwhile = conflict.debug == CHANGED_MEANWHILE
    return visit.t("workflows_changed_meanwhile") if is_meanwhile else conflict.debug


def _page(visit: Visit, board: Board, found: NodeMistakes, status: int = 200) -> Response:
    """`found`: mistakes by node, those of no node under the empty name."""
    mistakes = found.get("", {})
    workflow = board.workflow
    values = {"name": workflow.name, "database": workflow.database, "reentry": workflow.reentry}
    databases = [(key, one.name) for key, one in sorted(board.configuration.databases.items())]
    return show_board(
        visit,
        board,
        "workflows/workflow.html",
        Marked(found),
        status,
        values=values | visit.form.members() if found else values,
        mistakes=mistakes,
        databases=databases,
        reentries=[(one, visit.t.word("workflows_reentry", one)) for one in REENTRIES],
    )


async def switch(visit: Visit) -> Response:
    """Switch a scenario on, perhaps emptied before, or off; or make another one like it."""
    workflow_id, action = read_id(visit), visit.form.text("do")
    if action == "clone":
        board = await workflow_views.get_board(visit.context, workflow_id)
        name = visit.t("workflows_copy_of", of=board.workflow.name)[:_LONGEST_NAME]
        copied = await workflow_edits.clone(visit.context, visit.author, workflow_id, name)
        return visit.go(f"workflows/{copied.id}", "workflows_cloned")
    if action not in ("activate", "empty", "deactivate"):
        raise Invalid("expected activate, empty, deactivate or clone", path="do")
    is_active = action != "deactivate"
    await workflow_edits.switch(visit.context, visit.author, workflow_id, active=is_active, empty=action == "empty")
    said = "workflows_activated" if is_active else "workflows_deactivated"
    return visit.go(f"workflows/{workflow_id}", said)


async def show_removal(visit: Visit) -> Response:
    """Asks before a scenario is removed."""
    return show_board(visit, await workflow_views.get_board(visit.context, read_id(visit)), "workflows/remove.html")


async def remove(visit: Visit) -> Response:
    """Remove a scenario and throw out those inside."""
    workflow_id = read_id(visit)
    try:
        await workflow_edits.remove(visit.context, visit.author, workflow_id, visit.form.text("made_of"))
        return visit.go("workflows", "removed")
    except Conflict as conflict:
        said, status = _say_conflict(visit, conflict), 409
    except Invalid as mistake:
        said, status = mistake.describe(), 422
    board = await workflow_views.get_board(visit.context, workflow_id)
    return show_board(visit, board, "workflows/remove.html", status=status, mistakes={"": said})


async def show_numbers(visit: Visit) -> Response:
    """The numbers of now, as they are shown, for a page that stays open."""
    view = await workflow_views.get_view(visit.context, read_id(visit))
    numbers, say = view.numbers, visit.t.number
    shown = {
        "inside": {node.id: say(numbers.inside.get(node.id, 0)) for node in view.workflow.nodes},
        "taken": {f"{source} {target}": say(total) for (source, target), total in numbers.taken.items()},
        "totals": {name: say(total) for name, total in count_totals(view.workflow, numbers).items()},
    }
    return JSONResponse(shown, headers=dict(frame.HEADERS))
