"""Plain values brought into the shape that a struct wants, where the two encodings and loose clients differ from it."""

from collections.abc import Callable
from functools import lru_cache
from typing import Any

import msgspec
from msgspec import inspect

from tocsin.core.trees import is_deeper_than
from tocsin.web.markup import MAX_DEPTH

Fit = Callable[[Any], Any]


def fit(value: Any, into: Any, *, is_xml: bool) -> Any:
    """The value, which is changed, in the shape that the type `into` wants; what cannot be fitted stays as it is.

    1. A member that has a default and is null, or is blank where no text is wanted, is left out.
    2. Space around what is not text is left out, so that `" 8 "` may be a number.
    3. XML only: one element where a list is wanted is a list of one; an empty one is an empty list or object.
    4. XML only: the members of an item marked core.launches.FLAT_IN_XML are gathered.
    5. A text in JSON where an object is wanted is that object: in XML names such as `$in` can be said in no other way.
    """
    return _fit_into(into, is_xml)(value)


@lru_cache(maxsize=1024)
def _fit_into(into: Any, is_xml: bool) -> Fit:
    return _fit(inspect.type_info(into), is_xml)


def _fit(wanted: inspect.Type, is_xml: bool) -> Fit:
    match _single(wanted):
        case inspect.StructType() as struct:
            return _fit_struct(struct, is_xml)
        case inspect.CollectionType() as collection:
            return _fit_list(collection, is_xml)
        case inspect.DictType() as mapping:
            return _fit_object(mapping, is_xml)
        case single:
            return _as_it_is if _takes_text(single) else _stripped


def _single(wanted: inspect.Type) -> inspect.Type:
    """What is wanted apart from null, without its metadata."""
    if isinstance(wanted, inspect.Metadata):
        return _single(wanted.type)
    if isinstance(wanted, inspect.UnionType):
        rest = [kind for kind in wanted.types if not isinstance(kind, inspect.NoneType)]
        return _single(rest[0]) if len(rest) == 1 else wanted
    return wanted


def _takes_text(wanted: inspect.Type) -> bool:
    single = _single(wanted)
    if isinstance(single, inspect.UnionType):
        return any(_takes_text(kind) for kind in single.types)
    return isinstance(single, inspect.StrType | inspect.AnyType)


def _as_it_is(value: Any) -> Any:
    return value


def _stripped(value: Any) -> Any:
    return value.strip() if isinstance(value, str) else value


def _is_blank(value: Any) -> bool:
    return isinstance(value, str) and not value.strip()


def _fit_struct(struct: inspect.StructType, is_xml: bool) -> Fit:
    flat = next((field.encode_name for field in struct.fields if _is_flat(field)), "") if is_xml else ""
    members = [(field.encode_name, _fit_member(field, is_xml)) for field in struct.fields]
    others = [name for name, _ in members if name != flat]

    def fit_struct(value: Any) -> Any:
        if is_xml and _is_blank(value):
            value = {}
        if not isinstance(value, dict):
            return value
        if flat and not isinstance(value.get(flat), dict):
            value = {flat: value} | {name: value.pop(name) for name in others if name in value}
        for name, fit_member in members:
            if name in value and (fitted := fit_member(value[name])) is not value[name]:
                if fitted is _ABSENT:
                    del value[name]
                else:
                    value[name] = fitted
        return value

    return fit_struct


_ABSENT = object()


def _is_flat(field: inspect.Field) -> bool:
    return isinstance(field.type, inspect.Metadata) and bool((field.type.extra or {}).get("flat_in_xml"))


def _fit_member(field: inspect.Field, is_xml: bool) -> Fit:
    fit_value = _fit(field.type, is_xml)
    takes_text = _takes_text(field.type)
    if field.required:
        return fit_value

    def fit_member(value: Any) -> Any:
        if value is None or (not takes_text and _is_blank(value)):
            return _ABSENT
        return fit_value(value)

    return fit_member


def _fit_list(collection: inspect.CollectionType, is_xml: bool) -> Fit:
    fit_item = _fit(collection.item_type, is_xml)
    takes_text = _takes_text(collection.item_type)

    def fit_list(value: Any) -> Any:
        if is_xml and not isinstance(value, list):
            value = [] if _is_blank(value) else [value]
        if not isinstance(value, list):
            return value
        if is_xml and not takes_text and len(value) == 1 and _is_blank(value[0]):
            return []
        return value if fit_item is _as_it_is else [fit_item(item) for item in value]

    return fit_list


def _fit_object(mapping: inspect.DictType, is_xml: bool) -> Fit:
    fit_item = _fit(mapping.value_type, is_xml)

    def fit_object(value: Any) -> Any:
        if is_xml and _is_blank(value):
            return {}
        if isinstance(value, str) and value.lstrip().startswith("{"):
            value = _read_json(value)
        if fit_item is _as_it_is or not isinstance(value, dict):
            return value
        return {name: fit_item(item) for name, item in value.items()}

    return fit_object


def _read_json(text: str) -> Any:
    """The object of a JSON text; the text itself when it is none, or nests deeper than a body may."""
    try:
        value = msgspec.json.decode(text)
    except (msgspec.DecodeError, RecursionError):
        return text
    return text if is_deeper_than(value, MAX_DEPTH) else value
