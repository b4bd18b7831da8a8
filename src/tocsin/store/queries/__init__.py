"""The SQL files of this folder, each query named and described; loaded once, when its noun is imported."""

import re
from importlib.resources import files
from typing import LiteralString, cast

_NAME = re.compile(r"^-- name: (\w+)\n", re.MULTILINE)


def load(noun: str) -> dict[str, LiteralString]:
    """The queries of `<noun>.sql` by name.

    They count as literal: they are files of this package, never built from data.
    """
    pieces = _NAME.split((files(__package__) / f"{noun}.sql").read_text("utf-8"))[1:]
    return {name: cast("LiteralString", query.strip()) for name, query in zip(pieces[::2], pieces[1::2], strict=True)}


def nouns() -> list[str]:
    """The nouns that have queries, sorted."""
    return sorted(file.name.removesuffix(".sql") for file in files(__package__).iterdir() if file.name.endswith(".sql"))
