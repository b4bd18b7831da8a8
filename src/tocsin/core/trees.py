"""Plain values, as JSON has them, seen as trees."""

from typing import Any


def is_deeper_than(value: Any, levels: int) -> bool:
    """Whether objects and lists nest deeper; however deep that is, nothing here is recursive."""
    level = [value]
    for _ in range(levels):
        level = [
            inner
            for one in level
            if isinstance(one, dict | list)
            for inner in (one.values() if isinstance(one, dict) else one)
        ]
    return bool(level)
