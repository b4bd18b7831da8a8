"""Mail out through one SMTP server, over connections that are kept and shared by all batches of the process."""

import asyncio
import ssl
from collections import deque
from collections.abc import Sequence
from functools import cached_property

from tocsin.channels.contract import Envelope, Outcome, Record, one_line
from tocsin.channels.smtp_session import (
    BEFORE,
    Lost,
    Paths,
    Session,
    Trouble,
    Unreachable,
    Unsendable,
    connect,
    name,
    parse_paths,
)
from tocsin.core.configuration import Sender
from tocsin.core.errors import NotReady

IDLE_SECONDS = 15.0

# One message may be what breaks a session; two in a row, each in a session of its own, are the server.
LOST_SESSIONS_IN_A_ROW = 2


class SmtpChannel:
    """A way out through one SMTP server, over at most `sender.connections` connections. Belongs to one event loop.

    Certificates are checked against the system's authorities; the environment variable SSL_CERT_FILE names others.
    """

    def __init__(self, sender: Sender) -> None:
        self._sender = sender
        self._slots = asyncio.Semaphore(sender.connections)
        self._idle: list[Session] = []
        self._sweeping: asyncio.TimerHandle | None = None
        self._is_closed = False

    async def send(self, envelopes: Sequence[Envelope], record: Record | None = None) -> list[Outcome]:
        """One outcome per envelope, in the same order (contract.py).

        1. Up to `connections` workers take from one queue. One that cannot connect puts its envelope back and stops.
        2. What was put back while other connections worked goes out over those.
        3. What is left is deferred with the cause, without waiting for another time-out.
        """
        batch = _Batch(envelopes, record)
        await self._run(batch, self._sender.connections)
        await self._run(batch, len(self._idle))
        batch.defer_the_rest()
        return batch.outcomes()

    async def check(self) -> str:
        """One sentence: the server answers, with TLS and login as configured. Raises NotReady."""
        try:
            connection = await self._connect()
        except Unreachable as unreachable:
            raise NotReady(one_line(f"{unreachable.text}; {unreachable.advice}")) from unreachable
        await connection.quit()
        encryption = "without TLS" if self._sender.security == "none" else "over TLS"
        login = ", login accepted" if self._sender.username else ""
        return f"{name(self._sender)} answers {encryption}{login}"

    async def close(self) -> None:
        """End the idle connections now, those in use after their message."""
        self._is_closed = True
        if self._sweeping:
            self._sweeping.cancel()
        idle, self._idle = self._idle, []
        await asyncio.gather(*(connection.quit() for connection in idle))

    async def _run(self, batch: "_Batch", connections: int) -> None:
        async with asyncio.TaskGroup() as workers:
            for _ in range(min(connections, len(batch.waiting))):
                workers.create_task(self._work(batch))

    async def _work(self, batch: "_Batch") -> None:
        lost = 0
        while batch.waiting and lost < LOST_SESSIONS_IN_A_ROW:
            position = batch.waiting.popleft()
            envelope = batch.envelopes[position]
            try:
                outcome = await self._deliver(envelope)
                lost = 0
            except Unreachable as trouble:
                batch.trouble = trouble
                batch.waiting.appendleft(position)
                return
            except Lost as trouble:
                batch.trouble = trouble
                outcome = trouble.defer(envelope, trouble.when)
                lost += 1
            batch.settle(position, outcome)

    async def _deliver(self, envelope: Envelope) -> Outcome:
        try:
            paths = parse_paths(envelope)
            async with self._slots:
                return await self._transact(envelope, paths)
        except Unsendable as unsendable:
            return Outcome(envelope.message_id, "refused", 0, str(unsendable))

    async def _transact(self, envelope: Envelope, paths: Paths) -> Outcome:
        if self._idle:
            try:
                return await self._transact_over(self._idle.pop(), envelope, paths)
            except Lost as lost:
                if lost.when != BEFORE:
                    raise
        return await self._transact_over(await self._connect(), envelope, paths)

    async def _transact_over(self, connection: Session, envelope: Envelope, paths: Paths) -> Outcome:
        try:
            return await connection.transact(envelope, paths)
        except Unsendable:
            raise
        except BaseException:
            connection.drop()
            raise
        finally:
            self._keep(connection)

    def _keep(self, connection: Session) -> None:
        if self._is_closed:
            connection.leave()
        elif connection.is_open:
            connection.idle_since = asyncio.get_running_loop().time()
            self._idle.append(connection)
            if self._sweeping is None:
                self._sweep_later()

    def _sweep_later(self) -> None:
        # The newest is taken first, so the list is in order of age.
        self._sweeping = asyncio.get_running_loop().call_at(self._idle[0].idle_since + IDLE_SECONDS, self._sweep)

    def _sweep(self) -> None:
        self._sweeping = None
        oldest = asyncio.get_running_loop().time() - IDLE_SECONDS
        for connection in self._idle:
            if connection.idle_since <= oldest:
                connection.leave()
        self._idle = [connection for connection in self._idle if connection.is_open]
        if self._idle:
            self._sweep_later()

    async def _connect(self) -> Session:
        return await connect(self._sender, None if self._sender.security == "none" else self._tls)

    @cached_property
    def _tls(self) -> ssl.SSLContext:
        context = ssl.create_default_context()
        if not self._sender.verify_certificate:
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        return context


class _Batch:
    """The envelopes of one `send`: which wait, by position, and what became of the others."""

    def __init__(self, envelopes: Sequence[Envelope], record: Record | None) -> None:
        self.envelopes = envelopes
        self.waiting = deque(range(len(envelopes)))
        self.trouble: Trouble | None = None
        self._record = record
        self._settled: dict[int, Outcome] = {}

    def settle(self, position: int, outcome: Outcome) -> None:
        self._settled[position] = outcome
        if self._record:
            self._record(outcome)

    def defer_the_rest(self) -> None:
        while self.waiting and self.trouble:
            position = self.waiting.popleft()
            self.settle(position, self.trouble.defer(self.envelopes[position]))

    def outcomes(self) -> list[Outcome]:
        return [self._settled[position] for position in range(len(self.envelopes))]
