"""Finding and importing profiles, a batch at a time."""

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, ParamSpec, TypeVar

from msgspec import Struct, field

from tocsin.actions import hook_events, listeners
from tocsin.actions.context import Context
from tocsin.core import geo
from tocsin.core import matching as modes
from tocsin.core.configuration import Configuration, Database
from tocsin.core.configuration_words import ImportSource
from tocsin.core.errors import Ambiguous, Invalid, NotFound, NotReady, TocsinError
from tocsin.core.identities import Describer, Kind
from tocsin.core.launches import BatchOutcome, ImportItem, ItemError, ProfileReference, SkippedItem, item_error
from tocsin.core.matching import Key, Keys, Matching, Search, is_given, keys_finder, keys_of
from tocsin.core.profiles import (
    Batch,
    Change,
    Changes,
    Owners,
    Profile,
    Reader,
    Revision,
    Uniqueness,
    compare,
    unique_prefixes,
    unique_values,
)
from tocsin.store import identities as stored_identities
from tocsin.store import profiles as stored_profiles
from tocsin.store.database import Transaction

_P = ParamSpec("_P")
_T = TypeVar("_T")

MOST_ITEMS = 100_000

# More items than this are worked on in a thread.
_MANY = 200


class Import(Struct, frozen=True):
    """How the items of a call are imported. `search`: the values given at the root. `may_create`: else only updates.
    `may_update`: else only new ones, and what the matching finds is in their way. `source`: who imports, None for
    what is no import to those who listen.
    """

    configuration: Configuration
    database: Database
    matching: Matching
    skip_invalid_subscriptions: bool = False
    search: Search = field(default_factory=Search)
    is_single: bool = False
    may_create: bool = True
    may_update: bool = True
    skip_triggers: bool = False
    detect_geo: bool = False
    indexes: Sequence[int] = ()
    source: ImportSource | None = "api"
    depth: int = 0

    def index(self, place: int) -> int:
        """The place in the call of the item at a place in the list."""
        return self.indexes[place] if self.indexes else place

    def path(self, place: int) -> str:
        """The member path of an item."""
        return "data" if self.is_single else f"data[{self.index(place)}]"


class ReadItem(Struct, frozen=True):
    """An item that can be applied. `if_known` is what it says of a profile that is found, where that is less.

    `otherwise` are searched where `keys` find nobody: else a call repeated would create its profile again.
    """

    change: Change
    keys: Keys
    if_known: Change | None = None
    may_create: bool = True
    otherwise: Keys = ()


class Found(Struct, frozen=True):
    """The profile of each item, or what is wrong with it, in order; `profiles` as far as they are known already."""

    outcomes: Sequence[bytes | ItemError]
    profiles: Mapping[bytes, Profile] = field(default_factory=dict)
    ignored_fields: Sequence[str] = ()
    warnings: Sequence[str] = ()


def check_count(items: Sequence[Any]) -> None:
    """Invalid unless a call has a number of items that can be worked on at once."""
    if not items:
        raise Invalid("expected at least one item", path="data")
    if len(items) > MOST_ITEMS:
        raise Invalid(f"expected at most {MOST_ITEMS} items", path="data")


def outcome(found: Found, *, failed: Sequence[ItemError] = (), skipped: Sequence[SkippedItem] = ()) -> BatchOutcome:
    """What became of the items, as it is answered; `failed` are those that none was looked for."""
    errors = [*failed, *(one for one in found.outcomes if isinstance(one, ItemError))]
    return BatchOutcome(
        result=[ProfileReference(one.hex()) for one in found.outcomes if isinstance(one, bytes)],
        errors=sorted(errors, key=lambda one: one.index),
        skipped=list(skipped),
        ignored_fields=list(found.ignored_fields),
        warnings=list(found.warnings),
    )


async def import_items(
    context: Context, transaction: Transaction, job: Import, items: Sequence[ImportItem], first: int = 0
) -> Found:
    """Create or update a profile for each item, in order. Items that cannot be are errors of their own.

    1. Read every item. 2. Lock the values that identify them, find their owners. 3. Lock and read the profiles found.
    4. Apply the items in order. 5. Write what changed, one statement per kind of change. 6. Start what listens.
    """
    reader = Reader(job.configuration, job.database, skip_invalid_subscriptions=job.skip_invalid_subscriptions)
    items, warnings = _located(context, job, items)
    read = await _in_thread(len(items), _read_items, reader, job, items, first)
    batch = await _open_batch(context, transaction, job, reader, [item for item in read if isinstance(item, ReadItem)])
    outcomes = await _in_thread(len(items), _apply_items, batch, job, read, first)
    changes = batch.changes()
    await write(transaction, job.database, changes)
    if job.source is not None:
        await hook_events.record_imports(
            context, transaction, job.configuration, job.database, batch.profiles, job.source
        )
    if not job.skip_triggers:
        await listeners.fire(
            context,
            transaction,
            job.configuration,
            job.database,
            changes.revisions,
            source=job.source,
            depth=job.depth,
        )
    return Found(outcomes, batch.profiles, sorted(reader.ignored), warnings)


