"""The frame around every page: templates, what they may call, and the headers that keep pages to themselves."""

from base64 import urlsafe_b64encode
from collections.abc import Mapping
from datetime import datetime
from hashlib import sha256
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import Final
from urllib.parse import quote as quoted
from zoneinfo import ZoneInfo

from minijinja import Environment, safe
from starlette.responses import HTMLResponse, PlainTextResponse, Response

from tocsin.web.admin.texts import Translator

_SITE = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "frame-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
_STRANGERS = (
    "sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src data:{images}; font-src data:; "
    "form-action 'none'; base-uri 'none'; frame-ancestors 'self'"
)
# A page of ours without any script, in a frame of ours: mails within it, in frames of their own, bring their styles.
_PREVIEW = (
    "default-src 'none'; style-src 'self' 'unsafe-inline'; img-src 'self' data:{images}; font-src data:; "
    "frame-src 'self'; form-action 'none'; base-uri 'none'; frame-ancestors 'self'"
)
HEADERS: Final[Mapping[str, str]] = {
    "cache-control": "no-store",
    "content-security-policy": _SITE,
    "referrer-policy": "same-origin",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "x-robots-tag": "noindex",
    "cross-origin-opener-policy": "same-origin",
}
_TYPES: Final = {"css": "text/css", "js": "text/javascript", "svg": "image/svg+xml"}
_MONTHS: Final[Mapping[str, tuple[str, ...]]] = {
    "en": ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"),
    "ru": ("янв", "фев", "мар", "апр", "мая", "июн", "июл", "авг", "сен", "окт", "ноя", "дек"),
}


def _walk(folder: Traversable, prefix: str = "") -> dict[str, str]:
    found: dict[str, str] = {}
    for one in folder.iterdir():
        if one.is_dir():
            found |= _walk(one, f"{prefix}{one.name}/")
        else:
            found[prefix + one.name] = one.read_text("utf-8")
    return found


_environment: Environment = Environment(  # type: ignore[call-overload]  # Its types do not know semi_strict yet.
    templates={name: text for name, text in _walk(files(__package__) / "templates").items() if name.endswith(".html")},
    undefined_behavior="semi_strict",
    trim_blocks=True,
    lstrip_blocks=True,
)
_STATIC: Final = {name: text.encode() for name, text in _walk(files(__package__) / "static").items()}
_VERSIONS: Final = {name: urlsafe_b64encode(sha256(content).digest()[:9]).decode() for name, content in _STATIC.items()}


def static_path(root: str, name: str) -> str:
    """Where a style sheet or script is; another address after each change, so browsers may keep it."""
    return f"{root}/static/{_VERSIONS[name]}/{name}"


def show_static(path: str) -> Response:
    """A style sheet or script by its address below `static/`."""
    version, _, name = path.partition("/")
    if name not in _STATIC:
        return PlainTextResponse("there is no such file\n", 404)
    is_current = version == _VERSIONS[name]
    headers = {"cache-control": "public, max-age=31536000, immutable" if is_current else "no-store"}
    headers |= {"x-content-type-options": "nosniff"}
    return Response(_STATIC[name], 200, headers, media_type=_TYPES[name.rpartition(".")[2]])


def render(template: str, values: Mapping[str, object]) -> str:
    """A template with its values, each escaped."""
    rendered: str = _environment.render_template(template, **{name: _shown(value) for name, value in values.items()})
    return rendered


def _shown(value: object) -> object:
    """Named tuples, which templates would take for lists, with their members and properties by name."""
    if isinstance(value, tuple) and hasattr(value, "_fields"):
        of = type(value)
        properties = [name for name in dir(of) if isinstance(getattr(of, name), property)]
        return {name: _shown(getattr(value, name)) for name in (*value._fields, *properties)}
    if isinstance(value, list | tuple):
        return [_shown(item) for item in value]
    if isinstance(value, dict):
        return {key: _shown(item) for key, item in value.items()}
    return value


def page(html: str, status: int = 200) -> HTMLResponse:
    """A page of ours."""
    return HTMLResponse(html, status, dict(HEADERS))


def framed(html: str, *, with_images: bool = False) -> HTMLResponse:
    """What strangers wrote, as the HTML of a mail, for a frame on a page of ours: no script, no form, no way out, and
    no image from elsewhere unless somebody asked for them.
    """
    policy = _STRANGERS.format(images=" https: http:" if with_images else "")
    headers = {**HEADERS, "content-security-policy": policy, "x-frame-options": "SAMEORIGIN"}
    return HTMLResponse(html, 200, headers | {"referrer-policy": "no-referrer"})


def download(data: bytes, name: str, content_type: str) -> Response:
    """A file to be saved, never shown: its name is a stranger's too."""
    headers = {**HEADERS, "content-disposition": f"attachment; filename*=UTF-8''{quote(name)}"}
    return Response(data, 200, headers, media_type=content_type)


def quote(text: str) -> str:
    """A text as a part of an address."""
    return quoted(text, safe="")


def previewed(html: str, *, with_images: bool = False) -> HTMLResponse:
    """A page of ours that shows what strangers wrote in `<iframe sandbox srcdoc>`, and is itself in a frame."""
    policy = _PREVIEW.format(images=" https: http:" if with_images else "")
    headers = {**HEADERS, "content-security-policy": policy, "x-frame-options": "SAMEORIGIN"}
    return HTMLResponse(html, 200, headers | {"referrer-policy": "no-referrer"})


def show_time(at: datetime | None, now: datetime, zone: ZoneInfo, t: Translator) -> str:
    """A `<time>` as short as it can be told in the viewer's zone; the whole of it on hovering."""
    if at is None:
        return safe('<span class="quiet">–</span>')
    local, today = at.astimezone(zone), now.astimezone(zone)
    day = f"{local.day} {_MONTHS[t.language][local.month - 1]}"
    clock = f"{local:%H:%M}"
    if local.date() == today.date():
        text = f"{local:%H:%M:%S}"
    elif local.year == today.year:
        text = f"{day}, {clock}"
    else:
        text = f"{day} {local.year}, {clock}"
    whole = f"{day} {local.year}, {local:%H:%M:%S} {local.tzname()}"
    return safe(f'<time datetime="{at.isoformat()}" title="{whole}">{text}</time>')
