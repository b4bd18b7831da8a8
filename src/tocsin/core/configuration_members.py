"""Plain values of a document as the structs of the configuration, member by member, so that every mistake is found."""

from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from functools import cache
from typing import Annotated, Any, get_args, get_origin

import msgspec
from msgspec import NODEFAULT, Struct, inspect

from tocsin.core.yaml_document import BROKEN, Document, Path

# Members that hold a secret, in any section.
SECRET_MEMBERS = frozenset({
    "password", "secret", "previous_secret", "callback_secret", "client_secret", "token", "sha256",
})  # fmt: skip
_SHOWN = 60
_SIMPLE = {inspect.BoolType: "true or false", inspect.AnyType: "anything"}

_type_info = cache(inspect.type_info)
_fields = cache(msgspec.structs.fields)


def read(document: Document, value: Any, kind: Any, path: Path) -> Any:
    """`value` as `kind`, a struct or what a member of one may be; BROKEN, with `document.mistakes` saying why, if it
    is not. What is broken but need not be there is left out, so that the rest of its struct can be checked.
    """
    if value is BROKEN:
        return BROKEN
    info = _type_info(kind)
    if isinstance(info, inspect.UnionType):
        tagged = _tagged(kind)
        return (
            _read_tagged(document, value, tagged, path) if tagged else read(document, value, _choose(value, kind), path)
        )
    if isinstance(info, inspect.StructType) and isinstance(value, dict):
        return _read_struct(document, value, info.cls, path)
    if isinstance(info, inspect.VarTupleType) and isinstance(value, list):
        return _read_list(document, value, kind, path)
    if isinstance(info, inspect.DictType) and isinstance(value, dict):
        members = {name: read(document, item, _arguments(kind)[1], (*path, name)) for name, item in value.items()}
        return {name: item for name, item in members.items() if item is not BROKEN}
    return BROKEN if _holds_broken(value) else _read_plain(document, value, kind, path)


def suggest(word: str, known: Iterable[str]) -> str:
    """`; did you mean x?` when one of the known words is near, else nothing."""
    near = get_close_matches(word, list(known), n=1)
    return f"; did you mean {near[0]}?" if near else ""


def describe_kind(kind: Any) -> str:
    """What may stand there, in words: `a whole number from 1 to 65535`."""
    return _describe(_type_info(kind))


def _read_struct(document: Document, value: Mapping[str, Any], kind: type[Struct], path: Path) -> Any:
    fields = {field.encode_name: field for field in _fields(kind)}
    for name in value.keys() - fields.keys() - {kind.__struct_config__.tag_field}:
        document.add((*path, name), f"there is no such member{suggest(name, fields.keys() - value.keys())}")
    members = {name: read(document, value[name], fields[name].type, (*path, name)) for name in fields if name in value}
    for name, field in fields.items():
        if field.required and name not in value:
            document.add(path, f"{name} is missing")
            members[name] = BROKEN
        elif members.get(name) is BROKEN and not field.required:
            members[name] = field.default_factory() if field.default is NODEFAULT else field.default
    if BROKEN in members.values():
        return BROKEN
    return kind(**{fields[name].name: member for name, member in members.items()})


def _tagged(kind: Any) -> Mapping[Any, type[Struct]]:
    """The structs of a union that are told apart by a member, by its words; none for other kinds."""
    structs = [one for one in get_args(kind) if isinstance(one, type) and issubclass(one, Struct)]
    return {one.__struct_config__.tag: one for one in structs if one.__struct_config__.tag_field}


def _read_tagged(document: Document, value: Any, kinds: Mapping[Any, type[Struct]], path: Path) -> Any:
    words = f"one of {', '.join(kinds)}"
    member = str(next(iter(kinds.values())).__struct_config__.tag_field)
    if not isinstance(value, dict):
        document.add(path, f"expected a mapping, got {_show(value, path)}")
        return BROKEN
    named = f" in {_show(value['id'], path)}" if isinstance(value.get("id"), str) else ""
    word = value.get(member)
    if member not in value:
        document.add(path, f"{member} is missing{named}; expected {words}")
    elif not isinstance(word, str) or word not in kinds:
        near = suggest(word, kinds) if isinstance(word, str) else ""
        document.add((*path, member), f"expected {words}, got {_show(word, path)}{named}{near}")
    else:
        return _read_struct(document, value, kinds[word], path)
    return BROKEN


