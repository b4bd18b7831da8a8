"""The nodes of a scenario, each beside the graph: its form, who waits there, and why they went on."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, NamedTuple

import msgspec
from starlette.responses import Response

from tocsin.actions import workflow_edits, workflow_views
from tocsin.actions.configuration_changes import CHANGED_MEANWHILE
from tocsin.actions.workflow_edits import Edit
from tocsin.actions.workflow_views import Board, Waiting
from tocsin.core import ids
from tocsin.core.configuration_workflows import Node
from tocsin.core.errors import Conflict, Invalid, MemberMistakes
from tocsin.core.workflows import editing
from tocsin.core.workflows.editing import Members, Path
from tocsin.core.workflows.graph import edges, kind
from tocsin.web.admin.visit import Visit
from tocsin.web.admin.workflows import forms as workflow_forms
from tocsin.web.admin.workflows.board import Marked, NodeMistakes, read_id, show_board, split_mistakes
from tocsin.web.admin.workflows.forms import Input, Values
from tocsin.web.admin.workflows.words import Options, Words

_PAGE = 50
_QUERIES = ("query", "when.query", "when")


class Refused(NamedTuple):
    """Why a change was not saved."""

    mistakes: NodeMistakes
    status: int


class Listed(NamedTuple):
    """Somebody who waits at a node."""

    profile: str
    name: str
    since: datetime
    until: datetime
    is_due: bool


async def show(visit: Visit) -> Response:
    """A node beside the graph."""
    board = await workflow_views.get_board(visit.context, read_id(visit))
    members = find(board, visit.path["node"])
    return await _node_page(visit, board, members, workflow_forms.values_of(members["type"], members))


async def change(visit: Visit) -> Response:
    """Save the form of a node, or only look at it again."""
    board = await workflow_views.get_board(visit.context, read_id(visit))
    node_id = visit.path["node"]
    kept = find(board, node_id)
    node_kind = str(kept["type"])
    values = workflow_forms.read(node_kind, visit.form)
    made, unread = workflow_forms.make(node_kind, values)
    if unread:
        return await _node_page(visit, board, kept, values, Refused({node_id: unread}, 422))
    if visit.form.text("do") == "check":
        return await _node_page(visit, board, kept, values)
    changed = {"id": node_id, "type": node_kind, **made}
    refused = await save(visit, board.workflow.id, lambda nodes: editing.replace(nodes, changed))
    if refused is None:
        return visit.go(f"workflows/{board.workflow.id}/nodes/{node_id}", "saved")
    board = await workflow_views.get_board(visit.context, board.workflow.id)
    return await _node_page(visit, board, kept, values, refused)


async def save(visit: Visit, workflow_id: int, how: Edit) -> Refused | None:
    """Change the nodes of the state that the form was made of; what is wrong if they stay as they are."""
    sent: list[str] = []

    def edit(nodes: list[Members]) -> list[Members]:
        edited = how(nodes)
        sent.extend(str(node["id"]) for node in edited)
        return edited

    try:
        await workflow_edits.edit(visit.context, visit.author, workflow_id, visit.form.text("made_of"), edit)
    except Conflict as conflict:
        is_meanwhile = conflict.debug == CHANGED_MEANWHILE
        said = visit.t("workflows_changed_meanwhile") if is_meanwhile else conflict.debug
        return Refused({"": {"": said}}, 409)
    except MemberMistakes as mistake:
        return Refused(split_mistakes(sent, mistake.mistakes), 422)
    except Invalid as mistake:
        return Refused({"": {"": mistake.describe()}}, 422)
    return None


def find(board: Board, node_id: str) -> Members:
    """The members of a node, or NotFound."""
    return editing.find(board.members["nodes"], node_id)


async def _node_page(
    visit: Visit, board: Board, members: Members, values: Values, refused: Refused | None = None
) -> Response:
    node_id, workflow = str(members["id"]), board.workflow
    words = Words(board.configuration, workflow, visit.t)
    found = dict(refused.mistakes) if refused else {}
    after = ids.parse(visit.query("after")) or b""
    waiting = await workflow_views.list_waiting(visit.context, workflow, node_id, after, _PAGE + 1)
    node = next((one for one in workflow.nodes if one.id == node_id), None)
    return show_board(
        visit,
        board,
        "workflows/node.html",
        Marked(found, selected=node_id),
        refused.status if refused else 200,
        node={"id": node_id, "kind": members["type"], "name": words.name(node) if node else node_id},
        form=show_form(visit, words, str(members["type"]), values, found.get(node_id, {})),
        mistakes=found.get("", {}),
        outs=list_outs(visit, words, node),
        waiting=[_list_waiting(visit, one) for one in waiting[:_PAGE]],
        inside=board.numbers.inside.get(node_id, 0),
        is_first_page=not after,
        more=waiting[_PAGE - 1].passage.id.hex() if len(waiting) > _PAGE else "",
        reasons=await workflow_views.get_reasons(visit.context, workflow.id, node_id),
    )


def list_outs(visit: Visit, words: Words, node: Node | None) -> list[dict[str, str]]:
    """The ways out of a node, each by the member that names its target."""
    return [
        {
            "way": dotted(one.path),
            "label": words.label(one.label, kind(node)) or visit.t("workflows_way_next"),
            "target": one.target,
        }
        for node in ([node] if node else [])
        for one in edges(node)
    ]


def _list_waiting(visit: Visit, one: Waiting) -> Listed:
    passage, profile = one
    known = profile.fields if profile else {}
    phones = known.get("phones") or [""]
    name = str(known.get("email") or phones[0] or passage.profile_id.hex())
    is_due = passage.due_at <= visit.now
    return Listed(passage.profile_id.hex(), name, passage.arrived_at, passage.due_at, is_due)


def show_form(
    visit: Visit, words: Words, node_kind: str, values: Values, mistakes: Mapping[str, str]
) -> dict[str, Any]:
    """The inputs of a node's form, with what is chosen among, and the mistakes at each."""
    listed = list(workflow_forms.list_inputs(node_kind, values))
    placed = workflow_forms.place_mistakes([name for _, name, _ in listed], mistakes)
    showing = _Showing(visit, words, node_kind, values, placed)
    return {
        "inputs": [showing.input(one, name, row) for one, name, row in listed],
        "mistake": placed.get("", ""),
        "kind": node_kind,
    }


