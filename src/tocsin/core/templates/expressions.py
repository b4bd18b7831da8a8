"""Values and conditions inside forms, translated into expressions over the functions of values.py."""

import re
from collections.abc import Callable, Collection
from functools import partial
from typing import NamedTuple

from tocsin.core.templates import jsonpath, values
from tocsin.core.templates.forms import FUNCTIONS, ROOTS, Form, suggest, unknown

LOOP = "loop"

_COMPARISONS = {"equal": "equal({0}, {1})", "contains": "contains({0}, {1})", "in": "contains({1}, {0})"}
_TRUTH = {"true": True, "false": False}
_LOOP_MEMBERS = ("loop.index", "loop.first", "loop.last", "loop.length")
RESERVED = ROOTS | FUNCTIONS | _COMPARISONS.keys() | _TRUTH.keys() | {"and", "or", "default", "literal", LOOP}

_PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
# minijinja looks a name that a dict or list has no key for up among its methods.
_METHODS = frozenset(dir(dict) + dir(list))

# The translation is parsed and compiled by recursion, which must stay far within the stack of the process.
_MAX_MEMBERS = 64
_MAX_OPERANDS = 500
_MAX_NESTING = 32


class Operand(NamedTuple):
    """An expression; a plain one is nothing but names and dots, cheap to write twice."""

    code: str
    is_plain: bool


class Names:
    """What translated code refers to: constants, roots, and the variables of the loops around it."""

    def __init__(self) -> None:
        self.constants: dict[str, object] = {}
        self.uses: set[str] = set()
        self.variables: dict[str, str] = {}
        self._made = 0

    def make(self) -> str:
        """A name that nothing else has."""
        self._made += 1
        return f"n{self._made}"

    def constant(self, value: object) -> str:
        """The name under which the code finds the value: nothing of the author's text gets into the code itself."""
        name = self.make()
        self.constants[name] = value
        return name


def output(form: Form, names: Names) -> Operand:
    """What an output form shows: a value and perhaps its default."""
    value = operand(form, names)
    if form.skip("default"):
        value = Operand(f"otherwise({value.code}, {operand(form, names).code})", is_plain=False)
    form.finish("}")
    return value


def operand(form: Form, names: Names) -> Operand:
    """One value: a path, a function, a quoted text, a number, true or false."""
    kind, text = form.take()
    if kind == "text":
        return Operand(names.constant(text[1:-1]), is_plain=False)
    if kind == "number":
        return Operand(names.constant(float(text) if "." in text else int(text)), is_plain=False)
    if kind != "name" or (text in RESERVED and text not in ROOTS | FUNCTIONS | _TRUTH.keys()):
        raise form.mistake(f"a value is expected before {text}" if text != "}" else "a value is missing before }")
    if text in _TRUTH:
        return Operand(names.constant(_TRUTH[text]), is_plain=False)
    return _call(form, names, text) if form.skip("(") else _path(form, names, text)


def condition(form: Form, names: Names) -> str:
    """A condition up to the end of the form: comparisons joined by and, or, from left to right."""
    code = _Condition(form, names).joined(0)
    form.finish("an operator or }")
    return code


class _Condition:
    def __init__(self, form: Form, names: Names) -> None:
        self._form = form
        self._names = names
        self._operands = 0

    def joined(self, depth: int) -> str:
        code, last = self._single(depth), ""
        while joiner := self._form.skip("and", "or"):
            if last and joiner != last:
                code, depth = f"({code})", depth + 1
            code, last = f"{code} {joiner} {self._single(depth)}", joiner
        return code

    def _single(self, depth: int) -> str:
        self._check(depth)
        if self._form.skip("("):
            code = f"({self.joined(depth + 1)})"
            if not self._form.skip(")"):
                raise self._form.mistake("a ) is missing")
            return code
        left = operand(self._form, self._names).code
        comparison = self._form.skip(*_COMPARISONS)
        if not comparison:
            return f"present({left})"
        return _COMPARISONS[comparison].format(left, operand(self._form, self._names).code)

    def _check(self, depth: int) -> None:
        self._operands += 1
        if depth > _MAX_NESTING:
            raise self._form.mistake(f"a condition is at most {_MAX_NESTING} parentheses or changes of and, or deep")
        if self._operands > _MAX_OPERANDS:
            raise self._form.mistake(f"a condition has at most {_MAX_OPERANDS} parts")


def _path(form: Form, names: Names, text: str) -> Operand:
    root, *members = text.split(".")
    if len(members) > _MAX_MEMBERS:
        raise form.mistake(f"a path has at most {_MAX_MEMBERS} members")
    code = names.variables.get(root)
    if code == LOOP:
        return _loop_member(form, text)
    if code is None:
        if root not in ROOTS:
            raise form.mistake(unknown(root, names.variables))
        names.uses.add(root)
        code = root
    if all(_PLAIN.fullmatch(name) and name not in _METHODS for name in members):
        return Operand(".".join([code, *members]), is_plain=True)
    return Operand(f"{names.constant(partial(values.find, members))}({code})", is_plain=False)


def _loop_member(form: Form, text: str) -> Operand:
    if text not in _LOOP_MEMBERS:
        raise form.mistake(f"a loop has {', '.join(_LOOP_MEMBERS)}, and no {text}")
    return Operand(text, is_plain=True)


def _call(form: Form, names: Names, name: str) -> Operand:
    call = _CALLS.get(name)
    if call is None:
        raise form.mistake(f"there is no function {name}{suggest(name, FUNCTIONS)}")
    code = call(form, names)
    if not form.skip(")"):
        raise form.mistake(f"a ) is missing behind the arguments of {name}, which are separated by spaces")
    return Operand(code, is_plain=False)


def _call_jsonpath(form: Form, names: Names) -> str:
    kind, root = form.take()
    if kind != "name":
        raise form.mistake("jsonpath needs a variable first, as jsonpath(apicontent.root …)")
    value = _path(form, names, root)
    path = _text(form, 'jsonpath needs a path in quotes second, as "$.items[0].name"')
    wanted = _text(form, 'jsonpath needs "item" or "array" third', ("item", "array"))
    try:
        steps = jsonpath.parse(path)
    except ValueError as problem:
        raise form.mistake(str(problem)) from None
    return f"{names.constant(partial(jsonpath.select, steps, wanted == 'array'))}({value.code})"


def _call_subscription_field(form: Form, names: Names) -> str:
    channel = _text(form, 'subscription_field needs "email", "sms" or "push" first', values.FIELDS)
    known = sorted(values.FIELDS[channel])
    field = _text(form, f"subscription_field needs a field second, for {channel} one of {', '.join(known)}", known)
    resource = _resource(form)
    names.uses.add("subscriptions")
    return f"{names.constant(partial(values.subscription_field, channel, field, resource))}(subscriptions)"


def _resource(form: Form) -> int | None:
    if form.ahead.text == ")":
        return None
    kind, text = form.take()
    if kind != "number" or not text.isdecimal():
        raise form.mistake("subscription_field takes the number of a resource third")
    return int(text)


def _text(form: Form, problem: str, known: Collection[str] | None = None) -> str:
    kind, text = form.take()
    if kind != "text" or (known is not None and text[1:-1] not in known):
        raise form.mistake(problem)
    return text[1:-1]


_CALLS: dict[str, Callable[[Form, Names], str]] = {
    "jsonpath": _call_jsonpath,
    "subscription_field": _call_subscription_field,
}
