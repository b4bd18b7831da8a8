"""The way in to the console: sessions, forms that came from our own pages, and mistakes as pages."""

from dataclasses import dataclass, field
from urllib.parse import quote, urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from tocsin.actions import sessions
from tocsin.actions.context import Context
from tocsin.actions.outside import Outside
from tocsin.actions.sessions import Entered, TooMany
from tocsin.core.errors import Conflict, Invalid, NotAllowed, NotFound, NotReady, TocsinError
from tocsin.log import get as get_log
from tocsin.web.admin import frame, pages
from tocsin.web.admin.closing import Closing
from tocsin.web.admin.forms import MOST_FORM_BYTES, parse_form
from tocsin.web.admin.pages import Found
from tocsin.web.admin.texts import Translator
from tocsin.web.admin.visit import SESSION_COOKIE, ZONE_COOKIE, Visit
from tocsin.web.body import read
from tocsin.web.public.texts import LANGUAGES, Language, choose_language

log = get_log("tocsin.console")

PREFIX = "admin"
CODE_PAGE = "login/code"
_METHODS = frozenset({"GET", "HEAD", "POST"})
_TITLES: tuple[tuple[type[TocsinError], str, int], ...] = (
    (NotFound, "not_found", 404),
    (NotAllowed, "not_allowed", 403),
    (Conflict, "conflict", 409),
    (TooMany, "busy", 429),
    (Invalid, "invalid", 400),
    (NotReady, "trouble", 503),
)


@dataclass
class Console:
    """Answers people. `has_inbox`: the inbox of development takes mail. `closing` tells what stays open, as live
    numbers, that the server is about to end.
    """

    context: Context
    public_url: str = ""
    outside: Outside | None = None
    has_inbox: bool = False
    closing: Closing = field(default_factory=Closing)

    async def answer(self, request: Request, plain: str) -> Response:
        """The answer to a request whose path, without doubled slashes, begins with the prefix."""
        path = plain.removeprefix(PREFIX).removeprefix("/")
        if path.startswith("static/"):
            return frame.show_static(path.removeprefix("static/"))
        visit = self._visit(request)
        try:
            return await self._answer(visit, path)
        except TocsinError as error:
            return _tell(visit, path, error)
        except Exception as error:  # noqa: BLE001 - whatever breaks, people get a page and the log has the cause
            log.failure("console.failed", error, path=path)
            return _problem(visit, "trouble", visit.t("trouble_said"), 500)

    def _visit(self, request: Request, entered: Entered | None = None) -> Visit:
        request.state.closing = self.closing
        prefix = urlsplit(self.public_url).path.rstrip("/")
        user = entered.user if entered else None
        return Visit(
            request,
            self.context,
            root=f"{prefix}/{PREFIX}",
            t=Translator(_language(request, user.language if user else None)),
            zone=_zone((user.timezone if user else None) or request.cookies.get(ZONE_COOKIE, "")),
            now=self.context.clock(),
            is_secure=self.public_url.startswith("https:") or request.url.scheme == "https",
            entered=entered,
            outside=self.outside,
            has_inbox=self.has_inbox,
        )

    async def _answer(self, visit: Visit, path: str) -> Response:
        request = visit.request
        if request.method not in _METHODS:
            raise Invalid("pages are called by GET or POST")
        found = pages.find(path)
        cookie = request.cookies.get(SESSION_COOKIE, "")
        entered = await sessions.find(self.context, cookie) if cookie else None
        if entered:
            whole = self._visit(request, entered)
            visit.t, visit.zone, visit.entered = whole.t, whole.zone, entered
        if found is None:
            raise NotFound(f"there is no page {path[:200]}")
        visit.path, visit.nav = found.path, found.page.nav
        if not found.page.is_open and (entered is None or entered.is_half):
            return _ask_to_log_in(visit, path, entered)
        return await (_change(visit, found) if request.method == "POST" else _show(visit, found))


async def _show(visit: Visit, found: Found) -> Response:
    if not found.page.is_open:
        visit.require(found.page.right)
    return await found.page.show(visit)


async def _change(visit: Visit, found: Found) -> Response:
    if not _is_same_site(visit.request):
        return _problem(visit, "stale", visit.t("stale_said"), 403)
    visit.form = parse_form(await read(visit.request, MOST_FORM_BYTES))
    if visit.entered is not None and not visit.is_from_our_form():
        return _problem(visit, "stale", visit.t("stale_said"), 403)
    if found.page.change is None:
        raise Invalid("nothing can be sent to this page")
    if not found.page.is_open:
        visit.require(found.page.change_right)
    return await found.page.change(visit)


def _is_same_site(request: Request) -> bool:
    """Whether a browser says that a form was sent by a page from here; those that say nothing are told by the token."""
    site = request.headers.get("sec-fetch-site")
    if site is not None and site not in ("same-origin", "none"):
        return False
    origin = request.headers.get("origin")
    return origin is None or origin == "null" or urlsplit(origin).netloc == request.headers.get("host", "")


def _ask_to_log_in(visit: Visit, path: str, entered: Entered | None) -> Response:
    if visit.request.method == "POST":
        return _problem(visit, "stale", visit.t("stale_said"), 403)
    query = f"?{visit.request.url.query}" if visit.request.url.query else ""
    place = CODE_PAGE if entered else "login"
    wanted = f"?next={quote(path + query, safe='')}" if path else ""
    return RedirectResponse(f"{visit.root}/{place}{wanted}", 303, dict(frame.HEADERS))


def _tell(visit: Visit, path: str, error: TocsinError) -> Response:
    if error.is_ours and not isinstance(error, NotReady):
        log.failure("console.failed", error, path=path)
    else:
        log.info("console.refused", path=path, code=error.code, reason=error.describe())
    for kind, name, status in _TITLES:
        if isinstance(error, kind):
            said = visit.t(f"{name}_said") if name in ("not_found", "not_allowed") else error.describe()
            return _problem(visit, name, said, status)
    return _problem(visit, "trouble", visit.t("trouble_said"), error.code)


def _problem(visit: Visit, name: str, said: str, status: int) -> Response:
    return visit.render("problem.html", status, title=visit.t(f"{name}_title"), problem=said)


def _language(request: Request, chosen: str | None) -> Language:
    asked = request.query_params.get("lang", "")
    return choose_language(asked if asked in LANGUAGES else chosen or "", request.headers.get("accept-language", ""))


def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name[:100] or "UTC")
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return ZoneInfo("UTC")
