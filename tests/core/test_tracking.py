"""Links rewritten and read again, tokens that hold, programs that are told from people."""

from datetime import UTC, datetime, timedelta
from html import escape
from html.parser import HTMLParser
from ipaddress import ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tocsin.core import scanners, tracking, user_agents
from tocsin.core.configuration import Trigger
from tocsin.core.configuration_tracking import Tracking, Utm
from tocsin.core.scanners import Hit
from tocsin.core.tokens import Signer
from tocsin.core.tracking import Rewriter, Target, make_token, read_target

SIGNER = Signer((b"a secret of thirty-two bytes....",))
BASE = "https://mail.example.com"
ID = bytes.fromhex("6740000001020304050607ff")
NOW = datetime(2026, 11, 21, tzinfo=UTC)
SECONDS = NOW.timestamp()


def rewriter(**tracked):
    trigger = Trigger(1, "News", 1, 1, 1, tracking=Tracking(**({"opens": False, "clicks": True} | tracked)))
    return Rewriter(trigger, BASE, SIGNER, by_default=False)


class Links(HTMLParser):
    def __init__(self):
        super().__init__()
        self.found = []

    def handle_starttag(self, tag, attrs):
        if tag == "a" and "href" in dict(attrs):
            self.found.append(dict(attrs)["href"])


def leads_to(html):
    """Where the links of a page lead, those of ours by what their tokens say."""
    reader = Links()
    reader.feed(html)
    targets = [read_target(SIGNER, one.rpartition("/")[2], SECONDS) for one in reader.found]
    return [
        target.url if target else one
        for one, target in zip(reader.found, targets, strict=True)
        if not (target and target.kind == "trap")
    ]


@given(st.lists(st.text(st.characters(exclude_categories=("Cs", "Cc", "Zs", "Zl", "Zp")), max_size=40), max_size=5))
def test_a_rewritten_page_leads_where_it_did(paths):
    urls = [f"https://example.com/{path}" for path in paths]
    html = "".join(f'<p><a class="x" href="{escape(url)}" title=\'y\'>é</a></p>' for url in urls)
    rewritten = rewriter().rewrite_html(html, ID)
    assert leads_to(rewritten) == urls
    assert not urls or "https://example.com/" not in rewritten


@given(st.text(st.sampled_from("<>a href=\"'/:phts\n&;!-"), max_size=200))
def test_whatever_a_page_is_its_links_lead_where_they_did(html):
    rewritten = rewriter().rewrite_html(html, ID)
    assert leads_to(rewritten) == leads_to(html)


