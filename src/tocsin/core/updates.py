"""Functional updates: what is to be done to the value that a field has, instead of a new value (facts, 5.4).

`{"action": …, "value": …, "submatch": …}`. What an update asks for is checked when it is read; what it comes to is
known when the value it is applied to is, and must then be a value that the field could have been given.
"""

import json
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from msgspec import Struct

from tocsin.core import fields
from tocsin.core.configuration import Database, Field
from tocsin.core.configuration_words import FieldType
from tocsin.core.errors import Invalid
from tocsin.core.fields import Parser

ACTIONS = ("set", "unset", "incr", "add", "delete", "upsert")
# A delete looks at each element once for every different set of members that it names.
SHAPES = 10

_MEMBERS = frozenset(("action", "value", "submatch"))


class Update(Struct, frozen=True):
    """A checked update. `criteria`: for elements of a list of objects, what those meant agree with."""

    action: str
    value: Any
    target: "Target"
    criteria: tuple[Mapping[str, Any], ...] = ()


class Target(Struct, frozen=True):
    """A field as updates see it: the parser of its values, and the type that takes more than set and unset.

    `takes_objects`: an object may be an ordinary value, so that only one of exactly the members of an update is one.
    """

    parse: Parser
    type: FieldType | None = None
    can_be_unset: bool = True
    takes_objects: bool = False

    def actions(self) -> list[str]:
        """The actions that the field takes."""
        return ["set", *(["unset"] if self.can_be_unset else []), *_CHANGES.get(self.type, ())]


def targets(database: Database) -> dict[str, Target]:
    """All fields of the database, by name. What an update makes of a unique field could not be checked in time."""
    custom = database.custom_fields()
    return {name: _target(name, parser, custom.get(name)) for name, parser in fields.database_parsers(database).items()}


def read(target: Target, raw: Mapping[str, Any]) -> Update | None:
    """The update that an object asks for, None if it is an ordinary value. Invalid with `action`, `value` or `submatch`
    in `path`. An unset is read as the setting of None, which clears.
    """
    action = raw.get("action")
    if action is None or (target.takes_objects and not (action in ACTIONS and raw.keys() <= _MEMBERS)):
        return None
    if target is UNTYPED:
        target = _guess(raw)
    if action not in target.actions():
        raise Invalid(f"this field takes only {', '.join(target.actions())}", path="action")
    submatch = _read_submatch(target, raw)
    if action == "unset":
        return Update("set", None, target)
    value = _read_value(target, raw, may_be_absent=isinstance(submatch, dict) and action == "delete")
    if not _has_criteria(target, action):
        return Update(action, value, target)
    if action == "upsert" and not submatch:
        raise Invalid("expected the member that tells which element is meant", path="submatch")
    return Update(action, value, target, _read_criteria(action, value, submatch))


def apply(update: Update, known: Any) -> Any:
    """The new value of a field that has `known`; None is no value. Invalid if the field cannot have the new value, or
    what it has is of another type.
    """
    if update.action == "set":
        return update.value
    if known is None and update.action == "delete":
        return None
    parse = update.target.parse
    try:
        present = None if known is None else parse(known)
        return parse(_CHANGES[update.target.type][update.action](present, update))
    except ValueError as mistake:
        raise Invalid(str(mistake)) from None


def merge(known: Mapping[str, Any], said: Mapping[str, Any]) -> dict[str, Any]:
    """The fields `known` after what is `said` of them: None clears, an Update is applied. Invalid with the name."""
    merged = dict(known)
    for name, value in said.items():
        try:
            merged[name] = apply(value, known.get(name)) if isinstance(value, Update) else value
        except Invalid as mistake:
            raise mistake.below(name) from None
        if merged[name] is None:
            del merged[name]
    return merged


def _target(name: str, parser: Parser, field: Field | None) -> Target:
    if name == "email":
        return Target(parser, can_be_unset=False)
    if name == "phones":
        return Target(parser, "tags")
    if field is None or field.unique:
        return Target(parser)
    return Target(parser, field.type, takes_objects=field.type in ("object", "arr_object"))


def _has_criteria(target: Target, action: str) -> bool:
    return target.type == "arr_object" and action in ("delete", "upsert")


def _guess(raw: Mapping[str, Any]) -> Target:
    """A field without a type is taken for one that the action fits, and of those for the one that the value does."""
    action, value, submatch = raw["action"], raw.get("value"), raw.get("submatch")
    first = value[0] if isinstance(value, list) and value else value
    if action == "incr":
        return _NUMBER
    if action == "upsert":
        return _OBJECTS if submatch else _OBJECT
    if action in ("add", "delete"):
        return _OBJECTS if submatch or isinstance(first, dict) else _TEXTS
    return UNTYPED


def _read_value(target: Target, raw: Mapping[str, Any], *, may_be_absent: bool) -> Any:
    """Lists and objects may be empty. What is only set may also be null, a number may not."""
    action, value = raw["action"], raw.get("value")
    if "value" not in raw or (value is None and action != "set"):
        if may_be_absent:
            return []
        raise Invalid(f"{action} needs a value", path="value")
    try:
        parsed = None if value is None else target.parse(value)
    except ValueError as mistake:
        raise Invalid(str(mistake), path="value") from None
    if parsed is not None or action == "set":
        return parsed
    if action == "incr":
        raise Invalid("expected a number", path="value")
    return {} if target.type == "object" else []


