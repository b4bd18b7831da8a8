"""Mail out through one SMTP server, over connections that are kept and shared by all batches of the process."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from functools import cached_property, partial

from tocsin.channels.contract import Envelope, Outcome, Record, one_line
from tocsin.channels.smtp_batch import Batch, Course, Gate, Turn
from tocsin.channels.smtp_breaker import LOST_IN_A_ROW, Breaker
from tocsin.channels.smtp_connect import connect
from tocsin.channels.smtp_destinations import Destination, Destinations
from tocsin.channels.smtp_dkim import load
from tocsin.channels.smtp_letter import Letter, Unsendable, write
from tocsin.channels.smtp_pace import Pace
from tocsin.channels.smtp_session import Session
from tocsin.channels.smtp_trouble import BEFORE, Lost, Unreachable, name
from tocsin.core.configuration_senders import SmtpSender
from tocsin.core.dkim import Signer, seal
from tocsin.core.errors import NotReady

IDLE_SECONDS = 15.0

# A batch gives a connection up after this time when others wait for one.
TURN_SECONDS = 0.1

# How soon a place that another batch has left, or a pace has set free, is noticed.
LOOK_AGAIN_SECONDS = 0.01


class SmtpChannel:
    """A way out through one SMTP server, over at most `sender.connections` connections. Belongs to one event loop.

    Certificates are checked against the system's authorities; the environment variable SSL_CERT_FILE names others.
    """

    def __init__(self, sender: SmtpSender, *, has_return_paths: bool = False) -> None:
        """`has_return_paths`: whether what a server reports about a message comes back to us."""
        self._sender = sender
        self._has_return_paths = has_return_paths
        self._slots = asyncio.Semaphore(sender.connections)
        self._waiting_for_slots = 0
        pace = Pace(sender.messages_per_second) if sender.messages_per_second else None
        self._gate = Gate(pace, Destinations(sender))
        self._breaker = Breaker()
        self._idle: list[Session] = []
        self._sweeping: asyncio.TimerHandle | None = None
        self._is_closed = False

    async def send(self, envelopes: Sequence[Envelope], record: Record | None = None) -> list[Outcome]:
        """One outcome per envelope, in the same order (contract.py).

        1. Up to `connections` workers take from one queue what may go; a destination at its limit is passed over. One
           that cannot connect puts its envelope back and stops.
        2. What was put back while other connections worked goes out over those.
        3. What is left is deferred: with the cause, without waiting for another time-out, or until there may be room.

        A server that proved useless is left alone for a while, and then tried with one message before the others.
        """
        if self._breaker.is_doubtful and len(envelopes) > 1:
            first = await self._send(envelopes[:1], record)
            return first + await self._send(envelopes[1:], record)
        return await self._send(envelopes, record)

    async def check(self) -> str:
        """One sentence: the server answers, with TLS and login as configured. Raises NotReady."""
        try:
            signer = self._signer
            connection = await self._connect()
        except Unreachable as unreachable:
            raise NotReady(one_line(f"{unreachable.text}; {unreachable.advice}")) from unreachable
        await connection.quit()
        reports = "" if connection.asks_for_reports else self._why_no_reports()
        encryption = "without TLS" if self._sender.security == "none" else "over TLS"
        login = ", login accepted" if self._sender.username else ""
        signature = f", signing by {signer.algorithm}" if signer else ""
        return f"{name(self._sender)} answers {encryption}{login}{signature}{reports}"

    def _why_no_reports(self) -> str:
        if self._sender.delivered != "reported":
            return ""
        why = "it does not offer DSN" if self._has_return_paths else "TOCSIN_BOUNCE_DOMAIN is not set"
        return f"; no delivery will be reported, since {why}"

    async def close(self) -> None:
        """End the idle connections now, those in use after their message."""
        self._is_closed = True
        if self._sweeping:
            self._sweeping.cancel()
        idle, self._idle = self._idle, []
        await asyncio.gather(*(connection.quit() for connection in idle))

    async def _send(self, envelopes: Sequence[Envelope], record: Record | None) -> list[Outcome]:
        began_at = asyncio.get_running_loop().time()
        batch = Batch(envelopes, record, self._gate, began_at)
        batch.trouble = self._breaker.find_trouble(began_at) or self._find_key_trouble()
        try:
            if batch.trouble is None:
                await self._try(batch, began_at)
            now = asyncio.get_running_loop().time()
            return batch.close(now, self._breaker.rest_seconds(now))
        finally:
            batch.abandon()

    async def _try(self, batch: Batch, began_at: float) -> None:
        if self._breaker.is_doubtful:
            self._breaker.probe(began_at + self._sender.timeout_seconds)
        await self._run(batch, self._sender.connections)
        await self._run(batch, len(self._idle))
        now = asyncio.get_running_loop().time()
        self._breaker.note(batch.trouble, began_at, now, is_answered=batch.is_answered, lost=batch.lost)

    async def _run(self, batch: Batch, connections: int) -> None:
        """Workers come as there is something to take, until one gives up, and end when there is not."""
        loop = asyncio.get_running_loop()
        working: set[asyncio.Task[bool]] = set()
        async with asyncio.TaskGroup() as workers:
            while connections and batch.has_left() and batch.has_time(loop.time()):
                for _ in range(min(connections - len(working), batch.count_ready(loop.time()))):
                    working.add(workers.create_task(self._work(batch)))
                ended = await _wait(working, LOOK_AGAIN_SECONDS if len(working) < connections else None)
                working -= ended
                if any(task.result() for task in ended):
                    break

    async def _work(self, batch: Batch) -> bool:
        """Send as long as there is something to take; whether the server proved useless before."""
        course = Course()
        while course.lost < LOST_IN_A_ROW:
            course.turn = course.turn or await self._take(batch)
            if course.turn is None:
                return False
            try:
                async with self._slot():
                    await self._converse(batch, course)
            except Unreachable as unreachable:
                batch.trouble = unreachable
                batch.put_back(course.turn, is_tried=True)
                return True
        return True

    async def _converse(self, batch: Batch, course: Course) -> None:
        """Send over one session, until there is nothing to send at once, the session is over or others want it."""
        session = await self._open(must_be_new=course.must_be_new)
        until = asyncio.get_running_loop().time() + TURN_SECONDS
        try:
            while course.turn:
                await self._transact(session, batch, course, course.turn, until)
                if not session.is_open:
                    break
        except BaseException:
            session.drop()
            raise
        finally:
            self._keep(session)

    async def _transact(self, session: Session, batch: Batch, course: Course, turn: Turn, until: float) -> None:
        held = turn.destination
        following = await self._take_next(batch, until, held) if session.looks_ahead else None
        try:
            outcome = await session.transact(turn.letter, following.letter if following else None)
        except Unsendable as unsendable:
            batch.refuse(turn.position, str(unsendable), following)
        except Lost as lost:
            session.drop()
            batch.put_back(following)
            _lose(batch, course, turn, lost, was_used=session.is_used)
            return
        else:
            course.lost, course.must_be_new = 0, False
            batch.answer(turn, outcome, asyncio.get_running_loop().time(), following)
        course.turn = following or await self._take_next(batch, until)

    async def _take(self, batch: Batch, held: Destination | None = None) -> Turn | None:
        """The next one that can be sent, and may go now."""
        now = asyncio.get_running_loop().time()
        while place := batch.take(now, held):
            position, destination = place
            try:
                return Turn(position, destination, now, await self._write(batch.envelopes[position]))
            except Unsendable as unsendable:
                batch.refuse(position, str(unsendable))
        return None

    async def _take_next(self, batch: Batch, until: float, held: Destination | None = None) -> Turn | None:
        """The next one, if it may go over the same session."""
        is_wanted = self._waiting_for_slots and asyncio.get_running_loop().time() >= until
        return None if is_wanted or self._is_closed else await self._take(batch, held)

    async def _write(self, envelope: Envelope) -> Letter:
        signer = self._signer
        if signer is None:
            return write(envelope)
        sealed = partial(write, envelope, partial(seal, signer=signer))
        # An RSA signature takes longer than all the rest of a message; others may go on meanwhile.
        return await asyncio.to_thread(sealed) if signer.algorithm == "rsa-sha256" else sealed()

    @cached_property
    def _signer(self) -> Signer | None:
        return load(self._sender.dkim) if self._sender.dkim else None

    def _find_key_trouble(self) -> Unreachable | None:
        try:
            _ = self._signer
        except Unreachable as unreachable:
            return unreachable
        return None

    @asynccontextmanager
    async def _slot(self) -> AsyncIterator[None]:
        self._waiting_for_slots += 1
        try:
            await self._slots.acquire()
        finally:
            self._waiting_for_slots -= 1
        try:
            yield
        finally:
            self._slots.release()

    async def _open(self, *, must_be_new: bool) -> Session:
        if must_be_new and self._idle:
            # What is as old as one that proved dead makes room for the new one.
            self._idle.pop(0).leave()
        while self._idle and not must_be_new:
            session = self._idle.pop()
            if session.is_open:
                return session
        return await self._connect()

    def _keep(self, session: Session) -> None:
        if self._is_closed or not session.is_open:
            session.leave()
            return
        session.idle_since = asyncio.get_running_loop().time()
        self._idle.append(session)
        if self._sweeping is None:
            self._sweep_later()

    def _sweep_later(self) -> None:
        # The newest is taken first, so the list is in order of age.
        self._sweeping = asyncio.get_running_loop().call_at(self._idle[0].idle_since + IDLE_SECONDS, self._sweep)

    def _sweep(self) -> None:
        self._sweeping = None
        oldest = asyncio.get_running_loop().time() - IDLE_SECONDS
        for session in self._idle:
            if session.idle_since <= oldest:
                session.leave()
        self._idle = [session for session in self._idle if session.is_open]
        if self._idle:
            self._sweep_later()

    async def _connect(self) -> Session:
        tls = None if self._sender.security == "none" else self._tls
        return await connect(self._sender, tls, has_return_paths=self._has_return_paths)

    @cached_property
    def _tls(self) -> ssl.SSLContext:
        context = ssl.create_default_context()
        if not self._sender.verify_certificate:
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        return context


async def _wait(tasks: set[asyncio.Task[bool]], seconds: float | None) -> set[asyncio.Task[bool]]:
    """Those that have ended, once one has or the time is over."""
    if not tasks:
        await asyncio.sleep(LOOK_AGAIN_SECONDS)
        return set()
    ended, _ = await asyncio.wait(tasks, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
    return ended


def _lose(batch: Batch, course: Course, turn: Turn, lost: Lost, *, was_used: bool) -> None:
    """What was not handed over is tried once more over a new connection: a kept one may have been dead for long."""
    if lost.when == BEFORE and was_used and not course.must_be_new:
        course.must_be_new = True
        return
    batch.defer(turn, lost, asyncio.get_running_loop().time())
    course.turn, course.must_be_new = None, False
    course.lost += 1
