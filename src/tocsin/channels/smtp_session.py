"""One SMTP session that is ready for messages: what is said for one message, and what the answers mean."""

import asyncio
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Final

from tocsin.channels.contract import Outcome, one_line
from tocsin.channels.smtp_letter import Letter, Unsendable
from tocsin.channels.smtp_trouble import AFTER, BEFORE, IN_DOUBT, Lost, name
from tocsin.channels.smtp_wire import Broken, Reply, Wire
from tocsin.core.configuration_senders import SmtpSender

QUIT_SECONDS = 2.0

# A message may take its size at this rate on top of the time-out, so that a large one gets through a thin line.
SLOWEST_BYTES_PER_SECOND = 64_000

SUCCESS, GO_ON, TRY_LATER, NEVER = 2, 3, 4, 5
CLOSING = 421

# What MAIL, RCPT and DATA are answered when all is well.
_STEPS: Final = (SUCCESS, SUCCESS, GO_ON)

# 5xx replies that mean our login or encryption, not the message (RFC 4954, section 6; RFC 3207, section 4).
SENDER_TROUBLES: Final = frozenset({530, 534, 535, 538})


class Session:
    """Takes messages one at a time; the next may be announced while one is handed over."""

    def __init__(
        self, wire: Wire, extensions: Mapping[str, str], sender: SmtpSender, *, has_return_paths: bool = False
    ) -> None:
        """`has_return_paths`: whether what a server reports about a message comes back to us."""
        self.idle_since = 0.0
        self._wire = wire
        self._name = name(sender)
        self._timeout_seconds = sender.timeout_seconds
        self._most_letters = sender.messages_per_connection or sys.maxsize
        self._letters = 0
        self._announced: Letter | None = None
        self._extensions = extensions
        self._takes_many = sender.pipelining and "pipelining" in extensions
        limit = extensions.get("size", "")
        self._counts_acceptance = sender.delivered == "accepted"
        self._asks_for_reports = sender.delivered == "reported" and has_return_paths and "dsn" in extensions
        self._notify = b" NOTIFY=SUCCESS,FAILURE,DELAY" if self._asks_for_reports else b""
        self._most_bytes = int(limit) if limit.isascii() and limit.isdecimal() else 0

    @property
    def is_open(self) -> bool:
        """Whether it can take another message."""
        return self._wire.is_open and self._letters < self._most_letters

    @property
    def looks_ahead(self) -> bool:
        """Whether it makes use of the next letter."""
        return self._takes_many

    @property
    def asks_for_reports(self) -> bool:
        """Whether the server is to report what becomes of its messages."""
        return self._asks_for_reports

    @property
    def is_used(self) -> bool:
        """Whether it has taken a message before."""
        return self._letters > 0

    async def transact(self, letter: Letter, following: Letter | None = None) -> Outcome:
        """Hand one message over. Raises Unsendable before anything is said, Lost when the session is over.

        `following` is the next one, if it is known. Where the server takes commands in a row, it is announced in the
        write that ends this one, and both are answered in one round trip (RFC 2920, section 3.1); then it must be next.
        """
        commands = self._commands(letter)
        refusal, is_awaited = await self._announce(letter, commands)
        self._letters += 1
        if refusal is None:
            return self._judge(letter, await self._hand_over(letter, following))
        await self._take_back(following, is_awaited=is_awaited)
        return self._judge(letter, refusal)

    async def quit(self) -> None:
        """Take leave and wait for the answer, not long."""
        with suppress(Broken):
            self._wire.say(b"QUIT\r\n", 1)
            await self._wire.listen(min(QUIT_SECONDS, self._timeout_seconds))
        self.drop()
        await asyncio.sleep(0)

    def leave(self) -> None:
        """Take leave without waiting; in the middle of a message without a word."""
        if self._announced:
            self._wire.drop()
        else:
            self._wire.leave()

    def drop(self) -> None:
        """End it at once, whatever is under way."""
        self._wire.drop()

    def _commands(self, letter: Letter) -> tuple[bytes, bytes, bytes]:
        return self._mail_command(letter), b"RCPT TO:<%b>%b\r\n" % (letter.recipient, self._notify), b"DATA\r\n"

    def _mail_command(self, letter: Letter) -> bytes:
        command = b"MAIL FROM:<%b>" % letter.sender
        if "size" in self._extensions:
            command += b" SIZE=%d" % letter.size
            if 0 < self._most_bytes < letter.size:
                raise Unsendable(f"{letter.size} bytes, and the server takes at most {self._most_bytes}")
        if letter.needs_8bitmime:
            command += self._option(b" BODY=8BITMIME", "8bitmime", "text of 8 bits")
        if letter.needs_smtputf8:
            command += self._option(b" SMTPUTF8", "smtputf8", "addresses beyond ASCII")
        if self._asks_for_reports:
            command += b" RET=HDRS ENVID=%b" % letter.message_id.hex().encode()
        return command + b"\r\n"

    def _option(self, option: bytes, extension: str, what: str) -> bytes:
        if extension not in self._extensions:
            raise Unsendable(f"the server does not take {what} ({extension.upper()} is not offered)")
        return option

    async def _announce(self, letter: Letter, commands: Sequence[bytes]) -> tuple[Reply | None, bool]:
        """The first refusal, and whether the server waits for content all the same.

        A refusal stands, though the session be lost after it.
        """
        is_announced, self._announced = self._announced is letter, None
        if self._takes_many and not is_announced:
            self._say(b"".join(commands), len(commands))
        refusal = reply = None
        for command, step in zip(commands, _STEPS, strict=True):
            try:
                reply = await self._ask(step, None if self._takes_many else command)
            except Lost:
                if refusal is None:
                    raise
                self.drop()
                break
            if reply.code // 100 != step:
                refusal = refusal or reply
                if command is commands[0] and self.is_used and reply.code // 100 == TRY_LATER:
                    # Many servers take only so many messages over one connection, and say so here.
                    raise self._over(reply, BEFORE)
                if not self._takes_many:
                    break
        return refusal, reply is not None and reply.code // 100 == GO_ON

    async def _hand_over(self, letter: Letter, following: Letter | None) -> Reply:
        self._say_with(letter.wire, following)
        patience = self._timeout_seconds + len(letter.wire) / SLOWEST_BYTES_PER_SECOND
        try:
            reply = await self._wire.listen(patience)
        except Broken as broken:
            raise self._lost(broken, IN_DOUBT) from broken
        if reply.code == CLOSING:
            raise self._over(reply, AFTER)
        if reply.code // 100 not in (SUCCESS, TRY_LATER, NEVER):
            raise self._over(reply, IN_DOUBT)
        return reply

    async def _take_back(self, following: Letter | None, *, is_awaited: bool) -> None:
        # The outcome stands already: a session that cannot be reset is only not used again. A server may wait for
        # content though it took no recipient; a lone dot ends that (RFC 2920, section 3.1), whatever it answers.
        try:
            self._say_with(b".\r\n" if is_awaited else b"RSET\r\n", following)
            reply = await self._ask(SUCCESS)
        except Lost:
            self.drop()
            return
        if not is_awaited and reply.code // 100 != SUCCESS:
            self.drop()

    def _say_with(self, data: bytes, following: Letter | None) -> None:
        """Say what ends a message, and announce the next one if the server lets us."""
        if following is None or not self._takes_many or self._letters >= self._most_letters:
            self._say(data, 1)
            return
        try:
            commands = self._commands(following)
        except Unsendable:
            self._say(data, 1)
            return
        self._announced = following
        self._say(data + b"".join(commands), 1 + len(commands))

    def _say(self, data: bytes, replies: int) -> None:
        try:
            self._wire.say(data, replies)
        except Broken as broken:
            raise self._lost(broken, BEFORE) from broken

    async def _ask(self, success: int, command: bytes | None = None) -> Reply:
        if command:
            self._say(command, 1)
        try:
            reply = await self._wire.listen(self._timeout_seconds)
        except Broken as broken:
            raise self._lost(broken, BEFORE) from broken
        if reply.code == CLOSING or reply.code // 100 not in (success, TRY_LATER, NEVER):
            raise self._over(reply, BEFORE)
        return reply

    def _judge(self, letter: Letter, reply: Reply) -> Outcome:
        text = one_line(reply.text)
        if reply.code // 100 == SUCCESS:
            return Outcome(letter.message_id, "sent", reply.code, text, is_delivered=self._counts_acceptance)
        if reply.code // 100 == NEVER and reply.code not in SENDER_TROUBLES:
            return Outcome(letter.message_id, "refused", reply.code, text)
        return Outcome(letter.message_id, "deferred", reply.code, text, may_go_elsewhere=reply.code in SENDER_TROUBLES)

    def _lost(self, broken: Broken, when: str) -> Lost:
        return Lost(f"{self._name}: {broken.text}", broken.code, when)

    def _over(self, reply: Reply, when: str) -> Lost:
        return Lost(f"{self._name}: the session is over: {reply.code} {reply.text}", reply.code, when, reply)
