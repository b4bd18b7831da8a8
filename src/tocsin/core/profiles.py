"""A customer: reading what a call says of one, and applying a batch of that, in order, to what is known."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from msgspec import Struct

from tocsin.core import fields, identities, subscriptions
from tocsin.core.configuration import Configuration, Database
from tocsin.core.errors import Ambiguous, Conflict, Invalid, NotFound
from tocsin.core.identities import Describe, Identity, Kind
from tocsin.core.matching import Key, Matching
from tocsin.core.subscriptions import Subscription

# Names that calls put beside the fields, but which are none.
_BESIDE_FIELDS = frozenset({"subscriptions", "id", "_id", "db_id", "profile_id"})
_NONE: set[Identity] = set()


class Profile(Struct):
    """A stored profile."""

    id: bytes
    fields: dict[str, Any]
    subscriptions: list[Subscription]


class Change(Struct):
    """What one item says: fields (None clears), subscriptions, and the identities these alone amount to."""

    fields: dict[str, Any]
    subscriptions: list[Subscription]
    identities: set[Identity]
    has_clears: bool = False


class Reader:
    """Reads the profiles of one call into one database; gathers the names of fields that it left out."""

    def __init__(self, configuration: Configuration, database: Database, *, skip_invalid_subscriptions: bool) -> None:
        self._parsers = fields.database_parsers(database)
        self._subscriptions = subscriptions.Reader(configuration, database)
        self._skip_invalid = skip_invalid_subscriptions
        self._unknown_fields = database.unknown_fields
        self.describe: Describe = identities.describer(database)
        self.ignored: set[str] = set()

    def read(self, raw: Mapping[str, Any]) -> Change:
        """One profile of a call. Raises Invalid with the member in `path`; then nothing of the item counts."""
        values: dict[str, Any] = {}
        has_clears = False
        for name, value in raw.items():
            parser = self._parsers.get(name)
            try:
                if parser is None:
                    self._read_other(name, value, values)
                    continue
                parsed = None if value is None else parser(value)
            except ValueError as mistake:
                raise Invalid(str(mistake), path=name) from None
            has_clears = has_clears or parsed is None
            values[name] = parsed
        said = self._read_subscriptions(raw["subscriptions"]) if raw.get("subscriptions") else []
        return Change(values, said, self.describe(values, said), has_clears)

    def _read_other(self, name: str, value: Any, values: dict[str, Any]) -> None:
        if name in _BESIDE_FIELDS:
            return
        if self._unknown_fields == "refuse":
            raise Invalid("the database has no such field", path=name)
        if self._unknown_fields == "keep":
            fields.check_tree(value)
            values[name] = value
        else:
            self.ignored.add(name)

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
        self._keys: dict[str, list[Key]] = {}
        for key in self._owners:
            for value in key:
                self._keys.setdefault(value, []).append(key)

    def of(self, key: Key) -> set[bytes]:
        """The present owners."""
        return self._owners[key]

    def settle(self, profile_id: bytes, before: set[Identity], after: set[Identity]) -> None:
        """A profile's identities have changed."""
        keys = self._keys
        if not keys:
            return
        for identity in before ^ after if before else after:
            for key in keys.get(identity[2], ()):
                owners = self._owners[key]
                (owners.add if self._has_all(key, identity, after) else owners.discard)(profile_id)

    def _has_all(self, key: Key, changed: Identity, after: set[Identity]) -> bool:
        if len(key) == 1 and changed in after and self._covers(changed):
            return True
        return {identity[2] for identity in after if self._covers(identity)}.issuperset(key)


class Batch:
    """Items applied in order: two that match the same profile are one profile, later values win."""

    def __init__(
        self,
        matching: Matching,
        owners: Owners,
        unique: "Uniqueness",
        stored: Mapping[bytes, Profile],
        describe: Describe,
        new_ids: Iterator[bytes],
    ) -> None:
        self._matching = matching
        self._owners = owners
        self._unique = unique
        self._stored = stored
        self._describe = describe
        self._new_ids = new_ids
        self._before: dict[bytes, set[Identity]] = {}
        self._after: dict[bytes, set[Identity]] = {}
        self.profiles: dict[bytes, Profile] = {}

    def apply(self, change: Change, key: Key) -> bytes:
        """The id of the profile that the item created or changed; or Ambiguous, NotFound, Conflict."""
        found = self._owners.of(key)
        if len(found) > 1:
            raise Ambiguous(f"several profiles match {self._matching.mode}")
        known = self._known(next(iter(found))) if found else None
        if known is None and self._matching.is_by_id:
            raise NotFound("there is no such profile")
        profile_id = known.id if known else next(self._new_ids)
        self._unique.check(change, profile_id)
        merged = _merge(known, change, profile_id)
        if known is None and not change.has_clears:
            self._settle(profile_id, change.identities)
        elif known is None or merged != known:
            self._settle(profile_id, self._describe(merged.fields, merged.subscriptions))
        self.profiles[profile_id] = merged
        return profile_id

    def created(self) -> list[Profile]:
        """Profiles that were not stored before."""
        return [profile for profile in self.profiles.values() if profile.id not in self._stored]

    def changed(self) -> list[Profile]:
        """Stored profiles that are different now."""
        return [
            profile
            for profile in self.profiles.values()
            if (before := self._stored.get(profile.id)) is not None
            and (before.fields != profile.fields or before.subscriptions != profile.subscriptions)
        ]

    def gained_and_lost(self) -> tuple[list[tuple[Identity, bytes]], list[tuple[Identity, bytes]]]:
        """Identities to write and to delete, with their profiles."""
        gained: list[tuple[Identity, bytes]] = []
        lost: list[tuple[Identity, bytes]] = []
        for profile_id, after in self._after.items():
            before = self._before[profile_id]
            if before != after:
                gained += [(identity, profile_id) for identity in after - before]
                lost += [(identity, profile_id) for identity in before - after]
        return gained, lost

    def _known(self, profile_id: bytes) -> Profile | None:
        return self.profiles.get(profile_id) or self._stored.get(profile_id)

    def _settle(self, profile_id: bytes, after: set[Identity]) -> None:
        before = self._after.get(profile_id)
        if before is None:
            stored = self._stored.get(profile_id)
            before = self._describe(stored.fields, stored.subscriptions) if stored else _NONE
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
            if self.owners.of((value,)) - {profile_id}:
                name = value.split(".", 1)[0]
                raise Conflict("another profile has this value of a unique field", path=name)


def unique_prefixes(database: Database) -> tuple[str, ...]:
    """How the identity values of unique fields begin."""
    return tuple(identities.custom_value(name, "") for name, field in database.custom_fields().items() if field.unique)


def unique_values(change: Change, prefixes: tuple[str, ...]) -> list[str]:
    """The identity values of unique fields that an item gives."""
    return [value for kind, _, value in change.identities if kind == Kind.CUSTOM_FIELD and value.startswith(prefixes)]


def _merge(known: Profile | None, change: Change, profile_id: bytes) -> Profile:
    merged = change.fields if known is None else known.fields | change.fields
    if change.has_clears:
        merged = {name: value for name, value in merged.items() if value is not None}
    if known is not None and not change.subscriptions:
        return Profile(profile_id, merged, known.subscriptions)
    return Profile(profile_id, merged, subscriptions.merge(known.subscriptions if known else (), change.subscriptions))
