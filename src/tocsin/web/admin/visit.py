"""One request to the console: who asks, in which language and time zone, and what the page answers."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import sha256
from hmac import compare_digest
from typing import Final
from zoneinfo import ZoneInfo

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from tocsin.actions.context import Context
from tocsin.actions.outside import Outside
from tocsin.actions.sessions import Browser, Entered
from tocsin.core.audits import Author
from tocsin.core.errors import NotAllowed, NotReady
from tocsin.core.users import Right, User
from tocsin.web.admin import frame
from tocsin.web.admin.forms import Form
from tocsin.web.admin.texts import Translator
from tocsin.web.public.visitors import ip_of

SESSION_COOKIE: Final = "tocsin_session"
SAID_COOKIE: Final = "tocsin_said"
ZONE_COOKIE: Final = "tocsin_zone"
THEME_COOKIE: Final = "tocsin_theme"
# The member of every form that shows that it came from a page of ours.
CSRF_MEMBER: Final = "csrf"
THEMES: Final = ("light", "dark")


@dataclass
class Visit:
    """What a page is given. `path`: the parts of the address that the table of pages names; `form`: empty for GET."""

    request: Request
    context: Context
    root: str
    t: Translator
    zone: ZoneInfo
    now: datetime
    is_secure: bool
    entered: Entered | None = None
    outside: Outside | None = None
    nav: str = ""
    has_inbox: bool = False
    path: Mapping[str, str] = field(default_factory=dict)
    form: Form = field(default_factory=Form)

    @property
    def session(self) -> Entered:
        """The whole session of who is logged in."""
        if self.entered is None or self.entered.is_half:
            raise NotAllowed("log in first")
        return self.entered

    @property
    def user(self) -> User:
        """Who is logged in."""
        return self.session.user

    @property
    def browser(self) -> Browser:
        """From where they ask."""
        return Browser(ip_of(self.request), self.request.headers.get("user-agent", ""))

    @property
    def author(self) -> Author:
        """Who changes what this request changes."""
        return Author("user", self.user.email, self.browser.ip)

    @property
    def csrf(self) -> str:
        """What forms of this session carry; without a session nothing."""
        return sha256(b"csrf" + self.entered.token).hexdigest()[:32] if self.entered else ""

    def is_from_our_form(self) -> bool:
        """Whether the form came from a page of this session."""
        return compare_digest(self.csrf, self.form.text(CSRF_MEMBER))

    def may(self, right: Right) -> bool:
        """Whether who is logged in has a right."""
        return self.entered is not None and not self.entered.is_half and self.entered.user.may(right)

    def require(self, right: Right) -> None:
        """NotAllowed without the right."""
        if not self.may(right):
            raise NotAllowed(f"your role lacks the right {right}")

    def reach_outside(self) -> Outside:
        """The way out, to try something; or NotReady where there is none."""
        if self.outside is None:
            raise NotReady("this process cannot reach the outside")
        return self.outside

    def query(self, name: str) -> str:
        """A parameter of the address, without white space around it and without NUL, which nothing stores."""
        return self.request.query_params.get(name, "").replace("\0", "").strip()

    def render(self, template: str, status: int = 200, **values: object) -> Response:
        """A page: a template with its values and what all pages have."""
        said = self.request.cookies.get(SAID_COOKIE, "")
        response = frame.page(frame.render(template, self._shared(said) | values), status)
        if said:
            response.delete_cookie(SAID_COOKIE, path="/")
        return response

    def render_part(self, template: str, **values: object) -> str:
        """A piece of a page, for what changes while the page is open."""
        return frame.render(template, self._shared("") | values)

    def _shared(self, said: str) -> dict[str, object]:
        theme = self.request.cookies.get(THEME_COOKIE, "")
        return {
            "t": self.t,
            "root": self.root,
            "static": lambda name: frame.static_path(self.root, name),
            "when": lambda at: frame.show_time(at, self.now, self.zone, self.t),
            "url_part": lambda text: frame.quote(str(text)),
            "language": self.t.language,
            "theme": theme if theme in THEMES else "",
            "zone": self.zone.key,
            "nav": self.nav,
            "has_inbox": self.has_inbox,
            "may": self.may,
            "user": self.entered.user if self.entered and not self.entered.is_half else None,
            "csrf": self.csrf,
            "said": self.t.word("said", said) if said and said != self.t.word("said", said) else "",
            "mistakes": {},
        }

    def go(self, place: str = "", said: str = "") -> Response:
        """To another page, `messages?trigger=8`, which then says the text `said_…` of this name."""
        response = RedirectResponse(f"{self.root}/{place}", 303, dict(frame.HEADERS))
        if said:
            self.set_cookie(response, SAID_COOKIE, said, 60)
        return response

    def set_cookie(self, response: Response, name: str, value: str, seconds: int | None) -> None:
        """A cookie that no script reads and no other site sends."""
        response.set_cookie(
            name, value, max_age=seconds, path="/", secure=self.is_secure, httponly=True, samesite="lax"
        )
