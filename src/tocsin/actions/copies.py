"""Keeping what was sent, and looking at it."""

import asyncio
from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from msgspec import structs

from tocsin.actions.composition import read_attachments
from tocsin.actions.context import Context
from tocsin.core.configuration import Configuration
from tocsin.core.copies import (
    Copy,
    EmailCopy,
    PackedCopy,
    PushCopy,
    SentMessage,
    SmsCopy,
    list_headers,
    pack,
    rebuild,
    unpack,
)
from tocsin.core.harmless import make_harmless_html, make_harmless_push, make_harmless_sms, make_harmless_text
from tocsin.core.mime import Attachment
from tocsin.core.public_links import PublicLinks
from tocsin.store import copies, launches, short_links
from tocsin.store.database import Transaction

# So many characters are packed in some 20 ms; a thread would only make two of a small batch wait for each other.
_PACKED_AT_ONCE = 5_000_000


class MessageCopy(NamedTuple):
    """What a message was when it was sent. `attachments`: of a mail, those whose files are still kept."""

    id: bytes
    sent_at: datetime
    content: Copy
    attachments: list[Attachment]

    @property
    def source(self) -> bytes:
        """A mail as it was handed over, for a file `.eml`; of others there is none."""
        return rebuild(self.content, self.attachments) if isinstance(self.content, EmailCopy) else b""

    @property
    def headers(self) -> list[tuple[str, str]]:
        """Those of a mail in their order, decoded; of others there are none."""
        if not isinstance(self.content, EmailCopy):
            return []
        return list_headers(rebuild(self.content, [structs.replace(one, data=b"") for one in self.attachments]))


async def prepare(context: Context, sent: Sequence[SentMessage]) -> list[PackedCopy]:
    """What is to be kept of messages that were sent together; nothing where copies are not kept."""
    if not sent or not context.keep_copies:
        return []
    ids = context.new_ids()
    if sum(one.copy.size for one in sent) <= _PACKED_AT_ONCE:
        return pack(sent, lambda: next(ids))
    return await asyncio.to_thread(pack, sent, lambda: next(ids))


async def find(transaction: Transaction, message_id: bytes) -> MessageCopy | None:
    """What was sent, with its files; None when no copy was kept, or no more. A merge of its profile changes nothing."""
    kept = await copies.find(transaction, message_id)
    if kept is None:
        return None
    content = unpack(kept.content, kept.dictionary)
    launch_id = content.launch_id if isinstance(content, EmailCopy) else b""
    launched = await launches.get(transaction, [launch_id]) if launch_id else {}
    return MessageCopy(message_id, kept.at, content, (await read_attachments(transaction, launched)).get(launch_id, []))


async def make_harmless(
    context: Context, transaction: Transaction, configuration: Configuration, found: MessageCopy
) -> MessageCopy:
    """The same to be looked at by staff: nothing that they open or follow there counts, or unsubscribes anybody."""
    links = await context.links(transaction, configuration)
    match found.content:
        case EmailCopy() as email:
            return found._replace(content=_make_harmless_email(email, links))
        case SmsCopy() as sms:
            leads = await short_links.list_of_message(transaction, found.id)
            return found._replace(content=structs.replace(sms, text=make_harmless_sms(sms.text, links, leads)))
        case PushCopy(payload=payload):
            return found._replace(content=PushCopy(make_harmless_push(payload, links)))


def _make_harmless_email(email: EmailCopy, links: PublicLinks) -> EmailCopy:
    return structs.replace(
        email,
        html=email.html and make_harmless_html(email.html, links),
        text=make_harmless_text(email.text, links),
        headers={name: make_harmless_text(value, links) for name, value in email.headers.items()},
    )
