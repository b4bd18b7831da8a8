"""Trying senders and hooks out, for who has just configured them."""

from collections.abc import Callable

from tocsin.actions import audits, hooks
from tocsin.actions.context import Context
from tocsin.actions.outside import Outside
from tocsin.channels.contract import Envelope, Outcome
from tocsin.core import emails, phones, trials
from tocsin.core.audits import Author, Deed
from tocsin.core.configuration_hooks import Hook
from tocsin.core.configuration_senders import RouteSender, Sender
from tocsin.core.errors import Conflict, Invalid


async def check_sender(outside: Outside, sender: Sender) -> str:
    """One sentence on a sender that can be used; or NotReady, with what to do."""
    if isinstance(sender, RouteSender):
        raise Conflict("a route has no way out of its own: try its senders")
    channel = outside.open_channel(sender)
    try:
        return await channel.check()
    finally:
        await channel.close()


async def send_trial(
    context: Context, outside: Outside, author: Author, sender: Sender, to: str, from_address: str
) -> Outcome:
    """Send a message that says that it is a trial; what became of it. Invalid, or Conflict for who sends to devices."""
    if isinstance(sender, RouteSender) or sender.channel == "push":
        raise Conflict("this sender is tried by a launch: it sends to devices, or by other senders")
    envelope = _envelope(context, sender, to, from_address)
    channel = outside.open_channel(sender)
    try:
        (outcome,) = await channel.send([envelope])
    finally:
        await channel.close()
    await _note(context, author, "senders", sender.id, sender.name)
    return outcome


async def try_hook(context: Context, outside: Outside, author: Author, hook: Hook) -> str:
    """Send a hook an event that never happened; what was wrong with its answer, empty for one that took it."""
    door = outside.open_door(1)
    try:
        reply = await hooks.try_out(context, door, hook)
    finally:
        await door.close()
    await _note(context, author, "hooks", hook.id, hook.name)
    return reply.text


def _envelope(context: Context, sender: Sender, to: str, from_address: str) -> Envelope:
    message_id = next(context.new_ids())
    if sender.channel == "sms":
        return Envelope(message_id, "", _parse("to", phones.parse, to), trials.trial_sms(sender.name))
    recipient, origin = _parse("to", emails.parse, to), _parse("from", emails.parse, from_address)
    body = trials.trial_mail(sender.name, origin, recipient, context.clock(), message_id.hex())
    return Envelope(message_id, origin, recipient, body)


def _parse(name: str, parse: Callable[[str], str], text: str) -> str:
    try:
        return parse(text)
    except ValueError as mistake:
        raise Invalid(str(mistake), path=name) from None


async def _note(context: Context, author: Author, section: str, number: int, name: str) -> None:
    async with context.database.transaction() as transaction:
        await audits.record(context, transaction, author, [Deed("tested", section, str(number), name)])
