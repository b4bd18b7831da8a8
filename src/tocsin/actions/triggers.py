"""Starting triggers: for profiles that are found, and for profiles that are imported by the same call."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from msgspec import Struct

from tocsin.actions import profiles
from tocsin.actions.context import Context
from tocsin.actions.profiles import Found, Import
from tocsin.core import emails, mongo
from tocsin.core.configuration import Configuration, Database, Trigger
from tocsin.core.errors import Ambiguous, Invalid, NotFound, TocsinError
from tocsin.core.launches import (
    AudienceOutcome,
    BatchOutcome,
    ImportCall,
    ItemError,
    Launch,
    LaunchCall,
    SkippedItem,
    StartCall,
    StartItem,
    item_error,
)
from tocsin.core.matching import Keys, Matching, is_given, keys_of
from tocsin.core.messages import QueuedMessage
from tocsin.core.profiles import Profile
from tocsin.core.triggers import DELETED, Skip, choose_address
from tocsin.store import launches, messages
from tocsin.store import profiles as stored_profiles
from tocsin.store.database import Transaction
from tocsin.store.filter_sql import condition

_PAGE = 5000


class CheckedCall(Struct, frozen=True):
    """A launching call whose trigger and matching are known to be right."""

    call: ImportCall | StartCall
    configuration: Configuration
    database: Database
    trigger: Trigger
    matching: Matching

    def imports(self) -> Import:
        """How the call's items are imported."""
        return Import(
            self.configuration,
            self.database,
            self.matching,
            self.call.skip_invalid_subscriptions,
            self.call.search,
            self.call.is_single,
        )


def check(configuration: Configuration, call: ImportCall | StartCall) -> CheckedCall:
    """The call with what it names; or NotFound, Invalid."""
    trigger = configuration.get_trigger(call.trigger_id)
    if not trigger.active:
        raise Invalid(f"trigger {trigger.id} is not active", path="trigger_id")
    if trigger.event != "api_call":
        raise Invalid(f"trigger {trigger.id} is launched by {trigger.event}, not by API calls", path="trigger_id")
    if not (isinstance(call, StartCall) and call.audience is not None):
        profiles.check_count(call.items)
    call.timeout.length()
    database = configuration.get_database(trigger.database)
    matching = profiles.check_matching(
        configuration, database, call.matching, field_name=call.field_name, resource_id=call.resource_id
    )
    _check_filter(call)
    return CheckedCall(call, configuration, database, trigger, matching)


def _check_filter(call: LaunchCall) -> None:
    try:
        if call.subscription_filter and call.subscription_filter.email:
            emails.parse(call.subscription_filter.email)
    except ValueError as mistake:
        raise Invalid(str(mistake), path="subscription_filter.email") from None


async def run(context: Context, transaction: Transaction, checked: CheckedCall) -> BatchOutcome:
    """A whole call at once: import or find every profile, then launch."""
    call = checked.call
    if isinstance(call, ImportCall):
        found = await profiles.import_items(context, transaction, checked.imports(), call.items)
    else:
        found = await find(transaction, checked, call.items)
    return await launch(context, transaction, checked, found, context.clock())


async def run_for_audience(
    context: Context, transaction: Transaction, checked: CheckedCall, query: dict[str, Any]
) -> AudienceOutcome:
    """Launch for every profile that fits the query, a page at a time: however many there are, few are in memory."""
    wanted = condition(mongo.parse(query, checked.database), checked.database.id)
    launched, due_at = _launched(context, checked.call), context.clock() + checked.call.timeout.length()
    found = skipped = 0
    last = b""
    while page := await stored_profiles.list_matching(transaction, checked.database.id, wanted, last, _PAGE):
        if not found:
            await launches.insert(transaction, launched, context.clock())
        addresses = {profile.id: _address(checked, profile) for profile in page}
        queued = _messages(context, checked.call, addresses, {})
        await messages.enqueue(transaction, launched, due_at, queued)
        found += len(page)
        skipped += len(page) - len(queued)
        last = page[-1].id
    return AudienceOutcome(found, skipped)


