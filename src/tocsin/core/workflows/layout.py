"""Where the nodes of a workflow stand in a drawing: in layers, each below all that lead to it but for ways back."""

from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from statistics import fmean
from typing import NamedTuple

from tocsin.core.configuration_workflows import Node, StartNode
from tocsin.core.workflows.graph import edges

_SWEEPS = 4
# Beyond this, ways over several layers are drawn straight.
_MOST_BENDS = 20_000

# A place in a layer. It is the node itself in the node's own layer, and above that the ways that lead there.
Slot = tuple[int, str]


class Way(NamedTuple):
    """From a node to another one; `label` joins those of all its edges that lead there. `is_back`: closes a loop."""

    source: str
    target: str
    label: str
    is_back: bool


class Layout(NamedTuple):
    """`layers`: the slots of each, from left to right; with `has_bends` ways over several layers have some between.

    `ways`: in the order of the nodes and of their edges.
    """

    layers: Sequence[Sequence[str]]
    layer_of: Mapping[str, int]
    ways: Sequence[Way]
    has_bends: bool

    def order(self) -> list[str]:
        """The nodes, layer by layer."""
        return [one for number, layer in enumerate(self.layers) for one in layer if self.layer_of[one] == number]

    def ways_from(self) -> dict[str, list[Way]]:
        """The ways out of each node."""
        found: dict[str, list[Way]] = {node_id: [] for node_id in self.layer_of}
        for way in self.ways:
            found[way.source].append(way)
        return found

    def path(self, way: Way) -> list[Slot]:
        """The slots that a way goes through, its ends among them."""
        first, last = self.layer_of[way.source], self.layer_of[way.target]
        between = [(layer, way.target) for layer in range(first + 1, last)] if self.has_bends else []
        return [(first, way.source), *between, (last, way.target)]


def lay_out(nodes: Iterable[Node], gone: Iterable[tuple[str, str]] = ()) -> Layout:
    """The layout of a checked graph; `gone`: ways between its nodes that are drawn although no node has them."""
    known = {node.id: node for node in nodes}
    ways = _find_ways(known, gone)
    forward = [way for way in ways if not way.is_back]
    layer_of = _layers(known, forward)
    tops = dict(layer_of)
    for way in forward:
        tops[way.target] = min(tops[way.target], layer_of[way.source] + 1)
    has_bends = sum(layer_of[one] - tops[one] for one in known) <= _MOST_BENDS
    slots = _slots(layer_of, tops if has_bends else layer_of)
    return Layout(_ordered(slots, layer_of, forward), layer_of, ways, has_bends)


def _find_ways(nodes: Mapping[str, Node], gone: Iterable[tuple[str, str]]) -> list[Way]:
    targets = {node_id: _labelled(node, nodes) for node_id, node in nodes.items()}
    for source, target in gone:
        targets[source].setdefault(target, "")
    back = _find_back(targets, next((one.id for one in nodes.values() if isinstance(one, StartNode)), None))
    return [
        Way(source, target, label, (source, target) in back)
        for source, labels in targets.items()
        for target, label in labels.items()
    ]


def _labelled(node: Node, nodes: Mapping[str, Node]) -> dict[str, str]:
    labels: dict[str, list[str]] = {}
    for edge in edges(node):
        if edge.target in nodes:
            labels.setdefault(edge.target, []).append(edge.label)
    return {target: ", ".join(several) for target, several in labels.items()}


def _find_back(targets: Mapping[str, Iterable[str]], start: str | None) -> set[tuple[str, str]]:
    """The ways to a node from which one has come there, going as deep as possible first."""
    back: set[tuple[str, str]] = set()
    seen: set[str] = set()
    open_nodes: dict[str, Iterator[str]] = {}
    for root in [start, *targets] if start else targets:
        if root in seen:
            continue
        seen.add(root)
        open_nodes[root] = iter(targets[root])
        while open_nodes:
            here, ahead = next(reversed(open_nodes.items()))
            target = next(ahead, None)
            if target is None:
                del open_nodes[here]
            elif target in open_nodes:
                back.add((here, target))
            elif target not in seen:
                seen.add(target)
                open_nodes[target] = iter(targets[target])
    return back


def _layers(nodes: Iterable[str], forward: Sequence[Way]) -> dict[str, int]:
    """The length of the longest way to each node."""
    targets: dict[str, list[str]] = {node_id: [] for node_id in nodes}
    missing = dict.fromkeys(targets, 0)
    for way in forward:
        targets[way.source].append(way.target)
        missing[way.target] += 1
    layer_of = dict.fromkeys(targets, 0)
    ready = deque(node_id for node_id, count in missing.items() if not count)
    while ready:
        here = ready.popleft()
        for target in targets[here]:
            layer_of[target] = max(layer_of[target], layer_of[here] + 1)
            missing[target] -= 1
            if not missing[target]:
                ready.append(target)
    return layer_of


def _slots(layer_of: Mapping[str, int], tops: Mapping[str, int]) -> list[list[str]]:
    """Each node in its layer, and, from its top on, in those where ways to it pass."""
    layers: list[list[str]] = [[] for _ in range(max(layer_of.values(), default=-1) + 1)]
    for node_id, bottom in layer_of.items():
        for layer in range(tops[node_id], bottom + 1):
            layers[layer].append(node_id)
    return layers


def _ordered(slots: Sequence[list[str]], layer_of: Mapping[str, int], forward: Sequence[Way]) -> list[list[str]]:
    """Each slot where its neighbours are in the middle, so that few ways cross; down and up in turns."""
    above, below = _neighbours(slots, layer_of, forward)
    layers = [list(layer) for layer in slots]
    for sweep in range(_SWEEPS):
        is_down = sweep % 2 == 0
        joined = above if is_down else below
        numbers = range(1, len(layers)) if is_down else range(len(layers) - 2, -1, -1)
        for number in numbers:
            beside = {one: place for place, one in enumerate(layers[number - 1 if is_down else number + 1])}
            _sort(layers[number], {one: joined.get((number, one), ()) for one in layers[number]}, beside)
    return layers


def _sort(layer: list[str], joined: Mapping[str, Iterable[str]], beside: Mapping[str, int]) -> None:
    wanted: dict[str, float] = {}
    for place, one in enumerate(layer):
        places = [beside[other] for other in joined[one] if other in beside]
        wanted[one] = fmean(places) if places else float(place)
    layer.sort(key=wanted.__getitem__)


def _neighbours(
    slots: Sequence[Sequence[str]], layer_of: Mapping[str, int], forward: Iterable[Way]
) -> tuple[dict[Slot, list[str]], dict[Slot, list[str]]]:
    """For each slot those in the layer above, and those in the layer below, that it is joined to."""
    above: dict[Slot, list[str]] = {}
    below: dict[Slot, list[str]] = {}
    passing = [(number, one) for number, layer in enumerate(slots) for one in layer if layer_of[one] > number]
    for number, source, target in [
        *((layer_of[way.source], way.source, way.target) for way in forward),
        *((number, one, one) for number, one in passing),
    ]:
        below.setdefault((number, source), []).append(target)
        above.setdefault((number + 1, target), []).append(source)
    return above, below
