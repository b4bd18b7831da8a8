"""The keys that mobile apps with the platform's public SDKs read of a push message."""

from typing import Final

import msgspec

from tocsin.core.push import Button, Notification

_MARK: Final = {"_ac_push": "true"}


def app_data(said: Notification) -> dict[str, str]:
    """What an Android app gets, all of it text; the template's own data stands beside it."""
    given = {
        "_title": said.title,
        "_body": said.text,
        "_icon": said.icon,
        "_image": said.image,
        "_click_action": said.url,
        "_buttons": _buttons(said.buttons),
        "_soundless": "" if said.sound else "true",
    }
    return said.data | _MARK | report_data(said) | {name: text for name, text in given.items() if text}


def extension_data(said: Notification) -> dict[str, str]:
    """What the notification service extension of an iOS app reads, beside `aps`."""
    given = {
        "_media": said.image,
        "_click-url": said.url,
        "_buttons": _buttons(said.buttons),
    }
    return said.data | _MARK | report_data(said) | {name: text for name, text in given.items() if text}


def report_data(said: Notification) -> dict[str, str]:
    """What a device reports with, and where to."""
    return {name: text for name, text in (("_uid", said.uid), ("_report_url", said.report_url)) if text}


def _buttons(buttons: tuple[Button, ...]) -> str:
    named = [{"label": one.label, "link": one.url} for one in buttons]
    return msgspec.json.encode(named).decode() if named else ""
