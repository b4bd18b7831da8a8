"""Opens and clicks on their way into the history: gathered in memory, judged, and written many at a time."""

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any, NamedTuple

from tocsin.actions.context import Context
from tocsin.core import scanners, user_agents
from tocsin.core.configuration import Configuration
from tocsin.core.errors import NotReady
from tocsin.core.messages import ClaimedMessage, Event, EventType
from tocsin.core.reactions import Reaction, list_events, list_reactions
from tocsin.core.reading import Look
from tocsin.core.scanners import SETTLED_AFTER, Hit, Networks, Reason, ScanReason
from tocsin.core.tracking import Target
from tocsin.log import get as get_log
from tocsin.store import events, passages, reactions
from tocsin.store import profiles as stored_profiles
from tocsin.store.database import Transaction
from tocsin.store.reactions import Scans, SentMessage

log = get_log("tocsin.tracking")

_WRITE_SECONDS = 0.2
_PAUSE_SECONDS = 2.0
_AT_ONCE = 2000
# What waits is lost when the process is killed, and takes memory: so many hits, and no long texts.
_MOST_WAITING = 50_000
_LONGEST_TEXT = 500
_PLACE_NAMES = {
    "_city": "city",
    "_region": "region",
    "_postal_code": "postal_code",
    "_tz": "tz",
    "_lat": "lat",
    "_lon": "lon",
}


class _Judged(NamedTuple):
    """A hit, the message that it is of, and why it was no person's; None for a person's."""

    hit: Hit
    message: SentMessage
    reason: Reason | None


