"""A workflow as a graph: where its nodes lead, and what of it is translated once and used for every profile."""

from collections.abc import Mapping
from typing import NamedTuple

from tocsin.core import mongo
from tocsin.core.configuration import Database
from tocsin.core.configuration_workflows import (
    ApiRequestNode,
    ConditionNode,
    ContentBranch,
    ContentFilterNode,
    DelayNode,
    FeedbackNode,
    Node,
    Share,
    StartNode,
    UpdateNode,
    Workflow,
)
from tocsin.core.mongo_tree import Filter
from tocsin.core.workflows.content import Condition, parse_when
from tocsin.core.workflows.requests import RequestTemplate
from tocsin.core.workflows.texts import UpdateTemplate

# The members of nodes that name a node.
TARGETS = ("next", "yes", "no", "failed", "skipped", "otherwise")


class Edge(NamedTuple):
    """A way out of a node: the member that names the target, a word for drawings, and whether time passes for sure."""

    path: tuple[str | int, ...]
    label: str
    target: str
    waits: bool = False


class Graph:
    """A checked workflow, compiled. Keep it as long as the version of the configuration."""

    def __init__(self, workflow: Workflow, database: Database) -> None:
        """Invalid or TemplateMistake where `check_workflow` would have found a mistake."""
        self.workflow = workflow
        self.timezone = database.timezone
        self.nodes: Mapping[str, Node] = {node.id: node for node in workflow.nodes}
        self.kinds: Mapping[str, str] = {node.id: kind(node) for node in workflow.nodes}
        self.start = next(node for node in workflow.nodes if isinstance(node, StartNode))
        self.filters: Mapping[str, Filter] = {
            node.id: mongo.parse(node.query, database, "query")
            for node in workflow.nodes
            if isinstance(node, ConditionNode)
        }
        self.branches: Mapping[str, list[tuple[list[Condition], str]]] = {
            node.id: [(parse_when(branch.when), branch.next) for branch in node.branches]
            for node in workflow.nodes
            if isinstance(node, ContentFilterNode)
        }
        self.requests: Mapping[str, RequestTemplate] = {
            node.id: RequestTemplate(node) for node in workflow.nodes if isinstance(node, ApiRequestNode)
        }
        self.updates: Mapping[str, UpdateTemplate] = {
            node.id: UpdateTemplate(node) for node in workflow.nodes if isinstance(node, UpdateNode)
        }

    def find(self, node_id: str) -> Node | None:
        """The node, if the workflow has it (still)."""
        return self.nodes.get(node_id)


def kind(node: Node) -> str:
    """Its `type`, as `api_request`."""
    return str(node.__struct_config__.tag)


def edges(node: Node) -> list[Edge]:
    """The ways out of a node, in the order in which they are tried."""
    branches = [
        Edge(("branches", place, "next"), _branch_label(branch, place), branch.next)
        for place, branch in enumerate(getattr(node, "branches", ()))
    ]
    members = [
        Edge((name,), name, target, _waits(node, name))
        for name in TARGETS
        if (target := getattr(node, name, None)) is not None
    ]
    return branches + members


def _branch_label(branch: ContentBranch | Share, place: int) -> str:
    return f"{branch.percent:g}%" if isinstance(branch, Share) else f"branch {place + 1}"


def _waits(node: Node, member: str) -> bool:
    """A date that is not there or past is not waited for: then `next` is taken at once, unless there is `otherwise`."""
    if isinstance(node, FeedbackNode):
        return member == "otherwise" and node.within.total_seconds > 0
    if not isinstance(node, DelayNode) or member != "next":
        return False
    if node.until is None:
        return node.duration is not None and node.duration.total_seconds > 0
    return node.until.field is None or node.otherwise is not None


def changed_waits(old: Workflow, new: Workflow) -> set[str]:
    """The nodes of both at which whoever is there must look again: they wait otherwise now, or are of another kind."""
    before = {node.id: node for node in old.nodes}
    return {
        node.id
        for node in new.nodes
        if (known := before.get(node.id)) is not None
        and node != known
        and (isinstance(node, DelayNode | FeedbackNode) or kind(node) != kind(known))
    }


def removed_nodes(old: Workflow, new: Workflow) -> set[str]:
    """The nodes of `old` that `new` has no more; whoever is there is thrown out (facts, 4.2)."""
    return {node.id for node in old.nodes} - {node.id for node in new.nodes}
