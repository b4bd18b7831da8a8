"""One's own account: name, language, time zone, password, one-time codes, sessions."""

from io import BytesIO
from typing import get_args

import segno
from msgspec import structs
from starlette.responses import Response

from tocsin.actions import sessions, users
from tocsin.core import one_time_codes
from tocsin.core.errors import Invalid
from tocsin.core.users import LEAST_PASSWORD, User, parse_name, parse_timezone
from tocsin.store import sessions as stored_sessions
from tocsin.web.admin.forms import Mistakes
from tocsin.web.admin.visit import Visit
from tocsin.web.public.texts import Language


async def show(visit: Visit) -> Response:
    """Everything about oneself."""
    return await _page(visit, {})


async def change(visit: Visit) -> Response:
    """Name, language and time zone."""
    form, mistakes, user = visit.form, Mistakes(), visit.user
    name = mistakes.read(lambda: parse_name(form.text("name")), user.name)
    timezone = mistakes.read(lambda: parse_timezone(form.text("timezone")), user.timezone)
    language = form.text("language")
    if mistakes:
        return await _page(visit, mistakes.of)
    spoken = language if language in get_args(Language) else None

    def revised(before: User) -> User:
        return structs.replace(before, name=name, timezone=timezone, language=spoken)

    await users.revise(visit.context, visit.author, user.id, revised)
    return visit.go("account", "saved")


async def change_password(visit: Visit) -> Response:
    """Another password, for who knows the present one."""
    form, mistakes = visit.form, Mistakes()
    try:
        await users.change_password(
            visit.context, visit.user, form.raw("old"), form.raw("password"), visit.session.token, visit.browser.ip
        )
    except Invalid as mistake:
        mistakes.add(mistake)
        return await _page(visit, mistakes.of)
    return visit.go("account", "account_password_changed")


async def show_codes(visit: Visit) -> Response:
    """A secret for an app, in use once the app has shown a code."""
    return _codes_page(visit, users.make_code_secret(visit.context), "")


async def change_codes(visit: Visit) -> Response:
    """Turn one-time codes on or off."""
    if visit.form.text("do") == "end":
        await users.end_codes(visit.context, visit.author, visit.user.id)
        return visit.go("account", "account_codes_ended")
    secret = visit.form.text("secret")
    try:
        await users.begin_codes(visit.context, visit.user, secret, visit.form.text("code"), visit.browser.ip)
    except Invalid:
        return _codes_page(visit, secret, visit.t("code_wrong"), 422)
    return visit.go("account", "account_codes_begun")


async def end_sessions(visit: Visit) -> Response:
    """Log out everywhere else."""
    await sessions.log_out_others(visit.context, visit.session)
    return visit.go("account", "account_sessions_ended")


async def _page(visit: Visit, mistakes: dict[str, str]) -> Response:
    async with visit.context.database.transaction() as transaction:
        places = await stored_sessions.list_of_user(transaction, visit.user.id)
    user = visit.user
    values = {"name": user.name, "language": user.language or "", "timezone": user.timezone or ""}
    return visit.render(
        "access/account.html",
        422 if mistakes else 200,
        values=values | visit.form.members() if mistakes else values,
        mistakes=mistakes,
        places=places,
        present=visit.session.token,
        least=LEAST_PASSWORD,
    )


def _codes_page(visit: Visit, secret: str, mistake: str, status: int = 200) -> Response:
    drawn = BytesIO()
    segno.make(one_time_codes.uri(secret, visit.user.email)).save(
        drawn, kind="svg", xmldecl=False, svgns=True, scale=5, border=2, light="#fff", dark="#000"
    )
    return visit.render("access/codes.html", status, secret=secret, picture=drawn.getvalue().decode(), mistake=mistake)
