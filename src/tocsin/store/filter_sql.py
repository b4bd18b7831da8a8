"""A checked filter as one condition over table `profiles`; whatever comes from a call is a parameter."""

import json
from typing import Any, LiteralString, NamedTuple

from psycopg import sql

from tocsin.core.mongo_tree import All, At, Filter, HasId, Identified, Not, OneOf, Some
from tocsin.store.filter_jsonpath import Writer

# More operands than this are looked up in a hash table, not compared one after another.
_FEW = 8

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
_AMONG: LiteralString = """(
    (profiles.fields -> {name}::text IN (SELECT unnest({values}::jsonb[]))) IS TRUE
    OR (jsonb_typeof(profiles.fields -> {name}::text) = 'array' AND EXISTS (
        SELECT FROM jsonb_array_elements(
            CASE WHEN jsonb_typeof(profiles.fields -> {name}::text) = 'array' THEN profiles.fields -> {name}::text END
        ) AS element (value)
        WHERE element.value IN (SELECT unnest({values}::jsonb[]))
    )) IS TRUE
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
            case At((name,), OneOf(values)) if name not in _COLUMNS and len(values) > _FEW:
                return self._among(name, values)
            case _:
                return self._matched(part)

    def _matched(self, part: At) -> sql.Composable:
        name, *rest = part.path
        writer = Writer()
        column = _COLUMNS.get(name)
        path = writer.predicate("$" if column else f"$.{json.dumps(name)}", tuple(rest), part.test)
        return self._format(
            "(jsonb_path_match({column}, {path}::jsonpath, {variables}::jsonb, true) IS TRUE)",
            column=sql.SQL(column or "profiles.fields"),
            path=path,
            variables=json.dumps(writer.variables),
        )

    def _among(self, name: str, values: tuple[Any, ...]) -> sql.Composable:
        """A set is unaware of what is missing, and of lists equal to an operand: those are asked for as ever."""
        plain = [value for value in values if not isinstance(value, dict | list) and value is not None]
        others = tuple(value for value in values if isinstance(value, dict | list) or value is None)
        if not plain:
            return self._matched(At((name,), OneOf(values)))
        among = self._format(_AMONG, name=name, values=[json.dumps(value) for value in plain])
        if not others:
            return among
        return sql.SQL("({} OR {})").format(among, self._matched(At((name,), OneOf(others))))

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
