"""The program `tocsin`: commands and their arguments (interfaces.md)."""

import argparse
import asyncio
import os
import sys
from collections.abc import Callable, Coroutine, Sequence
from pathlib import Path
from typing import Any, get_args

import uvloop
from msgspec import structs

from tocsin import __version__, log, settings
from tocsin import main as wiring
from tocsin.actions import configuration as configuration_actions
from tocsin.actions import explaining as explaining_actions
from tocsin.actions import (
    hooks,
    inbox,
    launch_changes,
    launch_views,
    link_secrets,
    message_views,
    suppressed,
    workflow_views,
)
from tocsin.actions.configuration import Applied
from tocsin.channels.ways_out import WaysOut
from tocsin.client import arguments as import_arguments
from tocsin.core import explaining
from tocsin.core.audits import Author
from tocsin.core.configuration_senders import RouteSender, Sender
from tocsin.core.configuration_words import Permission
from tocsin.core.errors import ConfigurationMistakes, NotReady, TocsinError
from tocsin.core.inbox import describe_list
from tocsin.core.launch_text import describe_launch, describe_launches
from tocsin.core.message_text import describe_message
from tocsin.core.workflows import drawing, picture, trace
from tocsin.settings import Settings
from tocsin.store import migrate
from tocsin.store.geo import Places

ROLES = ("api", "worker", "bounces", "inbox")

Command = Callable[[argparse.Namespace, Settings], Coroutine[Any, Any, int] | int]

# Flags are settings too; worker processes inherit them through the environment.
_FLAGS = {"data_dir": "TOCSIN_DATA_DIR", "listen": "TOCSIN_LISTEN", "token_file": "TOCSIN_TOKEN_FILE"}


def main(arguments: Sequence[str] | None = None) -> None:
    """Run one command; the exit status says whether it did what it should."""
    parsed = _parser().parse_args(arguments)
    for flag, variable in _FLAGS.items():
        if getattr(parsed, flag, None):
            os.environ[variable] = getattr(parsed, flag)
    sys.exit(_run(parsed))


def _run(parsed: argparse.Namespace) -> int:
    try:
        loaded = settings.load(os.environ)
        log.configure(loaded.log_level, loaded.log_format)
        running = parsed.command(parsed, loaded)
        return running if isinstance(running, int) else int(uvloop.run(running))
    except ConfigurationMistakes as mistakes:
        return _complain(*mistakes.mistakes)
    except TocsinError as error:
        return _complain(error.describe())
    except BaseExceptionGroup as group:
        ours, others = group.split(TocsinError)
        if others is not None or ours is None:
            raise
        return _complain(*(str(error) for error in ours.exceptions))


def _complain(*sentences: str) -> int:
    for sentence in sentences:
        print(f"tocsin: {sentence}", file=sys.stderr)
    return 1


async def _serve(parsed: argparse.Namespace, loaded: Settings) -> int:
    roles = [role.strip() for role in parsed.roles.split(",") if role.strip()]
    if not roles or set(roles) - set(ROLES):
        return _complain(f"--roles: expected some of {', '.join(ROLES)}, got {parsed.roles!r}")
    if roles == ["bounces"] and loaded.bounce_listen is None:
        return _complain("TOCSIN_BOUNCE_LISTEN: --roles bounces needs one")
    if roles == ["inbox"] and loaded.inbox_listen is None:
        return _complain("TOCSIN_INBOX_LISTEN: --roles inbox needs one")
    if parsed.config:
        await _apply_file(parsed.config, loaded)
    await wiring.serve(loaded, roles)
    return 0


async def _apply(parsed: argparse.Namespace, loaded: Settings) -> int:
    applied = await _apply_file(parsed.file, loaded, dry_run=parsed.dry_run, prune=parsed.prune)
    for change in applied.changes:
        print(change.describe())
    for workflow_id, by_node in applied.left.items():
        for node, left in by_node.items():
            print(f"workflow {workflow_id}: {left} profiles left, their node {node} is gone")
    for warning in applied.warnings:
        print(f"warning: {warning}", file=sys.stderr)
    if parsed.dry_run:
        print("nothing was changed: --dry-run")
    return 0


