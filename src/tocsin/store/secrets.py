"""What this installation signs with: made once, kept in the database so that all processes agree."""

from tocsin.store import queries
from tocsin.store.database import Transaction, fetch

BYTES = 32

_SQL = queries.load("secrets")


async def ensure(transaction: Transaction, name: str, fresh: bytes) -> list[bytes]:
    """The secrets of a name, the latest first; `fresh` becomes the first when there is none yet."""
    found = await _list(transaction, name)
    if not found:
        await transaction.execute(_SQL["make_first"], {"name": name, "value": fresh})
        found = await _list(transaction, name)
    return found


async def rotate(transaction: Transaction, name: str, fresh: bytes, *, forget_old: bool) -> None:
    """Sign with a new secret from now on; what the old ones signed is still good, unless they are forgotten."""
    await transaction.execute(_SQL["rotate"], {"name": name, "value": fresh})
    if forget_old:
        await transaction.execute(_SQL["forget"], {"name": name})


async def _list(transaction: Transaction, name: str) -> list[bytes]:
    return [value for (value,) in await fetch(transaction, _SQL["list"], name=name)]
