"""What every action needs: the database, the time, randomness, and the configuration of now."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from os import urandom

from tocsin.core import ids
from tocsin.core.configuration import Configuration
from tocsin.core.errors import NotReady
from tocsin.core.public_links import PublicLinks
from tocsin.core.return_paths import ReturnPaths
from tocsin.core.tokens import Signer
from tocsin.store import configuration as stored_configuration
from tocsin.store import secrets
from tocsin.store.database import Database, Transaction
from tocsin.store.geo import Places

_ID_BLOCK = 256
LINKS = "links"
# How long another process may still sign with the secret before the last rotation.
_SIGNER_KEPT = timedelta(minutes=1)


def utc_now() -> datetime:
    """The time of this host."""
    return datetime.now(UTC)


@dataclass
class Context:
    """One per process. The configuration kept here is only a copy, compared with the stored version at each call.

    `places` is there when the operator has named a geo database. `public_url`: what links in mails begin with;
    `is_public` when the operator has said so. `keep_copies`: how long what was sent is kept; zero keeps nothing.
    `return_paths` are there when what comes back is taken.
    """

    database: Database
    clock: Callable[[], datetime] = utc_now
    random: Callable[[int], bytes] = urandom
    places: Places | None = None
    public_url: str = "http://127.0.0.1:8080"
    is_public: bool = False
    confirmations_per_day: int = 5
    keep_copies: timedelta = timedelta(days=30)
    return_paths: ReturnPaths | None = None
    _signer: tuple[datetime, Signer] | None = None
    _configuration: Configuration = field(default_factory=Configuration)

    async def configuration(self, transaction: Transaction) -> Configuration:
        """The configuration as of now."""
        known = self._configuration
        fresh = await stored_configuration.refresh(transaction, known)
        if fresh.version > self._configuration.version:
            self._configuration = fresh
        return fresh

    async def signer(self, transaction: Transaction) -> Signer:
        """What signs and reads the links in mails; the secret is made at first use, one for all processes."""
        now = self.clock()
        if self._signer is None or abs(now - self._signer[0]) > _SIGNER_KEPT:
            keys = await secrets.ensure(transaction, LINKS, self.random(secrets.BYTES))
            self._signer = (now, Signer(tuple(keys)))
        return self._signer[1]

    async def known_signer(self) -> Signer:
        """The same for who has no transaction: none is opened as long as it was looked up lately."""
        if self._signer is not None and abs(self.clock() - self._signer[0]) <= _SIGNER_KEPT:
            return self._signer[1]
        try:
            async with self.database.transaction() as transaction:
                return await self.signer(transaction)
        except NotReady:
            if self._signer is None:
                raise
            return self._signer[1]

    async def links(self, transaction: Transaction, configuration: Configuration) -> PublicLinks:
        """Where the links in mails lead as of now."""
        domains = {one.id: one.tracking_domain for one in configuration.resources.values() if one.tracking_domain}
        return PublicLinks(self.public_url, await self.signer(transaction), self.is_public, domains, self.return_paths)

    def new_ids(self) -> Iterator[bytes]:
        """Ids without end, of this second."""
        seconds = int(self.clock().timestamp())
        while True:
            yield from ids.make_many(seconds, self.random(8 * _ID_BLOCK))

    def new_ids_beside(self, profile_ids: Sequence[bytes]) -> list[bytes]:
        """For each profile an id in its bucket."""
        seconds = int(self.clock().timestamp())
        return ids.make_beside(seconds, self.random(7 * len(profile_ids)), profile_ids)
