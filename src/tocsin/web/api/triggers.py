"""`campaigns/triggers/…`: launching trigger mailings (seeds 000–003; facts, section 3)."""

from tocsin.core.errors import Invalid
from tocsin.web.api import launching
from tocsin.web.api.launching import ProfileAnswer, Target, TaskAnswer
from tocsin.web.call import Call
from tocsin.web.envelope import BatchAnswer


class StartRequest(launching.StartRequest, kw_only=True, omit_defaults=True):
    """Launch a trigger for one profile that is found."""

    trigger_id: int | None = None


class StartBatchRequest(launching.StartBatchRequest, kw_only=True, omit_defaults=True):
    """Launch a trigger for profiles that are found; `data` may be left out where a query at the root says which."""

    trigger_id: int | None = None


class ImportAndStartRequest(launching.ImportAndStartRequest, kw_only=True, omit_defaults=True):
    """Import one profile, then launch a trigger for it."""

    trigger_id: int | None = None


class ImportAndStartBatchRequest(launching.ImportAndStartBatchRequest, kw_only=True, omit_defaults=True):
    """Import profiles, then launch a trigger for them."""

    trigger_id: int | None = None


LaunchRequest = StartRequest | StartBatchRequest | ImportAndStartRequest | ImportAndStartBatchRequest


async def start(call: Call, request: StartRequest) -> ProfileAnswer:
    """Launch a trigger for the one profile that matches, or for all that fit `custom_request`."""
    return await launching.start(call, request, _target(request))


async def start_batch(call: Call, request: StartBatchRequest) -> BatchAnswer:
    """Launch a trigger for every profile of a list."""
    return await launching.run_batch(call, request, _target(request))


async def start_batch_task(call: Call, request: StartBatchRequest) -> TaskAnswer:
    """The same, going on after the answer."""
    return await launching.enqueue_batch(call, request, _target(request))


async def import_and_start(call: Call, request: ImportAndStartRequest) -> ProfileAnswer:
    """Create or update one profile, then launch a trigger for it."""
    return await launching.import_and_start(call, request, _target(request))


async def import_and_start_batch(call: Call, request: ImportAndStartBatchRequest) -> BatchAnswer:
    """Create or update profiles, then launch a trigger for each."""
    return await launching.run_batch(call, request, _target(request))


async def import_and_start_batch_task(call: Call, request: ImportAndStartBatchRequest) -> TaskAnswer:
    """The same, going on after the answer."""
    return await launching.enqueue_batch(call, request, _target(request))


def _target(request: LaunchRequest) -> Target:
    """`trigger_id` or `id`: the documentation uses both."""
    number = request.id if request.trigger_id is None else request.trigger_id
    if number is None:
        raise Invalid("expected the number of a trigger", path="trigger_id")
    return {"trigger_id": number}
