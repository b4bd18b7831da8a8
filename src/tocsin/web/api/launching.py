"""What the launching calls for triggers and for workflows share: their members, and how they are gone through."""

from collections.abc import Sequence
from typing import Any

from msgspec import UNSET, UnsetType, field

from tocsin.actions import files, launches, rehearsals, tasks
from tocsin.actions.launches import CheckedCall
from tocsin.core.configuration_words import ImportSource
from tocsin.core.launches import (
    Attach,
    BatchOutcome,
    ImportCall,
    ImportItem,
    ItemError,
    ItemFailed,
    Rehearsal,
    SkippedItem,
    StartCall,
    StartItem,
    SubscriptionFilter,
    Timeout,
)
from tocsin.web.call import Call
from tocsin.web.envelope import BatchAnswer, SearchEnvelope, Success

# What is launched: the member of a core.launches.LaunchCall that names it, and its number.
Target = dict[str, int]


class LaunchRequest(SearchEnvelope, kw_only=True, omit_defaults=True):
    """What all launching calls have. `id` is another name for the number of what is launched."""

    id: int | None = None
    custom_request: dict[str, Any] | None = None
    timeout: Timeout = field(default_factory=Timeout)
    content: dict[str, Any] = field(default_factory=dict)
    custom_data: dict[str, Any] = field(default_factory=dict)
    attach: list[Attach] = field(default_factory=list)
    skip_triggers: bool = False
    dry_run: bool = False

    def options(self, target: Target, items: Sequence[StartItem | ImportItem] = ()) -> dict[str, Any]:
        """The members of a core.launches.LaunchCall, but for items and attachments.

        Without `matching`, queries say which profiles are meant; where there is none, the matching is by email.
        """
        has_queries = self.custom_request is not None or any(item.custom_request is not None for item in items)
        return {
            **target,
            "matching": self.matching or ("" if has_queries else "email"),
            "audience": None if self.matching else self.custom_request,
            "field_name": self.field_name,
            "resource_id": self.resource_id,
            "search": self.search(),
            "timeout": self.timeout,
            "content": self.content,
            "custom_data": self.custom_data,
            "skip_triggers": self.skip_triggers,
            "dry_run": self.dry_run,
        }


class StartRequest(LaunchRequest, kw_only=True, omit_defaults=True):
    """Launch for one profile that is found."""

    subscription_filter: SubscriptionFilter | None = None


class StartBatchRequest(LaunchRequest, kw_only=True, omit_defaults=True):
    """Launch for profiles that are found; `data` may be left out where a query at the root says which."""

    data: list[StartItem] = field(default_factory=list)

    def call(self, target: Target) -> StartCall:
        """The call; a query at the root is one item."""
        is_query = not self.data and self.custom_request is not None and not self.matching
        items = [StartItem()] if is_query else self.data
        return StartCall(**self.options(target, items), items=items, source="start_batch")


class ImportAndStartRequest(LaunchRequest, kw_only=True, omit_defaults=True):
    """Import one profile, then launch for it."""

    data: dict[str, Any]
    skip_invalid_subscriptions: bool = False
    detect_geo: bool = False
    import_source: ImportSource = "api"


class ImportAndStartBatchRequest(LaunchRequest, kw_only=True, omit_defaults=True):
    """Import profiles, then launch for them."""

    data: list[ImportItem]
    skip_invalid_subscriptions: bool = False
    detect_geo: bool = False
    import_source: ImportSource = "api"

    def call(self, target: Target) -> ImportCall:
        """The call."""
        return ImportCall(
            **self.options(target, self.data),
            items=self.data,
            source="import_and_start_batch",
            skip_invalid_subscriptions=self.skip_invalid_subscriptions,
            detect_geo=self.detect_geo,
            import_source=self.import_source,
        )


