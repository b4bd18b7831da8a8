"""Where the boxes and lines of a drawn workflow are, in pixels, whoever draws them."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import count
from typing import NamedTuple

from tocsin.core.configuration_workflows import Node
from tocsin.core.workflows.layout import Layout, Slot, Way, lay_out

NODE_WIDTH, NODE_HEIGHT = 200, 62
_PORT_WIDTH = 88
_BEND_WIDTH = 36
_COLUMN_GAP, _LAYER_GAP = 28, 72
_MARGIN = 24
_CHANNEL = 18
_BACK_PORT = 34
# How far along the first piece of a way its middle is, below the label and above the arrow.
_MIDDLE = 0.6


class Box(NamedTuple):
    """Where a slot is: its middle, its upper edge, its width."""

    x: float
    y: float
    width: float

    @property
    def left(self) -> float:
        """Its left edge."""
        return self.x - self.width / 2

    @property
    def bottom(self) -> float:
        """Its lower edge."""
        return self.y + NODE_HEIGHT


class PlacedNode(NamedTuple):
    """A node and its box."""

    node: Node
    box: Box


class PlacedWay(NamedTuple):
    """A way as an SVG path and the points of its arrow; where its label is centred, and a point on it further down."""

    way: Way
    path: str
    arrow: str
    label_x: float
    label_y: float
    middle_x: float
    middle_y: float


class Placing(NamedTuple):
    """A graph from top to bottom; ways back go round at the right."""

    layout: Layout
    width: float
    height: float
    nodes: Sequence[PlacedNode]
    ways: Sequence[PlacedWay]


def place(nodes: Sequence[Node], gone: Iterable[tuple[str, str]] = ()) -> Placing:
    """The places of a graph's nodes, layer by layer, and of its ways, those that are `gone` among them."""
    layout = lay_out(nodes, gone)
    ways = layout.ways_from()
    boxes = _place_boxes(layout, ways)
    right = max(box.x + box.width / 2 for box in boxes.values())
    known = {node.id: node for node in nodes}
    return Placing(
        layout,
        right + _MARGIN + _CHANNEL * (1 + sum(way.is_back for way in layout.ways)),
        max(box.bottom for box in boxes.values()) + _LAYER_GAP,
        [PlacedNode(known[one], boxes[layout.layer_of[one], one]) for one in layout.order()],
        list(_place_ways(layout, ways.values(), boxes, right)),
    )


def _place_boxes(layout: Layout, ways: Mapping[str, Sequence[Way]]) -> dict[Slot, Box]:
    """The box of each slot; every layer stands in the middle."""
    widths = [
        [
            max(NODE_WIDTH, _PORT_WIDTH * len(ways[one])) if layout.layer_of[one] == number else _BEND_WIDTH
            for one in layer
        ]
        for number, layer in enumerate(layout.layers)
    ]
    totals = [sum(layer) + _COLUMN_GAP * (len(layer) - 1) for layer in widths]
    boxes: dict[Slot, Box] = {}
    for number, layer in enumerate(layout.layers):
        left = _MARGIN + (max(totals) - totals[number]) / 2
        for one, width in zip(layer, widths[number], strict=True):
            boxes[number, one] = Box(left + width / 2, _MARGIN + number * (NODE_HEIGHT + _LAYER_GAP), width)
            left += width + _COLUMN_GAP
    return boxes


def _place_ways(
    layout: Layout, ways: Iterable[Sequence[Way]], boxes: Mapping[Slot, Box], right: float
) -> Iterator[PlacedWay]:
    channels = count(1)
    for several in ways:
        for port, way in enumerate(sorted(several, key=lambda one: _aim(layout, boxes, one))):
            path = layout.path(way) if not way.is_back else [(layout.layer_of[one], one) for one in way[:2]]
            source = boxes[path[0]]
            x = source.x + source.width * ((port + 0.5) / len(several) - 0.5)
            label_y = source.bottom + 16 + 13 * (port % 2)
            if way.is_back:
                yield _lead_back(way, x, source, boxes[path[1]], right + _CHANNEL * next(channels), label_y)
            else:
                yield _lead_forward(way, x, [boxes[slot] for slot in path], label_y)


def _aim(layout: Layout, boxes: Mapping[Slot, Box], way: Way) -> float:
    """Where a way goes first; ways back go to the right."""
    return float("inf") if way.is_back else boxes[layout.path(way)[1]].x


def _lead_forward(way: Way, start: float, path: Sequence[Box], label_y: float) -> PlacedWay:
    x, y = start, path[0].bottom
    drawn = f"M{x:g} {y:g}"
    for box in path[1:]:
        half = (box.y - y) / 2
        drawn += f"C{x:g} {y + half:g} {box.x:g} {box.y - half:g} {box.x:g} {box.y:g}"
        x, y = box.x, box.bottom
        drawn += f"V{y:g}" if box is not path[-1] else ""
    last = path[-1]
    across = 3 * (1 - _MIDDLE) * _MIDDLE**2 + _MIDDLE**3
    down = 1.5 * (1 - _MIDDLE) * _MIDDLE + _MIDDLE**3
    middle = (start + (path[1].x - start) * across, path[0].bottom + (path[1].y - path[0].bottom) * down)
    return PlacedWay(way, drawn, _arrow(last.x, last.y), start, label_y, *middle)


def _lead_back(way: Way, x: float, source: Box, target: Box, channel: float, label_y: float) -> PlacedWay:
    """Down, round at the right, and in from above."""
    end, low, high = target.x + _BACK_PORT, source.bottom + _LAYER_GAP / 2, target.y - 14
    drawn = f"M{x:g} {source.bottom:g}V{low:g}H{channel:g}V{high:g}H{end:g}V{target.y:g}"
    return PlacedWay(way, drawn, _arrow(end, target.y), x, label_y, channel, (low + high) / 2)


def _arrow(x: float, y: float) -> str:
    return f"{x - 5:g},{y - 8:g} {x + 5:g},{y - 8:g} {x:g},{y:g}"