class _Showing(NamedTuple):
    """A form on its way to the page."""

    visit: Visit
    words: Words
    kind: str
    values: Values
    mistakes: Mapping[str, str]

    def input(self, one: Input, name: str, row: str) -> dict[str, Any]:
        """An input as its template wants it."""
        path = f"{row.partition('[')[0]}.{one.path}" if row else one.path
        value = self.values.get(name, "")
        words, mistake = self._check(one, value)
        return {
            "kind": one.kind,
            "name": name,
            "row": row,
            "label": self.visit.t(f"workflows_field_{path.replace('.', '_')}"),
            "hint": _hint(self.visit, self.kind, path),
            "value": "" if one.kind == "lines" and not self.visit.may("write") else value,
            "options": self._options(one, row),
            "mode": one.mode,
            "is_short": one.path.startswith(("for.", "within.")),
            "words": words,
            "mistake": self.mistakes.get(name, "") or mistake,
        }

    def _options(self, one: Input, row: str) -> Options:
        if one.kind == "target":
            return self.words.targets(is_optional=one.options == "optional" or bool(row))
        return self.words.options(one.options) if one.options else ()

    def _check(self, one: Input, value: str | list[str]) -> tuple[str, str]:
        """What a query asks, in words, or what is wrong with it."""
        if one.kind != "json" or one.path not in _QUERIES or not isinstance(value, str) or not value:
            return "", ""
        try:
            query = msgspec.json.decode(value)
            return self.words.check_query(query, of_content=one.path == "when"), ""
        except (msgspec.DecodeError, RecursionError):
            return "", ""
        except Invalid as mistake:
            return "", mistake.describe()


def _hint(visit: Visit, node_kind: str, path: str) -> str:
    name = path.replace(".", "_")
    return next(
        (said for word in (f"{node_kind}_{name}", name) if (said := visit.t.word("workflows_hint", word)) != word), ""
    )


def dotted(path: Path) -> str:
    """The path of a member as it stands in a form: `branches.0.next`."""
    return ".".join(map(str, path))
