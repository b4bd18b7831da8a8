"""Rows cut into calls: by number and by bytes, always at the same places of the same file."""

from collections.abc import Iterable, Iterator, Sequence

from tocsin.client.rows import Row
from tocsin.core.errors import TocsinError

# Well below the 10 MB that a server takes unless it is told otherwise.
MOST_BYTES = 8_000_000


def cut(rows: Iterable[Row], most_rows: int, most_bytes: int = MOST_BYTES) -> Iterator[Sequence[Row]]:
    """Rows together as far as both bounds allow, at least one. An error of the rows comes after the rows before it."""
    gathered: list[Row] = []
    size = 0
    try:
        for row in rows:
            if gathered and (len(gathered) == most_rows or size + len(row.profile) > most_bytes):
                yield gathered
                gathered, size = [], 0
            gathered.append(row)
            size += len(row.profile)
    except TocsinError:
        if gathered:
            yield gathered
        raise
    if gathered:
        yield gathered
