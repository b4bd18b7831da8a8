"""What a filter says, in plain words of English or Russian: `bonus is above 0 and city is Riga or Tallinn`.

It tells a query as it was typed, once `mongo.parse` has found it right; the tree of that has not its author's words.
"""

import json
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, Literal, NamedTuple

from tocsin.core import mongo_values

Language = Literal["en", "ru"]

_MOST_VALUES = 10
_LONGEST_VALUE = 60
_is_word = re.compile(r"[^\W_][\w@.+:-]*").fullmatch

# Of each language. `f` is the field, `v` the value.
_WORDS: Final[Mapping[str, tuple[str, str]]] = {
    "every": ("every profile", "любой профиль"),
    "and": (" and ", " и "),
    "or": (" or ", " или "),
    "nor": (" nor ", " и не "),
    "more": ("{n} more", "ещё {n}"),
    "is": ("{f} is {v}", "{f} — {v}"),
    "is_not": ("{f} is not {v}", "{f} — не {v}"),
    "neither": ("{f} is neither {v}", "{f} — не {v}"),
    "is_empty": ("{f} is empty or missing", "{f} пусто или отсутствует"),
    "is_not_empty": ("{f} is not empty", "{f} не пусто"),
    "empty": ("empty", "пусто"),
    "never": ("{f} is one of no values, which nothing is", "{f} — одно из пустого списка, чего не бывает"),
    "always": ("{f} is anything", "{f} — что угодно"),
    "$gt": ("{f} is above {v}", "{f} больше {v}"),
    "$gte": ("{f} is at least {v}", "{f} не меньше {v}"),
    "$lt": ("{f} is below {v}", "{f} меньше {v}"),
    "$lte": ("{f} is at most {v}", "{f} не больше {v}"),
    "exists": ("{f} is there", "{f} есть"),
    "is_missing": ("{f} is missing", "{f} отсутствует"),
    "$type": ("{f} is of type {v}", "{f} имеет тип {v}"),
    "$regex": ("{f} fits the pattern {v}", "{f} подходит под шаблон {v}"),
    "$all": ("{f} has {v}", "{f} содержит {v}"),
    "$size": ("{f} has so many elements: {v}", "{f} содержит элементов: {v}"),
    "$mod": ("{f} divided by {d} leaves {v}", "{f} при делении на {d} даёт остаток {v}"),
    "$elemMatch": ("{f} has an element of which ({v})", "в {f} есть элемент, у которого ({v})"),
    "itself": ("the element", "сам элемент"),
    "not": ("it is not so that ({v})", "неверно, что ({v})"),
}  # fmt: skip


class _Clause(NamedTuple):
    """A piece of the sentence. `is_choice`: it is several with "or" between them, so among others it needs brackets."""

    text: str
    is_choice: bool = False


def describe(query: Mapping[str, Any], language: Language) -> str:
    """A checked query in plain words, without a full stop. Long lists and values are cut."""
    return _Teller(language).tell(query).text


