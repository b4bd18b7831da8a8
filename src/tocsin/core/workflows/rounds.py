"""Where a graph leads, and where it leads in a circle. Nothing here is recursive: graphs come from callers."""

from collections import deque
from collections.abc import Iterator, Mapping

from tocsin.core.configuration_workflows import Node, StartNode, Workflow, WorkflowJumpNode
from tocsin.core.workflows.graph import edges

Nodes = Mapping[str, Node]


def reach(nodes: Nodes, start: str, *, without_waiting: bool = False) -> set[str]:
    """The nodes that can be come to from `start`, itself among them; perhaps only those for which no time must pass."""
    reached = {start}
    ahead = deque(reached)
    while ahead:
        for edge in edges(nodes[ahead.popleft()]):
            if edge.target in nodes and edge.target not in reached and not (without_waiting and edge.waits):
                reached.add(edge.target)
                ahead.append(edge.target)
    return reached


def find_cycles(nodes: Nodes) -> Iterator[list[str]]:
    """Circles in which no time must pass, no two with a node in common; every such circle meets one of them."""
    ways = {
        node_id: [edge.target for edge in edges(node) if not edge.waits and edge.target in nodes]
        for node_id, node in nodes.items()
    }
    sources: dict[str, list[str]] = {node_id: [] for node_id in nodes}
    for node_id, targets in ways.items():
        for target in targets:
            sources[target].append(node_id)
    left = {node_id: len(targets) for node_id, targets in ways.items()}
    ended = deque(node_id for node_id, count in left.items() if not count)
    while True:
        _drop(ways, sources, left, ended)
        if not ways:
            return
        cycle = _walk(ways)
        yield cycle
        ended.extend(cycle)


def _drop(
    ways: dict[str, list[str]], sources: Mapping[str, list[str]], left: dict[str, int], ended: deque[str]
) -> None:
    """Take out the nodes that have ended, and then those from which one cannot walk on for ever."""
    while ended:
        node_id = ended.popleft()
        if ways.pop(node_id, None) is None:
            continue
        for source in sources[node_id]:
            left[source] -= 1
            if not left[source]:
                ended.append(source)


def _walk(ways: Mapping[str, list[str]]) -> list[str]:
    """A circle, from any node on."""
    places: dict[str, int] = {}
    path: list[str] = []
    here = next(iter(ways))
    while here not in places:
        places[here] = len(path)
        path.append(here)
        here = next(target for target in ways[here] if target in ways)
    return path[places[here] :]


def find_jumps_in_a_circle(workflow: Workflow, known: Mapping[int, Workflow]) -> set[int]:
    """The workflows that this one jumps to at once and from which, at once as well, jumps lead back to it."""
    jumps = {workflow.id: _instant_jumps(workflow)}
    return {target for target in jumps[workflow.id] if _leads_to(target, workflow.id, known, jumps)}


def _leads_to(source: int, wanted: int, known: Mapping[int, Workflow], jumps: dict[int, set[int]]) -> bool:
    reached = {source}
    ahead = deque(reached)
    while ahead and wanted not in reached:
        here = ahead.popleft()
        if here not in jumps:
            jumps[here] = _instant_jumps(known[here]) if here in known else set()
        ahead.extend(jumps[here] - reached)
        reached |= jumps[here]
    return wanted in reached


def _instant_jumps(workflow: Workflow) -> set[int]:
    nodes = {node.id: node for node in workflow.nodes}
    starts = [node.id for node in workflow.nodes if isinstance(node, StartNode)]
    reached = {node_id for start in starts for node_id in reach(nodes, start, without_waiting=True)}
    return {node.workflow for node_id in reached if isinstance(node := nodes[node_id], WorkflowJumpNode)}
