"""A push message as FCM HTTP v1 takes it."""

from typing import Any, Literal

import msgspec
from msgspec import UNSET, Struct, UnsetType

from tocsin.channels.push_keys import app_data, extension_data
from tocsin.core.addresses import Device
from tocsin.core.push import Notification


class Message(Struct, frozen=True, omit_defaults=True):
    """The member `message`. Of the platforms only that of the device is there."""

    token: str
    notification: dict[str, str] | UnsetType = UNSET
    data: dict[str, str] | UnsetType = UNSET
    android: dict[str, Any] | UnsetType = UNSET
    webpush: dict[str, Any] | UnsetType = UNSET
    apns: dict[str, Any] | UnsetType = UNSET

    def count_bytes(self) -> int:
        """What counts towards FCM's limit: all but the token."""
        parts = (self.notification, self.data, self.android, self.webpush, self.apns)
        return sum(len(msgspec.json.encode(part)) for part in parts if part is not UNSET)


def make_message(said: Notification, device: Device, payload: Literal["notification", "data"]) -> Message:
    """The message for one device. With `data` an Android app shows it; browsers and iPhones show it in either case."""
    if device.provider.lower() == "ios-firebase":
        return Message(device.subscription_id, _text(said), extension_data(said), apns=_apns(said))
    data = app_data(said)
    if device.provider.lower() == "android-firebase":
        shown = payload == "notification"
        return Message(device.subscription_id, _text(said) if shown else UNSET, data, android=_android(said, shown))
    return Message(device.subscription_id, _text(said), data, webpush=_webpush(said))


def _text(said: Notification) -> dict[str, str]:
    return _given({"title": said.title, "body": said.text, "image": said.image})


def _android(said: Notification, is_shown: bool) -> dict[str, Any]:
    shown = _given({"icon": said.icon, "sound": said.sound, "tag": said.collapse_key})
    return {
        "priority": said.priority.upper(),
        **({} if said.ttl_seconds is None else {"ttl": f"{said.ttl_seconds}s"}),
        **_given({"collapse_key": said.collapse_key}),
        **({"notification": shown} if is_shown and shown else {}),
    }


def _webpush(said: Notification) -> dict[str, Any]:
    headers: dict[str, str] = {"Urgency": said.priority}
    if said.ttl_seconds is not None:
        headers["TTL"] = str(said.ttl_seconds)
    shown: dict[str, Any] = _given({"icon": said.icon, "tag": said.collapse_key})
    if said.buttons:
        shown["actions"] = [{"action": f"button{at}", "title": one.label} for at, one in enumerate(said.buttons)]
    # Anything but https is refused by FCM.
    link = {"link": said.url} if said.url.startswith("https://") else {}
    return {
        "headers": headers,
        **({"notification": shown} if shown else {}),
        **({"fcm_options": link} if link else {}),
    }


def _apns(said: Notification) -> dict[str, Any]:
    headers = {"apns-priority": "10" if said.priority == "high" else "5"}
    headers |= _given({"apns-collapse-id": said.collapse_key})
    return {"headers": headers, "payload": {"aps": {"mutable-content": 1} | _given({"sound": said.sound})}}


def _given(members: dict[str, str]) -> dict[str, str]:
    return {name: text for name, text in members.items() if text}