async def _apply_file(path: str, loaded: Settings, *, dry_run: bool = False, prune: bool = False) -> Applied:
    try:
        text = await asyncio.to_thread(Path(path).read_text, "utf-8")
    except (OSError, UnicodeDecodeError) as trouble:
        raise ConfigurationMistakes([f"{path}: {getattr(trouble, 'strerror', None) or 'not UTF-8 text'}"]) from None
    async with wiring.open_context(loaded) as context:
        return await configuration_actions.apply(context, text, path, os.environ, dry_run=dry_run, prune=prune)


async def _export(_: argparse.Namespace, loaded: Settings) -> int:
    async with wiring.open_context(loaded) as context:
        print(await configuration_actions.export(context), end="")
    return 0


async def _create_token(parsed: argparse.Namespace, loaded: Settings) -> int:
    async with wiring.open_context(loaded) as context:
        print(await configuration_actions.create_token(context, parsed.name, tuple(parsed.permission)))
    return 0


async def _show_workflow(parsed: argparse.Namespace, loaded: Settings) -> int:
    async with wiring.open_context(loaded) as context:
        view = await workflow_views.get_view(context, parsed.id)
    if parsed.svg is None:
        print(drawing.draw(view.workflow, view.numbers), end="")
        return 0
    try:
        await asyncio.to_thread(Path(parsed.svg).write_text, picture.draw_svg(view.workflow, view.numbers), "utf-8")
    except OSError as trouble:
        return _complain(f"{parsed.svg}: {trouble.strerror}")
    print(f"workflow {view.workflow.id} is drawn in {parsed.svg}")
    return 0


async def _trace_workflow(parsed: argparse.Namespace, loaded: Settings) -> int:
    async with wiring.open_context(loaded) as context:
        traced = await workflow_views.get_trace(context, parsed.id, parsed.profile)
    print(trace.describe_trace(traced.workflow, traced.trace), end="")
    return 0


async def _show_message(parsed: argparse.Namespace, loaded: Settings) -> int:
    async with wiring.open_context(loaded) as context:
        print(describe_message(await message_views.get_story(context, parsed.id)), end="")
    return 0


async def _list_inbox(parsed: argparse.Namespace, loaded: Settings) -> int:
    async with wiring.open_context(loaded) as context, context.database.transaction() as transaction:
        mails = await inbox.list_page(transaction, search=parsed.search, limit=parsed.limit)
        total = await inbox.count(transaction)
    print(describe_list(mails, total), end="")
    return 0


async def _show_inbox(parsed: argparse.Namespace, loaded: Settings) -> int:
    async with wiring.open_context(loaded) as context, context.database.transaction() as transaction:
        found = await inbox.get(transaction, parsed.id)
    sys.stdout.buffer.write(found.raw)
    return 0


async def _clear_inbox(_: argparse.Namespace, loaded: Settings) -> int:
    async with wiring.open_context(loaded) as context:
        print(f"deleted {await inbox.clear(context)} mails")
    return 0


async def _list_launches(parsed: argparse.Namespace, loaded: Settings) -> int:
    async with wiring.open_context(loaded) as context, context.database.transaction() as transaction:
        views = await launch_views.list_views(
            transaction,
            context.clock(),
            from_id="",
            trigger_id=parsed.trigger,
            workflow_id=parsed.workflow,
            limit=parsed.limit,
        )
    print(describe_launches(views), end="")
    return 0


async def _show_launch(parsed: argparse.Namespace, loaded: Settings) -> int:
    launch_id = launch_views.parse_id(parsed.id)
    async with wiring.open_context(loaded) as context, context.database.transaction() as transaction:
        print(describe_launch(await launch_views.get_view(transaction, launch_id, context.clock())), end="")
    return 0


