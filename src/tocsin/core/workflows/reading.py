"""A workflow as a call carries it: loosely typed, and in XML all text; every mistake is told at once."""

from collections.abc import Mapping
from functools import cache
from typing import Annotated, Any, get_args, get_origin

import msgspec
from msgspec import Struct, inspect

from tocsin.core.configuration_check import Known
from tocsin.core.configuration_members import read
from tocsin.core.configuration_workflows import Workflow
from tocsin.core.errors import MemberMistakes
from tocsin.core.workflows.check import check_workflow
from tocsin.core.yaml_document import BROKEN, Document, describe_path

MOST_MISTAKES = 100

_type_info = cache(inspect.type_info)
_fields = cache(msgspec.structs.fields)


def read_workflow(raw: Mapping[str, Any], known: Known) -> Workflow:
    """The checked workflow of a call's decoded JSON or XML, with the members of the configuration file.

    Numbers and booleans may be texts, a list of one its element, an object or list a text in JSON. MemberMistakes,
    which says them one a line, each with the path of its member.
    """
    document = Document()
    found = read(document, _loosen(dict(raw), Workflow), Workflow, ())
    mistakes = [(mistake.path, mistake.sentence) for mistake in document.mistakes]
    if found is not BROKEN and not mistakes:
        mistakes = [(finding.path, finding.sentence) for finding in check_workflow(found, _with(known, found))]
    if mistakes:
        named = [(describe_path(path), sentence) for path, sentence in mistakes[:MOST_MISTAKES]]
        shown = [f"{path}: {sentence}".removeprefix(": ") for path, sentence in named]
        rest = [f"and {len(mistakes) - MOST_MISTAKES} more"] if len(mistakes) > MOST_MISTAKES else []
        raise MemberMistakes(named, "\n".join([*shown, *rest]))
    workflow: Workflow = found
    return workflow


def _with(known: Known, workflow: Workflow) -> Known:
    return known._replace(workflows={**known.workflows, workflow.id: workflow})


def _loosen(value: Any, kind: Any) -> Any:
    """The value as the kind wants it, where that is plain; what is not stays for `read` to complain about."""
    if get_origin(kind) is Annotated:
        return _loosen(value, get_args(kind)[0])
    info = _type_info(kind)
    if isinstance(info, inspect.UnionType):
        return _loosen_one_of(value, kind)
    if isinstance(info, inspect.StructType):
        return _loosen_members(_from_json(value, dict), info.cls)
    if isinstance(info, inspect.VarTupleType):
        return _loosen_list(value, get_args(kind)[0])
    if isinstance(info, inspect.DictType):
        return {} if value == "" else _from_json(value, dict)
    return _loosen_plain(value, kind)


def _loosen_one_of(value: Any, kind: Any) -> Any:
    """A struct that the value names by its tag, or the one kind beside null."""
    kinds = [one for one in get_args(kind) if one is not type(None)]
    if len(kinds) == 1:
        return value if value is None else _loosen(value, kinds[0])
    value = _from_json(value, dict)
    word = value.get("type") if isinstance(value, dict) else None
    chosen = next((one for one in kinds if one.__struct_config__.tag == word), None)
    return value if chosen is None else _loosen_members(value, chosen)


def _loosen_members(value: Any, kind: type[Struct]) -> Any:
    """An empty element of what need not be there is left out."""
    if not isinstance(value, dict):
        return value
    loosened = dict(value)
    for field in _fields(kind):
        name = field.encode_name
        if name not in value:
            continue
        if not field.required and (value[name] is None or value[name] == ""):
            del loosened[name]
        else:
            loosened[name] = _loosen(value[name], field.type)
    return loosened


def _loosen_list(value: Any, kind: Any) -> Any:
    value = _from_json(value, list)
    items = [] if value == "" else value if isinstance(value, list) else [value]
    return [_loosen(item, kind) for item in items]


def _loosen_plain(value: Any, kind: Any) -> Any:
    if kind is Any:
        return _from_json(_from_json(value, dict), list)
    if not isinstance(value, str):
        return value
    try:
        return msgspec.convert(value.strip(), kind, strict=False)
    except msgspec.ValidationError:
        return value


def _from_json(value: Any, wanted: type) -> Any:
    if not isinstance(value, str) or not value.lstrip().startswith(("{", "[")):
        return value
    try:
        decoded = msgspec.json.decode(value)
    except (msgspec.DecodeError, RecursionError):
        return value
    return decoded if isinstance(decoded, wanted) else value
