"""Forms for objects of the configuration: which member of an entry stands in which field, there and back.

A field is called as the path of its member, `email.subject`, so that mistakes find their way. What no field shows
stands as text in the field `rest`; nothing that an entry says is lost by saving the form.
"""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from copy import deepcopy
from typing import Any, Final, Literal, NamedTuple

from tocsin.actions import configuration_changes
from tocsin.core import yaml_document
from tocsin.core.errors import Conflict, MemberMistakes, NotFound
from tocsin.web.admin.forms import Form
from tocsin.web.admin.visit import Visit

# text: without white space around it. raw: as typed. box: ticked or not. switch: yes, no, or not said. lines: a list, a
# line each. words: a list, a ticked box each. data: anything, in YAML or JSON.
Kind = Literal["text", "raw", "number", "box", "switch", "lines", "words", "data"]

REST: Final = "rest"
# The member of forms that says of which state of the object they were made.
MADE_OF: Final = "made_of"
_LONGEST_NUMBER = 10
_SWITCH: Final = {"yes": True, "no": False}
_index = re.compile(r"\[\d+\]")
_is_missing = re.compile(r"(\w+) is missing").fullmatch
_is_number = re.compile(r"-?\d{1,15}").fullmatch
_is_decimal = re.compile(r"-?\d{1,15}[.,]\d{1,9}").fullmatch


class Member(NamedTuple):
    """A member with a field of its own. What equals the default is left out of the entry."""

    path: str
    kind: Kind = "text"
    default: Any = ""


class Read(NamedTuple):
    """What a form says, and what of it cannot be read, by field."""

    entry: dict[str, Any]
    mistakes: dict[str, str]


def fill(members: Sequence[Member], entry: Mapping[str, Any]) -> dict[str, Any]:
    """What the fields show: texts, and lists for words."""
    values = {one.path: _shown(one, _find(entry, one.path)) for one in members}
    rest = deepcopy(dict(entry))
    for one in members:
        _take(rest, one.path.split("."))
    return values | {REST: yaml_document.write(rest) if rest else ""}


def refill(members: Sequence[Member], form: Form) -> dict[str, Any]:
    """The same of a form that was sent, as it was typed."""
    typed = {one.path: form.all(one.path) if one.kind == "words" else form.raw(one.path) for one in members}
    return typed | {REST: form.raw(REST)}


def read(members: Sequence[Member], form: Form) -> Read:
    """The entry of a form."""
    found = Read({}, {})
    _read_rest(members, form, found)
    for one in members:
        value = _read(one, form, found.mistakes)
        if _find(found.entry, one.path) is not None:
            found.mistakes[REST] = f"{one.path} has a field of its own"
        elif value is not None and value != one.default:
            _set(found.entry, one.path.split("."), value)
    return found


def _read_rest(members: Sequence[Member], form: Form, found: Read) -> None:
    rest = _read_data(REST, form.raw(REST), found.mistakes)
    if rest is None:
        return
    groups = {one.path.partition(".")[0] for one in members if "." in one.path}
    if not isinstance(rest, dict):
        found.mistakes[REST] = "expected members with their values"
    elif wrong := [name for name in groups & rest.keys() if not isinstance(rest[name], dict)]:
        found.mistakes[REST] = f"{wrong[0]} has members of its own"
    else:
        found.entry.update(deepcopy(rest))


def place(members: Sequence[Member], mistakes: MemberMistakes, groups: Iterable[str] = ()) -> dict[str, str]:
    """Each mistake at the field of its member, or at the group of fields that it is about; else under no name."""
    known = {*(one.path for one in members), *groups}
    placed: dict[str, str] = {}
    for path, sentence in mistakes.mistakes:
        name, said = _field_of(known, path, sentence)
        placed[name] = f"{placed[name]}; {said}" if name in placed else said
    return placed


def _field_of(known: set[str], path: str, sentence: str) -> tuple[str, str]:
    missing = _is_missing(sentence)
    if missing and ".".join(filter(None, (path, missing[1]))) in known:
        return ".".join(filter(None, (path, missing[1]))), sentence
    if path in known:
        return path, sentence
    parts = _index.sub("", path).split(".")
    for length in range(len(parts), 0, -1):
        name = ".".join(parts[:length])
        if name in known:
            return name, f"{path.removeprefix(name).lstrip('.')}: {sentence}"
    return "", f"{path}: {sentence}" if path else sentence


def _find(entry: Mapping[str, Any], path: str) -> Any:
    value: Any = entry
    for part in path.split("."):
        value = value.get(part) if isinstance(value, Mapping) else None
    return value


