"""Launching calls: for profiles that are found, for profiles that the same call imports, for whoever fits a query."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from msgspec import Struct, structs

from tocsin.actions import profiles, triggers, workflows
from tocsin.actions.context import Context
from tocsin.actions.profiles import MOST_ITEMS, Found, Import
from tocsin.actions.triggers import Sending, Started
from tocsin.core import mongo
from tocsin.core.configuration import Configuration, Database, Trigger
from tocsin.core.configuration_workflows import Workflow
from tocsin.core.errors import Ambiguous, Invalid, NotFound, TocsinError
from tocsin.core.launches import (
    AudienceOutcome,
    BatchOutcome,
    ImportCall,
    ImportItem,
    ItemError,
    Launch,
    LaunchCall,
    SkippedItem,
    StartCall,
    StartItem,
    SubscriptionFilter,
    item_error,
)
from tocsin.core.matching import Keys, Matching, is_given, keys_of
from tocsin.core.messages import QueuedMessage
from tocsin.core.profiles import Profile
from tocsin.core.triggers import DELETED, Skip
from tocsin.core.workflows.passages import Memory
from tocsin.store import launches
from tocsin.store import profiles as stored_profiles
from tocsin.store.database import Transaction
from tocsin.store.filter_sql import condition

MOST_QUERIES = 100

_PAGE = 5000


Target = Trigger | Workflow


class CheckedCall(Struct, frozen=True):
    """A launching call whose target and matching are known to be right, and whose queries are resolved."""

    call: ImportCall | StartCall
    configuration: Configuration
    database: Database
    target: Target
    matching: Matching

    def imports(self, call: ImportCall) -> Import:
        """How the call's items are imported."""
        return Import(
            self.configuration,
            self.database,
            self.matching,
            call.skip_invalid_subscriptions,
            call.search,
            call.is_single,
            skip_triggers=call.skip_triggers,
            detect_geo=call.detect_geo,
            indexes=call.indexes,
            source=call.import_source,
        )


async def check(transaction: Transaction, configuration: Configuration, call: ImportCall | StartCall) -> CheckedCall:
    """The call with what it names, its queries turned into the profiles that fit by now; or NotFound, Invalid."""
    target = _check_target(configuration, call)
    database = configuration.get_database(target.database)
    if not call.matching:
        call = await _resolve(transaction, database, call)
    elif not (call.indexes or call.failed):
        profiles.check_count(call.items)
    matching = profiles.check_matching(
        configuration, database, call.matching, field_name=call.field_name, resource_id=call.resource_id
    )
    return CheckedCall(call, configuration, database, target, matching)


def _check_target(configuration: Configuration, call: LaunchCall) -> Target:
    call.timeout.length()
    try:
        if call.subscription_filter:
            call.subscription_filter.check()
    except Invalid as mistake:
        raise mistake.below("subscription_filter") from None
    if call.workflow_id is not None:
        return _check_workflow(configuration, call.workflow_id)
    return _check_trigger(configuration, call.trigger_id or 0)


def _check_workflow(configuration: Configuration, workflow_id: int) -> Workflow:
    workflow = configuration.get_workflow(workflow_id)
    if not workflow.active:
        raise Invalid(f"workflow {workflow.id} is not active", path="workflow_id")
    return workflow


def _check_trigger(configuration: Configuration, trigger_id: int) -> Trigger:
    trigger = configuration.get_trigger(trigger_id)
    if not trigger.active:
        raise Invalid(f"trigger {trigger.id} is not active", path="trigger_id")
    if trigger.event != "api_call":
        raise Invalid(f"trigger {trigger.id} is launched by {trigger.event}, not by API calls", path="trigger_id")
    return trigger


async def _resolve(
    transaction: Transaction, database: Database, call: ImportCall | StartCall
) -> ImportCall | StartCall:
    """The same call with an item for each profile that fits a query, matched by its id. Invalid when too many fit."""
    queries = _queries(call)
    fitting: list[list[bytes]] = []
    left = MOST_ITEMS
    for place, query in enumerate(queries):
        path = call.path(place)
        try:
            wanted = condition(mongo.parse(query, database), database.id)
            fitting.append(await stored_profiles.list_ids(transaction, database.id, wanted, left + 1))
        except Invalid as mistake:
            raise mistake.below(path) if call.audience is None else mistake from None
        left -= len(fitting[-1])
        if left < 0:
            raise Invalid(
                f"more than {MOST_ITEMS} profiles fit; …/start takes any number of them", path="custom_request"
            )
    none = [
        item_error(place, NotFound("no profile fits the query", path=call.path(place)))
        for place, found in enumerate(fitting)
        if not found
    ]
    indexes = [place for place, found in enumerate(fitting) for _ in found]
    return _with_ids(call, fitting, matching="profile_id", audience=None, indexes=indexes, failed=none)


