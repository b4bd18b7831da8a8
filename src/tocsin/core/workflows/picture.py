"""A workflow as an SVG picture, for a browser: light or dark as its reader has it, with no font or file of its own."""

from collections.abc import Iterator, Mapping, Sequence
from html import escape
from itertools import count
from typing import NamedTuple

from tocsin.core.configuration_workflows import Node, Workflow
from tocsin.core.workflows.drawing import Numbers, cut, describe_node, describe_workflow
from tocsin.core.workflows.layout import Layout, Slot, Way, lay_out

_NODE_WIDTH, _NODE_HEIGHT = 200, 62
_PORT_WIDTH = 88
_BEND_WIDTH = 36
_COLUMN_GAP, _LAYER_GAP = 28, 72
_MARGIN = 24
_CHANNEL = 14
_BACK_PORT = 34

_STYLE = """
.workflow{--ink:#1d2935;--quiet:#566676;--ground:#ffffff;--box:#f3f5f7;--line:#8a99a8;--busy:#0a6e5a;
color:var(--ink);background:var(--ground);font:13px system-ui,sans-serif}
@media (prefers-color-scheme:dark){.workflow{--ink:#e4e9ee;--quiet:#9aa8b6;--ground:#14191f;--box:#202832;
--line:#66778a;--busy:#4fd1b5}}
.workflow rect{fill:var(--box);stroke:var(--line)}
.workflow .busy rect{stroke:var(--busy);stroke-width:2}
.workflow path{fill:none;stroke:var(--line);stroke-width:1.4}
.workflow .back{stroke-dasharray:5 4}
.workflow polygon{fill:var(--line)}
.workflow text{fill:currentColor;text-anchor:middle}
.workflow .name{font-weight:600}
.workflow .quiet{fill:var(--quiet);font-size:11px}
.workflow .label{fill:var(--quiet);font-size:11px;stroke:var(--ground);stroke-width:3px;paint-order:stroke}
"""


class _Box(NamedTuple):
    """Where a slot is: its middle, its upper edge, its width."""

    x: float
    y: float
    width: float

    @property
    def bottom(self) -> float:
        return self.y + _NODE_HEIGHT


def draw_svg(workflow: Workflow, numbers: Numbers) -> str:
    """The graph from top to bottom, nodes with how many are inside and have gone through, ways with how many took them.

    Ways back are dashed and go round at the right.
    """
    layout = lay_out(workflow.nodes)
    ways = layout.ways_from()
    boxes = _place(layout, ways)
    right = max(box.x + box.width / 2 for box in boxes.values())
    nodes = {node.id: node for node in workflow.nodes}
    parts = [
        *_draw_ways(layout, ways, boxes, numbers, right),
        *(_draw_node(nodes[one], boxes[layout.layer_of[one], one], numbers, ways[one]) for one in layout.order()),
    ]
    width = right + _MARGIN + _CHANNEL * (1 + sum(way.is_back for way in layout.ways))
    height = max(box.bottom for box in boxes.values()) + _LAYER_GAP
    title = _text(describe_workflow(workflow, numbers))
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" class="workflow" role="img" width="{width:g}" height="{height:g}" '
        f'viewBox="0 0 {width:g} {height:g}">\n<title>{title}</title>\n<style>{_STYLE}</style>\n'
        + "\n".join(parts)
        + "\n</svg>\n"
    )


def _text(text: str, room: int = 1000) -> str:
    return escape(cut(text, room))


