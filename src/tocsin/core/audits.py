"""Who changed what."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Literal, NamedTuple

AuthorKind = Literal["user", "token", "command"]


class Author(NamedTuple):
    """Who changes something: a user by email, a token by name, or a command of the program."""

    kind: AuthorKind
    name: str
    ip: str = ""


class Deed(NamedTuple):
    """What was done to one object. `section` as in the configuration file, or profiles, users, launches and so on.

    `details` names members and numbers, never a secret.
    """

    action: str
    section: str
    key: str = ""
    name: str = ""
    details: Mapping[str, Any] = {}


class Audit(NamedTuple):
    """A deed as it is kept."""

    id: bytes
    at: datetime
    author: Author
    deed: Deed