def _located(context: Context, job: Import, items: Sequence[ImportItem]) -> tuple[Sequence[ImportItem], list[str]]:
    """The items with the places of their addresses, where the call asks for that; and what could not be done."""
    addresses = [address for item in items if (address := geo.address_of(item.data))] if job.detect_geo else []
    if not addresses:
        return items, []
    if context.places is None:
        return items, ["detect_geo had no effect: TOCSIN_GEO_DATABASE names no file"]
    try:
        places = context.places.locate(addresses)
    except NotReady as trouble:
        return items, [f"detect_geo had no effect: {trouble.describe()}"]
    return [ImportItem(geo.fill(item.data, places), item.custom_data) for item in items], []


async def _in_thread(size: int, work: Callable[_P, _T], *args: _P.args, **kwargs: _P.kwargs) -> _T:
    """Long work in a thread, so that other calls are answered meanwhile; short work here, which is quicker."""
    return await asyncio.to_thread(work, *args, **kwargs) if size > _MANY else work(*args, **kwargs)


def check_matching(
    configuration: Configuration, database: Database, mode: str, *, field_name: str, resource_id: int | None
) -> Matching:
    """The matching of a call; or Invalid, NotFound."""
    matching = modes.check_matching(mode, database, field_name=field_name, resource_id=resource_id)
    if resource_id is not None and resource_id not in configuration.resources:
        raise NotFound(f"there is no resource {resource_id}", path="resource_id")
    return matching


async def find_owners(
    transaction: Transaction, database_id: int, matching: Matching, keys: Iterable[Key]
) -> Mapping[Key, Sequence[bytes]]:
    """The profiles that match each key, two at most."""
    if not matching.is_by_id:
        return await stored_identities.find(transaction, database_id, keys, matching.mode.kinds, matching.resource_id)
    sought = {key: bytes.fromhex(key[0]) for key in keys}
    stored = await stored_profiles.find(transaction, database_id, list(sought.values()))
    return {key: [profile_id] if profile_id in stored else [] for key, profile_id in sought.items()}


async def get_one(transaction: Transaction, database: Database, matching: Matching, search: Search) -> Profile:
    """The one profile that matches; or NotFound, Ambiguous, Invalid."""
    owners = await find_owners(transaction, database.id, matching, keys_of(matching, search))
    found = list({profile_id for ids in owners.values() for profile_id in ids})
    if len(found) > 1:
        raise Ambiguous(f"several profiles match {matching.name}")
    profiles = await stored_profiles.get(transaction, database.id, found)
    if not profiles:
        raise NotFound(f"no profile matches {matching.name}")
    return profiles[found[0]]


def list_keys(job: Import, items: Sequence[ImportItem]) -> list[Keys]:
    """What each item is searched by; nothing for an item that is wrong."""
    reader = Reader(job.configuration, job.database, skip_invalid_subscriptions=job.skip_invalid_subscriptions)
    read = _read_items(reader, job, items, 0)
    return [(*item.keys, *item.otherwise) if isinstance(item, ReadItem) else () for item in read]


def _read_items(reader: Reader, job: Import, items: Sequence[ImportItem], first: int) -> list[ReadItem | TocsinError]:
    read: list[ReadItem | TocsinError] = []
    read_item = _item_reader(reader, job)
    for place, item in enumerate(items, first):
        try:
            read.append(read_item(item.data))
        except TocsinError as mistake:
            read.append(mistake.below(job.path(place)))
    return read


def _item_reader(reader: Reader, job: Import) -> Callable[[dict[str, Any]], ReadItem]:
    """How an item becomes a change and keys. Values at the root come first for a single profile, and for many where an
    item has none of its own; a new profile then has them too, unless they are those of a subscription.
    """
    matching = job.matching
    find_keys = keys_finder(matching) if matching.mode.kinds else lambda *_: ()
    at_root = keys_of(matching, job.search) if is_given(matching, job.search) else ()
    fields_at_root = _fields_of(matching, job.search)
    path = matching.field_name or matching.mode.members[0]

    def read(raw: dict[str, Any]) -> ReadItem:
        change = reader.read(raw)
        keys = find_keys(change.fields, change.subscriptions)
        if keys and not (at_root and job.is_single):
            return ReadItem(change, keys)
        if not at_root:
            raise Invalid("the item has no value to match by", path=path)
        if keys:
            return ReadItem(change, at_root, otherwise=keys)
        return ReadItem(reader.read(raw, fields_at_root), at_root, change, may_create=bool(fields_at_root))

    def read_new(raw: dict[str, Any]) -> ReadItem:
        change = reader.read(raw)
        return ReadItem(change, find_keys(change.fields, change.subscriptions))

    def read_by_id(raw: dict[str, Any]) -> ReadItem:
        given = raw.get("profile_id") or raw.get("_id") or raw.get("id")
        keys = keys_of(matching, Search(profile_id=given)) if given else at_root
        if not keys:
            raise Invalid("the item has no value to match by", path=path)
        return ReadItem(reader.read(raw), keys, may_create=False)

    if not job.may_update:
        return read_new
    return read_by_id if matching.is_by_id else read


