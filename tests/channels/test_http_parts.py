"""The door's parts that need no network: URLs, headers, addresses, rests."""

from datetime import UTC, datetime
from ipaddress import ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tocsin.channels.http_call import Target, follow, parse_call, parse_target
from tocsin.channels.http_exchange import Request, Stop, parse_retry_after
from tocsin.channels.http_guard import is_public, parse_address
from tocsin.channels.http_hosts import MOST_HOSTS, Host, Hosts


@pytest.mark.parametrize(
    ("url", "target"),
    [
        ("http://example.com", Target("http", "example.com", 80, "/")),
        ("HTTPS://Example.COM.:443/A%20b c?q=1&r=[2]#x", Target("https", "example.com", 443, "/A%20b%20c?q=1&r=[2]")),
        (" http://my_service:8080/x ", Target("http", "my_service", 8080, "/x")),
        ("http://пример.рф/é?я", Target("http", "xn--e1afmkfd.xn--p1ai", 80, "/%C3%A9?%D1%8F")),
        ("http://１２７.0.0.1/", Target("http", "127.0.0.1", 80, "/")),
        ("http://[2001:DB8:0::1]:81/", Target("http", "2001:db8::1", 81, "/")),
        ("http://example.com\\@evil.example/", None),
        ("http://1.2.3.example/", Target("http", "1.2.3.example", 80, "/")),
    ],
)
def test_a_url_is_taken_apart(url, target):
    if target is None:
        with pytest.raises(Stop):
            parse_target(url)
    else:
        assert parse_target(url) == target


@pytest.mark.parametrize(
    "url",
    [
        "",
        "example.com",
        "//example.com/",
        "http:example.com",
        "http:///path",
        "file:///etc/passwd",
        "gopher://example.com/",
        "ftp://example.com/",
        "javascript:alert(1)",
        "http://user:pass@example.com/",
        "http://user@example.com/",
        "http://example.com:0/",
        "http://example.com:65536/",
        "http://example.com:80:80/",
        "http://example.com:-1/",
        "http://example.com:8a/",
        "http://2130706433/",
        "http://0x7f.1/",
        "http://0x7f000001/",
        "http://127.1/",
        "http://0177.0.0.1/",
        "http://127.0.0.1../",
        "http://1.2.3.4.5/",
        "http://[::1/",
        "http://[fe80::1%25eth0]/",
        "http://[::1%25]/",
        "http://[v1.x]/",
        "http://exa mple.com/",
        "http://example..com/",
        "http://.example.com/",
        "http://-example.com/",
        "http://ex%61mple.com/",
        "http://example.com%2f@evil.example/",
        "http://" + "a" * 64 + ".com/",
        "http://" + "a." * 127 + "com/",
        "http://example.com/\r\nHost: evil",
        "http://exa\tmple.com/",
        "http://example.com/\ud800",
        "http://\ud800.com/",
        "http://example.com/" + "x" * 8000,
    ],
)
def test_a_url_that_is_not_plainly_one_is_refused(url):
    with pytest.raises(Stop) as stop:
        parse_target(url)
    assert stop.value.failure.reason == "request"
    assert stop.value.failure.is_permanent
    assert "pass" not in stop.value.failure.text.replace("password", "")


@given(st.one_of(st.text(), st.text().map("http://".__add__), st.from_regex(r"https?://[a-z0-9.:@%\[\]/?#\\]*")))
def test_no_url_raises_anything_else_and_what_is_read_is_read_so_again(url):
    try:
        target = parse_target(url)
    except Stop:
        return
    assert target.url.isascii()
    assert parse_target(target.url) == target


@pytest.mark.parametrize(
    "header",
    [
        ("", "x"),
        ("X Name", "x"),
        ("X-Näme", "x"),
        ("X-Name:", "x"),
        ("X-Name", "a\nb"),
        ("X-Name", "a\0b"),
        ("X-Name", "\ud800"),
        ("Host", "evil.example"),
        ("CONTENT-LENGTH", "0"),
        ("Transfer-Encoding", "chunked"),
        ("Connection", "close"),
    ],
)
def test_a_header_that_would_change_the_request_is_refused(header):
    with pytest.raises(Stop) as stop:
        parse_call(Request("GET", "http://example.com/", (header,)))
    assert stop.value.failure.reason == "request"
    assert stop.value.failure.text.isprintable()


@pytest.mark.parametrize(
    ("url", "location", "sees_secrets"),
    [
        ("https://example.com/a", "http://example.com/a", None),
        ("https://example.com/a", "http://other.example/a", None),
        ("https://example.com/a", "/b", True),
        ("https://example.com/a", "//EXAMPLE.com.:443/b", True),
        ("http://example.com/a", "https://example.com/a", True),
        ("http://example.com:8080/a", "https://example.com/a", False),
        ("https://example.com/a", "https://example.com:8443/a", False),
        ("https://example.com/a", "https://api.example.com/a", False),
        ("http://example.com/a", "https://example.com.evil.example/a", False),
    ],
)
def test_a_redirect_goes_on_without_secrets_elsewhere_and_never_in_clear(url, location, sees_secrets):
    call = parse_call(Request("GET", url, (("Authorization", "s"),)))
    if sees_secrets is None:
        with pytest.raises(Stop) as stop:
            follow(call, 302, location)
        assert stop.value.failure.reason == "redirect"
    else:
        assert bool(follow(call, 302, location).headers) == sees_secrets


@pytest.mark.parametrize("method", ["", "get", "CONNECT", "TRACE", "GET / HTTP/1.1\r\n"])
def test_an_unusual_method_is_refused(method):
    with pytest.raises(Stop):
        parse_call(Request(method, "http://example.com/"))


