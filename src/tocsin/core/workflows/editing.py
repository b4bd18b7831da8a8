"""Changing a graph by hand: nodes as plain members, as in the configuration file. Whether they fit is checked later."""

from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from copy import deepcopy
from itertools import count
from typing import Any

from tocsin.core.configuration_workflows import Workflow
from tocsin.core.errors import Conflict, NotFound
from tocsin.core.workflows.graph import TARGETS, edges

Members = dict[str, Any]
Path = tuple[str | int, ...]

NEW_END = "+end"
"""In place of a target: an end that is made for it."""


def list_ways(node: Mapping[str, Any]) -> list[tuple[Path, str]]:
    """Where a node leads: the member that names the target, and the target, in the order in which they are tried."""
    branches: list[tuple[Path, str]] = [
        (("branches", place, "next"), branch["next"])
        for place, branch in enumerate(node.get("branches", ()))
        if branch.get("next")
    ]
    return branches + [((name,), node[name]) for name in TARGETS if node.get(name)]


def find(nodes: Sequence[Members], node_id: str) -> Members:
    """The node, or NotFound."""
    found = next((node for node in nodes if node.get("id") == node_id), None)
    if found is None:
        raise NotFound(f"there is no node {node_id}")
    return found


def redirect(node: Members, targets: Mapping[Path, str]) -> Members:
    """The node with other targets at some of its members."""
    changed = deepcopy(node)
    for path, target in targets.items():
        holder: Any = changed
        for part in path[:-1]:
            holder = holder[part]
        holder[path[-1]] = target
    return changed


def replace(nodes: Sequence[Members], changed: Members) -> list[Members]:
    """The nodes with one changed; NotFound without it."""
    find(nodes, changed["id"])
    return _with_ends([changed if node["id"] == changed["id"] else node for node in nodes])


def insert(nodes: Sequence[Members], added: Members, source: str, paths: Iterable[Path]) -> list[Members]:
    """The nodes with one more behind its source, to which those ways of the source lead from now on."""
    before = find(nodes, source)
    known = dict(list_ways(before))
    wanted = [path for path in paths if path in known]
    if not wanted:
        raise Conflict(f"node {source} does not lead there any more")
    led = redirect(before, {path: str(added["id"]) for path in wanted})
    grown: list[Members] = []
    for node in nodes:
        grown += [led, added] if node is before else [node]
    return _with_ends(grown)


def remove(nodes: Sequence[Members], node_id: str, to: str, *, with_rest: bool) -> list[Members]:
    """The nodes without one: ways to it lead to `to`. `with_rest`: nor with those that nothing leads to then."""
    find(nodes, node_id)
    left = [
        redirect(node, {path: to for path, target in list_ways(node) if target == node_id})
        for node in nodes
        if node["id"] != node_id
    ]
    left = _with_ends(left)
    return _reached(left) if with_rest else left


def free_id(nodes: Sequence[Mapping[str, Any]], wanted: str) -> str:
    """An id that no node has: the wanted one, or with a number behind it."""
    taken = {node.get("id") for node in nodes}
    numbered = (wanted if number == 1 else f"{wanted}-{number}" for number in count(1))
    return next(one for one in numbered if one not in taken)


def differences(before: Workflow | None, after: Workflow) -> dict[str, str]:
    """What became of each node that is not as it was: `added`, `changed` or `removed`."""
    old = {node.id: node for node in before.nodes} if before else {}
    new = {node.id: node for node in after.nodes}
    found = {one: "added" if one not in old else "changed" for one in new if old.get(one) != new[one]}
    return found | {one: "removed" for one in old if one not in new}


def list_pairs(workflow: Workflow | None) -> set[tuple[str, str]]:
    """From which node one leads to which."""
    nodes = workflow.nodes if workflow else ()
    return {(node.id, edge.target) for node in nodes for edge in edges(node)}


def _with_ends(nodes: list[Members]) -> list[Members]:
    """With an end for the ways that lead to a new one, the same for all."""
    end = free_id(nodes, "end")
    ended = [redirect(node, {path: end for path, target in list_ways(node) if target == NEW_END}) for node in nodes]
    return [*ended, {"id": end, "type": "end"}] if ended != nodes else nodes


def _reached(nodes: Sequence[Members]) -> list[Members]:
    known = {node["id"]: node for node in nodes}
    ahead = deque(node["id"] for node in nodes if node["type"] == "start")
    reached = set(ahead)
    while ahead:
        for _, target in list_ways(known[ahead.popleft()]):
            if target in known and target not in reached:
                reached.add(target)
                ahead.append(target)
    return [node for node in nodes if node["id"] in reached]
