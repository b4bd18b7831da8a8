"""`workflows/…`: reading, saving and switching workflows (facts, 4.1)."""

from typing import Any

from msgspec import UNSET, Struct, UnsetType

from tocsin.actions import workflow_changes, workflow_views
from tocsin.actions.workflow_changes import Saved
from tocsin.core.configuration import Configuration
from tocsin.core.configuration_workflows import CampaignNode, Node, Workflow, WorkflowJumpNode
from tocsin.core.workflows.drawing import Numbers
from tocsin.core.workflows.graph import kind
from tocsin.core.workflows.layout import lay_out
from tocsin.web.call import Call
from tocsin.web.envelope import DataAnswer, Envelope, Verbatim
from tocsin.web.lists import ListAnswer, ListRequest, page_of


class WorkflowRequest(Envelope, kw_only=True, omit_defaults=True):
    """Which workflow."""

    id: int


class ActivateRequest(WorkflowRequest, kw_only=True, omit_defaults=True):
    """Which workflow, and whether those inside leave it before."""

    skip_profiles: bool = False


class WorkflowMembers(Envelope, kw_only=True, omit_defaults=True):
    """A workflow with the members of the configuration file."""

    name: str | None = None
    database: int | None = None
    reentry: str | None = None
    control_group_percent: float | None = None
    ignore_control_group: bool | None = None
    active: bool | None = None
    nodes: Any = None

    def given(self) -> dict[str, Any]:
        """The members that are there."""
        names = ("name", "database", "reentry", "control_group_percent", "ignore_control_group", "active", "nodes")
        return {name: value for name in names if (value := getattr(self, name)) not in (None, "")}


class AddWorkflowRequest(WorkflowMembers, kw_only=True, omit_defaults=True):
    """A new workflow."""

    id: int | None = None


class UpdateWorkflowRequest(WorkflowMembers, kw_only=True, omit_defaults=True):
    """Members of a workflow to be replaced."""

    id: int


class WorkflowGroup(Struct):
    """A group of workflows. There is one, which holds everything."""

    id: int
    name: str


class ListedNode(Struct, kw_only=True, omit_defaults=True):
    """A node of a workflow in a list."""

    name: str
    type: str
    node_id: str
    templates: list[int]
    campaign_id: int | UnsetType = UNSET
    workflow_id: int | UnsetType = UNSET


class ListedWorkflow(Struct):
    """A workflow in a list."""

    id: int
    name: str
    list_id: int
    is_active: bool
    ui_tags: list[str]
    mode: str
    groups: list[WorkflowGroup]
    nodes: list[ListedNode]


class NodeNumbers(Struct):
    """How many are at a node now, and how many have gone on from it or ended there."""

    node_id: str
    inside: int
    through: int


class WorkflowDescription(Struct):
    """A workflow with the members of the configuration file, and what is going on in it."""

    id: int
    name: str
    database: int
    list_id: int
    active: bool
    is_active: bool
    reentry: str
    control_group_percent: float
    ignore_control_group: bool
    nodes: list[Any]
    numbers: list[NodeNumbers]


class LeftNode(Struct):
    """A node that is gone, and how many were there and have left."""

    node_id: str
    number: int


class SavedWorkflow(Struct):
    """The workflow that was saved, and who has left it by that."""

    saved_id: int
    left: list[LeftNode] | UnsetType = UNSET


class WorkflowListAnswer(ListAnswer, kw_only=True):
    """A page of workflows."""

    data: list[ListedWorkflow]


_FREE = frozenset({"query", "when", "set", "subscriptions", "headers", "json"})
MAIN_GROUP = WorkflowGroup(0, "main")


async def list_workflows(call: Call, request: ListRequest) -> WorkflowListAnswer:
    """The workflows, in the order of their numbers."""
    workflows = call.configuration.workflows
    page = page_of(workflows, request)
    return WorkflowListAnswer(
        data=[list_one(workflow, call.configuration) for workflow in page.objects],
        next_from_id=page.next_from_id,
        total_count=len(workflows),
    )


