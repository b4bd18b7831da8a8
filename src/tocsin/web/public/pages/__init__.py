"""The one page that recipients see, rendered here: no script, nothing from elsewhere, values escaped."""

from base64 import b64encode
from collections.abc import Sequence
from hashlib import sha256
from importlib.resources import files
from typing import NamedTuple

from minijinja import Environment
from starlette.requests import Request
from starlette.responses import HTMLResponse

from tocsin.core.preferences import Place
from tocsin.web.public.texts import LANGUAGES, choose_language, texts

_STYLE = (files(__package__) / "style.css").read_text("utf-8")
_STYLE_HASH = b64encode(sha256(_STYLE.encode()).digest()).decode()
_environment = Environment(templates={"page.html": (files(__package__) / "page.html").read_text("utf-8")})

HEADERS = {
    "cache-control": "no-store",
    "content-security-policy": (
        f"default-src 'none'; style-src 'sha256-{_STYLE_HASH}'; form-action 'self'; frame-ancestors 'none'; "
        "base-uri 'none'"
    ),
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
    "x-robots-tag": "noindex",
}


class Button(NamedTuple):
    """What a press sends as `do`, and the name of the text on it."""

    value: str
    text: str
    is_main: bool = False


def show(  # noqa: PLR0913 - one argument for each part of the page
    request: Request,
    title: str,
    said: str,
    *,
    address: str = "",
    name: str = "",
    ended: Sequence[str] = (),
    buttons: Sequence[Button] = (),
    places: Sequence[Place] = (),
    undo: str = "",
    note: str = "",
    has_way_back: bool = False,
    status: int = 200,
) -> HTMLResponse:
    """The page in the visitor's language. `title`, `said` and `note` name texts; address and name are put into them."""
    language = choose_language(request.query_params.get("lang", ""), request.headers.get("accept-language", ""))
    spoken = texts(language)
    rendered = _environment.render_template(
        "page.html",
        language=language,
        other_language=next(one for one in LANGUAGES if one != language),
        texts=spoken,
        style=_STYLE,
        title=spoken[title],
        said=_filled(spoken.get(said, ""), address, name),
        ended=list(ended),
        buttons=[
            {"value": one.value, "text": _filled(spoken[one.text], address, name), "is_main": one.is_main}
            for one in buttons
        ],
        places=[_members(place) for place in places],
        undo=undo,
        note=spoken.get(note, ""),
        back=has_way_back,
        action=f"?lang={language}",
    )
    return HTMLResponse(rendered, status, HEADERS)


def _members(place: Place) -> dict[str, object]:
    return {member: getattr(place, member) for member in place.__struct_fields__}


def _filled(text: str, address: str, name: str) -> str:
    return text.replace("{address}", address).replace("{name}", name)
