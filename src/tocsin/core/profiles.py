"""A customer: reading what a call says of one, and applying a batch of that, in order, to what is known."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cached_property
from itertools import chain
from types import MappingProxyType
from typing import Any, NamedTuple

from msgspec import Struct

from tocsin.core import fields, identities, subscriptions, updates
from tocsin.core.configuration import Configuration, Database
from tocsin.core.errors import Ambiguous, Conflict, Invalid, NotFound
from tocsin.core.identities import Describer, Identity, Kind
from tocsin.core.matching import Key, Keys, Matching
from tocsin.core.subscriptions import Subscription
from tocsin.core.updates import Update

# Names that calls put beside the fields, but which are none.
_BESIDE_FIELDS = frozenset({"subscriptions", "id", "_id", "db_id", "profile_id"})
_NONE: set[Identity] = set()


class Profile(Struct):
    """A stored profile."""

    id: bytes
    fields: dict[str, Any]
    subscriptions: list[Subscription]


class Revision(NamedTuple):
    """A profile as it was and as it is: None before it is created, and after it is deleted."""

    before: Profile | None
    after: Profile | None

    @property
    def profile_id(self) -> bytes:
        """Of the one profile that both are."""
        known = self.after or self.before
        return known.id if known else b""


class Changes(NamedTuple):
    """What is to be written: revisions of different profiles, and the identities that these gain and lose."""

    revisions: list[Revision]
    gained: list[tuple[bytes, set[Identity]]]
    lost: list[tuple[bytes, set[Identity]]]

    def created(self) -> list[Profile]:
        """Profiles that were not stored before."""
        return [after for before, after in self.revisions if before is None and after is not None]

    def changed(self) -> list[Profile]:
        """Stored profiles that are different now."""
        return [
            after
            for before, after in self.revisions
            if before is not None
            and after is not None
            and (before.fields != after.fields or before.subscriptions != after.subscriptions)
        ]

    def deleted(self) -> list[bytes]:
        """The ids of profiles that are no more."""
        return [before.id for before, after in self.revisions if before is not None and after is None]


class Change(Struct):
    """What one item says: fields (None clears), subscriptions, the identities these alone amount to, and what is to be
    done to the values of other fields. The values that this adds count among the identities.
    """

    fields: dict[str, Any]
    subscriptions: list[Subscription]
    identities: set[Identity]
    has_clears: bool = False
    updates: dict[str, Update] = {}


class Reader:
    """Reads the profiles of one call into one database; gathers the names of fields that it left out."""

    def __init__(self, configuration: Configuration, database: Database, *, skip_invalid_subscriptions: bool) -> None:
        self._parsers = fields.database_parsers(database)
        self._database = database
        self._subscriptions = subscriptions.Reader(configuration, database)
        self._skip_invalid = skip_invalid_subscriptions
        self._unknown_fields = database.unknown_fields
        self.describer = Describer(database)
        self.ignored: set[str] = set()

    def read(self, raw: Mapping[str, Any], beneath: Mapping[str, Any] = MappingProxyType({})) -> Change:
        """One profile of a call, whose fields come before those `beneath`: its updates work on these. Invalid with
        the member in `path`; then nothing of the item counts.
        """
        values: dict[str, Any] = {}
        changes: dict[str, Update] = {}
        parsers = self._parsers
        for name, value in chain(beneath.items(), raw.items()) if beneath else raw.items():
            parser = parsers.get(name) or self._parser_of_other(name)
            if parser is not None:
                if type(value) is dict and (update := self._read_update(name, value)):
                    if update.action == "set":
                        values[name] = update.value
                    else:
                        changes[name] = update
                    continue
                try:
                    values[name] = None if value is None else parser(value)
                except ValueError as mistake:
                    raise Invalid(str(mistake), path=name) from None
        said = self._read_subscriptions(raw["subscriptions"]) if raw.get("subscriptions") else []
        given = values | _added(changes) if changes else values
        return Change(values, said, self.describer.describe(given, said), None in values.values(), changes)

    @cached_property
    def _targets(self) -> dict[str, updates.Target]:
        return updates.targets(self._database)

    def _read_update(self, name: str, value: dict[str, Any]) -> Update | None:
        try:
            return updates.read(self._targets.get(name, updates.UNTYPED), value)
        except Invalid as mistake:
            raise mistake.below(name) from None

    def _parser_of_other(self, name: str) -> fields.Parser | None:
        """What to do with a member that is no field of the database."""
        if name in _BESIDE_FIELDS:
            return None
        if self._unknown_fields == "refuse":
            raise Invalid("the database has no such field", path=name)
        if self._unknown_fields == "keep":
            return fields.kept
        self.ignored.add(name)
        return None

    def _read_subscriptions(self, raw: Any) -> list[Subscription]:
        said = []
        for place, one in enumerate(raw if type(raw) is list else [raw]):
            try:
                said.append(self._subscriptions.read(one))
            except Invalid as mistake:
                if not self._skip_invalid:
                    raise mistake.below(f"subscriptions[{place}]") from None
        return said


class Owners:
    """Who owns which keys, kept true while a batch is applied. A key is owned by having all of its values."""

    def __init__(self, covers: Callable[[Identity], bool], known: Mapping[Key, Iterable[bytes]]) -> None:
        """`known`: every key that will be asked for, with its owners before the batch."""
        self._covers = covers
        self._owners = {key: set(owners) for key, owners in known.items()}
        self._of_value = {key[0]: owners for key, owners in self._owners.items() if len(key) == 1}
        self._combinations: dict[str, list[Key]] = {}
        for key in self._owners:
            for value in key if len(key) > 1 else ():
                self._combinations.setdefault(value, []).append(key)

    def of(self, keys: Keys) -> set[bytes]:
        """The present owners of any of the keys."""
        if len(keys) == 1:
            return self._owners[keys[0]]
        return set[bytes]().union(*(self._owners[key] for key in keys))

    def settle(self, profile_id: bytes, before: set[Identity], after: set[Identity]) -> None:
        """A profile's identities have changed."""
        of_value = self._of_value
        for identity in before - after if before else ():
            if identity[2] in of_value and self._covers(identity):
                of_value[identity[2]].discard(profile_id)
        # Afterwards, since a value may be lost as one identity and kept as another.
        for identity in after:
            if identity[2] in of_value and self._covers(identity):
                of_value[identity[2]].add(profile_id)
        if self._combinations:
            self._settle_combinations(profile_id, before, after)

    def _settle_combinations(self, profile_id: bytes, before: set[Identity], after: set[Identity]) -> None:
        values = {identity[2] for identity in after if self._covers(identity)}
        for identity in before | after:
            for key in self._combinations.get(identity[2], ()):
                owners = self._owners[key]
                (owners.add if values.issuperset(key) else owners.discard)(profile_id)


