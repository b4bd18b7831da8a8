"""What a User-Agent header says of who reads: system, browser and kind of device, coarsely, as events name them."""

import re
from collections.abc import Mapping, Sequence
from functools import lru_cache

# In the order in which they are looked for: many name others that they resemble.
_SYSTEMS = (
    (re.compile(r"iPad|\(iPhone; iPad"), "iPadOS"),
    (re.compile(r"iPhone|iPod"), "iOS"),
    (re.compile(r"Android"), "Android"),
    (re.compile(r"CrOS"), "ChromeOS"),
    (re.compile(r"Windows"), "Windows"),
    (re.compile(r"Macintosh|Mac OS X"), "macOS"),
    (re.compile(r"Linux|X11"), "Linux"),
)
_BROWSERS = (
    (re.compile(r"GoogleImageProxy"), "Gmail"),
    (re.compile(r"YahooMailProxy"), "Yahoo Mail"),
    (re.compile(r"Thunderbird/"), "Thunderbird"),
    (re.compile(r"Outlook|MSOffice|Microsoft Office"), "Outlook"),
    (re.compile(r"YaBrowser/"), "Yandex Browser"),
    (re.compile(r"Edg(?:e|A|iOS)?/"), "Edge"),
    (re.compile(r"OPR/|Opera"), "Opera"),
    (re.compile(r"SamsungBrowser/"), "Samsung Internet"),
    (re.compile(r"Firefox/|FxiOS/"), "Firefox"),
    (re.compile(r"Chrome/|CriOS/|Chromium/"), "Chrome"),
    (re.compile(r"Version/[\d.]+.* Safari/"), "Safari"),
    (re.compile(r"(?:Macintosh|iPhone|iPad).*AppleWebKit/(?!.*Safari/)"), "Apple Mail"),
)
_TABLET = re.compile(r"iPad|Tablet|Android(?!.*Mobile)")
_PHONE = re.compile(r"iPhone|iPod|Mobile|Android")


@lru_cache(maxsize=4096)
def describe(user_agent: str) -> Mapping[str, str]:
    """`os`, `browser` and `device` (desktop, phone, tablet); what it does not tell is left out.

    Kept, since most hits come from the same browsers.
    """
    system = _first(_SYSTEMS, user_agent)
    browser = _first(_BROWSERS, user_agent)
    return {
        **({"os": system} if system else {}),
        **({"browser": browser} if browser else {}),
        **({"device": _device(user_agent)} if system else {}),
    }


def _device(user_agent: str) -> str:
    if _TABLET.search(user_agent):
        return "tablet"
    return "phone" if _PHONE.search(user_agent) else "desktop"


def _first(known: Sequence[tuple[re.Pattern[str], str]], user_agent: str) -> str:
    return next((word for pattern, word in known if pattern.search(user_agent)), "")
