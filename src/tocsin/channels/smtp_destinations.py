"""What one sender may do at each destination: how many messages at once, how many a second, and when none at all."""

from math import inf
from typing import Final

from tocsin.channels.contract import Outcome
from tocsin.channels.smtp_pace import Pace, WaitingList
from tocsin.channels.smtp_trouble import Lost, Trouble
from tocsin.core.configuration_senders import DomainLimit, SmtpSender
from tocsin.core.destinations import find_limit, judge, normalize

# Of more, those that have not been in use for longest are forgotten, and what they answered with them.
MOST_DESTINATIONS = 10_000

FIRST_REST_SECONDS = 10.0
LONGEST_REST_SECONDS = 900.0

# Different recipients in a row who are put off for no reason of their own.
DEFERRED_IN_A_ROW = 3

_MOST_DOUBLINGS: Final = 10
_SMOOTHING: Final = 0.1


class Destination:
    """The account of one destination, for all batches of a sender. Instants are seconds of the loop's clock.

    `window` is how many messages may be under way: it grows by one for each windowful that was taken, and is halved
    when the destination puts a message off or a session is lost. Without a limit it has no end until that happens:
    `is_free` says that nothing speaks against any message, and that none need be counted.
    """

    def __init__(self, name: str, most: int, limit: DomainLimit | None = None) -> None:
        """`most` is what the sender has in connections."""
        self.name = name
        self.parked = 0
        self.pace = Pace(limit.messages_per_second) if limit and limit.messages_per_second else None
        self._has_rule = limit is not None
        self._most = min(limit.connections, most) if limit and limit.connections else most
        self._is_limited = self._most < most
        self._window = self._widest
        self._under_way = 0
        self._seconds = 0.0
        self._narrowed_at = self._rest_began_at = self.resting_until = -inf
        self._rests = 0
        self._deferred: set[str] = set()
        self._trouble = Trouble("")
        self._waiting_list = WaitingList()
        self.is_free = not self._has_rule

    @property
    def _widest(self) -> float:
        return self._most if self._is_limited else inf

    @property
    def is_in_use(self) -> bool:
        """Whether messages are under way, or wait for room."""
        return self._under_way > 0 or self.parked > 0

    def has_room(self, now: float, *, has_place: bool = False) -> bool:
        """Whether a message may go at once; `has_place` if it takes over the place of one that is under way."""
        is_within = self._under_way + (not has_place) <= self._window
        return is_within and (self.pace is None or self.pace.is_free(now))

    def begin(self, now: float, *, has_place: bool = False) -> None:
        """A message goes."""
        self._under_way += not has_place
        if self.pace:
            self.pace.take(now)

    def end(self) -> None:
        """A message is no longer under way."""
        self._under_way -= 1

    def describe_rest(self, now: float) -> Trouble:
        """Why nothing may go, while it rests."""
        seconds = self.resting_until - now
        text = f"{self._trouble.text}; {self.name} is left alone for another {seconds:.0f} s"
        return Trouble(text, self._trouble.code)

    def book(self, now: float) -> float:
        """When a message that found no room is to come back, in seconds from now."""
        gap = self._seconds / min(self._window, self._most)
        return self._waiting_list.add(now, max(gap, self.pace.gap_seconds) if self.pace else gap)

    def note(self, recipient: str, outcome: Outcome, began_at: float, now: float) -> None:
        """What a message that began then was answered; of no use for one that was taken while this is free."""
        self._seconds += _SMOOTHING * (now - began_at - self._seconds)
        if outcome.state != "deferred":
            self._relax()
        else:
            self._note_deferral(recipient, outcome.code, outcome.text, began_at, now)

    def note_lost(self, recipient: str, lost: Lost, began_at: float, now: float) -> None:
        """A message that began then has lost its session."""
        self._narrow(began_at, now)
        if lost.reply is not None and judge(lost.reply.code, lost.reply.text) == "enough":
            self._note_deferral(recipient, lost.reply.code, lost.reply.text, began_at, now)

    def _relax(self) -> None:
        self._rests = 0
        if self._deferred:
            self._deferred.clear()
        if self._window < self._most:
            self._window += 1 / self._window
            if self._window >= self._most:
                self._window = self._widest
        self.is_free = not self._has_rule and self._window == inf

    def _note_deferral(self, recipient: str, code: int, text: str, began_at: float, now: float) -> None:
        verdict = judge(code, text)
        if verdict == "recipient":
            return
        self.is_free = False
        self._narrow(began_at, now)
        self._deferred.add(recipient)
        is_enough = verdict == "enough" or len(self._deferred) >= DEFERRED_IN_A_ROW
        if is_enough and began_at >= self._rest_began_at:
            self._rest(Trouble(text, code), now)

    def _narrow(self, began_at: float, now: float) -> None:
        # What was under way when it was halved would halve it again for the same trouble.
        if began_at >= self._narrowed_at:
            self.is_free = False
            self._narrowed_at = now
            self._window = max(1.0, min(self._window, self._most) / 2)

    def _rest(self, trouble: Trouble, now: float) -> None:
        seconds = FIRST_REST_SECONDS * 2.0 ** min(self._rests, _MOST_DOUBLINGS)
        self._rests += 1
        self._trouble, self._rest_began_at = trouble, now
        self.resting_until = now + min(seconds, LONGEST_REST_SECONDS)
        self._window = 1.0
        self._deferred.clear()


class Destinations:
    """The destinations of one sender, by the domains of recipients."""

    def __init__(self, sender: SmtpSender) -> None:
        self._sender = sender
        self._shared: dict[int, Destination] = {}
        # In two halves, of which the older is forgotten when the other is full: to keep an order would cost each mail.
        self._known: dict[str, Destination] = {}
        self._older: dict[str, Destination] = {}

    def get(self, recipient: str) -> Destination:
        """Where mail to this address goes."""
        spelled = recipient[recipient.rfind("@") + 1 :]
        return self._known.get(spelled) or self._learn(spelled)

    def _learn(self, spelled: str) -> Destination:
        domain = normalize(spelled)
        found = self._known.get(domain) or self._older.get(domain) or self._make(domain)
        if len(self._known) >= MOST_DESTINATIONS // 2:
            in_use = {name: destination for name, destination in self._older.items() if destination.is_in_use}
            self._known, self._older = in_use, self._known
        self._known[spelled] = self._known[domain] = found
        return found

    def _make(self, domain: str) -> Destination:
        most, limits = self._sender.connections, self._sender.domains
        found = find_limit(domain, limits)
        if found is None:
            return Destination(domain, most)
        index, is_shared = found
        if not is_shared:
            return Destination(domain, most, limits[index])
        if index not in self._shared:
            self._shared[index] = Destination(domain, most, limits[index])
        return self._shared[index]
