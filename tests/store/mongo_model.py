"""What MongoDB's manual says a query matches, one document at a time, in plain Python: what the SQL is compared with.

It knows JSON values only, compares members in any order as jsonb does, and takes Python's regular expressions.
"""

import math
import re
from typing import Any

MISSING = object()
CODES = {"i": re.IGNORECASE, "m": re.MULTILINE, "s": re.DOTALL, "x": re.VERBOSE}


def matches(query: dict[str, Any], document: Any) -> bool:
    return all(fits_member(name, value, document) for name, value in query.items())


def fits_member(name: str, value: Any, document: Any) -> bool:
    if name == "$and":
        return all(matches(one, document) for one in value)
    if name == "$or":
        return any(matches(one, document) for one in value)
    if name == "$nor":
        return not any(matches(one, document) for one in value)
    path = name.split(".")
    return fits(value, lambda test: any(test(found) for found in ends(document, path)), list(values(document, path)))


def is_operators(value: Any) -> bool:
    return isinstance(value, dict) and next(iter(value), "").startswith("$")


def fits(value: Any, somewhere: Any, whole: list[Any]) -> bool:
    """`somewhere` asks the values with the elements of lists, `whole` are the values alone."""
    if not is_operators(value):
        return bool(somewhere(lambda found: same(found, value)))
    return all(operate(name, operand, value, somewhere, whole) for name, operand in value.items())


def operate(name: str, operand: Any, operators: dict[str, Any], somewhere: Any, whole: list[Any]) -> bool:
    if name in ("$ne", "$nin"):
        return not operate("$eq" if name == "$ne" else "$in", operand, operators, somewhere, whole)
    if name == "$not":
        return not fits(operand, somewhere, whole)
    if name == "$all":
        return bool(operand) and all(fits(one, somewhere, whole) for one in operand)
    if name == "$exists":
        return bool(somewhere(lambda found: found is not MISSING)) == bool(operand)
    if name in ("$size", "$elemMatch"):
        lists = [found for found in whole if isinstance(found, list)]
        sizes = (len(found) == operand for found in lists)
        return any(sizes if name == "$size" else (fits_element(operand, one) for found in lists for one in found))
    return name == "$options" or bool(somewhere(lambda found: test(name, operand, operators, found)))


def fits_element(query: dict[str, Any], element: Any) -> bool:
    if is_operators(query) and next(iter(query)) not in ("$and", "$or", "$nor"):
        return fits(query, lambda test: test(element), [element])
    return isinstance(element, dict) and matches(query, element)


def test(name: str, operand: Any, operators: dict[str, Any], found: Any) -> bool:
    if name in ("$eq", "$in"):
        return any(same(found, one) for one in (operand if name == "$in" else [operand]))
    if name == "$regex":
        flags = sum(CODES[option] for option in set(operators.get("$options", "")))
        return isinstance(found, str) and finds(operand, flags, found)
    if name == "$type":
        return any(is_type(found, one) for one in (operand if isinstance(operand, list) else [operand]))
    if name == "$mod":
        whole = is_number(found) and -(2**63) <= found < 2**63
        return whole and left_over(math.trunc(found), operand[0]) == operand[1]
    return ordered(name, found, operand)


def finds(expression: str, flags: int, text: str) -> bool:
    """Classes are those of ASCII whatever the case, as in PCRE, but letters have their other case anywhere."""
    letter = "[0-9A-Za-z_]"
    inside = f"(?-i:(?<={letter})(?={letter})|(?<!{letter})(?!{letter}))"
    for short, long in {
        r"[^\W]": f"(?-i:{letter})",
        r"\W": "(?-i:[^0-9A-Za-z_])",
        r"\d": "[0-9]",
        r"\s": r"[ \t-\r]",
        r"\B": inside,
        r"\b": f"(?!{inside})",
    }.items():
        expression = expression.replace(short, long)
    return re.search(expression, text, flags) is not None


def left_over(number: int, divisor: int) -> int:
    """The remainder that has the sign of the number."""
    size = abs(number) % abs(divisor)
    return -size if number < 0 else size


def ordered(name: str, found: Any, operand: Any) -> bool:
    if operand is None:
        return found in (None, MISSING) and name in ("$gte", "$lte")
    if kind(found) != kind(operand) or isinstance(operand, dict | list):
        return False
    return {
        "$gt": lambda: found > operand,
        "$gte": lambda: found >= operand,
        "$lt": lambda: found < operand,
        "$lte": lambda: found <= operand,
    }[name]()


def is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def kind(value: Any) -> Any:
    return "number" if is_number(value) else type(value)


def is_type(value: Any, name: str) -> bool:
    names = {str: "string", dict: "object", list: "array", bool: "bool", type(None): "null"}
    if not is_number(value):
        return names.get(type(value)) == name
    whole = value == math.trunc(value) and -(2**63) <= value < 2**63
    exact = ("int" if -(2**31) <= value < 2**31 else "long") if whole else "double"
    return name in ("number", exact)


def same(found: Any, value: Any) -> bool:
    if value is None:
        return found is None or found is MISSING
    if kind(found) != kind(value):
        return False
    if isinstance(value, list):
        return len(found) == len(value) and all(map(same_inside, found, value))
    if isinstance(value, dict):
        return found.keys() == value.keys() and all(same_inside(found[name], value[name]) for name in value)
    return bool(found == value)


def same_inside(found: Any, value: Any) -> bool:
    return found is None if value is None else same(found, value)


def values(value: Any, path: list[str], *, is_member: bool = True) -> Any:
    """What stands at the path: into objects, into the objects of lists, and into lists by number."""
    yield from (found for found, _ in walk(value, path, is_member=is_member))


def ends(document: Any, path: list[str]) -> Any:
    """The same with the elements of lists, but for a list that was itself asked for by its number."""
    for found, goes_in in walk(document, path, is_member=True):
        yield found
        if goes_in and isinstance(found, list):
            yield from found


def walk(value: Any, path: list[str], *, is_member: bool) -> Any:
    if not path:
        yield value, is_member
    elif isinstance(value, dict):
        yield from walk(value.get(path[0], MISSING), path[1:], is_member=True)
    elif isinstance(value, list):
        for element in value:
            if isinstance(element, dict):
                yield from walk(element, path, is_member=True)
        number = int(path[0]) if path[0].isdigit() and str(int(path[0])) == path[0] else len(value)
        if number < len(value):
            element = value[number]
            if len(path) == 1 or isinstance(element, dict | list):
                yield from walk(element, path[1:], is_member=False)
    elif is_member:
        yield MISSING, True
