"""Copies of what was sent: packed small, unpacked as they were, and nothing of one person kept beside another."""

import zlib
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tocsin.core import ids
from tocsin.core.copies import EmailCopy, PushCopy, SentMessage, SmsCopy, list_headers, pack, rebuild, unpack
from tocsin.core.mime import Address, Attachment, prepare

AT = datetime(2026, 11, 21, 10, 0, 0, tzinfo=UTC)
LAUNCH = bytes(11) + b"\x07"
FILE = Attachment("Счёт.pdf", "application/pdf", bytes(range(256)) * 40)
LETTER = "<p>Your order is on its way, and leaves our house on Friday at the latest.</p>" * 20

texts = st.text(max_size=100)


def email(**members):
    usual = {
        "from_email": "shop@example.com",
        "from_name": "Shop",
        "reply_to_email": "",
        "reply_to_name": "",
        "to": "ann@example.com",
        "subject": "Hello",
        "html": LETTER,
        "text": "Your order",
        "message_id": "67400000@example.com",
        "sent_at": int(AT.timestamp()),
        "launch_id": b"",
        "headers": {},
    }
    return EmailCopy(**usual | members)


def message(number, copy, launch_id=LAUNCH):
    identifier = bytes(10) + bytes([number, number])
    return SentMessage(identifier, launch_id, identifier, copy)


def stored(messages):
    """What is kept, by id."""
    new_ids = iter(ids.make_many(1, bytes(range(8)) * 50))
    return {one.id: one for one in pack(messages, lambda: next(new_ids))}


def read(kept, identifier):
    found = kept[identifier]
    return unpack(found.content, kept[found.dictionary_id].content if found.dictionary_id else None)


@settings(max_examples=40)
@given(st.lists(st.tuples(texts, texts, st.none() | texts), min_size=1, max_size=7))
def test_every_copy_is_read_as_it_was_packed(given_parts):
    messages = [message(n, email(subject=a, text=b, html=c)) for n, (a, b, c) in enumerate(given_parts)]
    kept = stored(messages)
    assert [read(kept, one.id) for one in messages] == [one.copy for one in messages]


def test_launches_and_channels_in_one_batch_are_read_each_as_it_was():
    copies = [SmsCopy("Shop", "+79000000001", "Код 1", 1), PushCopy(b'{"title":"Hello"}'), email(html=None)]
    messages = [message(n, copies[n % 3], bytes(11) + bytes([n % 4])) for n in range(100)]
    kept = stored(messages)
    assert [read(kept, one.id) for one in messages] == [one.copy for one in messages]


def test_messages_of_one_launch_share_what_they_have_in_common():
    messages = [message(n, email(html=f"<h1>Dear Ann{n}</h1>{LETTER}", to=f"{n}@example.com")) for n in range(100)]
    kept = stored(messages)
    (shared,) = [one for one in kept.values() if one.is_dictionary]
    assert all(kept[one.id].dictionary_id == shared.id for one in messages)
    alone = stored(messages[:1])[messages[0].id].content
    assert sum(len(one.content) for one in kept.values()) < len(messages) * len(alone) / 2


def test_what_is_shared_has_nothing_of_one_person_alone():
    secrets = [f"secret{n}" for n in range(20)]
    kept = stored([message(n, email(html=f"<p>{one}</p>{LETTER}", subject=one)) for n, one in enumerate(secrets)])
    (shared,) = [zlib.decompress(one.content) for one in kept.values() if one.is_dictionary]
    assert b"Friday" in shared
    assert b"secret" not in shared


def test_nothing_is_shared_by_messages_to_one_person():
    messages = [message(n, email())._replace(profile_id=bytes(12)) for n in range(10)]
    assert not [one for one in stored(messages).values() if one.is_dictionary]


def test_half_a_character_is_kept_as_it_was_sent():
    broken = message(1, email(html="<p>\ud83d</p>", text="\ud83d"))
    assert read(stored([broken]), broken.id) == email(html="<p>\ufffd</p>", text="\ufffd")


@pytest.mark.parametrize("attachments", [[], [FILE]])
@pytest.mark.parametrize("reply_to", ["", "help@example.com"])
@given(subject=texts, text=texts, html=st.none() | texts)
def test_a_mail_is_rebuilt_to_the_byte(attachments, reply_to, subject, text, html):
    headers = {"List-Unsubscribe": "<https://example.com/m/u/abc>"}
    copy = email(subject=subject, text=text, html=html, reply_to_email=reply_to, headers=headers)
    skeleton = prepare(
        sender=Address("shop@example.com", "Shop"),
        reply_to=Address(reply_to) if reply_to else None,
        attachments=attachments,
        has_html=html is not None,
        has_text=True,
    )
    sent = skeleton.compose(
        to="ann@example.com",
        subject=subject,
        html=html,
        text=text,
        message_id="67400000@example.com",
        date=AT,
        headers=headers,
    )
    assert rebuild(read(stored([message(1, copy)]), message(1, copy).id), attachments) == sent


def test_headers_are_listed_in_their_order_and_decoded():
    listed = list_headers(rebuild(email(subject="Привет, Анна", from_name="Лавка"), [FILE]))
    assert [name for name, _ in listed] == [
        "From", "To", "Subject", "Date", "Message-ID", "MIME-Version", "Content-Type",
    ]  # fmt: skip
    assert dict(listed)["Subject"] == "Привет, Анна"
    assert dict(listed)["From"] == "Лавка <shop@example.com>"
