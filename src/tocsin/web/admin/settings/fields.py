"""The form of a configured object, made from its struct: so no member is without a field, and none is lost."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache
from typing import Any, Literal, NamedTuple

import msgspec
from msgspec import NODEFAULT, Struct, inspect

from tocsin.core import yaml_document
from tocsin.core.configuration import Database
from tocsin.core.configuration_members import SECRET_MEMBERS
from tocsin.core.errors import Invalid
from tocsin.web.admin.forms import Form, Mistakes
from tocsin.web.admin.settings import nested_secrets
from tocsin.web.admin.settings.columns import read_columns, show_columns, typed_columns

Kind = Literal[
    "text", "number", "box", "choice", "words", "lines", "numbers", "reference", "references", "secret", "structure",
    "columns",
]  # fmt: skip

# Names that refer to other objects, and the section where these stand.
REFERENCES: Mapping[str, str] = {
    "databases": "databases",
    "database": "databases",
    "resources": "resources",
    "resource": "resources",
    "triggers": "triggers",
    "workflows": "workflows",
    "policy": "policies",
    "template": "templates",
    "sender": "senders",
}
_SEVERAL = frozenset({"databases", "resources", "triggers", "workflows"})
_NOT_IN_FORMS = frozenset({"id", "secrets"})
_EVERYDAY = frozenset({
    "name", "description", "fields", "host", "port", "security", "username", "password", "url", "method", "json",
    "form", "body", "events", "databases", "channels", "categories", "secret", "senders", "credentials_file",
    "key_file", "key_id", "team_id", "topic", "private_key_file", "subject", "limits", "quiet_hours", "default",
    "timezone", "active",
})  # fmt: skip
_LONG = frozenset({"body", "description"})


class Field(NamedTuple):
    """One member of a form. `options`: the words to choose from. `section`: where the objects are that it refers to."""

    name: str
    kind: Kind
    is_required: bool
    is_everyday: bool
    options: tuple[str, ...] = ()
    section: str = ""

    @property
    def is_long(self) -> bool:
        """Whether its text may have several lines."""
        return self.name in _LONG


@cache
def fields_of(struct: type[Struct]) -> tuple[Field, ...]:
    """The fields of a struct's form, in its order."""
    return tuple(_fields(struct))


def _fields(struct: type[Struct]) -> Iterator[Field]:
    for member in msgspec.structs.fields(struct):
        name = member.encode_name
        if name in _NOT_IN_FORMS:
            continue
        kind, options = _kind(inspect.type_info(member.type))
        kind = _special(struct, name) or kind
        if len(options) == 1 and kind == "choice" and member.required:
            continue
        is_everyday = member.required or name in _EVERYDAY
        is_required = member.required and member.default is NODEFAULT
        yield Field(name, kind, is_required, is_everyday, options, REFERENCES.get(name, ""))


def _special(struct: type[Struct], name: str) -> Kind | None:
    """The kind of a field that its name tells better than its type."""
    if name in SECRET_MEMBERS:
        return "secret"
    if struct is Database and name == "fields":
        return "columns"
    if name in REFERENCES:
        return "references" if name in _SEVERAL else "reference"
    return None


def _kind(info: Any) -> tuple[Kind, tuple[str, ...]]:
    if isinstance(info, inspect.UnionType):
        others = [one for one in info.types if not isinstance(one, inspect.NoneType)]
        is_switch = len(others) == 1 and isinstance(others[0], inspect.BoolType)
        return ("choice", ("true", "false")) if is_switch else _kind(others[0] if len(others) == 1 else None)
    if isinstance(info, inspect.VarTupleType):
        return _kind_of_many(info.item_type)
    if isinstance(info, inspect.LiteralType):
        return "choice", tuple(str(value) for value in info.values)
    return _PLAIN.get(type(info), "structure"), ()


_PLAIN: Mapping[type, Kind] = {
    inspect.BoolType: "box",
    inspect.IntType: "number",
    inspect.FloatType: "number",
    inspect.StrType: "text",
}


def _kind_of_many(item: Any) -> tuple[Kind, tuple[str, ...]]:
    if isinstance(item, inspect.LiteralType):
        return "words", tuple(str(value) for value in item.values)
    if isinstance(item, inspect.IntType):
        return "numbers", ()
    return ("lines", ()) if isinstance(item, inspect.StrType) else ("structure", ())


def channels_of(struct: type[Struct]) -> tuple[str, ...]:
    """The channels that an object of a struct may have."""
    for member in msgspec.structs.fields(struct):
        if member.encode_name == "channel":
            return _kind(inspect.type_info(member.type))[1]
    return ()


def with_defaults(struct: type[Struct], members: Mapping[str, Any]) -> dict[str, Any]:
    """Members with those that are not said as they are then."""
    values: dict[str, Any] = {}
    for member in msgspec.structs.fields(struct):
        if member.default is not NODEFAULT:
            values[member.encode_name] = msgspec.to_builtins(member.default)
        elif member.default_factory is not NODEFAULT:
            values[member.encode_name] = member.default_factory()
    return values | dict(members)


