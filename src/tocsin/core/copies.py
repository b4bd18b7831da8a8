"""Copies of what was sent: what a message was made of, packed small, and unpacked into what people look at.

Of a mail the parts are kept, not its bytes: `rebuild` makes the same bytes of them, and files that all mails of a
launch share are in none. Messages of one launch are compressed with a dictionary: the words that two of them have in
common.
"""

import re
import zlib
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from email.parser import BytesHeaderParser
from email.policy import SMTP
from typing import Any, NamedTuple

import msgspec
from msgspec import Struct, structs

from tocsin.core.mime import Address, Attachment, Skeleton, prepare
from tocsin.core.mime_headers import mend

# From how many messages of a launch on a dictionary is worth its bytes.
_LEAST_SHARING = 5
_LEVEL = 1
_MEMORY_LEVEL = 5
_WINDOW_BITS = range(9, 16)
_MOST_DICTIONARY_BYTES = 2 ** _WINDOW_BITS[-1] // 2

_WORDS = re.compile(rb"[^\s<>\"'/]+|[\s<>\"'/]+")


class EmailCopy(Struct, frozen=True, array_like=True, tag="email", kw_only=True):
    """What a mail was made of, as it went out: links rewritten, pixel added. `html` is None where it had none.

    `sent_at`: seconds since 1970, its Date. `launch_id`: whose files it carried, empty when none. `headers`: those
    beside the usual ones.
    """

    from_email: str
    from_name: str
    reply_to_email: str
    reply_to_name: str
    to: str
    subject: str
    html: str | None
    text: str
    message_id: str
    sent_at: int
    launch_id: bytes
    headers: dict[str, str]
    reply_also_to: str = ""

    @property
    def size(self) -> int:
        """Characters, about."""
        return len(self.html or "") + len(self.text)

    def compose(self, skeleton: Skeleton) -> bytes:
        """The mail. Raises Invalid as the skeleton does."""
        return skeleton.compose(
            to=self.to,
            subject=self.subject,
            html=self.html,
            text=self.text,
            message_id=self.message_id,
            date=datetime.fromtimestamp(self.sent_at, UTC),
            headers=self.headers,
            reply_also_to=self.reply_also_to,
        )


class SmsCopy(Struct, frozen=True, array_like=True, tag="sms"):
    """An SMS. `from_name` is empty where the sender had one of its own."""

    from_name: str
    to: str
    text: str
    segments: int

    @property
    def size(self) -> int:
        """Characters, about."""
        return len(self.text)


class PushCopy(Struct, frozen=True, array_like=True, tag="push"):
    """A push message: `payload` is for core.push.decode. Which device it went to is not in it."""

    payload: bytes

    @property
    def size(self) -> int:
        """Characters, about."""
        return len(self.payload)


Copy = EmailCopy | SmsCopy | PushCopy


class SentMessage(NamedTuple):
    """A message that was sent, to be kept."""

    id: bytes
    launch_id: bytes
    profile_id: bytes
    copy: Copy


class PackedCopy(NamedTuple):
    """A copy, or a dictionary, as it is stored."""

    id: bytes
    content: bytes
    dictionary_id: bytes | None = None
    is_dictionary: bool = False


_encode = msgspec.msgpack.Encoder().encode
_decode: Callable[[bytes], Copy] = msgspec.msgpack.Decoder(Copy).decode


def pack(messages: Sequence[SentMessage], new_id: Callable[[], bytes]) -> list[PackedCopy]:
    """What is to be stored of messages that were sent together; dictionaries get new ids."""
    packed: list[PackedCopy] = []
    for group in _by_launch(messages).values():
        encoded = [_encode_mended(one.copy) for one in group]
        dictionary = _shared_words(group, encoded)
        dictionary_id = new_id() if dictionary else None
        if dictionary_id:
            packed.append(PackedCopy(dictionary_id, zlib.compress(dictionary), is_dictionary=True))
        deflate = _deflater(dictionary, max(map(len, encoded)))
        packed += [PackedCopy(one.id, deflate(plain), dictionary_id) for one, plain in zip(group, encoded, strict=True)]
    return packed


def unpack(content: bytes, dictionary: bytes | None) -> Copy:
    """The copy, from what `pack` has made."""
    shared = zlib.decompress(dictionary) if dictionary else b""
    inflater = zlib.decompressobj(zdict=shared) if shared else zlib.decompressobj()
    return _decode(inflater.decompress(content) + inflater.flush())


def rebuild(copy: EmailCopy, attachments: Sequence[Attachment]) -> bytes:
    """The mail as it was handed over, before it was signed: to the byte as long as mail is composed in the same way."""
    sender, reply_to = Address(copy.from_email, copy.from_name), Address(copy.reply_to_email, copy.reply_to_name)
    skeleton = prepare(
        sender=sender,
        reply_to=reply_to if copy.reply_to_email else None,
        attachments=attachments,
        has_html=copy.html is not None,
        has_text=True,
    )
    return copy.compose(skeleton)


def list_headers(source: bytes) -> list[tuple[str, str]]:
    """The headers of a mail in their order, decoded."""
    head = BytesHeaderParser(policy=SMTP).parsebytes(source.partition(b"\r\n\r\n")[0])
    return [(name, str(value)) for name, value in head.items()]


def _by_launch(messages: Sequence[SentMessage]) -> Mapping[bytes, list[SentMessage]]:
    found: dict[bytes, list[SentMessage]] = defaultdict(list)
    for message in messages:
        found[message.launch_id].append(message)
    return found


def _encode_mended(copy: Copy) -> bytes:
    """Halves of characters are sent as U+FFFD, and kept so."""
    try:
        return _encode(copy)
    except UnicodeEncodeError:
        members = structs.asdict(copy)
        mended: dict[str, Any] = {name: mend(value) for name, value in members.items() if isinstance(value, str)}
        return _encode(structs.replace(copy, **mended))


def _shared_words(group: Sequence[SentMessage], encoded: Sequence[bytes]) -> bytes:
    """What two messages to different people have in common: the template, with nothing in it of one of them alone. So
    it may stay when one of them is deleted. Empty when it would not pay.
    """
    others = (plain for one, plain in zip(group, encoded, strict=True) if one.profile_id != group[0].profile_id)
    other = next(others, None)
    if other is None or len(group) < _LEAST_SHARING:
        return b""
    known = set(_WORDS.findall(other[:_MOST_DICTIONARY_BYTES]))
    return b"".join([word for word in _WORDS.findall(encoded[0][:_MOST_DICTIONARY_BYTES]) if word in known])


def _deflater(dictionary: bytes, longest: int) -> Callable[[bytes], bytes]:
    """Compresses messages, none of which is longer: the window is no larger than need be, since each copies it."""
    bits = min(max((len(dictionary) + longest).bit_length(), _WINDOW_BITS[0]), _WINDOW_BITS[-1])
    begun = (
        zlib.compressobj(_LEVEL, zlib.DEFLATED, bits, _MEMORY_LEVEL, zlib.Z_FIXED, dictionary)
        if dictionary
        else zlib.compressobj(_LEVEL, zlib.DEFLATED, bits, _MEMORY_LEVEL)
    )

    def deflate(plain: bytes) -> bytes:
        one = begun.copy()
        return one.compress(plain) + one.flush()

    return deflate
