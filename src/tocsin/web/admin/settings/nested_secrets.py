"""Secrets within a structure of a form (`client_secret` of `oauth2`): not shown, and kept unless others are typed."""

from collections.abc import Callable, Mapping
from typing import Any

from tocsin.core import configuration_references as references
from tocsin.core.configuration_members import SECRET_MEMBERS

# What stands in the place of one.
HIDDEN = "••••••••"


def hide(value: Any) -> Any:
    """A structure as it may be shown. What is `${NAME}` and nothing else names a secret and is none."""
    return _replace(value, lambda text: text if references.is_reference(text) else HIDDEN)


def forget(value: Any) -> Any:
    """A structure as it was typed, to show it again: secrets are to be typed again."""
    return _replace(value, lambda text: text if text == HIDDEN or references.is_reference(text) else "")


def restore(value: Any, before: Any) -> Any:
    """The structure with its secrets, which are as before where they are hidden; left out where there was none."""
    if isinstance(value, dict):
        known: Mapping[str, Any] = before if isinstance(before, dict) else {}
        filled = {
            name: known.get(name, HIDDEN) if _is_hidden(name, item) else restore(item, known.get(name))
            for name, item in value.items()
        }
        return {name: item for name, item in filled.items() if not _is_hidden(name, item)}
    if isinstance(value, list):
        known_items = before if isinstance(before, list | tuple) else ()
        return [restore(item, known_items[at] if at < len(known_items) else None) for at, item in enumerate(value)]
    return value


def _is_hidden(name: Any, item: Any) -> bool:
    return name in SECRET_MEMBERS and item == HIDDEN


def _replace(value: Any, write: Callable[[str], str]) -> Any:
    if isinstance(value, dict):
        return {
            name: write(str(item)) if name in SECRET_MEMBERS and item not in ("", None) else _replace(item, write)
            for name, item in value.items()
        }
    return [_replace(item, write) for item in value] if isinstance(value, list | tuple) else value