def test_text_beyond_ascii_in_a_header_is_sent_as_utf_8():
    call = parse_call(Request("GET", "http://example.com/", (("X-Name", " Анна\t"),)))
    assert call.headers == ((b"X-Name", "Анна".encode()),)


@pytest.mark.parametrize(
    "address",
    [
        "0.0.0.1", "0.1.2.3", "10.0.0.1", "100.64.0.1", "100.100.100.200", "127.0.0.1", "127.255.255.254",
        "168.63.129.16", "169.254.169.254", "172.16.0.1", "172.31.255.255", "192.0.0.192", "192.0.2.1",
        "192.88.99.1", "192.168.1.1", "198.18.0.1", "198.19.255.255", "198.51.100.1", "203.0.113.1", "224.0.0.1",
        "239.255.255.250", "240.0.0.1", "255.255.255.255",
        "::", "::1", "::ffff:127.0.0.1", "::ffff:10.0.0.1", "::127.0.0.1", "::8.8.8.8", "64:ff9b::7f00:1",
        "64:ff9b::808:808", "64:ff9b:1::1", "100::1", "2001::1", "2001:0:53aa:64c:0:0:80ff:fffe", "2001:10::1",
        "2001:db8::1", "2002:7f00:1::", "2002:808:808::1", "3fff::1", "5f00::1", "fc00::1", "fd00:ec2::254",
        "fe80::1", "fe80::1%1", "fec0::1", "ff02::1", "ff0e::1",
    ],
)  # fmt: skip
def test_a_special_address_is_not_public(address):
    assert not is_public(parse_address(address))


@pytest.mark.parametrize(
    "address",
    ["1.1.1.1", "8.8.8.8", "11.0.0.1", "100.63.255.255", "100.128.0.1", "126.255.255.255", "128.0.0.1", "172.15.0.1",
     "172.32.0.1", "223.255.255.255", "::ffff:8.8.8.8", "2001:200::1", "2001:4860:4860::8888", "2606:4700::1111",
     "2a00:1450::1"],
)  # fmt: skip
def test_an_ordinary_address_is_public(address):
    assert is_public(parse_address(address))


@given(st.ip_addresses())
def test_what_python_calls_special_is_never_public(address):
    if is_public(address):
        special = "private", "loopback", "link_local", "multicast", "reserved", "unspecified"
        assert [word for word in special if getattr(address, f"is_{word}")] == []
        assert address.is_global


def test_an_address_within_another_is_what_it_stands_for():
    assert parse_address("::ffff:10.1.2.3") == ip_address("10.1.2.3")


NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("0", 0),
        ("120", 120),
        ("9" * 400, 600),
        ("Sat, 21 Nov 2026 12:01:30 GMT", 90),
        ("Sat, 21 Nov 2026 11:00:00 GMT", 0),
        ("Sun, 22 Nov 2099 11:00:00 GMT", 600),
        ("", None),
        ("-5", None),
        ("1.5", None),
        ("٣", None),
        ("soon", None),
        ("Sat, 99 Nov 2026 12:00:00 GMT", None),
    ],
)
def test_a_retry_after_is_seconds_or_a_date(value, seconds):
    assert parse_retry_after(value, NOON) == seconds


def rest_of(host: Host, now: float) -> float:
    """How long it rests from now on."""
    try:
        host.check(now)
    except Stop as stop:
        return stop.failure.retry_after_seconds
    return 0.0


def test_a_rest_begins_with_the_fifth_failure_in_a_row_and_doubles_up_to_five_minutes():
    host = Host("example.com", 10)
    for at in range(4):
        host.fail(at, at)
    assert rest_of(host, 4) == 0
    now, rests = 4.0, []
    for _ in range(11):
        host.begin(now, now + 10)
        host.fail(now, now)
        rests.append(rest_of(host, now))
        now += rests[-1]
    assert rests == [1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300]


def test_one_success_ends_it():
    host = Host("example.com", 10)
    for at in range(5):
        host.fail(at, at)
    host.succeed(3)
    assert rest_of(host, 4) == 1
    host.begin(5, 15)
    host.succeed(5)
    assert rest_of(host, 5) == 0
    host.fail(6, 6)
    assert rest_of(host, 6) == 0


def test_after_a_rest_one_goes_ahead_and_the_others_wait_for_it():
    host = Host("example.com", 10)
    for at in range(5):
        host.fail(at, at)
    host.begin(5, 15)
    assert rest_of(host, 5.5) == 9.5
    with pytest.raises(Stop):
        host.begin(6, 16)


def test_what_began_before_a_rest_makes_it_no_longer():
    host = Host("example.com", 10)
    for _ in range(10):
        host.fail(0, 3)
    assert rest_of(host, 3) == 1


def test_a_host_rests_as_long_as_it_asks_for():
    host = Host("example.com", 10)
    host.fail(0, 1, retry_after_seconds=30)
    assert rest_of(host, 1) == 30
    assert rest_of(host, 31) == 0


def test_only_hosts_that_failed_are_remembered_and_not_without_end():
    hosts = Hosts(10)
    with hosts.use(Target("http", "good.example", 80, "/")) as good:
        good.succeed(0)
    with hosts.use(Target("http", "good.example", 80, "/")) as again:
        assert again is not good
    for number in range(MOST_HOSTS + 50):
        with hosts.use(Target("http", f"bad{number}.example", 80, "/")) as bad:
            bad.fail(0, 0)
    assert len(hosts) == MOST_HOSTS
    with hosts.use(Target("http", "bad999.example", 80, "/")) as known:
        assert not known.is_sound