class Batch:
    """Items applied in order: two that match the same profile are one profile, later values win."""

    def __init__(
        self,
        matching: Matching,
        owners: Owners,
        unique: "Uniqueness",
        stored: Mapping[bytes, Profile],
        describer: Describer,
        new_ids: Iterator[bytes],
    ) -> None:
        self._matching = matching
        self._owners = owners
        self._unique = unique
        self._stored = stored
        self._describer = describer
        self._new_ids = new_ids
        self._before: dict[bytes, set[Identity]] = {}
        self._after: dict[bytes, set[Identity]] = {}
        self.profiles: dict[bytes, Profile] = {}

    def finds(self, keys: Keys) -> bool:
        """Whether somebody matches the keys by now."""
        return bool(self._owners.of(keys))

    def apply(self, change: Change, keys: Keys, if_known: Change | None = None, *, may_create: bool = True) -> bytes:
        """The id of the profile that the item created or, by `if_known`, changed; or Ambiguous, NotFound, Conflict."""
        found = self._owners.of(keys)
        if not found:
            if not may_create:
                raise NotFound("there is no such profile, and none can be created from this value")
            return self._create(change)
        if len(found) > 1:
            raise Ambiguous(f"several profiles match {self._matching.name}")
        (profile_id,) = found
        change = if_known or change
        known = self.profiles.get(profile_id) or self._stored[profile_id]
        self._unique.check(change, profile_id)
        merged = _merge(known, change)
        if self._may_be_found_otherwise(known, merged, change):
            self._settle(profile_id, self._describer.describe(merged.fields, merged.subscriptions))
        self.profiles[profile_id] = merged
        return profile_id

    def add(self, change: Change, keys: Keys) -> bytes:
        """The id of a new profile; Conflict when somebody matches the keys, of which there may be none."""
        if self.finds(keys):
            member = self._matching.mode.members[0]
            raise Conflict(f"another profile has this {member}", path=member)
        return self._create(change)

    def _may_be_found_otherwise(self, known: Profile, merged: Profile, change: Change) -> bool:
        """Whether what identities come from has changed; seldom, and listing them is dear."""
        names = change.fields.keys() | change.updates.keys() if change.updates else change.fields.keys()
        return known.subscriptions != merged.subscriptions or any(
            known.fields.get(name) != merged.fields.get(name) for name in self._describer.names & names
        )

    def _create(self, change: Change) -> bytes:
        profile_id = next(self._new_ids)
        self._unique.check(change, profile_id)
        created = _merge(Profile(profile_id, {}, []), change)
        self.profiles[profile_id] = created
        after = change.identities
        if change.updates or any(map(subscriptions.has_custom_fields, change.subscriptions)):
            after = self._describer.describe(created.fields, created.subscriptions)
        self._settle(profile_id, after)
        return profile_id

    def changes(self) -> Changes:
        """What the items came to."""
        revisions = [Revision(self._stored.get(profile.id), profile) for profile in self.profiles.values()]
        return Changes(revisions, _beyond(self._before, self._after), _beyond(self._after, self._before))

    def _settle(self, profile_id: bytes, after: set[Identity]) -> None:
        before = self._after.get(profile_id)
        if before is None:
            stored = self._stored.get(profile_id)
            before = self._describer.describe(stored.fields, stored.subscriptions) if stored else _NONE
            self._before[profile_id] = before
        self._owners.settle(profile_id, before, after)
        self._unique.owners.settle(profile_id, before, after)
        self._after[profile_id] = after


