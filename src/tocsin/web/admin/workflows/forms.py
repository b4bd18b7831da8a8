"""The forms of a workflow's nodes, one for each kind: which members have which inputs, read and filled in again."""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal, NamedTuple

import msgspec

from tocsin.web.admin.forms import Form

InputKind = Literal[
    "text", "number", "json", "area", "lines", "choice", "boxes", "box", "words", "target", "mode",
]  # fmt: skip

# By input name: what stands in it, for boxes those that are ticked.
Values = dict[str, str | list[str]]
Mistakes = dict[str, str]


class Input(NamedTuple):
    """A member by its path. `options`: what may be chosen; `mode`: the form's mode, of several, in which it counts."""

    path: str
    kind: InputKind
    options: str = ""
    mode: str = ""


class Rows(NamedTuple):
    """A list of mappings; a row without its `key` is none. `spare`: empty rows for more."""

    path: str
    inputs: tuple[Input, ...]
    key: str
    spare: int = 1


MODE = "mode"
_NEXT = Input("next", "target")
_LENGTHS = ("days", "hours", "minutes", "seconds")

FORMS: Mapping[str, tuple[Input | Rows, ...]] = {
    "start": (
        _NEXT,
        Rows(
            "events",
            (
                Input("event", "choice", "profile_events"),
                Input("when.occasions", "boxes", "occasions"),
                Input("when.fields", "words"),
                Input("when.query", "json"),
                Input("when.resource", "choice", "resources"),
                Input("when.channel", "choice", "channels"),
                Input("when.status", "choice", "statuses"),
            ),
            "event",
        ),
    ),
    "campaign": (Input("trigger", "choice", "triggers"), _NEXT, Input("skipped", "target", "optional")),
    "delay": (
        Input(MODE, "mode", "modes"),
        *(Input(f"for.{length}", "number", mode="for") for length in _LENGTHS),
        Input("until.time", "text", mode="time field"),
        Input("until.weekdays", "boxes", "weekdays", mode="time"),
        Input("until.field", "choice", "dates", mode="field"),
        Input("until.offset_days", "number", mode="field"),
        Input("until.yearly", "box", mode="field"),
        _NEXT,
        Input("otherwise", "target", "optional", mode="field"),
    ),
    "condition": (Input("query", "json"), Input("yes", "target"), Input("no", "target")),
    "content_filter": (
        Rows("branches", (Input("when", "json"), _NEXT), "when"),
        Input("otherwise", "target"),
    ),
    "api_request": (
        Input("method", "choice", "methods"),
        Input("url", "text"),
        Input("headers", "lines"),
        Input("json", "json"),
        Input("body", "area"),
        Input("timeout_seconds", "number"),
        Input("retries", "number"),
        Input("save_as", "text"),
        _NEXT,
        Input("failed", "target"),
    ),
    "update": (Input("set", "json"), Input("subscriptions", "json"), _NEXT),
    "split": (Rows("branches", (Input("percent", "number"), _NEXT), "percent", spare=2),),
    "feedback": (
        Input("events", "boxes", "message_events"),
        *(Input(f"within.{length}", "number") for length in _LENGTHS),
        Input("of", "choice", "campaigns"),
        _NEXT,
        Input("otherwise", "target"),
    ),
    "workflow_jump": (Input("workflow", "choice", "workflows"),),
    "end": (),
}
_NAME = Input("name", "text")
_LONGEST_LINE = 40
_row_of = re.compile(r"(\w+)\[([0-9]{1,3})\]\.").match


def parts_of(kind: str) -> tuple[Input | Rows, ...]:
    """The inputs of a kind of node, in order."""
    return (_NAME, *FORMS[kind])


def first_values(kind: str, target: str, trigger: str) -> Values:
    """What the form of a new node begins with, every way leading on to `target`."""
    values: Values = {**_FIRST.get(kind, {})}
    if kind == "campaign":
        values["trigger"] = trigger
    for part in FORMS[kind]:
        if isinstance(part, Input) and part.kind == "target" and part.options != "optional":
            values[part.path] = target
        elif isinstance(part, Rows):
            places = range(_count_rows(part, values))
            values |= {
                f"{part.path}[{place}].{one.path}": target for place in places for one in part.inputs if one == _NEXT
            }
    return values


_FIRST: Mapping[str, Values] = {
    "delay": {MODE: "for", "for.days": "1"},
    "condition": {"query": '{"email": {"$exists": true}}'},
    "content_filter": {"branches[0].when": '{"page": "cart"}'},
    "api_request": {"method": "GET", "url": "https://"},
    "split": {"branches[0].percent": "50", "branches[1].percent": "50"},
    "feedback": {"events": ["open", "click"], "within.days": "3"},
}


def values_of(kind: str, members: Mapping[str, Any]) -> Values:
    """What the form shows of a node's members."""
    values: Values = {}
    for part in parts_of(kind):
        if isinstance(part, Input):
            values[part.path] = _show(part, _find(members, part.path))
            continue
        for place, row in enumerate(members.get(part.path, ())):
            values |= {f"{part.path}[{place}].{one.path}": _show(one, _find(row, one.path)) for one in part.inputs}
    if kind == "delay":
        until = members.get("until")
        values[MODE] = "for" if until is None else "field" if "field" in until else "time"
        if members.get("for") == {}:
            values["for.seconds"] = "0"
    return values


