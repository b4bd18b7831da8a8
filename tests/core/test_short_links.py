"""Codes that are short, the same at each attempt, and made by nobody else."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tocsin.core import short_links
from tocsin.core.configuration import Trigger
from tocsin.core.configuration_tracking import Tracking, Utm
from tocsin.core.short_links import LENGTH, Place
from tocsin.core.tokens import CODE_BITS, Signer
from tocsin.core.tracking import Rewriter

SIGNER = Signer((b"a secret of thirty-two bytes....",))
OTHER = Signer((b"another secret of 32 bytes......",))
BASE = "https://t.example"
ID = bytes.fromhex("6740000001020304050607ff")
URL = "https://shop.example.com/"


def rewriter(**tracked):
    trigger = Trigger(1, "News", 1, 1, 1, channel="sms", tracking=Tracking(**({"clicks": True} | tracked)))
    return Rewriter(trigger, BASE, SIGNER, by_default=False)


@given(st.integers(0, 255), st.integers(0, 2**CODE_BITS - 1))
def test_a_code_is_read_as_it_was_spelled(bucket, code):
    text = short_links.spell(Place(bucket, code))
    assert re.fullmatch(r"[0-9A-Za-z]{11}", text)
    assert short_links.parse(text) == Place(bucket, code)


@given(st.text(max_size=14) | st.text(st.sampled_from("0Az9_-й"), min_size=LENGTH, max_size=LENGTH))
def test_whatever_is_asked_for_is_a_place_or_none(text):
    place = short_links.parse(text)
    assert place is None or short_links.spell(place) == text


def test_what_is_beyond_the_last_bucket_is_no_place():
    assert short_links.parse("z" * LENGTH) is None


def test_a_code_is_of_one_message_one_url_and_one_secret():
    link = short_links.make(SIGNER, ID, 0, 1, URL)
    assert link == short_links.make(SIGNER, ID, 0, 1, URL)
    others = [
        short_links.make(SIGNER, bytes(12), 0, 1, URL),
        short_links.make(SIGNER, ID, 0, 1, URL + "x"),
        short_links.make(OTHER, ID, 0, 1, URL),
    ]
    assert link.code not in {one.code for one in others}
    assert short_links.is_genuine(SIGNER, link)
    assert not short_links.is_genuine(OTHER, link)
    rotated = Signer((b"the newest secret of 32 bytes...", *SIGNER.keys))
    assert short_links.is_genuine(rotated, link)
    assert short_links.make(rotated, ID, 0, 1, URL).code != link.code


def test_the_links_of_a_text_become_short_and_what_stands_around_them_stays():
    text, links = rewriter().shorten_text(f"See {URL}a, {URL}b?c=d. {URL}a! example.com {BASE}/s/x {BASE}/m/y", ID)
    assert [one.url for one in links] == [f"{URL}a", f"{URL}b?c=d"]
    first, second = (f"{BASE}/s/{short_links.spell(one.place)}" for one in links)
    assert text == f"See {first}, {second}. {first}! example.com {BASE}/s/x {BASE}/m/y"
    assert len(first) == len(BASE) + 3 + LENGTH


def test_utm_parameters_are_part_of_where_a_short_link_leads():
    _, (link,) = rewriter(utm=Utm(source="sms")).shorten_text(URL, ID)
    assert link.url == f"{URL}?utm_source=sms"


@pytest.mark.parametrize("said", ["no link", "ftp://example.com/", "https://", f"{URL}{'x' * 1800}"])
def test_some_texts_have_no_link_to_shorten(said):
    assert rewriter().shorten_text(said, ID) == (said, [])


def test_half_a_character_in_a_url_is_stored_as_it_is_sent():
    _, (link,) = rewriter().shorten_text(f"{URL}\ud800x", ID)
    assert link.url == f"{URL}?x"


def test_without_tracking_no_link_is_touched():
    assert rewriter(clicks=False).shorten_text(URL, ID) == (URL, [])
