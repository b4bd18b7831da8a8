"""The template language, translated into minijinja's (docs/api/templates.md says what it means)."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple, TypedDict

from tocsin.core.errors import TemplateMistake
from tocsin.core.templates import forms, values
from tocsin.core.templates.expressions import LOOP, RESERVED, Names, condition, operand, output
from tocsin.core.templates.forms import Form

MAX_CHARACTERS = 1_000_000
MAX_NESTING = 64


class Syntax(TypedDict):
    """minijinja's delimiters."""

    block_start_string: str
    block_end_string: str
    variable_start_string: str
    variable_end_string: str
    comment_start_string: str
    comment_end_string: str


# A noncharacter, so that no text looks like code; where it stands all the same it is put in as a value.
_MARK = "\ufdd0"
SYNTAX: Syntax = {
    "block_start_string": f"{_MARK}%",
    "block_end_string": f"%{_MARK}",
    "variable_start_string": f"{_MARK}{{",
    "variable_end_string": f"}}{_MARK}",
    "comment_start_string": f"{_MARK}#",
    "comment_end_string": f"#{_MARK}",
}
GLOBALS: dict[str, object] = {
    "mark": _MARK,
    "show": values.show,
    "present": values.present,
    "otherwise": values.otherwise,
    "equal": values.equal,
    "contains": values.contains,
}


class Translation(NamedTuple):
    """`code` in the delimiters of SYNTAX, over GLOBALS, `constants`, and the members of the context named in `uses`.

    `text` is what a template without a form renders to, None when there is a form.
    """

    code: str
    constants: dict[str, object]
    uses: frozenset[str]
    text: str | None


def translate(source: str) -> Translation:
    """The translation of a template. Raises TemplateMistake with the place of the first mistake."""
    if len(source) > MAX_CHARACTERS:
        raise TemplateMistake(f"a template has at most {MAX_CHARACTERS:,} characters", 1, 1)
    try:
        source.encode()
    except UnicodeEncodeError as problem:
        raise forms.mistake(source, problem.start, "half a character stands here alone") from None
    return _Translator(source).translate()


@dataclass(slots=True)
class _Block:
    """An open {if} or {for}; `depth` counts it and its {elif}s."""

    form: Form
    depth: int = 1
    has_else: bool = False
    loop: "_Loop | None" = None


@dataclass(slots=True)
class _Loop:
    """What {end} needs of a {for}: the function called `name` learns then how much text a round has."""

    name: str
    rounds: Callable[..., object]
    size_before: int
    variables_before: dict[str, str]


class _Translator:
    def __init__(self, source: str) -> None:
        self._source = source
        self._names = Names()
        self._code: list[str] = []
        self._texts: list[str] = []
        self._size = 0
        self._blocks: list[_Block] = []
        self._is_static = True
        self._statements = {
            "output": self._output,
            "if": self._if,
            "elif": self._elif,
            "else": self._else,
            "for": self._for,
            "end": self._end,
        }

    def translate(self) -> Translation:
        at = 0
        while form := forms.find(self._source, at, self._names.variables):
            self._text(self._source[at : form.at])
            self._form(form)
            at = form.end
        self._text(self._source[at:])
        if self._blocks:
            unclosed = self._blocks[-1].form
            raise unclosed.mistake(f"{{{unclosed.kind}}} is never closed: an {{end}} is missing")
        text = "".join(self._texts) if self._is_static else None
        return Translation("".join(self._code), self._names.constants, frozenset(self._names.uses), text)

    def _text(self, text: str) -> None:
        self._size += len(text)
        self._texts.append(text)
        self._code.append(text.replace(_MARK, _shown("mark")))

    def _form(self, form: Form) -> None:
        if form.kind == "literal":
            self._text(form.skip_literal())
        else:
            self._is_static = False
            self._statements[form.kind](form)

    def _output(self, form: Form) -> None:
        code, is_plain = output(form, self._names)
        if is_plain and LOOP not in self._names.variables:
            # Most values are text or whole numbers, which minijinja shows alike without a call of Python.
            self._code.append(_shown(f"{code} if {code} is string or {code} is integer else show({code})"))
        else:
            self._code.append(_shown(f"show({code})"))

    def _if(self, form: Form) -> None:
        self._statement(f"if {condition(form, self._names)}")
        self._open(_Block(form))

    def _elif(self, form: Form) -> None:
        block = self._branch(form)
        self._statement(f"elif {condition(form, self._names)}")
        block.depth += 1
        self._check_depth(form)

    def _else(self, form: Form) -> None:
        self._branch(form).has_else = True
        self._statement("else")

    def _branch(self, form: Form) -> _Block:
        block = self._blocks[-1] if self._blocks else None
        if block is None or block.loop:
            raise form.mistake(f"{{{form.kind}}} stands in no {{if}}")
        if block.has_else:
            raise form.mistake(f"{{{form.kind}}} stands behind the {{else}} of its {{if}}")
        return block

    def _for(self, form: Form) -> None:
        names = [_variable(form)]
        if form.ahead.text != "in":
            names.append(_variable(form))
        if not form.skip("in"):
            raise form.mistake("a loop is written {for item in list} or {for name value in object}")
        items = operand(form, self._names).code
        form.finish("}")
        before = self._names.variables
        made = {name: self._names.make() for name in names}
        self._names.variables = {**before, **made, LOOP: LOOP}
        loop = _Loop(self._names.make(), values.pairs if len(names) > 1 else values.each, self._size, before)
        self._statement(f"for {', '.join(made.values())} in {loop.name}({items})")
        self._open(_Block(form, loop=loop))

    def _end(self, form: Form) -> None:
        if not self._blocks:
            raise form.mistake("{end} closes nothing: there is no {if} or {for} open")
        loop = self._blocks.pop().loop
        self._statement("endfor" if loop else "endif")
        if loop:
            self._names.variables = loop.variables_before
            self._names.constants[loop.name] = partial(loop.rounds, self._size - loop.size_before)

    def _open(self, block: _Block) -> None:
        self._blocks.append(block)
        self._check_depth(block.form)

    def _check_depth(self, form: Form) -> None:
        if sum(block.depth for block in self._blocks) > MAX_NESTING:
            raise form.mistake(f"{{if}}, {{elif}} and {{for}} are nested more than {MAX_NESTING} deep")

    def _statement(self, code: str) -> None:
        self._code.append(f"{_MARK}% {code} %{_MARK}")


def _shown(code: str) -> str:
    return f"{_MARK}{{ {code} }}{_MARK}"


def _variable(form: Form) -> str:
    kind, name = form.take()
    if kind != "name" or "." in name or name in RESERVED:
        raise form.mistake(f"a loop needs a name of its own instead of {name}")
    return name
