"""What one rendering may use up, and what it found missing. Each thread has its own, which a rendering never leaves."""

from threading import local

from tocsin.core.errors import Invalid

# Characters of output, or as much work: far above any message, reached within seconds by loops that run away.
LIMIT = 16_000_000
# What it costs to go to one value, in characters that could be written in that time.
_VISIT = 16


class _Account(local):
    left = 0
    missing = 0


_account = _Account()


def start() -> None:
    """A fresh account for the rendering that begins on this thread."""
    _account.left = LIMIT
    _account.missing = 0


def charge(size: int) -> None:
    """Use up `size` characters. Raises Invalid when the rendering has used more than LIMIT."""
    _account.left -= size
    if _account.left < 0:
        raise Invalid(f"the message would take more than {LIMIT:,} characters of text or as much work")


def visit(count: int) -> None:
    """Use up what going to `count` values costs. Raises Invalid as `charge`."""
    charge(count * _VISIT)


def miss() -> None:
    """Count a value that is shown and is not there."""
    _account.missing += 1


def missing() -> int:
    """How many values were missing since `start`."""
    return _account.missing
