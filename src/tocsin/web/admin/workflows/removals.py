"""The removal of a node of a scenario: asked first, with all that goes with it."""

from starlette.responses import Response

from tocsin.actions import workflow_views
from tocsin.actions.workflow_views import Board
from tocsin.core.workflows import editing
from tocsin.core.workflows.editing import Members
from tocsin.web.admin.visit import Visit
from tocsin.web.admin.workflows.board import Marked, read_id, show_board
from tocsin.web.admin.workflows.nodes import Refused, find, save
from tocsin.web.admin.workflows.words import Words


async def show(visit: Visit) -> Response:
    """Asks before a node is removed: who would be thrown out, and where the ways to it lead then."""
    board = await workflow_views.get_board(visit.context, read_id(visit))
    members = find(board, visit.path["node"])
    ways = [target for _, target in editing.list_ways(members) if target != members["id"]]
    to = visit.query("to") or (ways[-1] if ways else "")
    others = [str(node["id"]) for node in board.members["nodes"] if node["id"] != members["id"]]
    return _removal_page(visit, board, members, to if to in others else others[-1], with_rest=True)


async def remove(visit: Visit) -> Response:
    """Remove a node, once the page has told all that goes with it."""
    board, form = await workflow_views.get_board(visit.context, read_id(visit)), visit.form
    members = find(board, visit.path["node"])
    to, with_rest = form.text("to"), form.is_on("with_rest")
    gone = _gone(board, members, to, with_rest=with_rest)
    if sorted(form.all("gone")) != sorted(gone):
        return _removal_page(visit, board, members, to, with_rest=with_rest)
    refused = await save(
        visit,
        board.workflow.id,
        lambda nodes: editing.remove(nodes, str(members["id"]), to, with_rest=with_rest),
    )
    if refused is None:
        return visit.go(f"workflows/{board.workflow.id}", "removed")
    board = await workflow_views.get_board(visit.context, board.workflow.id)
    return _removal_page(visit, board, members, to, with_rest=with_rest, refused=refused)


def _gone(board: Board, members: Members, to: str, *, with_rest: bool) -> list[str]:
    nodes = board.members["nodes"]
    if all(node["id"] != members["id"] for node in nodes):
        return [str(members["id"])]
    left = {node["id"] for node in editing.remove(nodes, str(members["id"]), to, with_rest=with_rest)}
    return [str(node["id"]) for node in nodes if node["id"] not in left]


def _removal_page(
    visit: Visit, board: Board, members: Members, to: str, *, with_rest: bool, refused: Refused | None = None
) -> Response:
    words = Words(board.configuration, board.workflow, visit.t)
    gone = _gone(board, members, to, with_rest=with_rest)
    named = {node.id: words.name(node) for node in board.workflow.nodes}
    inside = board.numbers.inside
    node_id = str(members["id"])
    return show_board(
        visit,
        board,
        "workflows/remove_node.html",
        Marked(refused.mistakes if refused else {}, changes=dict.fromkeys(gone, "removed"), selected=node_id),
        refused.status if refused else 200,
        node={"id": node_id, "kind": members["type"], "name": named.get(node_id, node_id)},
        gone=[{"id": one, "name": named.get(one, one), "inside": inside.get(one, 0)} for one in gone],
        thrown_out=sum(inside.get(one, 0) for one in gone),
        targets=words.targets(is_optional=False, without=node_id),
        to=to,
        with_rest=with_rest,
        mistakes=refused.mistakes.get("", {}) if refused else {},
    )
