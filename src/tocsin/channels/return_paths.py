"""Mail under return paths that name its message, whatever channel it leaves by."""

from collections.abc import Sequence

from msgspec import structs

from tocsin.channels.contract import Channel, Envelope, Outcome, Record
from tocsin.core.return_paths import ReturnPaths


class ReturnPathChannel:
    """Another channel, with the senders of its envelopes replaced; what the recipient reads stays."""

    def __init__(self, channel: Channel, return_paths: ReturnPaths) -> None:
        self._channel = channel
        self._return_paths = return_paths

    async def send(self, envelopes: Sequence[Envelope], record: Record | None = None) -> list[Outcome]:
        """As the other channel does."""
        return await self._channel.send(
            [structs.replace(one, sender=self._return_paths.make(one.message_id)) for one in envelopes], record
        )

    async def check(self) -> str:
        """As the other channel does."""
        return await self._channel.check()

    async def close(self) -> None:
        """As the other channel does."""
        await self._channel.close()