class ProfileAnswer(Success, kw_only=True):
    """The profile of a call about one; of a call for an audience how many fit, and how many of them were skipped."""

    profile_id: str | UnsetType = UNSET
    total_count: int | UnsetType = UNSET
    skipped_count: int | UnsetType = UNSET
    skipped: list[SkippedItem] | UnsetType = UNSET
    errors: list[ItemError] | UnsetType = UNSET
    ignored_fields: list[str] | UnsetType = UNSET
    warnings: list[str] | UnsetType = UNSET
    launch_id: str | UnsetType = UNSET
    dry_run: Rehearsal | UnsetType = UNSET


class TaskAnswer(Success, kw_only=True):
    """A call that goes on by itself; ask tasks/status how far it is."""

    task_id: str


async def start(call: Call, request: StartRequest, target: Target) -> ProfileAnswer:
    """Launch for the one profile that matches, or for all that fit `custom_request`."""
    started = StartCall(
        **request.options(target),
        items=[StartItem()],
        is_single=True,
        source="start",
        subscription_filter=request.subscription_filter,
    )
    if started.audience is None:
        return _single(await _run(call, request, started))
    await _attach(call, request, started)
    started.subscription_filter = None
    run = rehearsals.run_for_audience if request.dry_run else launches.run_for_audience
    outcome = await run(call.context, call.transaction, call.configuration, started, started.audience)
    return ProfileAnswer(
        total_count=outcome.found,
        skipped_count=outcome.skipped,
        launch_id=outcome.launch_id or UNSET,
        dry_run=outcome.dry_run or UNSET,
    )


async def import_and_start(call: Call, request: ImportAndStartRequest, target: Target) -> ProfileAnswer:
    """Create or update one profile, then launch for it."""
    started = ImportCall(
        **request.options(target),
        items=[ImportItem(request.data)],
        is_single=True,
        source="import_and_start",
        skip_invalid_subscriptions=request.skip_invalid_subscriptions,
        detect_geo=request.detect_geo,
        import_source=request.import_source,
    )
    return _single(await _run(call, request, started))


async def run_batch(call: Call, request: StartBatchRequest | ImportAndStartBatchRequest, target: Target) -> BatchAnswer:
    """Launch for every item of a call, before it is answered."""
    return BatchAnswer.of(await _run(call, request, request.call(target)))


async def enqueue_batch(
    call: Call, request: StartBatchRequest | ImportAndStartBatchRequest, target: Target
) -> TaskAnswer:
    """The same, going on after the answer."""
    checked = await _check(call, request, request.call(target))
    checked.call.source += "_task"
    return TaskAnswer(task_id=str(await tasks.enqueue(call.context, call.transaction, checked.call)))


async def _check(call: Call, request: LaunchRequest, started: ImportCall | StartCall) -> CheckedCall:
    """The call, known to be right, with its files kept."""
    checked = await launches.check(call.transaction, call.configuration, started)
    await _attach(call, request, checked.call)
    return checked


async def _attach(call: Call, request: LaunchRequest, started: ImportCall | StartCall) -> None:
    if request.attach:
        started.attachments = await files.attach(call.context, call.transaction, request.attach)


async def _run(call: Call, request: LaunchRequest, started: ImportCall | StartCall) -> BatchOutcome:
    if not request.dry_run:
        return await launches.run(call.context, call.transaction, await _check(call, request, started))
    async with rehearsals.undone(call.transaction):
        checked = await _check(call, request, started)
        return await rehearsals.run(call.context, call.transaction, checked)


def _single(outcome: BatchOutcome) -> ProfileAnswer:
    """The answer about the one profile; where a query found several, how many."""
    if outcome.errors and not outcome.result:
        raise ItemFailed(outcome.errors[0])
    answer = ProfileAnswer(
        skipped=outcome.skipped or UNSET,
        errors=outcome.errors or UNSET,
        ignored_fields=outcome.ignored_fields or UNSET,
        warnings=outcome.warnings or UNSET,
        launch_id=outcome.launch_id or UNSET,
        dry_run=outcome.dry_run or UNSET,
    )
    if outcome.dry_run:
        return answer
    if len(outcome.result) == 1:
        answer.profile_id = outcome.result[0].profile_id
    else:
        answer.total_count, answer.skipped_count = len(outcome.result), len(outcome.skipped)
    return answer
