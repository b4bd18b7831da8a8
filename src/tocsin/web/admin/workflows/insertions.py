"""A new node of a scenario, put on a way between two others."""

from collections.abc import Sequence
from typing import NamedTuple

from starlette.responses import Response

from tocsin.actions import workflow_views
from tocsin.actions.workflow_views import Board
from tocsin.core.errors import NotFound
from tocsin.core.workflows import editing
from tocsin.core.workflows.editing import Path
from tocsin.web.admin.visit import Visit
from tocsin.web.admin.workflows import forms as workflow_forms
from tocsin.web.admin.workflows.board import Marked, read_id, show_board
from tocsin.web.admin.workflows.forms import Values
from tocsin.web.admin.workflows.nodes import Refused, dotted, find, list_outs, save, show_form
from tocsin.web.admin.workflows.words import KINDS, Words


async def show(visit: Visit) -> Response:
    """The kinds of nodes that may stand on a way, or the form of one; without a way back to the graph, to choose it."""
    board = await workflow_views.get_board(visit.context, read_id(visit))
    if not visit.query("from"):
        return visit.go(f"workflows/{board.workflow.id}")
    source, node_kind = find(board, visit.query("from")), visit.query("type")
    target = visit.query("to")
    ways = [path for path, to in editing.list_ways(source) if to == target]
    if not ways or (node_kind and node_kind not in KINDS):
        raise NotFound("there is no such way, or no such kind of node")
    triggers = [key for key, one in board.configuration.triggers.items() if one.database == board.workflow.database]
    first = workflow_forms.first_values(node_kind, target, str(min(triggers, default=""))) if node_kind else {}
    values = first | {"id": editing.free_id(board.members["nodes"], node_kind)}
    chosen = visit.query("way")
    paths = [chosen] if chosen in map(dotted, ways) else [dotted(one) for one in ways]
    return _insertion_page(visit, board, Placed(str(source["id"]), target, node_kind), values, paths)


class Placed(NamedTuple):
    """Where a node is to be put: on the ways from a node to another."""

    source: str
    target: str
    kind: str


async def insert(visit: Visit) -> Response:
    """Put a node on a way."""
    board, form = await workflow_views.get_board(visit.context, read_id(visit)), visit.form
    placed = Placed(form.text("from"), form.text("to"), form.text("type"))
    if placed.kind not in KINDS:
        raise NotFound("there is no such kind of node")
    values = workflow_forms.read(placed.kind, form) | {"id": form.text("id")}
    made, unread = workflow_forms.make(placed.kind, values)
    paths = form.all("way")
    node_id = form.text("id")
    refused: Refused | None = Refused({node_id: unread}, 422) if unread else None
    if not paths:
        refused = Refused({"": {"": visit.t("workflows_choose_way")}}, 422)
    if refused is None and form.text("do") != "check":
        added = {"id": node_id, "type": placed.kind, **made}
        wanted = [_undotted(path) for path in paths]
        refused = await save(
            visit, board.workflow.id, lambda nodes: editing.insert(nodes, added, placed.source, wanted)
        )
        if refused is None:
            return visit.go(f"workflows/{board.workflow.id}/nodes/{node_id}", "workflows_inserted")
        board = await workflow_views.get_board(visit.context, board.workflow.id)
    return _insertion_page(visit, board, placed, values, paths, refused)


def _insertion_page(
    visit: Visit, board: Board, placed: Placed, values: Values, paths: Sequence[str], refused: Refused | None = None
) -> Response:
    words = Words(board.configuration, board.workflow, visit.t)
    found = dict(refused.mistakes) if refused else {}
    node_id = str(values["id"])
    source = next((one for one in board.workflow.nodes if one.id == placed.source), None)
    own = found.pop(node_id, {})
    rest = {path: said for path, said in own.items() if path != "id"}
    return show_board(
        visit,
        board,
        "workflows/insert.html",
        Marked(found, taken=[(placed.source, placed.target)]),
        refused.status if refused else 200,
        placed=placed,
        kinds=KINDS,
        choices=[
            one | {"is_on": one["way"] in paths}
            for one in list_outs(visit, words, source)
            if one["target"] == placed.target
        ],
        node_id=node_id,
        id_mistake=own.get("id", ""),
        form=show_form(visit, words, placed.kind, values, rest) if placed.kind else None,
        mistakes=found.get("", {}),
    )


def _undotted(text: str) -> Path:
    return tuple(int(part) if part.isascii() and part.isdecimal() else part for part in text.split("."))