def show_values(fields: Sequence[Field], members: Mapping[str, Any]) -> dict[str, Any]:
    """What the fields of a form hold at first: texts, and lists of texts where several may be chosen."""
    return {field.name: _show(field, members.get(field.name)) for field in fields}


def _show(field: Field, value: Any) -> Any:
    if field.kind in _SHOWN:
        return _SHOWN[field.kind](value)
    if isinstance(value, bool) and field.kind == "choice":
        return "true" if value else "false"
    return value if field.kind == "box" else "" if value is None else str(value)


def _show_list(value: Any) -> list[str]:
    return [str(one) for one in value or ()]


def _show_lines(value: Any) -> str:
    return "\n".join(str(one) for one in value or ())


def _show_secret(_: Any) -> str:
    return ""


def _show_structure(value: Any) -> str:
    return yaml_document.write(nested_secrets.hide(value)).rstrip() if value else ""


def _show_columns(value: Any) -> Any:
    return show_columns(value or {})


_SHOWN: Mapping[Kind, Callable[[Any], Any]] = {
    "words": _show_list,
    "references": _show_list,
    "lines": _show_lines,
    "numbers": _show_lines,
    "secret": _show_secret,
    "structure": _show_structure,
    "columns": _show_columns,
}


def typed_values(fields: Sequence[Field], form: Form) -> dict[str, Any]:
    """What the fields held when the form was sent, to show it again. Secrets are to be typed again."""
    return {field.name: _typed(field, form) for field in fields}


def _typed(field: Field, form: Form) -> Any:
    if field.kind in ("words", "references"):
        return form.all(field.name)
    if field.kind == "columns":
        return typed_columns(form)
    if field.kind == "box":
        return form.is_on(field.name)
    if field.kind == "structure":
        return _typed_structure(form.raw(field.name))
    return "" if field.kind == "secret" else form.raw(field.name)


def _typed_structure(text: str) -> str:
    document = yaml_document.read(text)
    if document.mistakes or (told := nested_secrets.forget(document.value)) == document.value:
        return text
    return yaml_document.write(told).rstrip()


def read_members(fields: Sequence[Field], form: Form, before: Mapping[str, Any], mistakes: Mistakes) -> dict[str, Any]:
    """The members that a form says, over those before, of which the others stay as they are."""
    members = dict(before)
    for field in fields:
        found = mistakes.read(lambda field=field: _read(field, form), None)  # type: ignore[misc]  # Bound at once.
        if field.kind == "secret" and not found:
            continue
        if field.kind == "structure":
            found = nested_secrets.restore(found, before.get(field.name))
        if field.kind in ("words", "references"):
            found = _in_order(found, before.get(field.name, ()))
        if found in ((), [], {}, None, "") or (field.kind == "secret" and found == _CLEARED):
            members.pop(field.name, None)
        else:
            members[field.name] = found
    return members


def _in_order(ticked: Sequence[Any], before: Sequence[Any]) -> list[Any]:
    """What is ticked, first what was there before in its old order: a form has no order of its own."""
    return [*(one for one in before if one in ticked), *(one for one in ticked if one not in before)]


# What is typed into the field of a secret to have none.
_CLEARED = "-"


def _read(field: Field, form: Form) -> Any:
    return _READERS.get(field.kind, _read_text)(field, form)


def _read_text(field: Field, form: Form) -> Any:
    return form.text(field.name)


def _read_box(field: Field, form: Form) -> Any:
    return form.is_on(field.name)


def _read_words(field: Field, form: Form) -> Any:
    return form.all(field.name)


def _read_lines(field: Field, form: Form) -> Any:
    return form.lines(field.name)


def _read_numbers(field: Field, form: Form) -> Any:
    return [_number_or_text(one) for one in form.lines(field.name)]


def _read_references(field: Field, form: Form) -> Any:
    return [_number_or_text(one) for one in form.all(field.name)]


def _read_number(field: Field, form: Form) -> Any:
    text = form.text(field.name)
    if not text:
        return None
    try:
        number = float(text.replace(",", "."))
        return int(number) if number.is_integer() and abs(number) < 2**53 else number
    except (ValueError, OverflowError):
        raise Invalid("expected a number", path=field.name) from None


def _read_choice(field: Field, form: Form) -> Any:
    text = form.text(field.name)
    return {"true": True, "false": False}.get(text) if field.options == ("true", "false") else text


def _read_structure(field: Field, form: Form) -> Any:
    text = form.raw(field.name)
    if not text.strip():
        return None
    document = yaml_document.read(text)
    if document.mistakes:
        mistake = document.mistakes[0]
        raise Invalid(f"line {mistake.line}: {mistake.sentence}", path=field.name)
    return document.value


def _read_columns(_: Field, form: Form) -> Any:
    return read_columns(form)


_READERS: Mapping[Kind, Callable[[Field, Form], Any]] = {
    "box": _read_box,
    "words": _read_words,
    "lines": _read_lines,
    "numbers": _read_numbers,
    "reference": _read_number,
    "references": _read_references,
    "number": _read_number,
    "choice": _read_choice,
    "structure": _read_structure,
    "columns": _read_columns,
}


def _number_or_text(text: str) -> int | str:
    return int(text) if text.isascii() and text.isdecimal() and len(text) <= 10 else text  # noqa: PLR2004 - 2**31
