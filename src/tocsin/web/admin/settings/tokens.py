"""API tokens: who may call, and what."""

from typing import get_args

from starlette.responses import Response

from tocsin.actions import configuration, configuration_changes
from tocsin.core.configuration_words import Permission
from tocsin.core.errors import Conflict
from tocsin.store import configuration as stored_configuration
from tocsin.web.admin.visit import Visit

PERMISSIONS: tuple[Permission, ...] = get_args(Permission)
_LONGEST_NAME = 200


async def list_tokens(visit: Visit) -> Response:
    """Every token, and the form for one more."""
    return await _page(visit, "")


async def change(visit: Visit) -> Response:
    """Make a token, whose text is shown once, or end one."""
    form, name = visit.form, visit.form.text("name")
    if form.text("do") == "remove":
        async with visit.context.database.transaction() as transaction:
            await configuration_changes.remove(visit.context, transaction, visit.author, "tokens", name)
        return visit.go("settings/tokens", "removed")
    wanted = form.all("permissions")
    permissions = tuple(one for one in PERMISSIONS if one in wanted)
    if not 0 < len(name) <= _LONGEST_NAME or not permissions:
        return await _page(visit, visit.t("settings_token_incomplete"))
    try:
        text = await configuration.create_token(visit.context, name, permissions, visit.author)
    except Conflict as mistake:
        return await _page(visit, mistake.debug)
    return visit.render("settings/token.html", name=name, text=text)


async def _page(visit: Visit, mistake: str) -> Response:
    async with visit.context.database.transaction() as transaction:
        known = await visit.context.configuration(transaction)
        marks = await stored_configuration.list_marks(transaction)
    tokens = sorted(known.tokens.values(), key=lambda token: token.name)
    return visit.render(
        "settings/tokens.html",
        422 if mistake else 200,
        listed=[{"token": token, "file": marks.get(("tokens", token.name), "")} for token in tokens],
        permissions=PERMISSIONS,
        name=visit.form.text("name"),
        chosen=visit.form.all("permissions"),
        mistake=mistake,
    )