class Uniqueness:
    """Custom fields that no two profiles of a database may share a value of."""

    def __init__(self, database: Database, known: Mapping[Key, Iterable[bytes]]) -> None:
        self._prefixes = unique_prefixes(database)
        self.owners = Owners(lambda identity: identity[0] == Kind.CUSTOM_FIELD, known)

    def check(self, change: Change, profile_id: bytes) -> None:
        """Conflict when another profile owns a value that this item gives."""
        if not self._prefixes:
            return
        for value in unique_values(change, self._prefixes):
            if self.owners.of(((value,),)) - {profile_id}:
                name = value.split(".", 1)[0]
                raise Conflict("another profile has this value of a unique field", path=name)


def compare(describer: Describer, revisions: list[Revision]) -> Changes:
    """What revisions of different profiles are to write."""
    before = {one.profile_id: _identities(describer, one.before) for one in revisions}
    after = {one.profile_id: _identities(describer, one.after) for one in revisions}
    return Changes(revisions, _beyond(before, after), _beyond(after, before))


def _identities(describer: Describer, profile: Profile | None) -> set[Identity]:
    return describer.describe(profile.fields, profile.subscriptions) if profile else _NONE


def _beyond(
    less: Mapping[bytes, set[Identity]], more: Mapping[bytes, set[Identity]]
) -> list[tuple[bytes, set[Identity]]]:
    pairs = ((profile_id, identities - less[profile_id]) for profile_id, identities in more.items())
    return [(profile_id, identities) for profile_id, identities in pairs if identities]


def unique_prefixes(database: Database) -> tuple[str, ...]:
    """How the identity values of unique fields begin."""
    return tuple(identities.custom_value(name, "") for name, field in database.custom_fields().items() if field.unique)


def unique_values(change: Change, prefixes: tuple[str, ...]) -> list[str]:
    """The identity values of unique fields that an item gives."""
    return [value for kind, _, value in change.identities if kind == Kind.CUSTOM_FIELD and value.startswith(prefixes)]


def _added(changes: Mapping[str, Update]) -> dict[str, Any]:
    return {name: update.value for name, update in changes.items() if update.action == "add"}


def _merge(known: Profile, change: Change) -> Profile:
    merged = known.fields | change.fields
    if change.has_clears:
        merged = {name: value for name, value in merged.items() if value is not None}
    if change.updates:
        merged = updates.merge(merged, change.updates)
    if not change.subscriptions:
        return Profile(known.id, merged, known.subscriptions)
    try:
        return Profile(known.id, merged, subscriptions.merge(known.subscriptions, change.subscriptions))
    except Invalid as mistake:
        raise mistake.below("subscriptions") from None
