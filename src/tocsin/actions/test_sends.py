"""Sending a template to oneself: through the real sender, without a message, an event or a profile that knows of it."""

import asyncio
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import NamedTuple

from tocsin.actions import audits, previews, rules
from tocsin.actions.context import Context
from tocsin.actions.outside import Outside
from tocsin.actions.previews import Audience
from tocsin.actions.senders import Senders
from tocsin.actions.sessions import TooMany
from tocsin.channels.contract import Envelope, Outcome
from tocsin.core import addresses
from tocsin.core import previews as values
from tocsin.core.audits import Author, Deed
from tocsin.core.configuration import Configuration
from tocsin.core.configuration_senders import Sender
from tocsin.core.configuration_templates import Template
from tocsin.core.errors import Invalid, TocsinError
from tocsin.core.previews import PreviewChannel
from tocsin.core.public_links import PublicLinks
from tocsin.store import audits as stored_audits
from tocsin.store.database import Transaction

MOST_PER_HOUR = 30
_HOUR = timedelta(hours=1)
_PATIENCE_SECONDS = 30
_DONE = "tested"


class Wish(NamedTuple):
    """What is to be sent where, and by which sender."""

    template: Template
    channel: PreviewChannel
    sender_id: int
    address: str
    audience: Audience


async def send(context: Context, outside: Outside, author: Author, wish: Wish) -> Outcome:
    """What the server said. Invalid, with the member in `path`, when it cannot be sent; TooMany within an hour."""
    address = _parse_address(wish)
    async with context.database.transaction() as transaction:
        configuration = await context.configuration(transaction)
        sender = _get_sender(configuration, wish)
        await _check_rate(transaction, author, context.clock())
        await _check_suppressed(transaction, configuration, wish, address)
        links = await context.links(transaction, configuration)
        template = wish.template
        details = {"channel": wish.channel, "sender": sender.id, "to": address}
        deed = Deed(_DONE, "templates", str(template.id), template.name, details)
        await audits.record(context, transaction, author, [deed])
    envelope = await _compose(context, links, wish, address)
    return await _hand_over(outside, sender, configuration.senders, envelope)


def _parse_address(wish: Wish) -> str:
    if not wish.address:
        raise Invalid("an address is missing", path="address")
    try:
        address = addresses.key(wish.channel, wish.address)
    except ValueError as mistake:
        raise Invalid(str(mistake), path="address") from None
    if wish.channel == "push" and not addresses.parse_push_address(address).subscription_id:
        raise Invalid("expected provider.subscription_id", path="address")
    return address


def _get_sender(configuration: Configuration, wish: Wish) -> Sender:
    sender = configuration.senders.get(wish.sender_id)
    if sender is None or sender.channel != wish.channel:
        raise Invalid(f"there is no sender {wish.sender_id} for {wish.channel}", path="sender")
    return sender


async def _check_rate(transaction: Transaction, author: Author, now: datetime) -> None:
    if await stored_audits.count(transaction, author.name, _DONE, now - _HOUR) >= MOST_PER_HOUR:
        raise TooMany(f"{MOST_PER_HOUR} tests an hour are the most")


async def _check_suppressed(transaction: Transaction, configuration: Configuration, wish: Wish, address: str) -> None:
    trigger = values.stand_in(wish.template, wish.channel)
    found = await rules.find_suppressed(transaction, configuration, [(trigger, address)])
    for skip in found.values():
        raise Invalid(f"nothing is sent to this address: {skip.rule or skip.reason}", path="address")


async def _compose(context: Context, links: PublicLinks, wish: Wish, address: str) -> Envelope:
    marked = values.mark_as_test(wish.template)
    content = await previews.compose(context, links, marked, wish.channel, wish.audience, address)
    return Envelope(next(context.new_ids()), content.sender, address, content.body)


async def _hand_over(outside: Outside, sender: Sender, configured: Mapping[int, Sender], envelope: Envelope) -> Outcome:
    senders = Senders(outside.open_channel)
    try:
        channel = await senders.get(sender, configured)
        async with asyncio.timeout(_PATIENCE_SECONDS):
            (outcome,) = await channel.send([envelope])
    except TimeoutError:
        return Outcome(envelope.message_id, "deferred", 0, f"no answer within {_PATIENCE_SECONDS} seconds")
    except TocsinError as trouble:
        return Outcome(envelope.message_id, "refused", 0, trouble.describe())
    finally:
        await senders.close()
    return outcome
