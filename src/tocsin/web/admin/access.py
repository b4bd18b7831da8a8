"""Logging in and out, and the links by which accounts begin."""

from urllib.parse import quote

from starlette.responses import RedirectResponse, Response

from tocsin.actions import sessions, users
from tocsin.core.errors import Conflict, Invalid, NotFound
from tocsin.core.users import LEAST_PASSWORD
from tocsin.store import users as stored_users
from tocsin.web.admin import frame
from tocsin.web.admin.forms import Mistakes
from tocsin.web.admin.visit import SESSION_COOKIE, Visit

_SESSION_SECONDS = int(sessions.LASTS.total_seconds())


async def show_login(visit: Visit) -> Response:
    """The form to log in; who is logged in goes on."""
    if visit.entered is not None:
        return _go_on(visit, visit.query("next"))
    return await _login_page(visit, "")


async def log_in(visit: Visit) -> Response:
    """A session, half of one when a one-time code is still to come."""
    email, password = visit.form.text("email"), visit.form.raw("password")
    try:
        cookie = await sessions.log_in(visit.context, email, password, visit.browser)
    except sessions.TooMany:
        return await _login_page(visit, visit.t("too_many"), 429)
    except Invalid:
        return await _login_page(visit, visit.t("login_wrong"), 422)
    return _begin(visit, cookie, visit.form.text("next"))


async def show_code(visit: Visit) -> Response:
    """The form for the one-time code."""
    if visit.entered is None or not visit.entered.is_half:
        return _go_on(visit, visit.query("next"))
    return visit.render("access/code.html", next=visit.query("next"), mistake="")


async def enter_code(visit: Visit) -> Response:
    """A whole session for who knows the code too."""
    if visit.entered is None or not visit.entered.is_half:
        return _go_on(visit, visit.form.text("next"))
    try:
        cookie = await sessions.enter_code(visit.context, visit.entered, visit.form.text("code"), visit.browser)
    except sessions.TooMany:
        return visit.render("access/code.html", 429, next=visit.form.text("next"), mistake=visit.t("too_many"))
    except Invalid:
        return visit.render("access/code.html", 422, next=visit.form.text("next"), mistake=visit.t("code_wrong"))
    return _begin(visit, cookie, visit.form.text("next"))


async def show_logout(visit: Visit) -> Response:
    """Only the button logs out."""
    return _go_on(visit, "")


async def log_out(visit: Visit) -> Response:
    """End the session."""
    if visit.entered is not None:
        await sessions.log_out(visit.context, visit.entered)
    response = visit.go("login", "logged_out")
    response.delete_cookie(SESSION_COOKIE, path="/")
    return response


async def show_welcome(visit: Visit) -> Response:
    """What a link is for: the first owner's account, or a password."""
    try:
        async with visit.context.database.transaction() as transaction:
            user = await users.find_link(visit.context, transaction, visit.path["link"])
    except NotFound:
        return _void(visit)
    return _welcome_page(visit, user.email if user else "", {})


async def welcome(visit: Visit) -> Response:
    """Use a link: then who used it is logged in."""
    form, link, ip = visit.form, visit.path["link"], visit.browser.ip
    email = ""
    try:
        async with visit.context.database.transaction() as transaction:
            user = await users.find_link(visit.context, transaction, link)
        if user is None:
            user_id = await users.become_owner(
                visit.context, link, form.text("email"), form.text("name"), form.raw("password"), ip
            )
        else:
            email = user.email
            user_id = await users.choose_password(visit.context, link, form.raw("password"), ip)
    except (NotFound, Conflict):
        return _void(visit)
    except Invalid as mistake:
        found = Mistakes()
        found.add(mistake)
        return _welcome_page(visit, email, found.of, 422)
    async with visit.context.database.transaction() as transaction:
        secrets = await stored_users.find_secrets(transaction, user_id=user_id)
        is_half = secrets is not None and secrets.code_secret is not None
        cookie = await sessions.begin(visit.context, transaction, user_id, visit.browser, is_half=is_half)
    return _begin(visit, cookie, "")


async def _login_page(visit: Visit, mistake: str, status: int = 200) -> Response:
    async with visit.context.database.transaction() as transaction:
        is_first = await stored_users.count(transaction) == 0
    wanted = visit.form.text("next") or visit.query("next")
    return visit.render(
        "access/login.html", status, is_first=is_first, next=wanted, email=visit.form.text("email"), mistake=mistake
    )


def _welcome_page(visit: Visit, email: str, mistakes: dict[str, str], status: int = 200) -> Response:
    return visit.render(
        "access/welcome.html",
        status,
        email=email,
        values=visit.form.members(),
        mistakes=mistakes,
        least=LEAST_PASSWORD,
    )


def _void(visit: Visit) -> Response:
    return visit.render("problem.html", 404, title=visit.t("link_void_title"), problem=visit.t("link_void_said"))


def _begin(visit: Visit, cookie: str, wanted: str) -> Response:
    response = _go_on(visit, wanted)
    visit.set_cookie(response, SESSION_COOKIE, cookie, _SESSION_SECONDS)
    return response


def _go_on(visit: Visit, wanted: str) -> Response:
    """To the page that was asked for, which is one of ours whatever the address says."""
    path, mark, query = wanted.lstrip("/\\").partition("?")
    place = quote(path, safe="/") + mark + query.replace("\r", "").replace("\n", "")
    return RedirectResponse(f"{visit.root}/{place}", 303, dict(frame.HEADERS))
