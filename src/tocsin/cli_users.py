"""The commands `tocsin user`: the way back in for who is locked out of the console."""

import argparse
from collections.abc import Callable, Coroutine
from typing import Any

from tocsin import main as wiring
from tocsin.actions import users
from tocsin.core.audits import Author
from tocsin.core.users import ROLES
from tocsin.settings import Settings

Command = Callable[[argparse.Namespace, Settings], Coroutine[Any, Any, int] | int]

_USER = Author("command", "tocsin user")


async def _list_users(_: argparse.Namespace, loaded: Settings) -> int:
    async with wiring.open_context(loaded) as context:
        for user in await users.list_all(context):
            state = "closed" if user.is_disabled else "active" if user.has_password else "invited"
            print(f"{user.email}  {user.role}  {state}{'  one-time codes' if user.has_codes else ''}")
    return 0


async def _link_user(parsed: argparse.Namespace, loaded: Settings) -> int:
    async with wiring.open_context(loaded) as context:
        link = await users.link_again(context, _USER, parsed.email, without_codes=parsed.end_codes)
    print(f"{loaded.public_url}/admin/welcome/{link}")
    return 0


async def _invite_user(parsed: argparse.Namespace, loaded: Settings) -> int:
    async with wiring.open_context(loaded) as context:
        name = parsed.name or parsed.email
        _, link = await users.invite(context, _USER, parsed.email, name, parsed.role)
    print(f"{loaded.public_url}/admin/welcome/{link}")
    return 0


def add_commands(commands: Any, add: Callable[[Any, str, str, Command], argparse.ArgumentParser]) -> None:
    """The commands, each made by `add` of the parser, its name, a summary and what it does."""
    several = commands.add_parser("user", help="who may use the console").add_subparsers(
        required=True, metavar="COMMAND"
    )
    add(several, "list", "tell who may use the console", _list_users)
    linked = add(several, "link", "print a link by which somebody chooses another password", _link_user)
    linked.add_argument("--end-codes", action="store_true", help="and ask for one-time codes no more")
    invited = add(several, "invite", "make an account, and print the link to its first password", _invite_user)
    invited.add_argument("--name", default="", help="what the user is called (default: the address)")
    invited.add_argument("--role", choices=ROLES, default="viewer", help="what they may do (default: viewer)")
    for one in (linked, invited):
        one.add_argument("email", metavar="EMAIL")
