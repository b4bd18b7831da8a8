"""Places of IP addresses, from an .mmdb file that the operator keeps up to date."""

from collections.abc import Iterable
from datetime import UTC, date, datetime
from ipaddress import ip_address
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

import maxminddb
from maxminddb import InvalidDatabaseError, Reader

from tocsin.core import geo
from tocsin.core.errors import NotReady

# So many networks are looked at before a file counts as one without places.
_TRIED_NETWORKS = 1000


class Edition(NamedTuple):
    """What an .mmdb file says of itself."""

    type: str
    built: date


class Places:
    """Looks up addresses in a file that is mapped into memory, not read: it costs little, however large it is.

    A file put in its place, by renaming, is used from the next call on. If that one cannot be used, the one before is.
    """

    def __init__(self, path: Path) -> None:
        """NotReady when there is no file, or one that holds no places."""
        self._path = path
        self._stamp = _stamp(path)
        self._reader = _open(path)

    def locate(self, addresses: Iterable[str]) -> dict[str, dict[str, Any]]:
        """Profile fields (core/geo.py) by address; those without a known place are left out, private ones are such.

        NotReady when the file is damaged.
        """
        self._reopen_when_replaced()
        found = {address: self._place(address) for address in dict.fromkeys(addresses)}
        return {address: place for address, place in found.items() if place}

    @property
    def edition(self) -> Edition:
        """Of the file in use."""
        described = self._reader.metadata()
        return Edition(described.database_type, datetime.fromtimestamp(described.build_epoch, UTC).date())

    def _place(self, address: str) -> dict[str, Any]:
        try:
            record = self._reader.get(address)
        except ValueError:
            return {}  # No address, or one of IPv6 in a file of IPv4.
        except InvalidDatabaseError:
            raise _damaged(self._path) from None
        return geo.read_place(record) if record and ip_address(address).is_global else {}

    def _reopen_when_replaced(self) -> None:
        try:
            stamp = _stamp(self._path)
            if stamp != self._stamp:
                self._stamp = stamp
                self._reader = _open(self._path)
        except NotReady:
            return


def _stamp(path: Path) -> tuple[int, ...]:
    """Different for different files."""
    try:
        seen = path.stat()
    except OSError as trouble:
        raise NotReady(f"the geo database {path} cannot be read: {trouble.strerror}") from None
    return (seen.st_dev, seen.st_ino, seen.st_size, seen.st_mtime_ns)


def _open(path: Path) -> Reader:
    try:
        reader = maxminddb.open_database(path)
        holds_places = any(geo.read_place(record) for _, record in islice(reader, _TRIED_NETWORKS))
    except OSError as trouble:
        raise NotReady(f"the geo database {path} cannot be read: {trouble.strerror}") from None
    except (InvalidDatabaseError, ValueError):
        raise _damaged(path) from None
    if not holds_places:
        raise NotReady(
            f"the geo database {path} is of type {reader.metadata().database_type!r}, which holds no places: "
            "take one of cities or countries"
        )
    return reader


def _damaged(path: Path) -> NotReady:
    return NotReady(f"the geo database {path} is damaged or no .mmdb file")