def _fields_of(matching: Matching, search: Search) -> dict[str, Any]:
    """The fields that values at the root are of; a subscription's are of none."""
    if matching.mode.is_of_subscriptions:
        return {}
    if matching.field is not None:
        return {matching.field_name: search.field_value}
    given = {"email": search.email, "phones": search.phone}
    members = {"email": "email", "phone": "phones"}
    wanted = [members[member] for member in matching.mode.members if member in members]
    return {name: given[name] for name in wanted if given[name] is not None}


async def _open_batch(
    context: Context, transaction: Transaction, job: Import, reader: Reader, items: Sequence[ReadItem]
) -> Batch:
    """Everything that applying the items needs to know, locked until the transaction ends."""
    database, matching = job.database, job.matching
    await stored_profiles.prefer_indexes(transaction)
    await stored_identities.lock(transaction, _values(items))
    owners = await find_owners(
        transaction, database.id, matching, dict.fromkeys(key for item in items for key in item.keys + item.otherwise)
    )
    unique = await _find_unique(transaction, database, items)
    found = list({profile_id for profile_ids in owners.values() for profile_id in profile_ids})
    await stored_profiles.lock(transaction, found)
    stored = await stored_profiles.get(transaction, database.id, found)
    if len(stored) < len(found):  # Deleted before their buckets were ours.
        owners = {key: [one for one in profile_ids if one in stored] for key, profile_ids in owners.items()}
    return Batch(
        matching,
        Owners(matching.covers, owners),
        Uniqueness(database, unique),
        stored,
        reader.describer,
        context.new_ids(),
    )


def _apply_items(
    batch: Batch, job: Import, read: Sequence[ReadItem | TocsinError], first: int
) -> list[bytes | ItemError]:
    outcomes: list[bytes | ItemError] = []
    for place, item in enumerate(read, first):
        if isinstance(item, TocsinError):
            outcomes.append(item_error(job.index(place), item))
            continue
        try:
            outcomes.append(_apply_item(batch, job, item))
        except TocsinError as mistake:
            outcomes.append(item_error(job.index(place), mistake.below(job.path(place))))
    return outcomes


def _apply_item(batch: Batch, job: Import, item: ReadItem) -> bytes:
    if not job.may_update:
        return batch.add(item.change, item.keys)
    keys = item.keys if batch.finds(item.keys) else item.otherwise or item.keys
    return batch.apply(item.change, keys, item.if_known, may_create=item.may_create and job.may_create)


def _values(items: Sequence[ReadItem]) -> list[str]:
    """What must not be created twice at once: every identity given, and every value searched for."""
    values = [value for item in items for _, _, value in item.change.identities]
    values += [value for item in items for key in item.keys + item.otherwise for value in key]
    return values


async def _find_unique(
    transaction: Transaction, database: Database, items: Sequence[ReadItem]
) -> dict[Key, list[bytes]]:
    prefixes = unique_prefixes(database)
    if not prefixes:
        return {}
    keys = {(value,) for item in items for value in unique_values(item.change, prefixes)}
    return await stored_identities.find(transaction, database.id, keys, (Kind.CUSTOM_FIELD,), None)


async def get_locked(
    transaction: Transaction, database: Database, profile_ids: Sequence[bytes]
) -> dict[bytes, Profile]:
    """Profiles that nobody else writes until the transaction ends. Values that they are to gain are locked before."""
    await stored_profiles.prefer_indexes(transaction)
    await stored_profiles.lock(transaction, profile_ids)
    return await stored_profiles.get(transaction, database.id, profile_ids)


async def revise(
    context: Context,
    transaction: Transaction,
    configuration: Configuration,
    database: Database,
    revisions: list[Revision],
    *,
    skip_triggers: bool = False,
) -> None:
    """Write what became of locked profiles, each at most once, and start what listens to it. This is no import."""
    await write(transaction, database, compare(Describer(database), revisions))
    if not skip_triggers:
        await listeners.fire(context, transaction, configuration, database, revisions, source=None)


async def write(transaction: Transaction, database: Database, changes: Changes) -> None:
    """Profiles and their identities as they are from now on; the caller holds the locks of the profiles' buckets."""
    created, changed, deleted = changes.created(), changes.changed(), changes.deleted()
    if created:
        await stored_profiles.insert(transaction, database.id, created)
    if changed:
        await stored_profiles.update(transaction, changed)
    if deleted:
        await stored_profiles.delete(transaction, deleted)
    if changes.lost:
        await stored_identities.delete(transaction, database.id, changes.lost)
    if changes.gained:
        await stored_identities.insert(transaction, database.id, changes.gained)
