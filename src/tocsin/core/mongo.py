"""MongoDB's query language (`custom_request`): a query becomes a checked filter or is refused by operator.

The document that it asks about is the profile: its fields by name, `_id`, and `subscriptions` (docs/api/filters.md).
"""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from tocsin.core import emails, mongo_regex, mongo_values
from tocsin.core.configuration import Database
from tocsin.core.errors import Invalid
from tocsin.core.identities import Kind, custom_value
from tocsin.core.mongo_tree import (
    NOTHING,
    All,
    At,
    Comparison,
    ElementMatches,
    ElementPasses,
    Equal,
    Exists,
    Filter,
    HasId,
    Identified,
    Matches,
    Not,
    OfType,
    OneOf,
    Ordered,
    Path,
    Remainder,
    Size,
    Some,
)
from tocsin.core.mongo_values import Meaning

_LOGICAL = frozenset({"$and", "$or", "$nor"})
_NAME_LENGTH = 100


class _Place(NamedTuple):
    """Where an operator stands: the path of its field, what is stored there, and the member path of the call."""

    path: Path
    means: Meaning
    where: str
    database: Database | None

    def below(self, name: str) -> "_Place":
        return self._replace(where=f"{self.where}.{name}")


def parse(query: Mapping[str, Any], database: Database, path: str = "custom_request") -> Filter:
    """The checked filter of a query that came as JSON. Fields that the database does not have are missing.

    Raises Invalid, its path ending with the name of the operator or field, for unknown operators, operands of the
    wrong type, and queries that are too large (docs/api/filters.md).
    """
    if not isinstance(query, dict):
        raise Invalid("expected an object", path=path)
    mongo_values.check_size(query, path)
    return _parse_query(query, path, database)


def _parse_query(query: Mapping[str, Any], where: str, database: Database | None) -> Filter:
    """`database` is None inside an element of a list, where names are not those of fields."""
    return _all(
        [_parse_member(name, value, f"{where}.{name[:_NAME_LENGTH]}", database) for name, value in query.items()]
    )


def _parse_member(name: str, value: Any, where: str, database: Database | None) -> Filter:
    if name in _LOGICAL:
        parts = tuple(_parse_query(part, where, database) for part in _branches(value, where))
        return All(parts) if name == "$and" else Some(parts) if name == "$or" else Not(Some(parts))
    if name.startswith("$"):
        raise _unknown(name, where)
    path = mongo_values.split_path(name, where)
    means = mongo_values.meaning(database, path) if database else "value"
    return _parse_condition(value, _Place(path, means, where, database))


def _branches(value: Any, where: str) -> list[dict[str, Any]]:
    if not isinstance(value, list) or not value or not all(isinstance(part, dict) for part in value):
        raise Invalid("expected a list of queries, one or more", path=where)
    return value


def _parse_condition(value: Any, place: _Place) -> Filter:
    if not mongo_values.has_operators(value):
        return _equal(value, place)
    return _parse_operators(value, place)


def _parse_operators(operators: Mapping[str, Any], place: _Place) -> Filter:
    parts = []
    for name, value in operators.items():
        below = place.below(name[:_NAME_LENGTH])
        if name == "$regex":
            parts.append(_matches(value, operators.get("$options", ""), below))
        elif name == "$options":
            if "$regex" not in operators:
                raise Invalid("$options needs $regex beside it", path=below.where)
        elif name in _OPERATORS:
            parts.append(_OPERATORS[name](value, below))
        else:
            raise _unknown(name, below.where)
    return _all(parts)


def _unknown(name: str, where: str) -> Invalid:
    shown = name[:_NAME_LENGTH]
    if shown.startswith("$"):
        return Invalid(f"the operator {shown} is not available here", path=where)
    return Invalid(f"expected an operator, not {shown!r}: operators and members of a value cannot be mixed", path=where)


def _all(parts: list[Filter]) -> Filter:
    return parts[0] if len(parts) == 1 else All(tuple(parts))


def _equal(value: Any, place: _Place) -> Filter:
    return _one_of([mongo_values.operand(value, place.means, place.where)], place)


def _in(value: Any, place: _Place) -> Filter:
    if not isinstance(value, list):
        raise Invalid("expected a list", path=place.where)
    if not value:
        return NOTHING
    return _one_of([mongo_values.operand(one, place.means, place.where) for one in value], place)


def _one_of(values: list[Any], place: _Place) -> Filter:
    """Through an index where there is one."""
    texts = [value for value in values if isinstance(value, str)]
    others = [value for value in values if not isinstance(value, str)]
    found: list[Filter] = []
    if place.means == "id" and texts:
        found.append(HasId(tuple(map(bytes.fromhex, texts))))
    elif place.means == "email" and texts:
        found.append(Identified(Kind.PROFILE_EMAIL, tuple(key for text in texts if (key := _email_key(text)))))
    elif place.means == "phones" and texts:
        found.append(Identified(Kind.PROFILE_PHONE, tuple(texts)))
    else:
        return _one_of_custom(values, place)
    if others:
        found.append(_plainly_one_of(others, place))
    return found[0] if len(found) == 1 else Some(tuple(found))


