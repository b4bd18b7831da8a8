"""The fields of a profile as pages show them and as forms type them."""

import json
from collections.abc import Iterable, Mapping
from typing import Any, Final, NamedTuple

import msgspec

from tocsin.core import fields
from tocsin.core.configuration import Database, Field
from tocsin.core.errors import Invalid, TocsinError
from tocsin.core.profiles import Profile
from tocsin.core.subscriptions import STATUSES
from tocsin.web.admin.forms import Form, Mistakes
from tocsin.web.admin.texts import Translator

_MOST_SHOWN = 200
# Longer values are not typed in forms: the page would be too large to be quick.
_MOST_TYPED = 4000
_MOST_TYPED_ALL = 40_000
_PREFIX = "field."
_LISTS: Final = frozenset({"tags", "phones"})
_OBJECTS: Final = frozenset({"object", "arr_object", "unknown"})
_ORDER: Final = (
    "email", "phones", "_fname", "_lname", "_sex", "_bdate", "_city", "_region", "_country", "_postal_code", "_tz",
    "_status", "_vendor", "_ip", "_lat", "_lon", "_regdate", "_regip", "_regcity", "_regcountry", "_regurl",
)  # fmt: skip


class Shown(NamedTuple):
    """A field with its value as text; `is_known`: the database has it."""

    name: str
    type: str
    text: str
    is_known: bool


class Typed(NamedTuple):
    """A field of a form. `values` to choose from; `is_kept`: it is too long to be typed, and stays as it is."""

    name: str
    type: str
    text: str
    values: tuple[str, ...]
    is_kept: bool

    @property
    def is_long(self) -> bool:
        """Whether it needs an area of several lines."""
        return self.type in _OBJECTS or "\n" in self.text or len(self.text) > _MOST_SHOWN


def list_shown(database: Database, profile: Profile, t: Translator) -> list[Shown]:
    """The fields that have a value: standard ones, those of the database, unknown ones."""
    known = _types(database)
    return [
        Shown(name, known.get(name, ""), _show(name, profile.fields[name], t), name in known)
        for name in _in_order(database, profile.fields)
        if name in profile.fields
    ]


def list_typed(database: Database, values: Mapping[str, Any], form: Form | None = None) -> list[Typed]:
    """All fields that a form may say, as they are stored; or, after a mistake, as they were typed."""
    custom = database.custom_fields()
    listed, room = [], _MOST_TYPED_ALL
    for name, type_ in _editable(database, values).items():
        stored = show_typed(type_, values.get(name))
        is_kept = len(stored) > min(_MOST_TYPED, room)
        text = stored if form is None or _PREFIX + name not in form else form.raw(_PREFIX + name)
        text = "" if is_kept else text
        room -= len(text)
        listed.append(Typed(name, type_, text, _choices(name, custom.get(name)), is_kept))
    return listed


def read_changes(database: Database, before: Mapping[str, Any], form: Form, mistakes: Mistakes) -> dict[str, Any]:
    """The fields that the form says otherwise than they are, None for what it clears; mistakes by `field.<name>`."""
    parsers = fields.database_parsers(database)
    changes: dict[str, Any] = {}
    for name, type_ in _editable(database, before).items():
        member = _PREFIX + name
        if member not in form or _same(form.raw(member), show_typed(type_, before.get(name))):
            continue
        try:
            read = read_typed(type_, form.raw(member))
            changes[name] = None if read is None else (parsers.get(name) or fields.kept)(read)
        except ValueError as mistake:
            mistakes.add(Invalid(str(mistake), path=member))
    return changes


def name_mistake(mistake: TocsinError) -> Invalid:
    """A mistake that an action has found in a field, at its place in the form."""
    path = f"{_PREFIX}{mistake.path}" if mistake.path else ""
    return Invalid(mistake.debug, path=path)


def show_typed(type_: str, value: Any) -> str:
    """A stored value as one types it; `read_typed` reads it back."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if type_ in _LISTS and isinstance(value, list):
        plain = all(isinstance(one, str) and "," not in one and one.strip() == one for one in value)
        return ", ".join(value) if plain and value else json.dumps(value, ensure_ascii=False)
    if isinstance(value, str) and type_ != "unknown":
        return value
    return json.dumps(value, ensure_ascii=False, indent=2 if isinstance(value, dict | list) else None)


def read_typed(type_: str, text: str) -> Any:
    """What was typed, as an import takes it; None for nothing. ValueError when it is not JSON where that is needed."""
    stripped = text.strip()
    if not stripped:
        return None
    if type_ in _OBJECTS or (type_ in _LISTS and stripped.startswith("[")):
        return _read_json(stripped)
    if type_ in _LISTS:
        return [one.strip() for one in stripped.split(",") if one.strip()]
    return text if type_ == "string" else stripped


def read_object(text: str, path: str, t: Translator) -> dict[str, Any]:
    """An object typed as JSON, empty where nothing is typed; or Invalid, which says where it is none."""
    if not text:
        return {}
    try:
        value = msgspec.json.decode(text)
    except (msgspec.DecodeError, RecursionError):
        raise Invalid(_say_where(text, t), path=path) from None
    if not isinstance(value, dict):
        raise Invalid("expected an object", path=path)
    return value


def _say_where(text: str, t: Translator) -> str:
    """The standard library knows line and column."""
    try:
        json.loads(text)
    except json.JSONDecodeError as mistake:
        return t("profiles_not_json", line=mistake.lineno, column=mistake.colno, said=mistake.msg)
    except (RecursionError, ValueError):
        pass
    return t("profiles_not_json_at_all")


def _read_json(text: str) -> Any:
    try:
        return msgspec.json.decode(text)
    except (msgspec.DecodeError, RecursionError):
        raise ValueError("this is not JSON") from None


def _same(typed: str, shown: str) -> bool:
    return typed.replace("\r\n", "\n") == shown.replace("\r\n", "\n")


def _types(database: Database) -> dict[str, str]:
    standard = {name: "phones" if name == "phones" else field.type for name, field in fields.STANDARD.items()}
    return standard | {name: field.type for name, field in database.custom_fields().items()}


def _editable(database: Database, values: Mapping[str, Any]) -> dict[str, str]:
    """Names and types; what the database does not know only where it keeps it."""
    known = _types(database)
    ordered = _in_order(database, values if database.unknown_fields == "keep" else {})
    return {name: known.get(name, "unknown") for name in ordered}


def _in_order(database: Database, values: Iterable[str]) -> list[str]:
    return list(dict.fromkeys((*_ORDER, *fields.STANDARD, *database.custom_fields(), *sorted(values))))


def _choices(name: str, field: Field | None) -> tuple[str, ...]:
    if name == "_sex":
        return ("male", "female")
    if name == "_status":
        return tuple(str(number) for number in range(len(STATUSES)))
    if field and field.type == "bool":
        return ("true", "false")
    return field.values if field else ()


def _show(name: str, value: Any, t: Translator) -> str:
    if name == "_status" and isinstance(value, int) and value < len(STATUSES):
        return t.word("status", STATUSES[value])
    if name == "_sex":
        return t.word("profiles_sex", str(value))
    if isinstance(value, bool):
        return t("yes" if value else "no")
    if isinstance(value, list) and all(isinstance(one, str) for one in value):
        text = ", ".join(value)
    else:
        text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= _MOST_SHOWN else f"{text[:_MOST_SHOWN]}…"