def _take(entry: dict[str, Any], parts: Sequence[str]) -> None:
    """Take a member out, and what is empty then."""
    inner = entry.get(parts[0])
    if len(parts) > 1 and isinstance(inner, dict):
        _take(inner, parts[1:])
    if len(parts) == 1 or inner == {}:
        entry.pop(parts[0], None)


def _set(entry: dict[str, Any], parts: Sequence[str], value: Any) -> None:
    for part in parts[:-1]:
        entry = entry.setdefault(part, {})
    entry[parts[-1]] = value


def _shown(member: Member, value: Any) -> Any:
    if member.kind == "words":
        return list(value or ())
    if value is None:
        return "" if member.kind in ("box", "switch", "data", "lines") else str(member.default)
    if member.kind in ("box", "switch"):
        return ("yes" if value else "no") if member.kind == "switch" else "on" if value else ""
    if member.kind == "lines":
        return "\n".join(value)
    if member.kind == "data":
        return show_data(value)
    return f"{value:g}" if isinstance(value, float) else str(value)


def show_data(value: Any) -> str:
    """A mapping or a list as it stands in a file."""
    if isinstance(value, Mapping):
        return yaml_document.write(value)
    return yaml_document.write({"list": value}).removeprefix("list:\n")


def _read(member: Member, form: Form, mistakes: dict[str, str]) -> Any:
    """None for what is not said."""
    name = member.path
    if member.kind == "data":
        return _read_data(name, form.raw(name), mistakes)
    if member.kind == "raw":
        return form.raw(name) if form.text(name) else None
    readers: Mapping[Kind, Callable[[], Any]] = {
        "text": lambda: form.text(name),
        "number": lambda: _number(form.text(name)),
        "box": lambda: form.is_on(name) or None,
        "switch": lambda: _SWITCH.get(form.text(name)),
        "lines": lambda: form.lines(name) or None,
        "words": lambda: form.all(name) or None,
    }
    return readers[member.kind]()


def _number(text: str) -> Any:
    """A number; any other text as it is, of which the check says what was expected."""
    if _is_number(text):
        return int(text)
    return float(text.replace(",", ".")) if _is_decimal(text) else text or None


def _read_data(name: str, text: str, mistakes: dict[str, str]) -> Any:
    document = yaml_document.read(text)
    if document.mistakes:
        mistakes[name] = "; ".join(f"line {one.line}: {one.sentence}" for one in document.mistakes[:3])
        return None
    return document.value


async def save(
    visit: Visit, section: str, members: Sequence[Member], entry: Mapping[str, Any], groups: Iterable[str] = ()
) -> dict[str, str]:
    """Keep an entry, which was made of what the form's `made_of` says; the mistakes by field, none when it is kept."""
    try:
        async with visit.context.database.transaction() as transaction:
            await configuration_changes.save(
                visit.context, transaction, visit.author, section, entry, made_of=visit.form.text(MADE_OF) or None
            )
    except MemberMistakes as mistakes:
        return place(members, mistakes, groups)
    except Conflict as conflict:
        is_late = conflict.debug == configuration_changes.CHANGED_MEANWHILE
        return {conflict.path: visit.t("entries_changed_meanwhile") if is_late else conflict.debug}
    return {}


async def switch(visit: Visit, section: str, key: int, *, is_active: bool) -> None:
    """Switch an object on or off. MemberMistakes, NotFound."""
    async with visit.context.database.transaction() as transaction:
        configuration = await visit.context.configuration(transaction)
        before = configuration_changes.members_of(configuration, section, key)
        state = configuration_changes.state_of(before)
        entry = before | {"active": is_active}
        await configuration_changes.save(visit.context, transaction, visit.author, section, entry, made_of=state)


async def remove(visit: Visit, section: str, key: int) -> str:
    """Remove an object; why not, when others need it."""
    try:
        async with visit.context.database.transaction() as transaction:
            await configuration_changes.remove(visit.context, transaction, visit.author, section, key)
    except MemberMistakes as mistakes:
        return "; ".join(sentence for _, sentence in mistakes.mistakes)
    return ""


def key_of(visit: Visit) -> int:
    """The number that the address names, or NotFound."""
    number = parse_key(visit.path["id"])
    if number is None:
        raise NotFound("there is no such number")
    return number


def parse_key(text: str) -> int | None:
    """The number of an object; None for what is none."""
    return int(text) if text.isascii() and text.isdecimal() and len(text) <= _LONGEST_NUMBER else None
