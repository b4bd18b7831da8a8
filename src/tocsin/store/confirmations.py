"""How many confirmation mails an address was sent on a day, so that nobody can be bombed with them."""

from collections.abc import Iterable
from datetime import date

from tocsin.store import queries
from tocsin.store.database import Transaction, bytea_column, fetch

_SQL = queries.load("confirmations")


async def admit(transaction: Transaction, addresses: Iterable[bytes], day: date, most: int) -> set[bytes]:
    """Those of the addresses (hashes) that may be sent one more mail on this day; it is counted."""
    # In one order, so that nobody waits in a circle.
    column = bytea_column(sorted(set(addresses)))
    rows = await fetch(transaction, _SQL["admit"], addresses=column, day=day, most=most)
    return {address for (address,) in rows}


async def delete_old(transaction: Transaction, before: date) -> None:
    """Forget days before this one."""
    await transaction.execute(_SQL["delete_old"], {"day": before})