def _queries(call: ImportCall | StartCall) -> list[dict[str, Any]]:
    """The query of each item: its own, or that at the root, which goes with one item."""
    if not call.items or len(call.items) > MOST_QUERIES:
        raise Invalid(f"expected 1 to {MOST_QUERIES} items with queries", path="data")
    if call.audience is not None and len(call.items) > 1:
        raise Invalid("a query at the root goes with one item; give each item its own", path="custom_request")
    items: Sequence[StartItem | ImportItem] = call.items
    queries = []
    for place, item in enumerate(items):
        query = call.audience if item.custom_request is None else item.custom_request
        if query is None:
            raise Invalid("expected `matching`, or a query for each item", path=call.path(place))
        queries.append(query)
    return queries


def _with_ids(
    call: ImportCall | StartCall, fitting: Sequence[Sequence[bytes]], **members: Any
) -> ImportCall | StartCall:
    if isinstance(call, StartCall):
        started = [
            StartItem(profile_id=profile_id.hex(), custom_data=item.custom_data)
            for item, found in zip(call.items, fitting, strict=True)
            for profile_id in found
        ]
        return structs.replace(call, items=started, **members)
    imported = [
        ImportItem({**item.data, "profile_id": profile_id.hex()}, custom_data=item.custom_data)
        for item, found in zip(call.items, fitting, strict=True)
        for profile_id in found
    ]
    return structs.replace(call, items=imported, **members)


class _Start(NamedTuple):
    """What is started, when, the address that the call asks for, and whether the profiles are locked already."""

    target: Target
    launch: Launch
    due_at: datetime
    wanted: SubscriptionFilter | None
    is_locked: bool
    configuration: Configuration


async def run(context: Context, transaction: Transaction, checked: CheckedCall) -> BatchOutcome:
    """A whole call at once: import or find every profile, then launch."""
    found = await gather(context, transaction, checked)
    return await launch(context, transaction, checked, found, context.clock())


async def gather(
    context: Context, transaction: Transaction, checked: CheckedCall, first: int = 0, after: int | None = None
) -> Found:
    """The profiles of the items from `first` to before `after`: imported or found."""
    call = checked.call
    if isinstance(call, ImportCall):
        items = call.items[first:after]
        return await profiles.import_items(context, transaction, checked.imports(call), items, first)
    return await _find(transaction, checked, call, call.items[first:after], first)


async def run_for_audience(
    context: Context, transaction: Transaction, configuration: Configuration, call: StartCall, query: dict[str, Any]
) -> AudienceOutcome:
    """Launch for every profile that fits the query, a page at a time: however many there are, few are in memory."""
    return (await begin_for_audience(context, transaction, configuration, call, query))[0]


async def begin_for_audience(
    context: Context, transaction: Transaction, configuration: Configuration, call: StartCall, query: dict[str, Any]
) -> tuple[AudienceOutcome, QueuedMessage | None]:
    """The same, and the first message that came of it."""
    target = _check_target(configuration, call)
    database = configuration.get_database(target.database)
    wanted = condition(mongo.parse(query, database), database.id)
    now = context.clock()
    start = _start_of(context, configuration, call, target, now, is_locked=isinstance(target, Workflow))
    if start.is_locked:
        # Page by page they could not be taken in sorted order.
        await stored_profiles.lock_all(transaction)
    found = size = skipped = 0
    first: QueuedMessage | None = None
    async with stored_profiles.selecting(transaction, database.id, wanted) as read:
        while page := await read(_PAGE):
            if not found:
                await launches.insert(transaction, start.launch, now)
            known = {profile.id: profile for profile in page}
            started = await _start(context, transaction, start, known, {})
            found, size, skipped = found + len(page), size + started.size, skipped + len(started.skipped)
            first = first or next(iter(started.queued), None)
    await launches.grow(transaction, start.launch.id, size, skipped)
    return AudienceOutcome(found, skipped, start.launch.id.hex() if found else ""), first


def list_keys(checked: CheckedCall) -> list[Keys]:
    """What each item of a call is searched by; nothing for an item that is wrong."""
    call = checked.call
    if isinstance(call, ImportCall):
        return profiles.list_keys(checked.imports(call), call.items)
    read = [_read_keys(call, checked.matching, item, "") for item in call.items]
    return [() if isinstance(keys, TocsinError) else keys for keys in read]


async def _find(
    transaction: Transaction, checked: CheckedCall, call: StartCall, items: Sequence[StartItem], first: int
) -> Found:
    """The profile of each item, which must be there and be one."""
    matching = checked.matching
    searched = [_read_keys(call, matching, item, call.path(place)) for place, item in enumerate(items, first)]
    await stored_profiles.prefer_indexes(transaction)
    sought = dict.fromkeys(key for keys in searched if not isinstance(keys, TocsinError) for key in keys)
    owners = await profiles.find_owners(transaction, checked.database.id, matching, sought)

    def outcome(place: int, keys: Keys | TocsinError) -> bytes | ItemError:
        path = call.path(place)
        if isinstance(keys, TocsinError):
            return item_error(call.index(place), keys)
        found = {profile_id for key in keys for profile_id in owners[key]}
        if len(found) > 1:
            return item_error(call.index(place), Ambiguous(f"several profiles match {matching.name}", path=path))
        if not found:
            return item_error(call.index(place), NotFound(f"no profile matches {matching.name}", path=path))
        return found.pop()

    return Found([outcome(place, keys) for place, keys in enumerate(searched, first)])


