"""What a push message says, and which kind of sender reaches which provider (facts, 6.1)."""

from collections.abc import Mapping
from typing import Final, Literal

import msgspec
from msgspec import Struct, field

Kind = Literal["fcm", "apns", "webpush"]

# FCM and APNs take no more than this; Web Push a little less, since it is encrypted (RFC 8291, section 4).
MOST_BYTES: Final = 4096

# The reply code under which every channel says that a subscription is no more, whatever its provider calls it.
GONE: Final = 410

_PROVIDERS: Final[Mapping[Kind, tuple[str, ...]]] = {
    "fcm": (
        "android-firebase", "ios-firebase",
        "chrome-firebase", "firefox-firebase", "opera-firebase", "yandex-firebase", "samsung-firebase",
    ),
    "apns": ("ios-apns",),
    "webpush": ("google", "mozilla", "safari", "safari-native", "chrome", "firefox"),
}  # fmt: skip
_KINDS: Final[Mapping[str, Kind]] = {name: kind for kind, names in _PROVIDERS.items() for name in names}
_APPS: Final = frozenset({"android-firebase", "ios-firebase", "ios-apns"})

# What is reserved in the data of a message, by Google for FCM and by Apple.
_RESERVED_NAMES: Final = frozenset({"from", "message_type", "notification", "aps", "gcm", "collapse_key"})
_RESERVED_BEGINNINGS: Final = ("google.", "gcm.", "_")


class Button(Struct, frozen=True, omit_defaults=True):
    """One of the buttons below a notification, and where it leads."""

    label: str
    url: str = ""


class Notification(Struct, frozen=True, omit_defaults=True):
    """A push message as it is composed, for any provider. Without `ttl_seconds` the provider decides.

    `uid` and `report_url`: what the device shows when it reports, and where to (core/push_reports.py).
    """

    title: str
    text: str = ""
    url: str = ""
    icon: str = ""
    image: str = ""
    sound: str = ""
    buttons: tuple[Button, ...] = ()
    data: dict[str, str] = field(default_factory=dict)
    collapse_key: str = ""
    ttl_seconds: int | None = None
    priority: Literal["high", "normal"] = "high"
    uid: str = ""
    report_url: str = ""


_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(Notification).decode


def encode(notification: Notification) -> bytes:
    """The body of an envelope."""
    return _encode(notification)


def decode(body: bytes) -> Notification:
    """The reverse."""
    return _decode(body)


def kind_of(provider: str) -> Kind | None:
    """The kind of sender that reaches a provider; None for one that no sender of ours reaches, or nobody knows."""
    return _KINDS.get(provider.lower())


def is_browser(provider: str) -> bool:
    """Whether a browser gets the message, which opens a URL by itself; an app does so as it is programmed."""
    return kind_of(provider) is not None and provider.lower() not in _APPS


def is_reserved(name: str) -> bool:
    """Whether a key of the data would be refused by a provider, or stand in the way of a key of ours."""
    return name in _RESERVED_NAMES or name.startswith(_RESERVED_BEGINNINGS)