class _Teller:
    def __init__(self, language: Language) -> None:
        self._place = ("en", "ru").index(language)
        self._tellers: Mapping[str, Callable[[str, Any], _Clause]] = {
            "$eq": self._equal,
            "$ne": self._unequal,
            "$in": self._in,
            "$nin": self._not_in,
            "$not": self._negated,
            "$exists": self._exists,
            "$type": self._type,
            "$all": self._contains_all,
            "$mod": self._remainder,
            "$elemMatch": self._element,
        }

    def tell(self, query: Mapping[str, Any]) -> _Clause:
        """All members of a query."""
        if not query:
            return _Clause(self._say("every"))
        return self._all([self._member(name, value) for name, value in query.items()])

    def _say(self, name: str, **values: object) -> str:
        """In one pass, so that what stands in a value is never taken for a place."""
        return re.sub(r"\{(\w)\}", lambda found: str(values[found[1]]), _WORDS[name][self._place])

    def _all(self, clauses: Sequence[_Clause]) -> _Clause:
        if len(clauses) == 1:
            return clauses[0]
        return _Clause(self._say("and").join(f"({one.text})" if one.is_choice else one.text for one in clauses))

    def _some(self, clauses: Sequence[_Clause]) -> _Clause:
        if len(clauses) == 1:
            return clauses[0]
        return _Clause(self._say("or").join(one.text for one in clauses), is_choice=True)

    def _not(self, clause: _Clause) -> _Clause:
        return _Clause(self._say("not", v=clause.text))

    def _member(self, name: str, value: Any) -> _Clause:
        if name == "$and":
            return self._all([self.tell(part) for part in value])
        if name == "$or":
            return self._some([self.tell(part) for part in value])
        if name == "$nor":
            return self._not(self._some([self.tell(part) for part in value]))
        return self._condition(name, value)

    def _condition(self, field: str, value: Any) -> _Clause:
        if not mongo_values.has_operators(value):
            return self._equal(field, value)
        return self._all(
            [self._operator(field, name, held, value) for name, held in value.items() if name != "$options"]
        )

    def _operator(self, field: str, name: str, value: Any, beside: Mapping[str, Any]) -> _Clause:
        if name == "$regex":
            return _Clause(self._say(name, f=field, v=f"/{_cut(value)}/{beside.get('$options', '')}"))
        if name in self._tellers:
            return self._tellers[name](field, value)
        return _Clause(self._say(name, f=field, v=self._value(value)))

    def _equal(self, field: str, value: Any) -> _Clause:
        if value is None:
            return _Clause(self._say("is_empty", f=field))
        return _Clause(self._say("is", f=field, v=self._value(value)))

    def _unequal(self, field: str, value: Any) -> _Clause:
        if value is None:
            return _Clause(self._say("is_not_empty", f=field))
        return _Clause(self._say("is_not", f=field, v=self._value(value)))

    def _in(self, field: str, values: Sequence[Any]) -> _Clause:
        if not values:
            return _Clause(self._say("never", f=field))
        return _Clause(self._say("is", f=field, v=self._list(values, "or")))

    def _not_in(self, field: str, values: Sequence[Any]) -> _Clause:
        if not values:
            return _Clause(self._say("always", f=field))
        if len(values) == 1:
            return self._unequal(field, values[0])
        return _Clause(self._say("neither", f=field, v=self._list(values, "nor", "nor")))

    def _negated(self, field: str, operators: Mapping[str, Any]) -> _Clause:
        return self._not(self._condition(field, operators))

    def _exists(self, field: str, value: Any) -> _Clause:
        return _Clause(self._say("exists" if value else "is_missing", f=field))

    def _type(self, field: str, value: Any) -> _Clause:
        return _Clause(self._say("$type", f=field, v=self._list(value if isinstance(value, list) else [value], "or")))

    def _contains_all(self, field: str, values: Sequence[Any]) -> _Clause:
        if not values:
            return _Clause(self._say("never", f=field))
        if isinstance(values[0], dict) and values[0].keys() == {"$elemMatch"}:
            return self._all([self._element(field, one["$elemMatch"]) for one in values])
        return _Clause(self._say("$all", f=field, v=self._list(values, "and")))

    def _remainder(self, field: str, value: Sequence[Any]) -> _Clause:
        return _Clause(self._say("$mod", f=field, d=value[0], v=value[1]))

    def _element(self, field: str, value: Mapping[str, Any]) -> _Clause:
        is_plain = mongo_values.has_operators(value) and next(iter(value)) not in ("$and", "$or", "$nor")
        inside = self._condition(self._say("itself"), value) if is_plain else self.tell(value)
        return _Clause(self._say("$elemMatch", f=field, v=inside.text))

    def _list(self, values: Sequence[Any], last: str, between: str = "") -> str:
        shown = [self._value(one) for one in values[:_MOST_VALUES]]
        if len(values) > _MOST_VALUES:
            shown.append(self._say("more", n=len(values) - _MOST_VALUES))
        separator = self._say(between) if between else ", "
        return self._say(last).join(filter(None, (separator.join(shown[:-1]), shown[-1])))

    def _value(self, value: Any) -> str:
        if value is None:
            return self._say("empty")
        if (
            isinstance(value, dict)
            and len(value) == 1
            and (moment := value.get("$date", value.get("$oid"))) is not None
        ):
            value = moment
        if not isinstance(value, str):
            return _cut(json.dumps(value, ensure_ascii=False))
        return _cut(value) if _is_word(value) else ("“{}”", "«{}»")[self._place].format(_cut(value))


def _cut(text: str) -> str:
    return text if len(text) <= _LONGEST_VALUE else f"{text[: _LONGEST_VALUE - 1]}…"