@pytest.mark.parametrize(
    "evil", ["<a ", "<a href ", '<a href="https://', "<a " + " href=", "<a href=' ", "</body", "http://"]
)
def test_no_page_takes_long(evil):
    many = evil * (1_000_000 // len(evil))
    started = datetime.now(UTC)
    rewriter(opens=True, text=True).rewrite_html(many, ID)
    rewriter(text=True).rewrite_text(many, ID)
    assert datetime.now(UTC) - started < timedelta(seconds=5)


@pytest.mark.parametrize(
    "tag",
    [
        '<a href="mailto:a@example.com">',
        '<a href="#top">',
        '<a href="https://example.com/" data-no-track>',
        '<a class="big no-track" href="https://example.com/">',
        f'<a href="{BASE}/m/u/token">',
        f'<a href="https://example.com/{"x" * 1800}">',
        '<img src="https://example.com/">',
        '<a title="https://example.com/">',
    ],
)
def test_some_links_stay_as_they_are(tag):
    assert rewriter().rewrite_html(f"<p>{tag}", ID) == f"<p>{tag}"


def test_the_pixel_stands_at_the_end_of_the_body_of_the_last_one():
    pixel = rewriter(opens=True).rewrite_html("", ID)
    assert pixel.startswith("<img ")
    for page in ("<body>x</body></html>", "<BODY>x</BODY >", "</body>y</body> "):
        at = page.lower().rfind("</body")
        assert rewriter(opens=True).rewrite_html(page, ID) == page[:at] + pixel + page[at:]


@pytest.mark.parametrize(
    ("url", "decorated"),
    [
        ("https://example.com", "https://example.com?utm_source=a%26b&utm_campaign=News"),
        ("https://www.example.com/?x=1#y", "https://www.example.com/?x=1&utm_source=a%26b&utm_campaign=News#y"),
        ("https://example.com/?utm_source=own", "https://example.com/?utm_source=own&utm_campaign=News"),
        ("https://notexample.com/", "https://notexample.com/"),
        ("https://[bad/", "https://[bad/"),
    ],
)
def test_utm_parameters_join_those_that_are_there(url, decorated):
    made = rewriter(utm=Utm(source="a&b", campaign="{trigger}"), utm_domains=("Example.com",))
    assert leads_to(made.rewrite_html(f'<a href="{url}">', ID)) == [decorated]


def test_a_token_says_what_it_was_made_for_and_no_other_does():
    target = Target("click", ID, 3, 7, "https://example.com/й?a=b")
    token = make_token(SIGNER, "click", ID, 3, 7, target.url.encode())
    assert read_target(SIGNER, token, SECONDS) == target
    for place in range(0, len(token), 5):
        other = token[:place] + ("A" if token[place] != "A" else "B") + token[place + 1 :]
        assert read_target(SIGNER, other, SECONDS) is None
    assert read_target(Signer((b"another",)), token, SECONDS) is None
    assert read_target(Signer((b"newer", *SIGNER.keys)), token, SECONDS) == target
    assert read_target(SIGNER, token, SECONDS + tracking.LIFETIME_SECONDS) is None


@given(st.text(max_size=200))
def test_any_text_is_read_without_an_error(text):
    assert read_target(SIGNER, text, SECONDS) is None


def hit(seconds, number=0, kind="click", **members):
    told = {"method": "GET", "ip": "192.0.2.7", "user_agent": "Mozilla/5.0 (X11) Firefox/130"} | members
    return Hit(Target(kind, ID, number, 9), NOW + timedelta(seconds=seconds), **told)


def test_many_links_within_moments_are_a_scan_and_the_same_link_again_is_none():
    assert scanners.find_scanned([hit(0, 1), hit(1, 2), hit(2, 3)]) == {ID: "many_links"}
    assert scanners.find_scanned([hit(0, 1), hit(1, 1), hit(2, 1), hit(2, 2)]) == {}
    assert scanners.find_scanned([hit(0, 1), hit(2, 2), hit(4, 3)]) == {}
    assert scanners.find_scanned([hit(0, kind="trap")]) == {ID: "hidden_link"}


def test_what_others_have_noted_counts_with_ones_own():
    noted = [scanners.Followed(ID, number, NOW + timedelta(seconds=number)) for number in (2, 3)]
    assert scanners.find_scanned([hit(1, 1)], noted) == {ID: "many_links"}
    assert scanners.find_scanned([hit(1, 2)], noted) == {}
    assert scanners.find_scanned([hit(7, 1)], noted) == {}
    assert scanners.list_followed([hit(2, 1), hit(1, 2), hit(0, kind="open")]) == [
        scanners.Followed(ID, 2, NOW + timedelta(seconds=1)),
        scanners.Followed(ID, 1, NOW + timedelta(seconds=2)),
    ]


def test_a_network_of_the_operator_and_nothing_else_is_one():
    networks = (ip_network("192.0.2.0/24"), ip_network("2001:db8::/32"))
    assert scanners.judge(hit(0), networks) == "network"
    assert scanners.judge(hit(0, ip="2001:db8::1"), networks) == "network"
    assert scanners.judge(hit(0, ip="198.51.100.1"), networks) is None
    assert scanners.judge(hit(0, ip=""), networks) is None


WINDOWS = "Mozilla/5.0 (Windows NT 10.0) AppleWebKit/537"
PIXEL_8 = "Mozilla/5.0 (Linux; Android 14; Pixel 8) AppleWebKit/537"
TABLET = "Mozilla/5.0 (Linux; Android 14; SM-X710) AppleWebKit/537"


@pytest.mark.parametrize(
    ("agent", "told"),
    [
        ("Mozilla/5.0 (iPad; CPU OS 17_0) AppleWebKit/605 (KHTML, like Gecko)", "iPadOS, Apple Mail, tablet"),
        (f"{PIXEL_8} Chrome/130.0 Mobile Safari/537", "Android, Chrome, phone"),
        (f"{TABLET} Chrome/130.0 Safari/537", "Android, Chrome, tablet"),
        (f"{WINDOWS} Chrome/130.0 YaBrowser/24 Safari/537", "Windows, Yandex Browser, desktop"),
        (f"{WINDOWS} Chrome/130.0 Safari/537 Edg/130", "Windows, Edge, desktop"),
        ("Mozilla/5.0 (X11; Linux x86_64) Gecko/20100101 Thunderbird/130", "Linux, Thunderbird, desktop"),
        (f"{WINDOWS} Firefox/11.0 (via ggpht.com GoogleImageProxy)", "Windows, Gmail, desktop"),
        ("something", ""),
    ],
)
def test_a_browser_tells_what_it_is(agent, told):
    described = user_agents.describe(agent)
    assert ", ".join(described[name] for name in ("os", "browser", "device") if name in described) == told
    assert scanners.judge(hit(0, user_agent=agent), ()) is None