def _one_of_custom(values: list[Any], place: _Place) -> Filter:
    """The identity table may know more profiles than have exactly this value (it cuts long ones), never less."""
    exact = _plainly_one_of(values, place)
    if place.means not in ("text", "number"):
        return exact
    known = [mongo_values.identity_text(value, place.means) for value in values]
    texts = tuple(custom_value(place.path[0], text) for text in known if text is not None)
    return All((Identified(Kind.CUSTOM_FIELD, texts), exact)) if len(texts) == len(values) else exact


def _plainly_one_of(values: list[Any], place: _Place) -> Filter:
    return At(place.path, Equal(values[0]) if len(values) == 1 else OneOf(tuple(values)))


def _email_key(text: str) -> str:
    try:
        return emails.key(emails.parse(text))
    except ValueError:
        return ""


def _ordered(comparison: Comparison) -> Callable[[Any, _Place], Filter]:
    def parse_operand(value: Any, place: _Place) -> Filter:
        if value is None:
            return At(place.path, Equal(None)) if comparison in ("<=", ">=") else NOTHING
        found = mongo_values.operand(value, place.means, place.where)
        if isinstance(found, dict | list):
            raise Invalid("expected a number, a text, a date, true, false or null", path=place.where)
        is_instant = place.means == "datetime" and isinstance(found, str)
        return At(place.path, Ordered(comparison, found, is_instant))

    return parse_operand


def _not(value: Any, place: _Place) -> Filter:
    if not mongo_values.has_operators(value):
        raise Invalid("expected an object of operators", path=place.where)
    return Not(_parse_operators(value, place))


def _exists(value: Any, place: _Place) -> Filter:
    if not isinstance(value, bool | int | float):
        raise Invalid("expected true or false", path=place.where)
    found = At(place.path, Exists())
    return found if value else Not(found)


def _type(value: Any, place: _Place) -> Filter:
    return At(place.path, OfType(mongo_values.types(value, place.means, place.where)))


def _matches(value: Any, options: Any, place: _Place) -> Filter:
    if not isinstance(value, str):
        raise Invalid("expected a regular expression as text", path=place.where)
    if not isinstance(options, str):
        raise Invalid("$options is a text", path=place.where)
    try:
        return At(place.path, Matches(mongo_regex.translate(value, options)))
    except ValueError as mistake:
        raise Invalid(str(mistake), path=place.where) from None


def _contains_all(value: Any, place: _Place) -> Filter:
    if not isinstance(value, list):
        raise Invalid("expected a list", path=place.where)
    if not any(_is_element_match(one) for one in value):
        return _all([_equal(one, place) for one in value]) if value else NOTHING
    if not all(_is_element_match(one) for one in value):
        raise Invalid("$elemMatch and values cannot be mixed", path=place.where)
    return _all([_parse_operators(one, place) for one in value])


def _is_element_match(value: Any) -> bool:
    return isinstance(value, dict) and value.keys() == {"$elemMatch"}


def _size(value: Any, place: _Place) -> Filter:
    count = mongo_values.whole_number(value, place.where)
    if count < 0:
        raise Invalid("expected 0 or more", path=place.where)
    return At(place.path, Size(count))


def _remainder(value: Any, place: _Place) -> Filter:
    if not isinstance(value, list) or len(value) != len(("divisor", "remainder")):
        raise Invalid("expected [divisor, remainder]", path=place.where)
    divisor, remainder = (mongo_values.whole_number(number, place.where, cut=True) for number in value)
    if divisor == 0:
        raise Invalid("the divisor is 0", path=place.where)
    return At(place.path, Remainder(divisor, remainder))


def _element(value: Any, place: _Place) -> Filter:
    if not isinstance(value, dict):
        raise Invalid("expected an object", path=place.where)
    if mongo_values.has_operators(value) and next(iter(value)) not in _LOGICAL:
        inside = _parse_operators(value, _Place((), "value", place.where, None))
        return At(place.path, ElementPasses(inside))
    return At(place.path, ElementMatches(_parse_query(value, place.where, None)))


_OPERATORS: Mapping[str, Callable[[Any, _Place], Filter]] = {
    "$eq": _equal,
    "$ne": lambda value, place: Not(_equal(value, place)),
    "$gt": _ordered(">"),
    "$gte": _ordered(">="),
    "$lt": _ordered("<"),
    "$lte": _ordered("<="),
    "$in": _in,
    "$nin": lambda value, place: Not(_in(value, place)),
    "$not": _not,
    "$exists": _exists,
    "$type": _type,
    "$all": _contains_all,
    "$size": _size,
    "$elemMatch": _element,
    "$mod": _remainder,
}