def read(kind: str, form: Form) -> Values:
    """What a form says; rows that are empty are left out, so that those behind them move up."""
    values: Values = {}
    for part in parts_of(kind):
        if isinstance(part, Input):
            values[part.path] = _read(part, form, part.path)
            continue
        numbers = {int(match[2]) for name in form.members() if (match := _row_of(name)) and match[1] == part.path}
        filled = [number for number in sorted(numbers) if form.text(f"{part.path}[{number}].{part.key}")]
        for place, number in enumerate(filled):
            for one in part.inputs:
                values[f"{part.path}[{place}].{one.path}"] = _read(one, form, f"{part.path}[{number}].{one.path}")
    return values


def make(kind: str, values: Values) -> tuple[dict[str, Any], Mistakes]:
    """The members that the values amount to, and what of them cannot be read; their kinds are checked when saving."""
    members: dict[str, Any] = {}
    mistakes: Mistakes = {}
    mode = values.get(MODE)
    for part in parts_of(kind):
        if isinstance(part, Rows):
            rows = range(_count_rows(part, values))
            members[part.path] = [_make_row(part, f"{part.path}[{place}].", values, mistakes) for place in rows]
        elif part.kind != "mode" and (not part.mode or mode in part.mode.split()):
            _put(members, part, part.path, values, mistakes)
    return members, mistakes


def list_inputs(kind: str, values: Values) -> Iterator[tuple[Input, str, str]]:
    """Each input with its name in the form, and the name of its row, empty if it is in none."""
    for part in parts_of(kind):
        if isinstance(part, Input):
            yield part, part.path, ""
            continue
        for place in range(_count_rows(part, values) + part.spare):
            row = f"{part.path}[{place}]"
            yield from ((one, f"{row}.{one.path}", row) for one in part.inputs)


def place_mistakes(names: Sequence[str], mistakes: Mapping[str, str]) -> Mistakes:
    """Mistakes by the input that they concern, by member path; those that concern none are under the empty name."""
    placed: Mistakes = {}
    for path, sentence in mistakes.items():
        name = next((one for one in names if path == one or path.startswith((f"{one}.", f"{one}["))), None)
        if name is None and path:
            name = next((one for one in names if one.startswith((f"{path}.", f"{path}["))), None)
        place = name or ""
        placed[place] = f"{placed[place]}; {sentence}" if place in placed else sentence
    return placed


def _make_row(rows: Rows, prefix: str, values: Values, mistakes: Mistakes) -> dict[str, Any]:
    made: dict[str, Any] = {}
    for one in rows.inputs:
        _put(made, one, f"{prefix}{one.path}", values, mistakes)
    return made


def _put(members: dict[str, Any], one: Input, name: str, values: Values, mistakes: Mistakes) -> None:
    value = values.get(name, "")
    if not value:
        return
    try:
        made = _make(one, value)
    except ValueError as mistake:
        mistakes[name] = str(mistake)
        return
    *outer, last = one.path.split(".")
    holder = members
    for step in outer:
        holder = holder.setdefault(step, {})
    holder[last] = made


def _make(one: Input, value: str | list[str]) -> Any:
    if isinstance(value, list):
        return value
    if one.kind == "json":
        return _parse_json(value)
    if one.kind == "lines":
        return dict(_parse_header(line) for line in value.splitlines() if line.strip())
    if one.kind == "words":
        return [word.strip() for word in value.split(",") if word.strip()]
    if one.kind == "box":
        return True
    return value.replace(",", ".") if one.kind == "number" else value


def _parse_json(text: str) -> Any:
    try:
        return msgspec.json.decode(text)
    except (msgspec.DecodeError, RecursionError) as mistake:
        raise ValueError(f"this is not JSON: {mistake}") from None


def _parse_header(line: str) -> tuple[str, str]:
    name, colon, value = line.partition(":")
    if not colon:
        raise ValueError(f"expected a name, a colon and a value in {line[:60]!r}")
    return name.strip(), value.strip()


def _find(members: Mapping[str, Any], path: str) -> Any:
    found: Any = members
    for step in path.split("."):
        found = found.get(step) if isinstance(found, Mapping) else None
    return found


def _show(one: Input, value: Any) -> str | list[str]:
    if one.kind == "boxes":
        return [str(item) for item in value or ()]
    return "" if value is None else _show_text(one, value)


def _show_text(one: Input, value: Any) -> str:
    if one.kind == "json":
        encoded = msgspec.json.encode(value)
        return msgspec.json.format(encoded, indent=2 if len(encoded) > _LONGEST_LINE else 0).decode()
    if one.kind == "lines":
        return "\n".join(f"{name}: {text}" for name, text in value.items())
    if one.kind == "words":
        return ", ".join(value)
    if one.kind == "box":
        return "on" if value else ""
    return str(value).removesuffix(".0") if isinstance(value, float) else str(value)


def _read(one: Input, form: Form, name: str) -> str | list[str]:
    if one.kind == "boxes":
        return form.all(name)
    if one.kind == "box":
        return "on" if form.is_on(name) else ""
    return form.raw(name) if one.kind == "area" and form.text(name) else form.text(name)


def _count_rows(rows: Rows, values: Values) -> int:
    numbers = [int(match[2]) for name in values if (match := _row_of(name)) and match[1] == rows.path]
    return max(numbers, default=-1) + 1