def _holds_broken(value: Any) -> bool:
    ahead = [value]
    while ahead:
        one = ahead.pop()
        if one is BROKEN:
            return True
        ahead.extend(one.values() if isinstance(one, dict) else one if isinstance(one, list) else ())
    return False


def _read_list(document: Document, value: list[Any], kind: Any, path: Path) -> Any:
    info, item_kind = _type_info(kind), _arguments(kind)[0]
    least, most = getattr(info, "min_length", None) or 0, getattr(info, "max_length", None)
    if len(value) < least or (most is not None and len(value) > most):
        expected = f"{least} to {most}" if most else f"{least} or more"
        document.add(path, f"there are {len(value)} items; expected {expected}")
        return BROKEN
    items = tuple(read(document, item, item_kind, (*path, index)) for index, item in enumerate(value))
    return BROKEN if BROKEN in items else items


def _read_plain(document: Document, value: Any, kind: Any, path: Path) -> Any:
    try:
        return msgspec.convert(value, kind, strict=True)
    except msgspec.ValidationError:
        document.add(
            path, f"expected {describe_kind(kind)}, got {_show(value, path)}{_hint(document, value, kind, path)}"
        )
        return BROKEN


def _arguments(kind: Any) -> tuple[Any, ...]:
    return get_args(get_args(kind)[0] if get_origin(kind) is Annotated else kind)


def _choose(value: Any, kind: Any) -> Any:
    """The one of several kinds that the value is meant as: a mapping is meant as a struct."""
    kinds = _arguments(kind)
    if value is None and type(None) in kinds:
        return type(None)
    kinds = tuple(one for one in kinds if one is not type(None))
    fitting = [one for one in kinds if isinstance(_type_info(one), inspect.StructType) == isinstance(value, dict)]
    return (fitting or kinds)[0]


def _show(value: Any, path: Path) -> str:
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, dict | list):
        return "a mapping" if isinstance(value, dict) else "a list"
    if path[-1] in SECRET_MEMBERS:
        return "another text" if isinstance(value, str) else "a number"
    return repr(value if not isinstance(value, str) or len(value) <= _SHOWN else f"{value[:_SHOWN]}…")


def _hint(document: Document, value: Any, kind: Any, path: Path) -> str:
    info = _type_info(kind)
    if isinstance(info, inspect.LiteralType) and isinstance(value, str):
        return suggest(value, [str(one) for one in info.values])
    if isinstance(value, str) and not isinstance(info, inspect.StrType):
        return _hint_of_quoted(value, kind)
    if value is None:
        return '; leave the member out, or write ""' if isinstance(info, inspect.StrType) else "; leave the member out"
    if not isinstance(info, inspect.StrType) or isinstance(value, str):
        return ""
    if isinstance(value, dict | list):
        return "; text that begins with { or [ must stand in quotes"
    return "; put it in quotes" if path[-1] in SECRET_MEMBERS else f'; write it in quotes: "{document.word(path)}"'


def _hint_of_quoted(value: str, kind: Any) -> str:
    try:
        meant = msgspec.convert(value, kind, strict=False)
    except msgspec.ValidationError:
        return ""
    return f"; write {msgspec.json.encode(meant).decode()} without quotes"


def _describe(info: inspect.Type) -> str:
    if isinstance(info, inspect.UnionType):
        return " or ".join(dict.fromkeys(_describe(one) for one in info.types if not isinstance(one, inspect.NoneType)))
    if isinstance(info, inspect.LiteralType):
        return ("one of " if len(info.values) > 1 else "") + ", ".join(str(value) for value in info.values)
    if isinstance(info, inspect.VarTupleType):
        return f"a list of: {_describe(info.item_type)}"
    if isinstance(info, inspect.IntType | inspect.FloatType):
        return _describe_number(info)
    if isinstance(info, inspect.StrType):
        return _describe_text(info)
    return _SIMPLE.get(type(info), "a mapping")


def _describe_number(info: inspect.IntType | inspect.FloatType) -> str:
    bounds = {"from": info.ge, "above": info.gt, "below": info.lt, "up to": info.le}
    said = " ".join(f"{words} {bound}" for words, bound in bounds.items() if bound is not None)
    return f"a {'whole ' if isinstance(info, inspect.IntType) else ''}number {said}".rstrip()


def _describe_text(info: inspect.StrType) -> str:
    if info.pattern:
        return f"text of the form {info.pattern}"
    return f"text of {info.min_length or 0} to {info.max_length} characters" if info.max_length else "text"
