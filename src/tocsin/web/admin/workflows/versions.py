"""What a scenario was: two versions in one graph, and an older one brought back."""

from typing import Any

import msgspec
from starlette.responses import Response

from tocsin.actions import workflow_edits, workflow_views
from tocsin.actions.configuration_changes import CHANGED_MEANWHILE
from tocsin.core.configuration_workflows import Node, Workflow
from tocsin.core.errors import Conflict, Invalid, NotFound
from tocsin.core.workflows.drawing import Numbers
from tocsin.core.workflows.editing import differences, list_pairs
from tocsin.store import configuration as stored_configuration
from tocsin.web.admin import versions
from tocsin.web.admin.visit import Visit
from tocsin.web.admin.workflows.board import Drawing, Marked, read_id, show_board
from tocsin.web.admin.workflows.words import Words

SECTION = "workflows"
# Versions are counted by a bigint.
_LONGEST_NUMBER = 18
_RESTORED = ("name", "reentry", "nodes")


async def show_drawn(visit: Visit) -> Response:
    """The graph of the version `?new=`, with what is other than in `?old=`; nodes that are gone are drawn as well."""
    workflow_id = read_id(visit)
    if not visit.query("new"):
        return visit.go(f"workflows/{workflow_id}/versions")
    new = await _read(visit, workflow_id, "new")
    old = await _read(visit, workflow_id, "old") if visit.query("old") else None
    async with visit.context.database.transaction() as transaction:
        configuration = await visit.context.configuration(transaction)
    changes = differences(old, new)
    gone: list[Node] = [node for node in (old.nodes if old else ()) if changes.get(node.id) == "removed"]
    nodes = [*new.nodes, *gone]
    words = Words(configuration, msgspec.structs.replace(new, nodes=tuple(nodes)), visit.t)
    before, after = list_pairs(old), list_pairs(new)
    lost = sorted(pair for pair in before - after if changes.get(pair[0]) != "removed")
    marked = Marked(changes=changes, gone=lost, new=after - before if old else ())
    drawing = Drawing(visit, words, Numbers(), marked)
    return visit.render(
        "workflows/drawn.html",
        workflow=new,
        old=visit.query("old"),
        new=visit.query("new"),
        graph=drawing.draw(nodes),
        changes=[{"id": one, "name": _name(words, nodes, one), "change": what} for one, what in changes.items()],
    )


def _name(words: Words, nodes: list[Node], node_id: str) -> str:
    return words.name(next(node for node in nodes if node.id == node_id))


async def _read(visit: Visit, workflow_id: int, name: str) -> Workflow:
    """The version that a parameter of the address names, or NotFound."""
    text = visit.query(name)
    number = int(text) if text.isascii() and text.isdecimal() and len(text) <= _LONGEST_NUMBER else 0
    async with visit.context.database.transaction() as transaction:
        found = await stored_configuration.list_history(transaction, SECTION, str(workflow_id), 1, number + 1)
    if not found or found[0].version != number or found[0].spec is None:
        raise NotFound("there is no such version")
    return msgspec.convert(found[0].spec, Workflow)


async def show_restoring(visit: Visit) -> Response:
    """Asks before a version is brought back; without one back to their list, to choose it."""
    if not visit.query("version"):
        return visit.go(f"workflows/{read_id(visit)}/versions")
    return await _page(visit, await _restored(visit), {})


async def restore(visit: Visit) -> Response:
    """Make the scenario what it was in a version; whether it is active, and its database, stay."""
    workflow_id, members = read_id(visit), await _restored(visit)
    made_of = visit.form.text("made_of")
    chosen = {name: members[name] for name in _RESTORED if name in members}
    try:
        await workflow_edits.change(visit.context, visit.author, workflow_id, made_of, chosen)
        return visit.go(f"workflows/{workflow_id}", "saved")
    except Conflict as conflict:
        is_meanwhile = conflict.debug == CHANGED_MEANWHILE
        said = visit.t("workflows_changed_meanwhile") if is_meanwhile else conflict.debug
        return await _page(visit, members, {"": said}, 409)
    except Invalid as mistake:
        return await _page(visit, members, {"": mistake.debug}, 422)


async def _restored(visit: Visit) -> dict[str, Any]:
    members = await versions.find_restored(visit, SECTION, str(read_id(visit)))
    if members is None:
        raise NotFound("say which version is to be restored")
    return members


async def _page(visit: Visit, members: dict[str, Any], mistakes: dict[str, str], status: int = 200) -> Response:
    board = await workflow_views.get_board(visit.context, read_id(visit))
    wanted = msgspec.convert({**members, "id": board.workflow.id}, Workflow)
    changes = differences(board.workflow, wanted)
    gone = [one for one, what in changes.items() if what == "removed"]
    return show_board(
        visit,
        board,
        "workflows/restore.html",
        Marked(changes={one: what for one, what in changes.items() if what != "added"}),
        status=status,
        version=visit.query("version"),
        counts={what: sum(1 for one in changes.values() if one == what) for what in ("added", "changed", "removed")},
        thrown_out=sum(board.numbers.inside.get(one, 0) for one in gone),
        mistakes=mistakes,
    )
