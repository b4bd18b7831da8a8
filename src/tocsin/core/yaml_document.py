"""A YAML text as plain values, each of which knows its line, and back. What the values mean is not known here."""

import re
from collections.abc import Iterator
from typing import Any, Final, NamedTuple

import yaml

Path = tuple[str | int, ...]

MAX_SIZE = 20 * 1024 * 1024
MAX_DEPTH = 32
MAX_VALUES = 1_000_000

BROKEN: Final = object()
"""Stands for a value that a mistake was reported for."""

# The parser written in C is ten times as fast and part of nearly every build of PyYAML.
_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_FORBIDDEN = re.compile("[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_DECIMAL = re.compile(r"[-+]?(0|[1-9][0-9]{0,18})")
_TAG = "tag:yaml.org,2002:"
_TEXT_TAGS = frozenset({f"{_TAG}str", f"{_TAG}timestamp", f"{_TAG}value"})
# As the name of a member yes, no or on can only be meant as the word.
_NAME_TAGS = _TEXT_TAGS | {f"{_TAG}bool"}
_QUOTE = "text that begins with one of { [ % @ ` or holds ': ' or ' #' must stand in quotes"


class Mistake(NamedTuple):
    """What is wrong with the value at `path`; `line` counts from 1."""

    line: int
    path: Path
    sentence: str

    def describe(self, file_name: str) -> str:
        """`file:line: member: what`."""
        where = f"{describe_path(self.path)}: " if self.path else ""
        return f"{file_name}:{self.line}: {where}{self.sentence}"


def describe_path(path: Path) -> str:
    """The path as it is written in messages: `triggers[1].template`."""
    return "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path).removeprefix(".")


class Document:
    """`value` is made of dicts, lists, text, numbers, booleans and None, and BROKEN where `mistakes` has the reason."""

    def __init__(self, root: yaml.Node | None = None) -> None:
        self.mistakes: list[Mistake] = []
        self.value: Any = BROKEN
        self._root = root

    def add(self, path: Path, sentence: str) -> None:
        """Report a mistake at the line of the nearest value on the way to `path`."""
        self.mistakes.append(Mistake(self.line(path), path, sentence))

    def line(self, path: Path) -> int:
        """The line of the value at `path`, or of the last one on the way that exists."""
        return ([1] + [line for line, _ in self._walk(path)])[-1]

    def word(self, path: Path) -> str | None:
        """What the file says at `path`, letter for letter, if that is one word or text."""
        nodes = [node for _, node in self._walk(path)]
        return nodes[-1].value if len(nodes) == len(path) and nodes and isinstance(nodes[-1], yaml.ScalarNode) else None

    def _walk(self, path: Path) -> Iterator[tuple[int, yaml.Node]]:
        node = self._root
        for part in path:
            found = _find_member(node, part)
            if found is None:
                return
            yield found
            node = found[1]


def _find_member(node: yaml.Node | None, part: str | int) -> tuple[int, yaml.Node] | None:
    if isinstance(node, yaml.MappingNode):
        return next(((_line(key), value) for key, value in node.value if key.value == part), None)
    if isinstance(node, yaml.SequenceNode) and isinstance(part, int) and part < len(node.value):
        return _line(node.value[part]), node.value[part]
    return None


def read(text: str) -> Document:
    """The document that `text` holds: exactly one, in a safe part of YAML, within bounds."""
    text = text.removeprefix("\ufeff")
    try:
        _check_text(text)
        root = yaml.compose(text, Loader=_LOADER)
        document = Document(root)
        document.value = _Builder(document).build(root)
    except _Refused as refused:
        document = Document()
        document.mistakes.append(refused.mistake)
    except yaml.MarkedYAMLError as error:
        document = Document()
        document.mistakes.append(Mistake(_error_line(error), (), _describe_error(error)))
    return document


class _Refused(Exception):
    """Reading cannot go on."""

    def __init__(self, line: int, path: Path, sentence: str) -> None:
        super().__init__(sentence)
        self.mistake = Mistake(line, path, sentence)


def _check_text(text: str) -> None:
    if len(text) > MAX_SIZE or len(text.encode(errors="replace")) > MAX_SIZE:
        raise _Refused(1, (), f"the file is larger than {MAX_SIZE // 1024**2} MB")
    if forbidden := _FORBIDDEN.search(text):
        line = text.count("\n", 0, forbidden.start()) + 1
        raise _Refused(line, (), f"the character U+{ord(forbidden[0]):04X} must be an escape in double quotes")
    _check_depth(text)


def _check_depth(text: str) -> None:
    """Before composing, which is recursive and, in C, ends the process when it goes too deep."""
    depth = 0
    for event in yaml.parse(text, Loader=_LOADER):
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
        if depth > MAX_DEPTH:
            raise _Refused(_line(event), (), f"values are nested more than {MAX_DEPTH} deep")


def _describe_error(error: yaml.MarkedYAMLError) -> str:
    said = ": ".join(part for part in (error.context, error.problem) if part)
    return f"this is not YAML: {said}; {_QUOTE}"


def _error_line(error: yaml.MarkedYAMLError) -> int:
    mark = error.problem_mark or error.context_mark
    return mark.line + 1 if mark else 1


def _line(found: yaml.Node | yaml.Event) -> int:
    return found.start_mark.line + 1 if found.start_mark else 1


class _Builder:
    """Makes plain values of nodes. An alias counts each time it is used: few of them could stand for millions."""

    def __init__(self, document: Document) -> None:
        self._mistakes = document.mistakes
        self._values = 0
        self._characters = 0

    def build(self, node: yaml.Node | None, path: Path = ()) -> Any:
        if node is None:
            return None
        self._count(node, path)
        if isinstance(node, yaml.MappingNode) and node.tag == f"{_TAG}map":
            return dict(self._members(node, path))
        if isinstance(node, yaml.SequenceNode) and node.tag == f"{_TAG}seq":
            return [self.build(item, (*path, index)) for index, item in enumerate(node.value)]
        if isinstance(node, yaml.ScalarNode):
            return self._scalar(node, path)
        return self._refuse(node, path, _refused_tag(node))

    def _count(self, node: yaml.Node, path: Path) -> None:
        self._values += 1
        self._characters += len(node.value) if isinstance(node, yaml.ScalarNode) else 0
        if self._values > MAX_VALUES or self._characters > MAX_SIZE:
            raise _Refused(_line(node), path[:1], "there are too many values, counting each use of an alias")
        if len(path) > MAX_DEPTH:
            raise _Refused(_line(node), (), f"values are nested more than {MAX_DEPTH} deep")

    def _members(self, node: yaml.MappingNode, path: Path) -> Iterator[tuple[str, Any]]:
        first_lines: dict[str, int] = {}
        for key, value in node.value:
            name = self._name(key, path)
            if name is None:
                continue
            if name in first_lines:
                self._refuse(key, (*path, name), f"this is given twice, first in line {first_lines[name]}")
                continue
            first_lines[name] = _line(key)
            yield name, self.build(value, (*path, name))

    def _name(self, key: yaml.Node, path: Path) -> str | None:
        if not isinstance(key, yaml.ScalarNode):
            self._refuse(key, path, f"the name of a member must be a word; {_QUOTE}")
        elif key.tag == f"{_TAG}merge":
            self._refuse(key, path, "merge keys (<<) are not supported; an alias can stand for a whole value")
        elif key.tag not in _NAME_TAGS:
            self._refuse(key, path, f'YAML does not read the name {key.value} as text; write "{key.value}"')
        else:
            return str(key.value)
        return None

    def _scalar(self, node: yaml.ScalarNode, path: Path) -> Any:
        word = node.value
        if node.tag in _TEXT_TAGS:
            return self._refuse(node, path, "text cannot hold the character U+0000") if "\0" in word else word
        if node.tag == f"{_TAG}null":
            return None
        if node.tag == f"{_TAG}bool":
            return yaml.SafeLoader.bool_values.get(word.lower(), BROKEN)
        if node.tag in (f"{_TAG}int", f"{_TAG}float"):
            return self._number(node, path)
        return self._refuse(node, path, _refused_tag(node))

    def _number(self, node: yaml.ScalarNode, path: Path) -> Any:
        word = node.value
        if node.tag == f"{_TAG}int" and _DECIMAL.fullmatch(word):
            return int(word)
        try:
            if node.tag == f"{_TAG}float" and "_" not in word:
                return float(word)
        except ValueError:
            pass
        how = "write it in decimal digits, or in quotes if it is text"
        return self._refuse(node, path, f"YAML reads {word[:40]} as a number of its own kind; {how}")

    def _refuse(self, node: yaml.Node, path: Path, sentence: str) -> object:
        self._mistakes.append(Mistake(_line(node), path, sentence))
        return BROKEN


def _refused_tag(node: yaml.Node) -> str:
    return f"the tag {node.tag.replace(_TAG, '!!')} is not allowed here"


def write(value: Any) -> str:
    """Plain values as a YAML text that `read` takes for the same."""
    # The emitter written in C would be faster, but writes 👋 as an escape and with it the whole text in one line.
    return str(yaml.dump(value, Dumper=_Dumper, allow_unicode=True, sort_keys=False, width=1_000_000))


class _Dumper(yaml.SafeDumper):
    """Text of several lines as a literal block, and no aliases."""

    def ignore_aliases(self, data: Any) -> bool:  # noqa: ARG002 - the signature is the library's
        return True


def _represent_text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    # Line ends other than \n are kept only inside double quotes.
    lines = text.split("\n")
    if lines == text.splitlines() or [*text.splitlines(), ""] == lines:
        return dumper.represent_scalar(f"{_TAG}str", text, style="|" if len(lines) > 1 else None)
    return dumper.represent_scalar(f"{_TAG}str", text, style='"')


_Dumper.add_representer(str, _represent_text)
