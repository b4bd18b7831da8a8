"""The page of a workflow: its graph as drawn, with what stands beside it."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any, NamedTuple

from starlette.responses import Response

from tocsin.actions.workflow_views import Board
from tocsin.core.configuration_workflows import Node, StartNode, Workflow
from tocsin.core.errors import NotFound
from tocsin.core.workflows.drawing import Numbers, cut
from tocsin.core.workflows.graph import kind
from tocsin.core.workflows.placing import NODE_HEIGHT, PlacedNode, PlacedWay, Placing, place
from tocsin.core.yaml_document import describe_path
from tocsin.web.admin.visit import Visit
from tocsin.web.admin.workflows.forms import Mistakes
from tocsin.web.admin.workflows.words import Words

_LONGEST_NAME, _LONGEST_SUMMARY, _LONGEST_LABEL = 21, 27, 16
_MOST_ID = 2**31 - 1


# Mistakes by node and then by member; what is wrong with the change as a whole is under the empty name.
NodeMistakes = Mapping[str, Mapping[str, str]]


class Marked(NamedTuple):
    """What of a graph is to be seen: nodes with mistakes; ways that were taken; what changed of the nodes, which ways
    are gone by it and which are new.
    """

    mistakes: Mapping[str, Mapping[str, str]] = {}
    taken: Collection[tuple[str, str]] = ()
    changes: Mapping[str, str] = {}
    selected: str = ""
    gone: Collection[tuple[str, str]] = ()
    new: Collection[tuple[str, str]] = ()


class Drawing:
    """A graph as values for its template."""

    def __init__(self, visit: Visit, words: Words, numbers: Numbers, marked: Marked) -> None:
        self._visit = visit
        self._words = words
        self._numbers = numbers
        self._marked = marked
        self._kinds: dict[str, str] = {}

    def draw(self, nodes: Sequence[Node]) -> dict[str, Any]:
        """The places of everything, and a list of the nodes in the order in which they are gone through."""
        placing = place(nodes, self._marked.gone)
        self._kinds.update({node.id: kind(node) for node in nodes})
        return {
            "width": round(placing.width),
            "height": round(placing.height),
            "nodes": [self._node(one, placing) for one in placing.nodes],
            "ways": [self._way(one) for one in placing.ways],
        }

    def _node(self, placed: PlacedNode, placing: Placing) -> dict[str, Any]:
        node, box = placed
        ways = [one for one in placing.layout.ways if one.source == node.id]
        name = self._words.name(node)
        return {
            "id": node.id,
            "kind": kind(node),
            "name": name,
            "short": cut(name, _LONGEST_NAME),
            "summary": self._words.summary(node),
            "about": cut(self._words.summary(node), _LONGEST_SUMMARY),
            "left": box.left,
            "right": box.left + box.width,
            "y": box.y,
            "width": box.width,
            "height": NODE_HEIGHT,
            "inside": self._numbers.inside.get(node.id, 0),
            "through": self._numbers.through(node.id, ways),
            "targets": [{"id": one.target, "label": self._words.label(one.label, kind(node))} for one in ways],
            "classes": self._classes(node.id),
            "is_selected": node.id == self._marked.selected,
            "mistakes": list(self._marked.mistakes.get(node.id, {}).values()),
        }

    def _classes(self, node_id: str) -> str:
        marked = self._marked
        on_the_way = {one for way in marked.taken for one in way}
        words = [
            "wrong" if marked.mistakes.get(node_id) else "",
            "taken" if node_id in on_the_way else "",
            marked.changes.get(node_id, ""),
        ]
        return " ".join(word for word in words if word)

    def _way(self, placed: PlacedWay) -> dict[str, Any]:
        way, ends = placed.way, (placed.way.source, placed.way.target)
        return {
            "source": way.source,
            "target": way.target,
            "path": placed.path,
            "arrow": placed.arrow,
            "label": cut(self._words.label(way.label, self._kinds[way.source]), _LONGEST_LABEL),
            "x": placed.label_x,
            "y": placed.label_y,
            "middle_x": round(placed.middle_x, 1),
            "middle_y": round(placed.middle_y, 1),
            "count": self._numbers.along(way),
            "classes": self._way_classes(ends, is_back=way.is_back),
        }

    def _way_classes(self, ends: tuple[str, str], *, is_back: bool) -> str:
        marked = self._marked
        is_removed = ends in marked.gone or marked.changes.get(ends[0]) == "removed"
        words = {"back": is_back, "taken": ends in marked.taken, "removed": is_removed, "added": ends in marked.new}
        return " ".join(word for word, is_so in words.items() if is_so)


def read_id(visit: Visit) -> int:
    """The number of the workflow in the address, or NotFound."""
    text = visit.path["id"]
    if not (text.isascii() and text.isdecimal() and int(text[:20]) <= _MOST_ID):
        raise NotFound("there is no such workflow")
    return int(text)


def show_board(
    visit: Visit, board: Board, template: str, marked: Marked | None = None, status: int = 200, **values: object
) -> Response:
    """The page with its graph and, as the template says, what is beside it."""
    words = Words(board.configuration, board.workflow, visit.t)
    marked = marked or Marked()
    marked = marked._replace(mistakes=stored_mistakes(board) | dict(marked.mistakes))
    shown: dict[str, object] = {
        "workflow": board.workflow,
        "database": board.configuration.databases[board.workflow.database].name,
        "made_of": board.state,
        "file": board.file,
        "totals": count_totals(board.workflow, board.numbers),
        "graph": Drawing(visit, words, board.numbers, marked).draw(board.workflow.nodes),
        "selected": marked.selected,
        "names": {node.id: words.name(node) for node in board.workflow.nodes},
        "others": [
            {"id": one, "said": said}
            for one, mistakes in marked.mistakes.items()
            if one != marked.selected
            for said in mistakes.values()
        ],
        "can_edit": visit.may("write"),
        "is_chosen": template != "workflows/workflow.html",
    }
    return visit.render(template, status, **shown | values)


def count_totals(workflow: Workflow, numbers: Numbers) -> dict[str, int]:
    """How many are inside, and how often somebody entered and came to an end."""
    starts = {node.id for node in workflow.nodes if isinstance(node, StartNode)}
    return {
        "inside": sum(numbers.inside.values()),
        "entered": sum(total for (source, _), total in numbers.taken.items() if source in starts),
        "finished": sum(total for (_, target), total in numbers.taken.items() if not target),
    }


def stored_mistakes(board: Board) -> dict[str, Mistakes]:
    """What is wrong with the workflow as it is stored, by node."""
    named = [(describe_path(path), sentence) for path, sentence in board.findings]
    return split_mistakes([node.id for node in board.workflow.nodes], named)


def split_mistakes(node_ids: Sequence[str], mistakes: Sequence[tuple[str, str]]) -> dict[str, Mistakes]:
    """Mistakes of a graph, whose paths begin with the place of a node, by node and then by the node's own path."""
    split: dict[str, Mistakes] = {}
    for path, sentence in mistakes:
        place, closed, rest = path.removeprefix("nodes[").partition("]")
        is_of_node = closed and path.startswith("nodes[") and place.isdecimal() and int(place) < len(node_ids)
        node_id = node_ids[int(place)] if is_of_node else ""
        of_node = split.setdefault(node_id, {})
        member = rest.removeprefix(".") if is_of_node else path
        said = sentence.removeprefix(f"node {node_id}: ")
        of_node[member] = f"{of_node[member]}; {said}" if member in of_node else said
    return split