async def _change_launch(parsed: argparse.Namespace, loaded: Settings) -> int:
    launch_id = launch_views.parse_id(parsed.id)
    async with wiring.open_context(loaded) as context:
        print(await launch_changes.change(context, parsed.verb, launch_id))
    return 0


async def _list_hooks(_: argparse.Namespace, loaded: Settings) -> int:
    async with wiring.open_context(loaded) as context:
        print("\n".join(await hooks.describe_all(context)))
    return 0


async def _change_hook(parsed: argparse.Namespace, loaded: Settings) -> int:
    async with wiring.open_context(loaded) as context:
        print(
            await hooks.change(
                context,
                Author("command", "tocsin hook"),
                parsed.id,
                since=parsed.since,
                skip_failing=parsed.skip_failing,
            )
        )
    return 0


async def _test_hook(parsed: argparse.Namespace, loaded: Settings) -> int:
    async with wiring.open_context(loaded) as context:
        async with context.database.transaction() as transaction:
            hook = (await context.configuration(transaction)).get_hook(parsed.id)
        door = wiring.open_hook_door(loaded)(1)
        try:
            reply = await hooks.try_out(context, door, hook)
        finally:
            await door.close()
    print(f"hook {hook.id} {hook.name!r}: {f'NOT taken: {reply.text}' if reply.text else 'taken'}")
    return 1 if reply.text else 0


async def _explain_message(parsed: argparse.Namespace, loaded: Settings) -> int:
    async with wiring.open_context(loaded) as context:
        print(explaining.describe(await explaining_actions.explain_said(context, parsed.id)), end="")
    return 0


async def _suppress(parsed: argparse.Namespace, loaded: Settings) -> int:
    async with wiring.open_context(loaded) as context:
        lines = await suppressed.change(context, parsed.change, parsed.addresses, parsed.list, parsed.reason)
    print("\n".join(lines))
    return 0


async def _migrate(_: argparse.Namespace, loaded: Settings) -> int:
    async with wiring.open_context(loaded, migrated=False) as context, context.database.transaction() as transaction:
        applied = await migrate.migrate(transaction)
    for migration in applied:
        print(f"applied {migration.version:04} {migration.name}")
    print(f"the schema is at version {migrate.migrations()[-1].version}")
    return 0


async def _check(_: argparse.Namespace, loaded: Settings) -> int:
    """Every part that can be tried is tried, so that one run shows everything that is wrong."""
    print("settings: usable")
    troubles = check_geo(loaded.geo_database)
    async with wiring.open_context(structs.replace(loaded, geo_database=None), migrated=False) as context:
        async with context.database.transaction() as transaction:
            await migrate.check(transaction)
            configuration = await context.configuration(transaction)
        print(f"database: usable, schema {migrate.migrations()[-1].version}")
        for sender in configuration.senders.values():
            troubles += await _check_sender(wiring.ways_out(loaded), sender)
        for line in await hooks.describe_all(context):
            print(line)
            troubles += ": PAUSED, " in line
    return 1 if troubles else 0


async def _check_sender(ways_out: WaysOut, sender: Sender) -> int:
    """Prints whether a sender can be used; the number of troubles."""
    if isinstance(sender, RouteSender):
        print(f"sender {sender.id} {sender.name!r}: chooses among {', '.join(map(str, sender.sender_ids()))}")
        return 0
    try:
        channel = ways_out.open(sender)
        try:
            print(f"sender {sender.id} {sender.name!r}: {await channel.check()}")
        finally:
            await channel.close()
    except NotReady as trouble:
        print(f"sender {sender.id} {sender.name!r}: NOT usable: {trouble.describe()}")
        return 1
    return 0


def check_geo(path: Path | None) -> int:
    """Prints whether places can be looked up; the number of troubles."""
    if path is None:
        print("geo database: not configured")
        return 0
    try:
        edition = Places(path).edition
    except NotReady as trouble:
        print(f"geo database: NOT usable: {trouble.describe()}")
        return 1
    print(f"geo database: usable, {edition.type}, built {edition.built}")
    return 0


