"""`${NAME}` within the texts of a sender or a hook: a secret that the file names and does not hold.

The texts stay as they are written, so that a sender can be shown and compared; what the names stand for is kept beside
them, in the member `secrets`.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from tocsin.core.workflows.texts import Path, list_texts

SECRETS = "secrets"
SECTIONS = ("senders", "hooks")
MEMBERS = ("url", "headers", "json", "form", "body")
ONLY_OF_HOOKS = ("oauth2",)

_reference = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")


def has_reference(text: str) -> bool:
    """Whether the text refers to a secret."""
    return bool(_reference.search(text))


def is_reference(text: str) -> bool:
    """Whether the text is one and nothing else."""
    return bool(_reference.fullmatch(text))


def list_references(entry: Mapping[str, Any]) -> Iterator[tuple[Path, str]]:
    """Each name that the texts of an entry of a sender or a hook refer to, with the place of the text."""
    for member in (*MEMBERS, *ONLY_OF_HOOKS):
        for place, text in list_texts(entry.get(member), (member,)):
            for found in _reference.finditer(text):
                yield place, found[1]


def fill(text: str, secrets: Mapping[str, str]) -> str:
    """The text with its references filled in; one that stands for nothing stays as it is."""
    return _reference.sub(lambda found: secrets.get(found[1], found[0]), text) if "${" in text else text
