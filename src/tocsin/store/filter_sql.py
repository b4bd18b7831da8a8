"""A checked filter as one condition over table `profiles`; whatever comes from a call is a parameter."""

import json
from collections.abc import Sequence
from typing import Any, LiteralString, NamedTuple

from psycopg import sql

from tocsin.core.mongo_tree import (
    All,
    At,
    ElementMatches,
    Equal,
    Exists,
    Filter,
    HasId,
    Identified,
    Not,
    OneOf,
    Some,
    Test,
)
from tocsin.store.filter_jsonpath import Writer

# More operands than this are looked up in a hash table, not compared one after another.
_FEW = 8

# What `subscriptions` always holds as plain values (core/subscriptions.py).
_PLAIN_MEMBERS = frozenset(
    {"resource_id", "channel", "status", "priority", "email", "phone", "provider", "subscription_id"}
)
_COLUMNS: dict[str, LiteralString] = {
    "_id": "to_jsonb(encode(profiles.id, 'hex'))",
    "subscriptions": "profiles.subscriptions",
}
_IDENTIFIED: LiteralString = """(profiles.bucket, profiles.id) IN (
    SELECT get_byte(identities.profile_id, 11)::smallint, identities.profile_id
    FROM identities
    WHERE identities.value = ANY({values}::text[] COLLATE "C")
        AND identities.database_id = {database_id}
        AND identities.kind = {kind}
)"""
_HAS_ID: LiteralString = """(profiles.bucket, profiles.id) IN (
    SELECT get_byte(sought.id, 11)::smallint, sought.id FROM unnest({ids}::bytea[]) AS sought (id)
)"""
# The operator, not the function: its selectivity is estimated, so the planner knows when to read in parallel.
_PASSES: LiteralString = "(({column} @@ {path}::jsonpath) IS TRUE)"
_PASSES_WITH_VARIABLES: LiteralString = (
    "(jsonb_path_match({column}, {path}::jsonpath, {variables}::jsonb, true) IS TRUE)"
)
# What is no list is compared as a whole; the elements of lists are asked one by one.
_AMONG: LiteralString = """((
    {whole}
    OR (jsonb_typeof(profiles.fields -> {name}::text) = 'array' AND EXISTS (
        SELECT FROM jsonb_array_elements(
            CASE WHEN jsonb_typeof(profiles.fields -> {name}::text) = 'array' THEN profiles.fields -> {name}::text END
        ) AS element (value)
        WHERE element.value = ANY({values}::jsonb[])
    ))
) IS TRUE)"""
_WHOLE: LiteralString = "profiles.fields -> {name}::text = ANY({values}::jsonb[])"
_WHOLE_TEXT: LiteralString = """(
        profiles.fields ->> {name}::text = ANY({texts}::text[])
        AND jsonb_typeof(profiles.fields -> {name}::text) = 'string'
    )"""


class Condition(NamedTuple):
    """A boolean expression over `profiles`, never null, and the values of its `%(name)s` placeholders."""

    sql: sql.Composable
    parameters: dict[str, Any]


def condition(filter: Filter, database_id: int) -> Condition:  # noqa: A002 - the word for it everywhere
    """The condition that profiles of the database fulfil; the caller adds `profiles.database_id = …`.

    Placeholders are named `filter_0`, `filter_1`, …
    """
    compiler = _Compiler(database_id)
    return Condition(compiler.compile(filter), compiler.parameters)


class _Held(NamedTuple):
    """Members that one subscription has, and whether that is all that is asked of it."""

    members: dict[str, Any]
    is_all: bool


def _held(path: Sequence[str], test: Test) -> _Held | None:
    """What a test of subscriptions demands by equality of members that are always plain values."""
    match (*path, test):
        case (name, Equal(value)) if name in _PLAIN_MEMBERS and _is_plain(value):
            return _Held({name: value}, is_all=True)
        case (ElementMatches(inside),):
            parts = inside.parts if isinstance(inside, All) else (inside,)
            members: dict[str, Any] = {}
            for part in parts:
                match part:
                    case At((name,), Equal(value)) if name in _PLAIN_MEMBERS and _is_plain(value):
                        members.setdefault(name, value)
            return _Held(members, len(members) == len(parts)) if members else None
        case _:
            return None


