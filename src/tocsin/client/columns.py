"""What the columns of a CSV file are, by their names in its first row.

| name | is |
|---|---|
| `email`, `_fname`, … | a field |
| `address.city` | a member of a field that is an object |
| `phones[]` | a list, its elements parted by a vertical bar |
| `subscription:21:email` | the address of a subscription at resource 21; the row has none when it is empty |
| `subscription:21:email.status` | another member of that subscription |
| `rejected:…` | nothing: what a file of rejected rows says about its rows |
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from msgspec import Struct

from tocsin.core.errors import Invalid

Path = tuple[str, ...]

IGNORED_PREFIX = "rejected:"
LIST_SUFFIX = "[]"
LIST_SEPARATOR = "|"

_SUBSCRIPTION_PREFIX = "subscription:"
_read_subscription = re.compile(r"subscription:([0-9]{1,9}):([a-z_]+)(?:\.(.+))?").fullmatch
_OTHER_DELIMITERS = {";": "';'", "\t": "tab", "|": "'|'"}
# Where the address of a subscription stands, by its channel.
_ADDRESSES: Mapping[str, Path] = {
    "email": ("email",),
    "sms": ("phone",),
    "phone": ("phone",),
    "push": ("subscription_id",),
    "telegram_bot": ("cc_data", "id"),
    "whatsapp": ("cc_data", "phone"),
    "viber": ("cc_data", "phone"),
    "notify": ("cc_data", "phone"),
}


class Column(Struct, frozen=True):
    """Where a cell goes: a path in the profile, or in its subscription at a resource on a channel."""

    path: Path
    is_list: bool = False
    subscription: tuple[int, str] | None = None

    def value(self, cell: str) -> Any:
        return cell.split(LIST_SEPARATOR) if self.is_list else cell


class Columns:
    """The columns of a file. Invalid, with the column in its words, when the names cannot be used."""

    def __init__(self, names: Sequence[str], *, clear_empty: bool = False) -> None:
        """`clear_empty`: an empty cell clears its field; else it leaves the field as it is."""
        self.count = len(names)
        self._columns = [
            (place, _read(name.strip(), place + 1))
            for place, name in enumerate(names)
            if not name.startswith(IGNORED_PREFIX)
        ]
        _check(names, [column for _, column in self._columns])
        self._clear_empty = clear_empty

    def profile(self, cells: Sequence[str]) -> dict[str, Any]:
        """The profile of a row with as many cells as there are columns."""
        profile: dict[str, Any] = {}
        subscriptions: dict[tuple[int, str], dict[str, Any]] = {}
        for place, column in self._columns:
            cell = cells[place]
            if column.subscription is not None:
                if cell:
                    _put(subscriptions.setdefault(column.subscription, {}), column.path, column.value(cell))
            elif cell:
                _put(profile, column.path, column.value(cell))
            elif self._clear_empty:
                profile.setdefault(column.path[0], None if len(column.path) == 1 else {})
        if subscriptions:
            profile |= _described(subscriptions)
        return {name: None if value == {} else value for name, value in profile.items()}


def _read(name: str, number: int) -> Column:
    if not name:
        raise Invalid(f"column {number} has no name; the first row must name the fields")
    plain = name.removesuffix(LIST_SUFFIX)
    is_list = plain != name
    if not plain.startswith(_SUBSCRIPTION_PREFIX):
        return Column(_read_path(plain, name), is_list)
    said = _read_subscription(plain)
    if said is None or said[2] not in _ADDRESSES:
        raise Invalid(f"column {name[:100]!r}: expected subscription:RESOURCE:CHANNEL, as subscription:21:email")
    path = _read_path(said[3], name) if said[3] else _ADDRESSES[said[2]]
    return Column(path, is_list, (int(said[1]), said[2]))


def _read_path(text: str, name: str) -> Path:
    path = tuple(text.split("."))
    if not all(path) or "\0" in text:
        raise Invalid(f"column {name[:100]!r}: expected names with one dot between them")
    return path


def _check(names: Sequence[str], columns: Sequence[Column]) -> None:
    if not columns:
        raise Invalid("the first row names no field")
    if len(names) == 1 and (other := next((mark for mark in _OTHER_DELIMITERS if mark in names[0]), None)):
        raise Invalid(f"there is one column only; did you mean --delimiter {_OTHER_DELIMITERS[other]}?")
    taken: set[tuple[Any, Path]] = set()
    for column in columns:
        if (column.subscription, column.path) in taken:
            raise Invalid(f"two columns are both {_shown(column)}")
        taken.add((column.subscription, column.path))
    for column in columns:
        for length in range(1, len(column.path)):
            if (column.subscription, column.path[:length]) in taken:
                raise Invalid(f"a column is a member of another: {_shown(column)}")
    _check_addresses(columns)


def _check_addresses(columns: Sequence[Column]) -> None:
    told = {(column.subscription, column.path) for column in columns}
    for column in columns:
        if column.subscription and (column.subscription, _ADDRESSES[column.subscription[1]]) not in told:
            resource_id, channel = column.subscription
            raise Invalid(f"a column subscription:{resource_id}:{channel} with the address is missing")


def _shown(column: Column) -> str:
    name = ".".join(column.path)[:100]
    return repr(name if column.subscription is None else f"subscription:{column.subscription[0]}: {name}")


def _put(holder: dict[str, Any], path: Path, value: Any) -> None:
    for name in path[:-1]:
        holder = holder.setdefault(name, {})
    holder[path[-1]] = value


def _described(subscriptions: Mapping[tuple[int, str], Mapping[str, Any]]) -> dict[str, Any]:
    """Those that have an address."""
    described = [
        {"resource_id": resource_id, "channel": channel, **members}
        for (resource_id, channel), members in subscriptions.items()
        if _has(members, _ADDRESSES[channel])
    ]
    return {"subscriptions": described} if described else {}


def _has(members: Mapping[str, Any], path: Path) -> bool:
    holder = members.get(path[0])
    return holder is not None and (len(path) == 1 or path[1] in holder)
