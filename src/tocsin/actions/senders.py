"""Senders in use: the channels that they go out by."""

from collections.abc import Callable, Mapping

from tocsin.channels.contract import Channel
from tocsin.channels.route import RouteChannel
from tocsin.core.configuration_senders import RouteSender, Sender

OpenChannel = Callable[[Sender], Channel]


class Senders:
    """Keeps the channel of a sender as long as it is configured the same."""

    def __init__(self, open_channel: OpenChannel) -> None:
        self._open_channel = open_channel
        self._channels: dict[int, tuple[Sender, Channel]] = {}
        self._routes: dict[int, tuple[RouteSender, dict[int, Channel], RouteChannel]] = {}

    async def get(self, sender: Sender, configured: Mapping[int, Sender]) -> Channel:
        """The channel of a sender; `configured` has those that a route chooses among."""
        if not isinstance(sender, RouteSender):
            return await self._get(sender)
        members = {one: await self._get(configured[one]) for one in sender.sender_ids()}
        known = self._routes.get(sender.id)
        if known is None or known[:2] != (sender, members):
            known = self._routes[sender.id] = (sender, members, RouteChannel(sender, members, dict(configured)))
        return known[2]

    async def close(self) -> None:
        """Let go of all channels."""
        for _, channel in self._channels.values():
            await channel.close()

    async def _get(self, sender: Sender) -> Channel:
        known = self._channels.get(sender.id)
        if known is not None and known[0] == sender:
            return known[1]
        channel = self._open_channel(sender)
        self._channels[sender.id] = (sender, channel)
        if known is not None:
            await known[1].close()
        return channel