def _is_plain(value: Any) -> bool:
    return value is not None and not isinstance(value, dict | list)


class _Compiler:
    def __init__(self, database_id: int) -> None:
        self.parameters: dict[str, Any] = {}
        self._database_id = database_id

    def compile(self, part: Filter) -> sql.Composable:
        match part:
            case All() | Some():
                return self._joined(part)
            case Not(negated):
                return sql.SQL("NOT {}").format(self.compile(negated))
            case Identified(kind, values):
                return self._format(_IDENTIFIED, values=list(values), database_id=self._database_id, kind=int(kind))
            case HasId(ids):
                return self._format(_HAS_ID, ids=list(ids))
            case At():
                return self._at(part)

    def _joined(self, whole: All | Some) -> sql.Composable:
        if not whole.parts:
            return sql.SQL("true" if isinstance(whole, All) else "false")
        by = sql.SQL(" AND " if isinstance(whole, All) else " OR ")
        return sql.SQL("({})").format(by.join([self.compile(one) for one in whole.parts]))

    def _at(self, part: At) -> sql.Composable:
        match part:
            case At((name,), Exists()) if name not in _COLUMNS:
                return self._format("(profiles.fields ? {name}::text)", name=name)
            case At((name,), OneOf(values)) if name not in _COLUMNS and len(values) > _FEW:
                return self._among(name, values)
            case At(("subscriptions", *rest), test) if held := _held(rest, test):
                return self._holding(held, part)
            case _:
                return self._matched(part)

    def _matched(self, part: At) -> sql.Composable:
        name, *rest = part.path
        writer = Writer()
        column = _COLUMNS.get(name)
        path = writer.predicate("$" if column else f"$.{json.dumps(name)}", tuple(rest), part.test)
        source = sql.SQL(column or "profiles.fields")
        if not writer.variables:
            return self._format(_PASSES, column=source, path=path)
        variables = json.dumps(writer.variables)
        return self._format(_PASSES_WITH_VARIABLES, column=source, path=path, variables=variables)

    def _holding(self, held: "_Held", part: At) -> sql.Composable:
        """Containment first: it is quicker, and says all of it or what must be so."""
        contains = self._format("(profiles.subscriptions @> {held}::jsonb)", held=json.dumps([held.members]))
        return contains if held.is_all else sql.SQL("({} AND {})").format(contains, self._matched(part))

    def _among(self, name: str, values: tuple[Any, ...]) -> sql.Composable:
        """A set is unaware of what is missing, and of lists equal to an operand: those are asked for as ever."""
        plain = [value for value in values if not isinstance(value, dict | list) and value is not None]
        others = tuple(value for value in values if isinstance(value, dict | list) or value is None)
        if not plain:
            return self._matched(At((name,), OneOf(values)))
        among = self._among_plain(name, plain)
        if not others:
            return among
        return sql.SQL("({} OR {})").format(among, self._matched(At((name,), OneOf(others))))

    def _among_plain(self, name: str, values: list[Any]) -> sql.Composable:
        named, listed = self._placeholder(name), self._placeholder([json.dumps(value) for value in values])
        if all(isinstance(value, str) for value in values):
            whole = self._format(_WHOLE_TEXT, name=named, texts=values)
        else:
            whole = self._format(_WHOLE, name=named, values=listed)
        return self._format(_AMONG, whole=whole, name=named, values=listed)

    def _format(self, template: LiteralString, **values: Any) -> sql.Composable:
        """The template with a placeholder for each value, but for SQL."""
        return sql.SQL(template).format(
            **{
                name: value if isinstance(value, sql.Composable) else self._placeholder(value)
                for name, value in values.items()
            }
        )

    def _placeholder(self, value: Any) -> sql.Placeholder:
        name = f"filter_{len(self.parameters)}"
        self.parameters[name] = value
        return sql.Placeholder(name)
