"""The one error family. A code and a short text for programs, a debug sentence that says what and where for people."""

from collections.abc import Sequence
from typing import Self


class TocsinError(Exception):
    """Something of ours broke, or a kind of error below."""

    code = 500
    text = "Internal error"

    def __init__(self, debug: str = "", *, path: str = "") -> None:
        """`debug` says exactly what is wrong; `path` is the member path of the call, as `data[3].email`."""
        super().__init__(debug)
        self.debug = debug
        self.path = path

    @property
    def is_ours(self) -> bool:
        """Whether the caller did nothing wrong, so that trying again may help."""
        return self.code >= TocsinError.code

    def below(self, path: str) -> Self:
        """The same error, its member path continued upwards."""
        self.path = ".".join(filter(None, (path, self.path)))
        return self

    def describe(self) -> str:
        """One sentence with the member path in front, for `error_debug`."""
        return f"{self.path}: {self.debug}" if self.path else self.debug


class Invalid(TocsinError):
    """Malformed or invalid."""

    code = 400
    text = "Invalid request"


class TooSlow(Invalid):
    """What was asked for takes longer than it may."""


class TokenRequired(TocsinError):
    """No token, or one that is not known."""

    code = 401
    text = "API token required"


class NotAllowed(TocsinError):
    """The token may not do this."""

    code = 403
    text = "No permission"


class NotFound(TocsinError):
    """No such object."""

    code = 404
    text = "Object not found"


class Conflict(TocsinError):
    """In the way of something that is there already."""

    code = 409
    text = "Conflict"


class Ambiguous(Conflict):
    """One item fits several profiles (design.md, section 5, decision 4)."""

    text = "More than one profile matches"


class NotReady(TocsinError):
    """Something that we need is away."""

    code = 503
    text = "Service is not ready"


class TemplateMistake(ValueError):
    """A template that cannot be translated; `line` and `column` count from 1."""

    def __init__(self, message: str, line: int, column: int) -> None:
        super().__init__(f"line {line}, column {column}: {message}")
        self.message = message
        self.line = line
        self.column = column


class ConfigurationMistakes(ValueError):
    """Everything that is wrong with a configuration file: sentences `file:line: member: what`."""

    def __init__(self, mistakes: Sequence[str]) -> None:
        super().__init__("\n".join(mistakes))
        self.mistakes = tuple(mistakes)


class MemberMistakes(Invalid):
    """Several members of one object are wrong."""

    def __init__(self, mistakes: Sequence[tuple[str, str]], debug: str = "") -> None:
        """`mistakes` are paths, as `email.html`, and sentences; `debug` says them otherwise than in a row."""
        said = debug or "; ".join(f"{path}: {sentence}" if path else sentence for path, sentence in mistakes)
        super().__init__(said)
        self.mistakes = tuple(mistakes)
