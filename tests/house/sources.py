"""The source of the product and the files of the project, as the house rules read them."""

import ast
import io
import tokenize
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fnmatch import fnmatch
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[2]
SOURCE = ROOT / "src" / "tocsin"


@dataclass(frozen=True)
class Module:
    """One Python file of the product. `floor` is the first name below `tocsin`, as `core` or `main`."""

    path: Path
    text: str
    tree: ast.Module

    @property
    def name(self) -> str:
        return self.path.relative_to(ROOT).as_posix()

    @property
    def floor(self) -> str:
        return self.path.relative_to(SOURCE).parts[0].removesuffix(".py")

    def at(self, node: ast.AST) -> str:
        """Where something stands, for a message."""
        return f"{self.name}:{getattr(node, 'lineno', 1)}"


@cache
def modules() -> Sequence[Module]:
    """Every module of the product, in order."""
    return [
        Module(path, text := path.read_text("utf-8"), ast.parse(text, str(path)))
        for path in sorted(SOURCE.rglob("*.py"))
    ]


def project_files() -> Iterator[Path]:
    """Every file that belongs to the project: all but git's own and what .gitignore names."""
    ignored = [line.rstrip("/") for line in (ROOT / ".gitignore").read_text("utf-8").split()]
    return _walk(ROOT, [".git", *ignored])


def comments(text: str) -> Iterator[tokenize.TokenInfo]:
    """The comments of a Python file."""
    return (token for token in tokenize.generate_tokens(io.StringIO(text).readline) if token.type == tokenize.COMMENT)


def _walk(folder: Path, ignored: Sequence[str]) -> Iterator[Path]:
    for path in sorted(folder.iterdir()):
        if any(fnmatch(path.name, pattern) for pattern in ignored):
            continue
        if path.is_dir():
            yield from _walk(path, ignored)
        else:
            yield path