async def find(
    transaction: Transaction, checked: CheckedCall, items: Sequence[StartItem], first_index: int = 0
) -> Found:
    """The profile of each item, which must be there and be one."""
    call, matching = checked.call, checked.matching
    searched = [_read_keys(call, matching, item, call.path(index)) for index, item in enumerate(items, first_index)]
    await stored_profiles.prefer_indexes(transaction)
    sought = dict.fromkeys(key for keys in searched if not isinstance(keys, TocsinError) for key in keys)
    owners = await profiles.find_owners(transaction, checked.database.id, matching, sought)

    def outcome(index: int, keys: Keys | TocsinError) -> bytes | ItemError:
        if isinstance(keys, TocsinError):
            return item_error(index, keys)
        found = {profile_id for key in keys for profile_id in owners[key]}
        if len(found) > 1:
            return item_error(index, Ambiguous(f"several profiles match {matching.name}", path=call.path(index)))
        if not found:
            return item_error(index, NotFound(f"no profile matches {matching.name}", path=call.path(index)))
        return found.pop()

    return Found([outcome(index, keys) for index, keys in enumerate(searched, first_index)])


async def launch(
    context: Context, transaction: Transaction, checked: CheckedCall, found: Found, called_at: datetime
) -> BatchOutcome:
    """One message for each profile that can be sent to, due once the call's timeout is over."""
    call = checked.call
    places = {outcome: index for index, outcome in enumerate(found.outcomes) if isinstance(outcome, bytes)}
    known = await _profiles(transaction, checked.database, found, list(places))
    addresses = {profile_id: _address(checked, known.get(profile_id)) for profile_id in places}
    queued = _messages(context, call, addresses, places)
    if queued:
        launched = _launched(context, call)
        await launches.insert(transaction, launched, called_at)
        await messages.enqueue(transaction, launched, called_at + call.timeout.length(), queued)
    return profiles.outcome(
        found,
        skipped=[
            SkippedItem(places[profile_id], profile_id.hex(), address.reason)
            for profile_id, address in addresses.items()
            if isinstance(address, Skip)
        ],
    )


async def _profiles(
    transaction: Transaction, database: Database, found: Found, profile_ids: Sequence[bytes]
) -> Mapping[bytes, Profile]:
    missing = [profile_id for profile_id in profile_ids if profile_id not in found.profiles]
    if not missing:
        return found.profiles
    await stored_profiles.prefer_indexes(transaction)
    return {**found.profiles, **await stored_profiles.get(transaction, database.id, missing)}


def _launched(context: Context, call: LaunchCall) -> Launch:
    return Launch(next(context.new_ids()), call.trigger_id, call.content, call.custom_data, call.attachments)


def _messages(
    context: Context,
    call: ImportCall | StartCall,
    addresses: Mapping[bytes, str | Skip],
    places: Mapping[bytes, int],
) -> list[QueuedMessage]:
    """A message for each profile that has an address, with its item's own data, if it has an item."""
    sent_to = {profile_id: address for profile_id, address in addresses.items() if not isinstance(address, Skip)}
    own = {profile_id: call.items[place].custom_data for profile_id, place in places.items()}
    return [
        QueuedMessage(message_id, profile_id, address, own.get(profile_id) or None)
        for message_id, (profile_id, address) in zip(
            context.new_ids_beside(list(sent_to)), sent_to.items(), strict=True
        )
    ]


def _address(checked: CheckedCall, profile: Profile | None) -> str | Skip:
    if profile is None:
        return Skip(DELETED)
    wanted = checked.call.subscription_filter
    return choose_address(checked.trigger, profile.fields, profile.subscriptions, wanted)


def _read_keys(call: LaunchCall, matching: Matching, item: StartItem, path: str) -> Keys | TocsinError:
    """By the item's own values; by those at the root when it has none."""
    try:
        return keys_of(matching, item if is_given(matching, item) else call.search)
    except Invalid as mistake:
        return mistake.below(path)
