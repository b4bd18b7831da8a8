"""Looking at a template's message to somebody before anybody gets it: composed as the worker does, kept nowhere."""

import asyncio
from collections.abc import Mapping
from typing import Any, NamedTuple

import msgspec

from tocsin.actions.composition import compose_one
from tocsin.actions.context import Context
from tocsin.core import configuration_file, emails, ids, phones, previews
from tocsin.core.configuration_file import Objects
from tocsin.core.configuration_templates import Template
from tocsin.core.errors import Invalid, MemberMistakes, NotFound, TemplateMistake
from tocsin.core.identities import Kind
from tocsin.core.message_context import Content
from tocsin.core.previews import Preview, PreviewChannel
from tocsin.core.profiles import Profile
from tocsin.core.public_links import PublicLinks
from tocsin.store import identities
from tocsin.store import profiles as stored_profiles
from tocsin.store.database import Transaction


class Audience(NamedTuple):
    """To whom, and with what as `apicontent`."""

    profile: Profile
    content: Mapping[str, Any]


class Draft(NamedTuple):
    """What an entry of the section templates makes: the template if it is one at all, and every mistake by its path."""

    template: Template | None
    mistakes: list[tuple[str, str]]


async def find_profile(transaction: Transaction, text: str) -> Profile:
    """Whoever has this id, email or phone, in whichever database; the sample for nothing. NotFound."""
    if not text:
        return previews.SAMPLE
    profile_id = ids.parse(text) or await _find_owner(transaction, text)
    found = await stored_profiles.get_anywhere(transaction, [profile_id]) if profile_id else {}
    if profile_id is None or profile_id not in found:
        raise NotFound("nobody has this email address, phone number or id", path="profile")
    return found[profile_id]


async def _find_owner(transaction: Transaction, text: str) -> bytes | None:
    try:
        value, kinds = (
            (emails.key(emails.parse(text)), (Kind.PROFILE_EMAIL, Kind.SUBSCRIPTION_EMAIL))
            if "@" in text
            else (phones.parse(text), (Kind.PROFILE_PHONE, Kind.SUBSCRIPTION_PHONE))
        )
    except ValueError:
        return None
    for kind in kinds:
        owners = await identities.list_owners(transaction, [value], kind)
        if owners:
            return min(owners)[1]
    return None


def read_draft(stored: Objects, entry: Mapping[str, Any]) -> Draft:
    """The template of an entry that may have mistakes, and these."""
    try:
        return Draft(configuration_file.revise(stored, "templates", entry).templates[entry["id"]], [])
    except MemberMistakes as mistakes:
        found = list(mistakes.mistakes)
    try:
        return Draft(msgspec.convert(entry, Template), found)
    except msgspec.ValidationError:
        return Draft(None, found)


async def show(context: Context, template: Template, audience: Audience) -> list[Preview]:
    """What the template says on each of its channels, or why it cannot."""
    async with context.database.transaction() as transaction:
        links = await context.links(transaction, await context.configuration(transaction))
    return [await _show(context, links, template, channel, audience) for channel in previews.channels_of(template)]


async def _show(
    context: Context, links: PublicLinks, template: Template, channel: PreviewChannel, audience: Audience
) -> Preview:
    address = previews.address_of(channel, audience.profile)
    try:
        content = await compose(context, links, template, channel, audience, address)
    except Invalid as mistake:
        return Preview(channel, address, error=mistake.describe())
    return previews.describe(channel, address, content)


async def compose(
    context: Context,
    links: PublicLinks,
    template: Template,
    channel: PreviewChannel,
    audience: Audience,
    address: str,
) -> Content:
    """The message to an address, in a thread, since loops may take a while. Invalid when it cannot be composed."""
    made = context.new_ids()
    message = previews.message_to(address, (next(made), next(made), next(made)))
    launch = previews.launch_with(audience.content, message.launch_id)
    trigger = previews.stand_in(template, channel)
    try:
        return await asyncio.to_thread(
            compose_one, links, template, message, trigger, launch, audience.profile, context.clock()
        )
    except TemplateMistake as mistake:
        raise Invalid(str(mistake)) from None
