"""Which channel each kind of sender is."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from tocsin.channels.apns import ApnsChannel
from tocsin.channels.contract import Channel
from tocsin.channels.fcm import FcmChannel
from tocsin.channels.http import HttpDoor
from tocsin.channels.http_guard import Network
from tocsin.channels.http_sms import HttpSmsChannel
from tocsin.channels.return_paths import ReturnPathChannel
from tocsin.channels.smtp import SmtpChannel
from tocsin.channels.webpush import WebpushChannel
from tocsin.core.configuration_senders import ApnsSender, FcmSender, HttpSender, Sender, SmtpSender, WebpushSender
from tocsin.core.errors import NotReady
from tocsin.core.return_paths import ReturnPaths


class WaysOut:
    """Opens channels. `allowed`: networks that outgoing HTTP may reach though they are private."""

    def __init__(self, allowed: Sequence[Network] = (), return_paths: ReturnPaths | None = None) -> None:
        self._allowed = allowed
        self._return_paths = return_paths

    def open(self, sender: Sender) -> Channel:
        """The way out that a sender is. NotReady for one that is none by itself."""
        opener = _OPENERS.get(type(sender))
        if opener is None:
            raise NotReady(f"sender {sender.id} sends nothing by itself")
        return opener(self, sender)

    def open_smtp(self, sender: SmtpSender) -> Channel:
        """Under return paths of their own, where there is a place for what comes back."""
        channel = SmtpChannel(sender, has_return_paths=self._return_paths is not None)
        return ReturnPathChannel(channel, self._return_paths) if self._return_paths else channel

    def open_http_sms(self, sender: HttpSender) -> Channel:
        """With as many connections of its own as the sender may have."""
        return HttpSmsChannel(sender, self.open_door)

    def open_fcm(self, sender: FcmSender) -> Channel:
        """To the devices and browsers of one Firebase project."""
        return FcmChannel(sender, self.open_shared_door)

    def open_apns(self, sender: ApnsSender) -> Channel:
        """To the devices of one app of Apple's."""
        return ApnsChannel(sender, self.open_shared_door)

    def open_webpush(self, sender: WebpushSender) -> Channel:
        """To the browsers that subscribed with one key."""
        return WebpushChannel(sender, self.open_shared_door)

    def open_door(self, connections: int) -> HttpDoor:
        """A door for one sender: all its requests go to one host."""
        return HttpDoor(self._allowed, connections=connections, connections_per_host=connections)

    def open_shared_door(self, requests: int) -> HttpDoor:
        """A door for a sender whose requests share connections where the other side can do that."""
        return HttpDoor(self._allowed, connections=requests, connections_per_host=requests, shares_connections=True)


_OPENERS: Mapping[type, Callable[[WaysOut, Any], Channel]] = {
    SmtpSender: WaysOut.open_smtp,
    HttpSender: WaysOut.open_http_sms,
    FcmSender: WaysOut.open_fcm,
    ApnsSender: WaysOut.open_apns,
    WebpushSender: WaysOut.open_webpush,
}
