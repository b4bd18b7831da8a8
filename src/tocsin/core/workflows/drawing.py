"""A workflow as a drawing in text, for a terminal."""

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from msgspec import Struct, field

from tocsin.core.configuration_workflows import Node, Workflow
from tocsin.core.workflows.graph import kind
from tocsin.core.workflows.layout import Layout, Way, lay_out

WIDTH = 100
_NUMBER_WIDTH = 10
# Wider than this the rails say less than the words beside them.
_MOST_RAILS = 16


class Numbers(Struct, frozen=True):
    """How many are at each node now, and how often each way was taken; to "" where passages ended."""

    inside: Mapping[str, int] = field(default_factory=dict)
    taken: Mapping[tuple[str, str], int] = field(default_factory=dict)

    def through(self, node_id: str, ways: Sequence[Way]) -> int:
        """How many have left a node, which has these ways out."""
        return sum(self.along(way) for way in ways) if ways else self.taken.get((node_id, ""), 0)

    def along(self, way: Way) -> int:
        """How many have taken a way."""
        return self.taken.get((way.source, way.target), 0)


class _Row(NamedTuple):
    rails: str
    text: str
    inside: str = ""
    through: str = ""


def describe_node(node: Node) -> str:
    """`hello, campaign "Order received" (trigger 8)`, apart from the id."""
    named = f' "{node.name}"' if node.name else ""
    asked = next((f" ({word} {getattr(node, word)})" for word in ("trigger", "workflow") if hasattr(node, word)), "")
    return f"{kind(node)}{named}{asked}"


def describe_workflow(workflow: Workflow, numbers: Numbers) -> str:
    """The line above a drawing."""
    state = "active" if workflow.active else "not active"
    inside = sum(numbers.inside.values())
    return f'workflow {workflow.id} "{workflow.name}", {state}, database {workflow.database}, {inside} inside'


def draw(workflow: Workflow, numbers: Numbers) -> str:
    """Nodes one below the other, each below all that lead to it, and lines for the ways between them.

    At most 100 columns; what would need more is cut. Ways back are said in words.
    """
    layout = lay_out(workflow.nodes)
    rows = list(_rows(workflow, layout, numbers))
    width = max(len(row.rails) for row in rows)
    if width > 2 * _MOST_RAILS:
        rows, width = [row._replace(rails="") for row in rows if row.text], 0
    head = _Row("", "", "inside", "through")
    lines = [cut(describe_workflow(workflow, numbers), WIDTH), "", *(_line(row, width) for row in [head, *rows])]
    return "\n".join(lines) + "\n"


def _line(row: _Row, width: int) -> str:
    room = WIDTH - width - 1 - 2 * _NUMBER_WIDTH
    text = f"{row.rails:{width}} {cut(row.text, room):{room}}"
    return f"{text}{row.inside:>{_NUMBER_WIDTH}}{row.through:>{_NUMBER_WIDTH}}".strip("\n").rstrip()


def cut(text: str, room: int) -> str:
    """The text on one line of so many characters, without any that a terminal or a document would obey."""
    line = "".join(sign if sign.isprintable() else " " for sign in text)
    return line if len(line) <= room else line[: room - 1] + "…"


def _rows(workflow: Workflow, layout: Layout, numbers: Numbers) -> Iterator[_Row]:
    """A row for each node, with its ways below it. `rails` are the nodes that the open lines lead to, by column."""
    nodes = {node.id: node for node in workflow.nodes}
    ways = layout.ways_from()
    rails: list[str | None] = []
    for node_id in layout.order():
        column = _column(rails, node_id)
        rails[column] = node_id
        yield _Row(
            _draw_rails(rails, {column: "●"}),
            f"{node_id}  {describe_node(nodes[node_id])}",
            str(numbers.inside.get(node_id, 0)),
            str(numbers.through(node_id, ways[node_id])),
        )
        yield from _way_rows(rails, column, ways[node_id], numbers)


def _way_rows(rails: list[str | None], column: int, ways: list[Way], numbers: Numbers) -> Iterator[_Row]:
    """Lines from the node in a column: the last way goes on in it, or ends it by joining another line."""
    forward = [way for way in ways if not way.is_back]
    ordered = [way for way in ways if way.is_back] + forward
    if not ways:
        rails[column] = None
    for way in ordered:
        taken = str(numbers.along(way))
        if way.is_back:
            is_last = not forward and way is ordered[-1]
            rails[column] = None if is_last else rails[column]
            drawn = _draw_rails(rails, {column: "╵"} if is_last else {})
            yield _Row(drawn, f"    {way.label} ↑ back to {way.target}", "", taken)
        else:
            drawn = _lead(rails, column, way.target, is_last=way is forward[-1])
            yield _Row(drawn, f"    {way.label} → {way.target}", "", taken)
    while rails and rails[-1] is None:
        rails.pop()


def _column(rails: list[str | None], wanted: str | None) -> int:
    """The column of the line that leads to a node, else a free one."""
    if wanted in rails:
        return rails.index(wanted)
    if None not in rails:
        rails.append(None)
    return rails.index(None)


def _lead(rails: list[str | None], column: int, target: str, *, is_last: bool) -> str:
    """Lead a line from a column to that of its target, and draw it."""
    is_open = target in rails
    if is_last and not is_open:
        rails[column] = target
        return _draw_rails(rails, {})
    other = _column(rails, target)
    rails[other] = target
    is_right = other > column
    here = {(True, True): "╰", (True, False): "╯", (False, True): "├", (False, False): "┤"}[is_last, is_right]
    there = {(True, True): "┤", (True, False): "├", (False, True): "╮", (False, False): "╭"}[is_open, is_right]
    drawn = _draw_rails(rails, {column: here, other: there}, range(min(column, other), max(column, other)))
    if is_last:
        rails[column] = None
    return drawn


def _draw_rails(rails: list[str | None], signs: Mapping[int, str], joined: range = range(0)) -> str:
    """Each line as a sign with a gap behind it, which is a dash where a line goes across; of too many, only room."""
    if len(rails) > _MOST_RAILS:
        return " " * (2 * _MOST_RAILS + 1)
    drawn = ""
    for column, target in enumerate(rails):
        across = column in joined
        drawn += signs.get(column) or ("│" if target else "─" if across else " ")
        drawn += "─" if across else " "
    return drawn.rstrip()