def _read_submatch(target: Target, raw: Mapping[str, Any]) -> str | dict[str, Any] | None:
    submatch = raw.get("submatch")
    if not submatch:
        return None
    if not _has_criteria(target, raw["action"]):
        raise Invalid("only delete and upsert of a list of objects have one", path="submatch")
    if isinstance(submatch, str):
        return submatch
    if not isinstance(submatch, dict):
        raise Invalid("expected the name of a member, or an object of members", path="submatch")
    try:
        fields.check_tree(submatch)
    except ValueError as mistake:
        raise Invalid(str(mistake), path="submatch") from None
    return submatch


def _read_criteria(
    action: str, objects: list[dict[str, Any]], submatch: str | dict[str, Any] | None
) -> tuple[Mapping[str, Any], ...]:
    criteria = _criteria(action, objects, submatch)
    if isinstance(submatch, str) and any(one[submatch] is None for one in criteria):
        raise Invalid("expected objects that have the member named in submatch", path="value")
    if not all(criteria):
        raise Invalid("expected objects with at least one member", path="value")
    if len({_names(one) for one in criteria}) > SHAPES:
        raise Invalid(f"the objects may have {SHAPES} different sets of members", path="value")
    return criteria


def _criteria(
    action: str, objects: list[dict[str, Any]], submatch: str | dict[str, Any] | None
) -> tuple[Mapping[str, Any], ...]:
    if submatch is None:
        return tuple(objects)
    if isinstance(submatch, str):
        return tuple({submatch: _at(one, submatch)} for one in objects)
    if action == "upsert":
        return (submatch,) * len(objects)
    return tuple(submatch | one for one in objects) or (submatch,)


def _increase(known: Any, update: Update) -> Any:
    return (known or 0) + update.value


def _add(known: Any, update: Update) -> list[Any]:
    return [*(known or ()), *update.value]


def _delete_texts(known: Any, update: Update) -> list[str]:
    return [text for text in known or () if text not in update.value]


def _delete_objects(known: Any, update: Update) -> list[dict[str, Any]]:
    unwanted = {_key(criterion, _names(criterion)) for criterion in update.criteria}
    shapes = {_names(criterion) for criterion in update.criteria}
    return [one for one in known or () if not any(_key(one, names) in unwanted for names in shapes)]


def _upsert_members(known: Any, update: Update) -> dict[str, Any]:
    return _merge_members(known or {}, update.value)


def _upsert_objects(known: Any, update: Update) -> list[dict[str, Any]]:
    """Elements are found as they were before the update, or as it has added them."""
    elements: list[dict[str, Any]] = list(known or ())
    names = _names(update.criteria[0]) if update.criteria else ()
    places: dict[str, list[int]] = {}
    for place, element in enumerate(elements):
        places.setdefault(_key(element, names), []).append(place)
    for criterion, said in zip(update.criteria, update.value, strict=True):
        found = places.setdefault(_key(criterion, names), [])
        for place in found:
            elements[place] = _merge_members(elements[place], _beside(criterion, said))
        if not found:
            found.append(len(elements))
            elements.append(_merge_members({}, {**_plain(criterion, said), **said}))
    return elements


def _plain(criterion: Mapping[str, Any], said: Mapping[str, Any]) -> Mapping[str, Any]:
    """The members by which a new element must be found again; those of a path are in what is said already."""
    return {name: value for name, value in criterion.items() if _at(said, name) is None}


def _beside(criterion: Mapping[str, Any], said: Mapping[str, Any]) -> dict[str, Any]:
    """What is said beyond that by which the element was found, which keeps the form that it has."""
    return {
        name: value
        for name, value in said.items()
        if name not in criterion or _comparable(value) != _comparable(criterion[name])
    }


def _merge_members(known: Mapping[str, Any], said: Mapping[str, Any]) -> dict[str, Any]:
    """Shallow; null removes."""
    merged = {**known, **said}
    return {name: value for name, value in merged.items() if value is not None or name not in said}


def _names(criterion: Mapping[str, Any]) -> tuple[str, ...]:
    return tuple(sorted(criterion))


def _key(element: Mapping[str, Any], names: Iterable[str]) -> str:
    """Equal for objects that agree in the members; the names count as well."""
    return json.dumps([[name, _comparable(_at(element, name))] for name in names], sort_keys=True)


def _at(element: Any, path: str) -> Any:
    """A member by its name or, if there is none, by names with dots between."""
    if not isinstance(element, Mapping):
        return None
    first, dot, rest = path.partition(".")
    return element[path] if path in element else _at(element.get(first), rest) if dot else None


def _comparable(value: Any) -> Any:
    """The value with its numbers and booleans as text, which is what they are in XML."""
    if isinstance(value, dict):
        return {name: _comparable(member) for name, member in value.items()}
    if isinstance(value, list):
        return [_comparable(item) for item in value]
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return value if value is None else str(value)


def _number(value: Any) -> Any:
    """A number of a field without a type: whole if it is written so."""
    is_whole = type(value) is int or (isinstance(value, str) and value.strip().lstrip("+-").isdigit())
    return _WHOLE(value) if is_whole else _FRACTION(value)


_WHOLE, _FRACTION = fields.parser(Field("int")), fields.parser(Field("float"))

UNTYPED = Target(fields.kept, takes_objects=True)
_NUMBER = Target(_number, "float")
_TEXTS = Target(fields.parser(Field("tags")), "tags")
_OBJECT = Target(fields.parser(Field("object")), "object")
_OBJECTS = Target(fields.parser(Field("arr_object")), "arr_object")

_CHANGES: Mapping[FieldType | None, Mapping[str, Callable[[Any, Update], Any]]] = {
    "int": {"incr": _increase},
    "float": {"incr": _increase},
    "tags": {"add": _add, "delete": _delete_texts},
    "object": {"upsert": _upsert_members},
    "arr_object": {"add": _add, "delete": _delete_objects, "upsert": _upsert_objects},
}