def _place(layout: Layout, ways: Mapping[str, Sequence[Way]]) -> dict[Slot, _Box]:
    """The box of each slot; every layer stands in the middle."""
    widths = [
        [
            max(_NODE_WIDTH, _PORT_WIDTH * len(ways[one])) if layout.layer_of[one] == number else _BEND_WIDTH
            for one in layer
        ]
        for number, layer in enumerate(layout.layers)
    ]
    totals = [sum(layer) + _COLUMN_GAP * (len(layer) - 1) for layer in widths]
    boxes: dict[Slot, _Box] = {}
    for number, layer in enumerate(layout.layers):
        left = _MARGIN + (max(totals) - totals[number]) / 2
        for one, width in zip(layer, widths[number], strict=True):
            boxes[number, one] = _Box(left + width / 2, _MARGIN + number * (_NODE_HEIGHT + _LAYER_GAP), width)
            left += width + _COLUMN_GAP
    return boxes


def _draw_node(node: Node, box: _Box, numbers: Numbers, ways: Sequence[Way]) -> str:
    inside = numbers.inside.get(node.id, 0)
    left = box.x - box.width / 2
    busy = ' class="busy"' if inside else ""
    return (
        f"<g{busy}><title>{_text(f'{node.id}: {describe_node(node)}')}</title>"
        f'<rect x="{left:g}" y="{box.y:g}" width="{box.width:g}" height="{_NODE_HEIGHT}" rx="8"/>'
        f'<text class="name" x="{box.x:g}" y="{box.y + 20:g}">{_text(node.name or node.id, 26)}</text>'
        f'<text class="quiet" x="{box.x:g}" y="{box.y + 36:g}">{_text(describe_node(node), 34)}</text>'
        f'<text class="quiet" x="{box.x:g}" y="{box.y + 52:g}">{inside} inside · '
        f"{numbers.through(node.id, ways)} through</text></g>"
    )


def _draw_ways(
    layout: Layout,
    ways: Mapping[str, Sequence[Way]],
    boxes: Mapping[Slot, _Box],
    numbers: Numbers,
    right: float,
) -> Iterator[str]:
    channels = count(1)
    for several in ways.values():
        for port, way in enumerate(sorted(several, key=lambda one: _aim(layout, boxes, one))):
            path = layout.path(way) if not way.is_back else [(layout.layer_of[one], one) for one in way[:2]]
            source = boxes[path[0]]
            x = source.x + source.width * ((port + 0.5) / len(several) - 0.5)
            if way.is_back:
                yield _draw_back(x, source, boxes[path[1]], right + _CHANNEL * next(channels))
            else:
                yield _draw_forward(x, [boxes[slot] for slot in path])
            label = f"{cut(way.label, 18)} · {numbers.along(way)}"
            yield f'<text class="label" x="{x:g}" y="{source.bottom + 16 + 13 * (port % 2):g}">{_text(label)}</text>'


def _aim(layout: Layout, boxes: Mapping[Slot, _Box], way: Way) -> float:
    """Where a way goes first; ways back go to the right."""
    return float("inf") if way.is_back else boxes[layout.path(way)[1]].x


def _draw_forward(x: float, path: Sequence[_Box]) -> str:
    y = path[0].bottom
    drawn = f"M{x:g} {y:g}"
    for box in path[1:]:
        half = (box.y - y) / 2
        drawn += f"C{x:g} {y + half:g} {box.x:g} {box.y - half:g} {box.x:g} {box.y:g}"
        x, y = box.x, box.bottom
        drawn += f"V{y:g}" if box is not path[-1] else ""
    return f'<path d="{drawn}"/>{_arrow(path[-1].x, path[-1].y)}'


def _draw_back(x: float, source: _Box, target: _Box, channel: float) -> str:
    """Down, round at the right, and in from above."""
    end = target.x + _BACK_PORT
    drawn = f"M{x:g} {source.bottom:g}v{_LAYER_GAP / 2:g}H{channel:g}V{target.y - 14:g}H{end:g}V{target.y:g}"
    return f'<path class="back" d="{drawn}"/>{_arrow(end, target.y)}'


def _arrow(x: float, y: float) -> str:
    return f'<polygon points="{x - 5:g},{y - 8:g} {x + 5:g},{y - 8:g} {x:g},{y:g}"/>'
