"""Messages as staff look at them: nothing of ours is asked for, everything else is as it was."""

from html import escape

import pytest

from tocsin.core import push, tracking, visits
from tocsin.core.configuration import Trigger
from tocsin.core.configuration_tracking import Tracking
from tocsin.core.harmless import (
    NO_PICTURE,
    NOWHERE,
    make_harmless_html,
    make_harmless_push,
    make_harmless_sms,
    make_harmless_text,
)
from tocsin.core.messages import ClaimedMessage
from tocsin.core.public_links import PublicLinks
from tocsin.core.tokens import Signer

SIGNER = Signer((b"a secret of thirty-two bytes....",))
LINKS = PublicLinks("https://mail.example.com:8443/tocsin", SIGNER, True, {21: "click.example.com"})
ID = bytes.fromhex("6740000001020304050607ff")
MESSAGE = ClaimedMessage(ID, ID, ID, 1, 1, "ann@example.com", None)
URL = "https://shop.example.com/?a=1&b=2#part"


def trigger(resource):
    return Trigger(1, "News", 1, 1, 1, resource=resource, tracking=Tracking(opens=True, clicks=True, text=True))


@pytest.mark.parametrize("resource", [None, 21])
def test_a_tracked_page_is_as_it_was_before_it_was_tracked(resource):
    html = f'<html><body><a href="{escape(URL)}">One</a> <a href="http://example.org">Two</a></body></html>'
    tracked = LINKS.rewriter(trigger(resource)).rewrite_html(html, ID)
    harmless = make_harmless_html(tracked, LINKS)
    assert "/m/c/" in tracked
    assert "/m/o/" in tracked
    assert "/m/" not in harmless
    assert f'<a href="{escape(URL)}">One</a> <a href="http://example.org">Two</a>' in harmless
    assert f'<img src="{NO_PICTURE}"' in harmless
    assert f'<a href="{NOWHERE}" style="display:none"' in harmless


def test_a_tracked_text_is_as_it_was():
    text = f"See {URL}, or http://example.org/two."
    tracked = LINKS.rewriter(trigger(None)).rewrite_text(text, ID)
    assert tracked != text
    assert make_harmless_text(tracked, LINKS) == text


@pytest.mark.parametrize("purpose", ["unsubscribe", "globalunsubscribe", "confirm"])
def test_links_of_the_recipient_alone_lead_nowhere(purpose):
    url = visits.make_url("https://an.old.domain.example.com", SIGNER, purpose, MESSAGE, trigger(None))
    assert make_harmless_html(f'<a href="{url}">Stop</a>', LINKS) == f'<a href="{NOWHERE}">Stop</a>'
    assert make_harmless_text(f"Stop: <{url}>", LINKS) == f"Stop: <{NOWHERE}>"
    within = make_harmless_html(f'<a href="https://example.org/?next={url}">Stop</a>', LINKS)
    assert within == f'<a href="https://example.org/?next={NOWHERE}">Stop</a>'


def test_what_only_looks_like_ours_leads_nowhere_at_our_address_and_is_left_alone_elsewhere():
    forged = Signer((b"another secret...",)).seal(b"c" + ID + b"\0\1https://evil.example.com")
    ours = f'<a href="https://click.example.com/{tracking.CLICK_PATH}/{forged}">'
    theirs = f'<a href="https://example.org/{tracking.CLICK_PATH}/{forged}">'
    assert make_harmless_html(ours + theirs, LINKS) == f'<a href="{NOWHERE}">{theirs}'


def test_a_target_cannot_leave_its_attribute():
    token = tracking.make_token(SIGNER, "click", ID, 0, 1, b'https://example.org/"><script>')
    html = make_harmless_html(f'<a href="https://click.example.com/m/c/{token}">', LINKS)
    assert html == '<a href="https://example.org/&quot;&gt;&lt;script&gt;">'


def test_a_push_message_leads_where_it_did_and_reports_nothing():
    rewriter = LINKS.rewriter(trigger(None))
    url, of_button = (rewriter.rewrite_url(one, ID, at, 2) for at, one in enumerate((URL, "https://example.org")))
    sent = push.Notification(
        "Hi", url=url, buttons=(push.Button("Go", of_button),), uid="u" * 32, report_url="https://x/m/p"
    )
    assert "/m/c/" in sent.url
    harmless = push.decode(make_harmless_push(push.encode(sent), LINKS))
    assert harmless == push.Notification("Hi", url=URL, buttons=(push.Button("Go", "https://example.org"),))


def test_an_sms_leads_where_it_did_and_forgotten_links_of_ours_lead_nowhere():
    base, code, other = LINKS.base_url, "0123456789a", "a9876543210"
    said = make_harmless_sms(f"{base}/s/{code} {base}/s/{other} https://example.org/s/{other}", LINKS, {code: URL})
    assert said == f"{URL} {NOWHERE} https://example.org/s/{other}"


def test_a_page_of_beginnings_of_links_takes_no_time():
    for hostile in ("http://" * 100_000, "http://a/" * 100_000, "https://" + "a/" * 300_000):
        assert make_harmless_html(hostile, LINKS) == hostile
