"""`campaigns/triggers/…`: launching trigger mailings (seeds 000–003; facts, section 3)."""

from typing import Any

from msgspec import UNSET, UnsetType, field

from tocsin.actions import files, tasks, triggers
from tocsin.actions.triggers import CheckedCall
from tocsin.core.errors import Invalid
from tocsin.core.launches import (
    Attach,
    BatchOutcome,
    ImportCall,
    ImportItem,
    ItemFailed,
    SkippedItem,
    StartCall,
    StartItem,
    SubscriptionFilter,
    Timeout,
)
from tocsin.web.call import Call
from tocsin.web.envelope import BatchAnswer, SearchEnvelope, Success


class LaunchRequest(SearchEnvelope, kw_only=True, omit_defaults=True):
    """What all launching calls have. The trigger is `trigger_id` or `id`: the documentation uses both."""

    trigger_id: int | None = None
    id: int | None = None
    custom_request: dict[str, Any] | None = None
    timeout: Timeout = field(default_factory=Timeout)
    content: dict[str, Any] = field(default_factory=dict)
    custom_data: dict[str, Any] = field(default_factory=dict)
    attach: list[Attach] = field(default_factory=list)
    skip_triggers: bool = False

    def options(self, *, takes_audience: bool = False) -> dict[str, Any]:
        """The members of a core.launches.LaunchCall, but for items and attachments; or Invalid."""
        trigger_id = self.id if self.trigger_id is None else self.trigger_id
        if trigger_id is None:
            raise Invalid("expected the number of a trigger", path="trigger_id")
        if self.custom_request is not None and not self.matching and not takes_audience:
            raise Invalid("only campaigns/triggers/start takes a query; give `matching`", path="custom_request")
        return {
            "trigger_id": trigger_id,
            "matching": self.matching or "email",
            "field_name": self.field_name,
            "resource_id": self.resource_id,
            "search": self.search(),
            "timeout": self.timeout,
            "content": self.content,
            "custom_data": self.custom_data,
        }


class StartRequest(LaunchRequest, kw_only=True, omit_defaults=True):
    """Launch a trigger for one profile that is found."""

    subscription_filter: SubscriptionFilter | None = None


class StartBatchRequest(LaunchRequest, kw_only=True, omit_defaults=True):
    """Launch a trigger for profiles that are found."""

    data: list[StartItem]


class ImportAndStartRequest(LaunchRequest, kw_only=True, omit_defaults=True):
    """Import one profile, then launch a trigger for it."""

    data: dict[str, Any]
    skip_invalid_subscriptions: bool = False
    detect_geo: bool = False


class ImportAndStartBatchRequest(LaunchRequest, kw_only=True, omit_defaults=True):
    """Import profiles, then launch a trigger for them."""

    data: list[ImportItem]
    skip_invalid_subscriptions: bool = False
    detect_geo: bool = False


class ProfileAnswer(Success, kw_only=True):
    """The profile of a call about one; of a call for an audience how many fit, and how many of them were skipped."""

    profile_id: str | UnsetType = UNSET
    total_count: int | UnsetType = UNSET
    skipped_count: int | UnsetType = UNSET
    skipped: list[SkippedItem] | UnsetType = UNSET
    ignored_fields: list[str] | UnsetType = UNSET


class TaskAnswer(Success, kw_only=True):
    """A call that goes on by itself; ask tasks/status how far it is."""

    task_id: str


async def start(call: Call, request: StartRequest) -> ProfileAnswer:
    """Launch a trigger for the one profile that matches, or for all that fit `custom_request`."""
    query = None if request.matching else request.custom_request
    started = StartCall(
        **request.options(takes_audience=True),
        items=[StartItem()],
        is_single=True,
        subscription_filter=request.subscription_filter if query is None else None,
        audience=query,
    )
    if query is None:
        return _single(await _run(call, request, started))
    checked = await _check(call, request, started)
    outcome = await triggers.run_for_audience(call.context, call.transaction, checked, query)
    return ProfileAnswer(total_count=outcome.found, skipped_count=outcome.skipped)


async def start_batch(call: Call, request: StartBatchRequest) -> BatchAnswer:
    """Launch a trigger for every profile of a list."""
    return BatchAnswer.of(await _run(call, request, StartCall(**request.options(), items=request.data)))


async def start_batch_task(call: Call, request: StartBatchRequest) -> TaskAnswer:
    """The same, going on after the answer."""
    return await _enqueue(call, request, StartCall(**request.options(), items=request.data))


async def import_and_start(call: Call, request: ImportAndStartRequest) -> ProfileAnswer:
    """Create or update one profile, then launch a trigger for it."""
    started = ImportCall(
        **request.options(),
        items=[ImportItem(request.data)],
        is_single=True,
        skip_invalid_subscriptions=request.skip_invalid_subscriptions,
    )
    return _single(await _run(call, request, started))


async def import_and_start_batch(call: Call, request: ImportAndStartBatchRequest) -> BatchAnswer:
    """Create or update profiles, then launch a trigger for each."""
    return BatchAnswer.of(await _run(call, request, _import_batch(request)))


async def import_and_start_batch_task(call: Call, request: ImportAndStartBatchRequest) -> TaskAnswer:
    """The same, going on after the answer."""
    return await _enqueue(call, request, _import_batch(request))


def _import_batch(request: ImportAndStartBatchRequest) -> ImportCall:
    return ImportCall(
        **request.options(),
        items=request.data,
        skip_invalid_subscriptions=request.skip_invalid_subscriptions,
    )


async def _check(call: Call, request: LaunchRequest, started: ImportCall | StartCall) -> CheckedCall:
    """The call, known to be right, with its files kept."""
    checked = triggers.check(call.configuration, started)
    if request.attach:
        started.attachments = await files.attach(call.context, call.transaction, request.attach)
    return checked


async def _run(call: Call, request: LaunchRequest, started: ImportCall | StartCall) -> BatchOutcome:
    return await triggers.run(call.context, call.transaction, await _check(call, request, started))


async def _enqueue(call: Call, request: LaunchRequest, started: ImportCall | StartCall) -> TaskAnswer:
    checked = await _check(call, request, started)
    return TaskAnswer(task_id=str(await tasks.enqueue(call.context, call.transaction, checked.call)))


def _single(outcome: BatchOutcome) -> ProfileAnswer:
    if outcome.errors:
        raise ItemFailed(outcome.errors[0])
    return ProfileAnswer(
        profile_id=outcome.result[0].profile_id,
        skipped=outcome.skipped or UNSET,
        ignored_fields=outcome.ignored_fields or UNSET,
    )