async def get(call: Call, request: WorkflowRequest) -> DataAnswer:
    """One workflow, with how many profiles are where."""
    workflow = call.configuration.get_workflow(request.id)
    return DataAnswer(data=describe(workflow, await workflow_views.get_numbers(call.transaction, workflow.id)))


async def add(call: Call, request: AddWorkflowRequest) -> DataAnswer:
    """Save a new workflow."""
    members = request.given() | ({} if request.id is None else {"id": request.id})
    return DataAnswer(data=_saved(await workflow_changes.add(call.context, call.transaction, call.author, members)))


async def update(call: Call, request: UpdateWorkflowRequest) -> DataAnswer:
    """Replace members of a workflow. Profiles inside stay where they are, unless their node is gone."""
    saved = await workflow_changes.update(call.context, call.transaction, call.author, request.id, request.given())
    return DataAnswer(data=_saved(saved))


async def activate(call: Call, request: ActivateRequest) -> DataAnswer:
    """Let profiles into a workflow, and those inside go on."""
    await workflow_changes.activate(
        call.context, call.transaction, call.author, request.id, skip_profiles=request.skip_profiles
    )
    return DataAnswer(data=None)


async def deactivate(call: Call, request: WorkflowRequest) -> DataAnswer:
    """Let no profile in, and those inside stay where they are until the workflow is active again."""
    await workflow_changes.deactivate(call.context, call.transaction, call.author, request.id)
    return DataAnswer(data=None)


def list_one(workflow: Workflow, configuration: Configuration) -> ListedWorkflow:
    """A workflow as a list shows it."""
    return ListedWorkflow(
        id=workflow.id,
        name=workflow.name,
        list_id=workflow.database,
        is_active=workflow.active,
        ui_tags=[],
        mode=workflow.reentry,
        groups=[MAIN_GROUP],
        nodes=[_list_node(node, configuration) for node in workflow.nodes],
    )


def describe(workflow: Workflow, numbers: Numbers) -> WorkflowDescription:
    """A workflow by itself, whose members may be given back to workflows/update."""
    ways = lay_out(workflow.nodes).ways_from()
    return WorkflowDescription(
        id=workflow.id,
        name=workflow.name,
        database=workflow.database,
        list_id=workflow.database,
        active=workflow.active,
        is_active=workflow.active,
        reentry=workflow.reentry,
        control_group_percent=workflow.control_group_percent,
        ignore_control_group=workflow.ignore_control_group,
        nodes=[_mark(node) for node in workflow_changes.describe(workflow)["nodes"]],
        numbers=[
            NodeNumbers(node.id, numbers.inside.get(node.id, 0), numbers.through(node.id, ways[node.id]))
            for node in workflow.nodes
        ],
    )


def _mark(value: Any) -> Any:
    """The members of a node, those whose names or values are its author's as they are in both encodings."""
    if isinstance(value, dict):
        return {
            name: Verbatim(member) if name in _FREE and isinstance(member, dict | list) else _mark(member)
            for name, member in value.items()
        }
    return [_mark(item) for item in value] if isinstance(value, list) else value


def _list_node(node: Node, configuration: Configuration) -> ListedNode:
    listed = ListedNode(name=node.name, type=kind(node), node_id=node.id, templates=[])
    if isinstance(node, CampaignNode):
        listed.campaign_id = node.trigger
        listed.templates = [configuration.get_trigger(node.trigger).template]
    elif isinstance(node, WorkflowJumpNode):
        listed.workflow_id = node.workflow
    return listed


def _saved(saved: Saved) -> SavedWorkflow:
    left = [LeftNode(node_id, number) for node_id, number in saved.left.items()]
    return SavedWorkflow(saved.workflow.id, left or UNSET)
