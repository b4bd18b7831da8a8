"""What every action needs: the database, the time, randomness, and the configuration of now."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from os import urandom

from tocsin.core import ids
from tocsin.core.configuration import Configuration
from tocsin.store import configuration as stored_configuration
from tocsin.store.database import Database, Transaction
from tocsin.store.geo import Places

_ID_BLOCK = 256


def utc_now() -> datetime:
    """The time of this host."""
    return datetime.now(UTC)


@dataclass
class Context:
    """One per process. The configuration kept here is only a copy, compared with the stored version at each call.

    `places` is there when the operator has named a geo database.
    """

    database: Database
    clock: Callable[[], datetime] = utc_now
    random: Callable[[int], bytes] = urandom
    places: Places | None = None
    _configuration: Configuration = field(default_factory=Configuration)

    async def configuration(self, transaction: Transaction) -> Configuration:
        """The configuration as of now."""
        known = self._configuration
        fresh = await stored_configuration.refresh(transaction, known)
        if fresh.version > self._configuration.version:
            self._configuration = fresh
        return fresh

    def new_ids(self) -> Iterator[bytes]:
        """Ids without end, of this second."""
        seconds = int(self.clock().timestamp())
        while True:
            yield from ids.make_many(seconds, self.random(8 * _ID_BLOCK))

    def new_ids_beside(self, profile_ids: Sequence[bytes]) -> list[bytes]:
        """For each profile an id in its bucket."""
        seconds = int(self.clock().timestamp())
        return ids.make_beside(seconds, self.random(7 * len(profile_ids)), profile_ids)