async def _rotate_secret(parsed: argparse.Namespace, loaded: Settings) -> int:
    async with wiring.open_context(loaded) as context:
        await link_secrets.rotate(context, forget_old=parsed.forget_old)
    print("links in mails are signed with a new secret" + (", older links are void" if parsed.forget_old else ""))
    return 0


def _import(parsed: argparse.Namespace, loaded: Settings) -> int:
    from tocsin.client import importing  # noqa: PLC0415 - a server need not hold what draws progress bars

    if loaded.token is None:
        return _complain("TOCSIN_TOKEN: expected an API token, here or in a file named by --token-file")
    try:
        return importing.run(import_arguments.read(parsed, listen=str(loaded.listen)), loaded.token)
    except KeyboardInterrupt:
        return _complain("interrupted")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="tocsin", description="A server for triggered customer messaging.")
    parser.add_argument("--version", action="version", version=f"tocsin {__version__}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    serve = _command(commands, "serve", "serve the API and send messages", _serve)
    serve.add_argument("--listen", metavar="HOST:PORT", help="where to answer (TOCSIN_LISTEN)")
    serve.add_argument("--roles", default=",".join(ROLES), help="what this host does (default: %(default)s)")
    serve.add_argument("--config", metavar="FILE", help="a configuration file to apply first")
    apply = _command(commands, "apply", "make the configuration equal to a file", _apply)
    apply.add_argument("file", metavar="FILE")
    apply.add_argument("--dry-run", action="store_true", help="only say what would change")
    apply.add_argument("--prune", action="store_true", help="remove what the file does not have")
    _command(commands, "export", "print the configuration as a file", _export)
    _command(commands, "migrate", "bring the database schema up to date", _migrate)
    _command(commands, "check", "say whether settings, database and senders are usable", _check)
    client = commands.add_parser("import", help="import a file of profiles", description=import_arguments.DESCRIPTION)
    import_arguments.add_to(client)
    client.set_defaults(command=_import)
    token = commands.add_parser("token", help="API tokens").add_subparsers(required=True, metavar="COMMAND")
    create = _command(token, "create", "print a new API token once", _create_token)
    create.add_argument("name", metavar="NAME")
    create.add_argument(
        "--permission", action="append", default=[], choices=get_args(Permission), help="what it may do (default: all)"
    )
    secret = commands.add_parser("secret", help="what links in mails are signed with")
    rotate = _command(
        secret.add_subparsers(required=True, metavar="COMMAND"), "rotate", "sign with a new secret", _rotate_secret
    )
    rotate.add_argument("--forget-old", action="store_true", help="make links of mails that were sent before void")
    message = commands.add_parser("message", help="what became of messages")
    several = message.add_subparsers(required=True, metavar="COMMAND")
    told = _command(several, "show", "tell how a message waits and what happened to it", _show_message)
    told.add_argument("id", metavar="ID", help="its id, 24 hex digits, or its Message-ID")
    _add_launch_commands(commands)
    explained = _command(several, "explain", "tell why a message was or was not sent", _explain_message)
    explained.add_argument("id", metavar="ID", help="its id, 24 hex digits, or its Message-ID")
    _add_inbox_commands(commands)
    _add_suppress_commands(commands)
    _add_hook_commands(commands)
    _add_workflow_commands(commands)
    return parser


def _add_launch_commands(commands: Any) -> None:
    launch = commands.add_parser("launch", help="what became of launching calls")
    several = launch.add_subparsers(required=True, metavar="COMMAND")
    listed = _command(several, "list", "tell the newest launches", _list_launches)
    listed.add_argument("--limit", metavar="N", type=int, default=20, help="how many (default: %(default)s)")
    listed.add_argument("--trigger", metavar="ID", type=int, help="only those of this trigger")
    listed.add_argument("--workflow", metavar="ID", type=int, help="only those of this workflow")
    _command(several, "show", "tell how far a launch is", _show_launch).add_argument("id", metavar="ID")
    summaries = {
        "pause": "send no more messages of a launch for now",
        "resume": "go on with a paused launch",
        "cancel": "take what a launch has not sent yet out of the queue",
        "retry": "send a launch again to those whom it did not reach",
    }
    for verb, summary in summaries.items():
        change = _command(several, verb, summary, _change_launch)
        change.add_argument("id", metavar="ID", help="the launch_id of the call's answer, 24 hex digits")
        change.set_defaults(verb=verb)


def _add_inbox_commands(commands: Any) -> None:
    several = commands.add_parser("inbox", help="mail that the development inbox took").add_subparsers(
        required=True, metavar="COMMAND"
    )
    listed = _command(several, "list", "tell the newest mails", _list_inbox)
    listed.add_argument("--limit", metavar="N", type=int, default=20, help="how many (default: %(default)s)")
    listed.add_argument("--search", metavar="TEXT", default="", help="only those with it in an address or the subject")
    _command(several, "show", "print a mail as it came", _show_inbox).add_argument("id", metavar="ID")
    _command(several, "clear", "delete all mail of the inbox", _clear_inbox)


def _add_hook_commands(commands: Any) -> None:
    several = commands.add_parser("hook", help="who is told what happens").add_subparsers(
        required=True, metavar="COMMAND"
    )
    _command(several, "list", "tell how hooks are", _list_hooks)
    resumed = _command(several, "resume", "go on with a hook that is paused or waits", _change_hook)
    resumed.add_argument("--skip-failing", action="store_true", help="forget the batches that it does not take")
    replayed = _command(several, "replay", "tell a hook again what happened", _change_hook)
    replayed.add_argument("--since", metavar="INSTANT|EVENT", required=True, help="an ISO 8601 time, or an event_id")
    tested = _command(several, "test", "send a hook an event that never happened, now", _test_hook)
    resumed.set_defaults(since="")
    replayed.set_defaults(skip_failing=False)
    for one in (resumed, replayed, tested):
        one.add_argument("id", metavar="ID", type=int)


def _add_suppress_commands(commands: Any) -> None:
    several = commands.add_parser("suppress", help="addresses that get nothing").add_subparsers(
        required=True, metavar="COMMAND"
    )
    for change, summary in (
        ("add", "put addresses on a list"),
        ("remove", "take addresses from a list"),
        ("show", "tell on which lists addresses are, and why"),
    ):
        one = _command(several, change, summary, _suppress)
        one.add_argument("addresses", metavar="ADDRESS", nargs="+", help="an email, a phone number or @domain")
        one.add_argument("--list", metavar="ID", type=int, default=None, help="which list (default: every, to add: 1)")
        one.add_argument("--reason", metavar="TEXT", default="", help="why, for those who look later")
        one.set_defaults(change=change)


def _add_workflow_commands(commands: Any) -> None:
    workflow = commands.add_parser("workflow", help="what goes on in workflows")
    several = workflow.add_subparsers(required=True, metavar="COMMAND")
    show = _command(several, "show", "draw a workflow with how many profiles are where", _show_workflow)
    show.add_argument("id", metavar="ID", type=int)
    show.add_argument("--svg", metavar="FILE", help="draw into a file, as a picture for browsers")
    traced = _command(several, "trace", "tell what happened to a profile in a workflow", _trace_workflow)
    traced.add_argument("id", metavar="ID", type=int)
    traced.add_argument("profile", metavar="PROFILE", help="its id, email address or phone number")


def _command(commands: Any, name: str, summary: str, command: Command) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = commands.add_parser(name, help=summary, description=summary)
    parser.add_argument("--data-dir", metavar="DIR", help="where data is kept (TOCSIN_DATA_DIR)")
    parser.set_defaults(command=command)
    return parser
