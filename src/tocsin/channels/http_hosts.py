"""How each host is treated: so many connections at once, and a rest for one that keeps failing."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from tocsin.channels.http_call import Target
from tocsin.channels.http_exchange import Failure, Stop

FAILURES_BEFORE_REST = 5
FIRST_REST_SECONDS = 1.0
LONGEST_REST_SECONDS = 300.0
MOST_HOSTS = 1000

_MOST_DOUBLINGS: Final = 9


class Host:
    """One host and port. Instants are seconds of the loop's clock."""

    def __init__(self, place: str, connections: int, *, lets_rest: bool = True) -> None:
        self._lets_rest = lets_rest
        self.turns = asyncio.Semaphore(connections)
        self.users = 0
        self._place = place
        self._failures = 0
        self._rest_began_at = float("-inf")
        self._resting_until = float("-inf")

    @property
    def is_sound(self) -> bool:
        """Whether nothing is known against it."""
        return self._failures == 0

    def check(self, now: float) -> None:
        """Raises Stop with a failure of reason `resting` while it rests."""
        if now < self._resting_until:
            seconds = self._resting_until - now
            text = f"{self._place} kept failing or asked for a pause: it is left alone for another {seconds:.1f} s"
            raise Stop(Failure("resting", text, retry_after_seconds=seconds))

    def begin(self, now: float, until: float) -> None:
        """Check it, and after a rest let one request go ahead: the others wait for what it finds, `until` at most."""
        self.check(now)
        if self._failures >= FAILURES_BEFORE_REST:
            self._resting_until = until

    def succeed(self, began_at: float) -> None:
        """End the rest and forget the failures, unless it began before the rest did."""
        if began_at >= self._rest_began_at:
            self._failures = 0
            self._resting_until = float("-inf")

    def fail(self, began_at: float, now: float, retry_after_seconds: float | None = None) -> None:
        """Count a failure. From the fifth in a row on it rests, each time twice as long, 5 minutes at most; and as
        long as it asks for. What began before a rest says nothing new after it.
        """
        if began_at < self._rest_began_at or not self._lets_rest:
            return
        self._failures += 1
        over = self._failures - FAILURES_BEFORE_REST
        rest = min(FIRST_REST_SECONDS * 2.0 ** min(over, _MOST_DOUBLINGS), LONGEST_REST_SECONDS) if over >= 0 else 0.0
        rest = max(rest, retry_after_seconds or 0.0)
        if rest:
            self._rest_began_at = now
            self._resting_until = now + rest


class Hosts:
    """Hosts that are in use or known to fail; the oldest of these are forgotten beyond a thousand."""

    def __init__(self, connections_per_host: int, *, lets_rest: bool = True) -> None:
        self._lets_rest = lets_rest
        self._connections = connections_per_host
        self._hosts: dict[tuple[str, int], Host] = {}

    def __len__(self) -> int:
        return len(self._hosts)

    @contextmanager
    def use(self, target: Target) -> Iterator[Host]:
        key = (target.host, target.port)
        host = self._hosts.setdefault(key, Host(target.place, self._connections, lets_rest=self._lets_rest))
        host.users += 1
        try:
            yield host
        finally:
            host.users -= 1
            if host.is_sound and not host.users:
                del self._hosts[key]
            elif len(self) > MOST_HOSTS:
                self._forget_one()

    def _forget_one(self) -> None:
        idle = next((key for key, host in self._hosts.items() if not host.users), None)
        if idle:
            del self._hosts[idle]
