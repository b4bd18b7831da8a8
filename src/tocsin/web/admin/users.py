"""Who may use the console: invitations, roles, links."""

from uuid import UUID

from msgspec import structs
from starlette.responses import Response

from tocsin.actions import users
from tocsin.core.errors import Conflict, Invalid, NotFound
from tocsin.core.users import ROLES, User, parse_name, parse_role
from tocsin.store import audits as stored_audits
from tocsin.store import users as stored_users
from tocsin.web.admin.forms import Mistakes
from tocsin.web.admin.visit import Visit

_MOST_AUDITS = 20


async def list_users(visit: Visit) -> Response:
    """Everybody, and the form to invite somebody."""
    return await _list_page(visit, {})


async def invite(visit: Visit) -> Response:
    """A new account; its link is shown once."""
    form, mistakes = visit.form, Mistakes()
    try:
        role = parse_role(form.text("role"))
        user, link = await users.invite(visit.context, visit.author, form.text("email"), form.text("name"), role)
    except (Invalid, Conflict) as mistake:
        mistakes.of[mistake.path] = mistake.debug
        return await _list_page(visit, mistakes.of)
    return _link_page(visit, user, link)


async def show(visit: Visit) -> Response:
    """One account."""
    return await _page(visit, {})


async def change(visit: Visit) -> Response:
    """Change an account, or do what a button says."""
    user_id, context, author = _id(visit), visit.context, visit.author
    action = visit.form.text("do")
    if action == "link":
        link = await users.make_link(context, author, user_id)
        async with context.database.transaction() as transaction:
            return _link_page(visit, await users.get(transaction, user_id), link)
    if action == "delete":
        await users.delete(context, author, user_id)
        return visit.go("users", "removed")
    if action == "end_codes":
        await users.end_codes(context, author, user_id)
    elif action in ("disable", "enable"):
        await users.revise(
            context, author, user_id, lambda user: structs.replace(user, is_disabled=action == "disable")
        )
    else:
        return await _save(visit, user_id)
    return visit.go(f"users/{user_id}", "saved")


async def _save(visit: Visit, user_id: UUID) -> Response:
    form, mistakes = visit.form, Mistakes()
    name = mistakes.read(lambda: parse_name(form.text("name")), "")
    role = mistakes.read(lambda: parse_role(form.text("role")), "viewer")
    if mistakes:
        return await _page(visit, mistakes.of)
    await users.revise(visit.context, visit.author, user_id, lambda user: structs.replace(user, name=name, role=role))
    return visit.go(f"users/{user_id}", "saved")


async def _list_page(visit: Visit, mistakes: dict[str, str]) -> Response:
    async with visit.context.database.transaction() as transaction:
        listed = await stored_users.list_all(transaction)
    values = visit.form.members() if mistakes else {}
    return visit.render(
        "users/list.html", 422 if mistakes else 200, users=listed, roles=ROLES, values=values, mistakes=mistakes
    )


async def _page(visit: Visit, mistakes: dict[str, str]) -> Response:
    user_id = _id(visit)
    async with visit.context.database.transaction() as transaction:
        user = await users.get(transaction, user_id)
        past = await stored_audits.list_of_object(transaction, "users", str(user_id), _MOST_AUDITS)
    values = {"name": user.name, "role": user.role}
    return visit.render(
        "users/user.html",
        422 if mistakes else 200,
        account=user,
        roles=ROLES,
        values=values | visit.form.members() if mistakes else values,
        mistakes=mistakes,
        audits=past,
    )


def _link_page(visit: Visit, user: User, link: str) -> Response:
    base = visit.context.public_url if visit.context.is_public else str(visit.request.base_url).rstrip("/")
    return visit.render("users/link.html", account=user, link=f"{base}/admin/welcome/{link}")


def _id(visit: Visit) -> UUID:
    try:
        return UUID(visit.path["id"])
    except ValueError:
        raise NotFound("there is no such user") from None