def _read_keys(call: LaunchCall, matching: Matching, item: StartItem, path: str) -> Keys | TocsinError:
    """By the item's own values; by those at the root when it has none."""
    try:
        return keys_of(matching, item if is_given(matching, item) else call.search)
    except Invalid as mistake:
        return mistake.below(path)


class Begun(NamedTuple):
    """What a launch came to: the answer, its messages, the profiles, and when the messages are due."""

    outcome: BatchOutcome
    started: Started
    profiles: Mapping[bytes, Profile | None]
    due_at: datetime
    trigger: Trigger | None

    def addresses(self) -> dict[bytes, list[str]]:
        """Where the messages of each profile go."""
        found: dict[bytes, list[str]] = {}
        for one in self.started.queued:
            found.setdefault(one.profile_id, []).append(one.address)
        return found


async def launch(
    context: Context, transaction: Transaction, checked: CheckedCall, found: Found, called_at: datetime
) -> BatchOutcome:
    """One message for each profile that can be sent to, due once the call's timeout is over."""
    return (await begin(context, transaction, checked, found, called_at)).outcome


async def begin(
    context: Context, transaction: Transaction, checked: CheckedCall, found: Found, called_at: datetime
) -> Begun:
    """Launch, and tell all that is known of it."""
    call = checked.call
    places = {outcome: place for place, outcome in enumerate(found.outcomes) if isinstance(outcome, bytes)}
    stored = await _profiles(transaction, checked.database, found, list(places))
    known = {profile_id: stored.get(profile_id) for profile_id in places}
    own = {profile_id: call.items[place].custom_data for profile_id, place in places.items()}
    # Profiles come along from an import in this very transaction.
    start = _start_of(context, checked.configuration, call, checked.target, called_at, is_locked=bool(found.profiles))
    started = await _start(context, transaction, start, known, own)
    if known:
        # Also when all are skipped: the events that say so name the launch.
        skipped = len(started.skipped)
        await launches.insert(transaction, start.launch, called_at, size=started.size, skipped=skipped)
    outcome = profiles.outcome(
        found,
        failed=call.failed,
        skipped=[
            SkippedItem(call.index(places[profile_id]), profile_id.hex(), skip.reason, skip.rule)
            for profile_id, skip in started.skipped.items()
        ],
    )
    outcome.launch_id = start.launch.id.hex() if started.size else ""
    return Begun(outcome, started, known, start.due_at, start.target if isinstance(start.target, Trigger) else None)


async def _start(
    context: Context,
    transaction: Transaction,
    start: _Start,
    known: Mapping[bytes, Profile | None],
    own: Mapping[bytes, dict[str, Any]],
) -> Started:
    """Start the trigger or the workflow for profiles, each with data of its own."""
    if isinstance(start.target, Trigger):
        sending = Sending(start.configuration, start.target, start.launch, start.due_at, start.wanted)
        return await triggers.start(context, transaction, sending, known, own)
    gone = {profile_id: Skip(DELETED) for profile_id, profile in known.items() if profile is None}
    entering = {
        profile_id: Memory(custom_data=own.get(profile_id, {}), wanted=start.wanted)
        for profile_id in known
        if profile_id not in gone
    }
    skipped = gone | await workflows.enter(
        context, transaction, start.target, start.launch.id, start.due_at, entering, is_locked=start.is_locked
    )
    return Started(len(known) - len(skipped), skipped)


async def _profiles(
    transaction: Transaction, database: Database, found: Found, profile_ids: Sequence[bytes]
) -> Mapping[bytes, Profile]:
    missing = [profile_id for profile_id in profile_ids if profile_id not in found.profiles]
    if not missing:
        return found.profiles
    await stored_profiles.prefer_indexes(transaction)
    return {**found.profiles, **await stored_profiles.get(transaction, database.id, missing)}


def _start_of(
    context: Context,
    configuration: Configuration,
    call: LaunchCall,
    target: Target,
    called_at: datetime,
    *,
    is_locked: bool,
) -> _Start:
    launch = Launch(
        next(context.new_ids()),
        call.trigger_id if call.workflow_id is None else None,
        call.content,
        call.custom_data,
        call.attachments,
        call.workflow_id,
        call.source,
        is_addressed=call.subscription_filter is not None,
    )
    return _Start(target, launch, called_at + call.timeout.length(), call.subscription_filter, is_locked, configuration)