class Hits:
    """Gathers hits, so that a redirect never waits for the database. Those of a mail that has just been sent are kept
    for a moment: only together they show whether a program goes through it.
    """

    def __init__(self, context: Context, networks: Networks = ()) -> None:
        """`networks`: where no person reads mail, as the operator says."""
        self._context = context
        self._networks = networks
        self._waiting: list[Hit] = []
        self._held: list[Hit] = []
        self._writer: asyncio.Task[None] | None = None
        self._turn = asyncio.Lock()

    def tells_of_looking(self, hit: Hit) -> bool:
        """Whether it is worth while to see when whoever asked goes away."""
        return scanners.tells_of_looking(hit, self._networks)

    def make(self, target: Target, *, method: str, ip: str, user_agent: str, look: Look | None = None) -> Hit:
        """A hit of this moment."""
        return Hit(target, self._context.clock(), method, ip[:_LONGEST_TEXT], user_agent[:_LONGEST_TEXT], look)

    def add(self, hit: Hit) -> bool:
        """Take a hit, which is written within the next moments; False when there is no room for it."""
        if len(self._waiting) + len(self._held) >= _MOST_WAITING:
            log.warning("tracking.dropped", waiting=_MOST_WAITING)
            return False
        self._waiting.append(hit)
        if self._writer is None or self._writer.done():
            self._writer = asyncio.create_task(self._keep_writing())
        return True

    async def flush(self) -> None:
        """Write all that there is now, without waiting for what may come. NotReady when the database is away."""
        while self._waiting or self._held:
            await self.write(is_last=True)

    async def close(self) -> None:
        """Write what is left and stop; what the database does not take then is lost, and the log says so."""
        if self._writer:
            self._writer.cancel()
            with suppress(asyncio.CancelledError):
                await self._writer
        try:
            await self.flush()
        except NotReady as trouble:
            log.warning("tracking.lost", hits=len(self._waiting) + len(self._held), reason=trouble.describe())

    async def _keep_writing(self) -> None:
        while self._waiting or self._held:
            await asyncio.sleep(_WRITE_SECONDS)
            try:
                await self.write()
            except Exception as error:  # noqa: BLE001 - whatever it is, the hits are still there and are tried again
                log.failure("tracking.unwritten", error, waiting=len(self._waiting))
                await asyncio.sleep(_PAUSE_SECONDS)

    async def write(self, *, is_last: bool = False) -> None:
        """Write what can be judged by now, or all; NotReady when the database is away."""
        async with self._turn:
            settled_before = self._context.clock() - SETTLED_AFTER
            settled = [hit for hit in self._held if is_last or hit.at <= settled_before]
            batch = [*settled, *self._waiting][:_AT_ONCE]
            if not batch:
                return
            kept = await self._record(batch, is_last=is_last)
            written = {id(hit) for hit in batch}
            self._waiting = [hit for hit in self._waiting if id(hit) not in written]
            self._held = [hit for hit in self._held if id(hit) not in written] + kept

    async def _record(self, batch: Sequence[Hit], *, is_last: bool) -> list[Hit]:
        """Write what can be judged already; the rest."""
        settled_before = self._context.clock() - SETTLED_AFTER
        async with self._context.database.transaction() as transaction:
            configuration = await self._context.configuration(transaction)
            await stored_profiles.prefer_indexes(transaction)
            messages = await reactions.find_messages(transaction, {hit.target.message_id for hit in batch})
            known = [hit for hit in batch if hit.target.message_id in messages]
            early = [hit for hit in known if scanners.is_early(hit, messages[hit.target.message_id].sent_at)]
            kept = [] if is_last else [hit for hit in early if hit.at > settled_before]
            scanned = await self._scanned(transaction, early, kept)
            judged = self._judge(known, early, kept, messages, scanned)
            if judged:
                await self._insert(transaction, configuration, judged)
        return kept

    async def _scanned(
        self, transaction: Transaction, early: Sequence[Hit], kept: Sequence[Hit]
    ) -> dict[bytes, ScanReason]:
        """The messages that a program goes through. Each process notes at once which links it was asked for, and judges
        by what all have noted: a program's requests may come to any of them.
        """
        held = {id(hit) for hit in self._held}
        followed = scanners.list_followed([hit for hit in early if id(hit) not in held])
        if followed:
            await reactions.note_followed(transaction, followed)
        is_kept = {id(hit) for hit in kept}
        judged = {hit.target.message_id for hit in early if id(hit) not in is_kept}
        known = await reactions.list_scans(transaction, judged) if judged else Scans({}, [])
        found = scanners.find_scanned([*early, *self._held], known.followed)
        new: set[tuple[bytes, Reaction]] = {one for one in found.items() if one[0] not in known.found}
        if new:
            await reactions.insert(transaction, new, self._context.clock())
        return found | known.found

    def _judge(
        self,
        known: Sequence[Hit],
        early: Sequence[Hit],
        kept: Sequence[Hit],
        messages: Mapping[bytes, SentMessage],
        scanned: Mapping[bytes, ScanReason],
    ) -> list[_Judged]:
        is_early, is_kept = {id(hit) for hit in early}, {id(hit) for hit in kept}
        judged = []
        for hit in sorted(known, key=lambda hit: hit.at):
            if id(hit) not in is_kept:
                message_id = hit.target.message_id
                of_scan = scanned.get(message_id) if id(hit) in is_early and not hit.target.is_report else None
                reason = scanners.judge(hit, self._networks) or of_scan
                judged.append(_Judged(hit, messages[message_id], reason))
        return judged

    async def _insert(self, transaction: Transaction, configuration: Configuration, judged: Sequence[_Judged]) -> None:
        people = [one for one in judged if one.reason is None]
        wanted = {(one.message.id, word) for one in people for word in list_reactions(one.hit)}
        now = self._context.clock()
        first = await reactions.insert(transaction, wanted, now) if wanted else set()
        places = self._locate({one.hit.ip for one in judged})
        named = [
            (one, type_) for one in judged for type_ in list_events(one.hit, is_bot=one.reason is not None, first=first)
        ]
        event_ids = self._context.new_ids_beside([one.message.profile_id for one, _ in named])
        happened = [
            _event(event_id, configuration, one, type_, places.get(one.hit.ip, {}))
            for event_id, (one, type_) in zip(event_ids, named, strict=True)
        ]
        if happened:
            await events.insert(transaction, happened)
        if people:
            await passages.wake(transaction, list({one.message.id for one in people}), now)

    def _locate(self, addresses: set[str]) -> Mapping[str, Mapping[str, Any]]:
        if self._context.places is None:
            return {}
        try:
            return self._context.places.locate(addresses)
        except NotReady as trouble:
            log.warning("tracking.unlocated", reason=trouble.describe())
            return {}


def _event(
    event_id: bytes, configuration: Configuration, judged: _Judged, type_: EventType, place: Mapping[str, Any]
) -> Event:
    hit, message, reason = judged
    trigger = configuration.triggers.get(message.trigger_id)
    of = ClaimedMessage(
        message.id, message.launch_id, message.profile_id, message.trigger_id, 0, message.address, None, None
    )
    data = {
        "ip": hit.ip,
        "user_agent": hit.user_agent,
        **user_agents.describe(hit.user_agent),
        "link_url": hit.target.url if type_.startswith(("click", "uclick")) else "",
        "is_bot": reason is not None,
        "bot_reason": reason,
        **_place(place),
    }
    kept = {name: value for name, value in data.items() if value not in ("", None, False)}
    database_id = message.database_id or (trigger.database if trigger else 0)
    return Event(event_id, hit.at, type_, database_id, of, kept)


def _place(fields: Mapping[str, Any]) -> dict[str, Any]:
    """As the facts, section 8, name what is known of an address; the country as `.ru`."""
    named = {_PLACE_NAMES[name]: value for name, value in fields.items() if name in _PLACE_NAMES}
    country = fields.get("_country")
    return {"country": f".{country.lower()}", **named} if country else named
