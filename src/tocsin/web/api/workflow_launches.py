"""`workflows/start`, `workflows/import_and_start…`: bringing profiles into workflows (seed 004; facts, 4.1)."""

from tocsin.core.errors import Invalid
from tocsin.web.api import launching
from tocsin.web.api.launching import ProfileAnswer, Target, TaskAnswer
from tocsin.web.call import Call
from tocsin.web.envelope import BatchAnswer


class WorkflowStartRequest(launching.StartRequest, kw_only=True, omit_defaults=True):
    """Bring one profile that is found into a workflow."""

    workflow_id: int | None = None
    db_id: int | None = None


class WorkflowImportAndStartRequest(launching.ImportAndStartRequest, kw_only=True, omit_defaults=True):
    """Import one profile, then bring it into a workflow."""

    workflow_id: int | None = None
    db_id: int | None = None


class WorkflowImportAndStartBatchRequest(launching.ImportAndStartBatchRequest, kw_only=True, omit_defaults=True):
    """Import profiles, then bring them into a workflow."""

    workflow_id: int | None = None
    db_id: int | None = None


LaunchRequest = WorkflowStartRequest | WorkflowImportAndStartRequest | WorkflowImportAndStartBatchRequest


async def start(call: Call, request: WorkflowStartRequest) -> ProfileAnswer:
    """Bring the one profile that matches into a workflow, or all that fit `custom_request`."""
    return await launching.start(call, request, _target(call, request))


async def import_and_start(call: Call, request: WorkflowImportAndStartRequest) -> ProfileAnswer:
    """Create or update one profile, then bring it into a workflow."""
    return await launching.import_and_start(call, request, _target(call, request))


async def import_and_start_batch(call: Call, request: WorkflowImportAndStartBatchRequest) -> BatchAnswer:
    """Create or update profiles, then bring each into a workflow."""
    return await launching.run_batch(call, request, _target(call, request))


async def import_and_start_batch_task(call: Call, request: WorkflowImportAndStartBatchRequest) -> TaskAnswer:
    """The same, going on after the answer."""
    return await launching.enqueue_batch(call, request, _target(call, request))


def _target(call: Call, request: LaunchRequest) -> Target:
    """`workflow_id` or `id`. Clients name the database too; it can only be that of the workflow."""
    number = request.id if request.workflow_id is None else request.workflow_id
    if number is None:
        raise Invalid("expected the number of a workflow", path="workflow_id")
    database_id = call.configuration.get_workflow(number).database
    if request.db_id is not None and request.db_id != database_id:
        raise Invalid(f"workflow {number} is of database {database_id}", path="db_id")
    return {"workflow_id": number}
