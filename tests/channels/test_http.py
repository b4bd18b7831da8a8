"""The door for outgoing HTTP, against servers on loopback that do what servers do, and worse."""

import asyncio
import gzip
import ssl
import tracemalloc
import zlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from ipaddress import ip_network

import pytest
import trustme
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.channels.web_server import (
    WebServer,
    close,
    drip,
    endless,
    hang,
    page,
    redirect,
    say_and_close,
)

from tocsin.channels.http import Answer, Failure, HttpDoor, Request

LOOPBACK = (ip_network("127.0.0.0/8"), ip_network("::1/128"))
MEGABYTE = 1024 * 1024
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"


@asynccontextmanager
async def open_door(*allowed, **options) -> AsyncIterator[HttpDoor]:
    door = HttpDoor([ip_network(network) for network in allowed] if allowed else LOOPBACK, **options)
    try:
        yield door
    finally:
        await door.close()


async def get(door: HttpDoor, url: str, seconds: float = 20.0, **members) -> Answer | Failure:
    return await door.fetch(Request(members.pop("method", "GET"), url, timeout_seconds=seconds, **members))


def resolving(**names):
    """A resolver; a name has a list of addresses, or a list of such lists, one for each look-up."""

    async def resolve(host, _port):
        found = names[host.partition(".")[0]]
        return found.pop(0) if isinstance(found[0], list) else found

    return resolve


async def test_a_request_arrives_as_it_was_given_and_its_answer_comes_back():
    answer = page(b'{"price": 5}', "201 Created", X_Request_Id="r-1", Set_Cookie="secret=1")
    async with WebServer({"/quote": answer}) as server, open_door() as door:
        got = await door.fetch(
            Request("POST", f"{server.url}/quote?for=Анна+B&x=%2F#top", (("X-Key", "k 1"),), b'{"a": 1}')
        )
    assert isinstance(got, Answer)
    assert (got.status, got.body, got.failure()) == (201, b'{"price": 5}', None)
    assert got.headers == {"content-type": "application/json", "x-request-id": "r-1"}
    assert 0 < got.seconds < 20
    [asked] = server.requests
    assert (asked.method, asked.body) == ("POST", b'{"a": 1}')
    assert asked.path == "/quote?for=%D0%90%D0%BD%D0%BD%D0%B0+B&x=%2F"
    assert asked.headers == {
        "host": f"127.0.0.1:{server.port}",
        "accept-encoding": "gzip",
        "user-agent": "Tocsin",
        "x-key": "k 1",
        "content-length": "8",
    }


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "PATCH", "DELETE"])
async def test_every_usual_method_is_sent_and_its_connection_is_kept(method):
    answer = page(b"" if method == "HEAD" else b"[]", Content_Length="2")
    async with WebServer({"/": answer}) as server, open_door() as door:
        answers = [await get(door, server.url, method=method, headers=(("user-agent", "Shop"),)) for _ in range(2)]
    assert [answer.body for answer in answers] == [b"" if method == "HEAD" else b"[]"] * 2
    assert [(asked.method, asked.headers["user-agent"]) for asked in server.requests] == [(method, "Shop")] * 2
    assert server.connections == 1


async def test_connections_are_kept_and_shared():
    async with WebServer() as server, open_door() as door:
        for _ in range(20):
            await get(door, server.url)
        assert server.connections == 1
        await asyncio.gather(*(get(door, server.url) for _ in range(50)))
    assert len(server.requests) == 70
    assert server.connections <= 10


async def test_a_kept_connection_that_the_server_closed_fails_no_request():
    async with WebServer({"/last": say_and_close(page())}) as server, open_door() as door:
        await get(door, f"{server.url}/last")
        await asyncio.sleep(0)
        assert isinstance(await get(door, f"{server.url}/last"), Answer)
    assert server.connections == 2


@pytest.mark.parametrize(
    "behaviour",
    [
        hang,
        drip(page()),
        drip(page(Content_Length="900") + b"x" * 900),
        endless(b"HTTP/1.1 200 OK\r\nContent-Length: 9000\r\n\r\n", b""),
        endless(b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
        endless(CHUNKED, b""),
    ],
)
async def test_a_server_that_takes_its_time_is_given_up_in_time(behaviour):
    async with WebServer({"/": behaviour}) as server, open_door() as door:
        began_at = asyncio.get_running_loop().time()
        got = await get(door, server.url, seconds=0.2)
        assert asyncio.get_running_loop().time() - began_at < 2
    assert got == Failure("timeout", f"127.0.0.1:{server.port}: no whole answer within 0.2 s")


@pytest.mark.parametrize(
    "said",
    [
        b"",
        b"220 mail.example.com ESMTP\r\n",
        b"\x16\x03\x01\x02\x00\x01" * 50,
        b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nshort",
        b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello!",
        b"HTTP/1.1 OK 200\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nNo colon\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nX: " + b"x" * 300_000,
        CHUNKED + b"zz\r\n",
        CHUNKED + b"5\r\nhel",
        page(b"packed", Content_Encoding="br"),
        page(b"not gzip", Content_Encoding="gzip"),
        page(gzip.compress(b"x" * 1000)[:-9], Content_Encoding="gzip"),
    ],
)
async def test_what_is_no_whole_http_answer_is_a_failure_that_may_pass(said):
    async with WebServer({"/": say_and_close(said)}) as server, open_door() as door:
        got = await get(door, server.url)
    assert isinstance(got, Failure)
    assert (got.reason, got.is_permanent) == ("protocol", False)
    assert got.text.isprintable()
    assert len(got.text) <= 500


BEGINNINGS = st.sampled_from([b"", b"HTTP/1.1 ", CHUNKED, b"HTTP/1.1 200 OK\r\n", b"HTTP/1.1 302 "])


@settings(max_examples=8, deadline=None)
@given(st.lists(st.builds(bytes.__add__, BEGINNINGS, st.binary(max_size=300)), min_size=10, max_size=20))
def test_no_answer_whatever_raises(said):
    async def ask():
        answers = {f"/{number}": say_and_close(content) for number, content in enumerate(said)}
        async with WebServer(answers) as server, open_door(resolve=loopback) as door:
            urls = [f"http://host{number}.example:{server.port}/{number}" for number in range(len(said))]
            return [await get(door, url) for url in urls]

    assert {type(one) for one in asyncio.run(ask())} <= {Answer, Failure}


async def loopback(_host, _port):
    return ["127.0.0.1"]


@pytest.mark.parametrize(
    ("head", "piece"),
    [
        (b"HTTP/1.1 200 OK\r\nContent-Length: 10485760\r\n\r\n", b"x" * 65536),
        (CHUNKED, b"10000\r\n" + b"x" * 65536 + b"\r\n"),
        (b"HTTP/1.0 200 OK\r\n\r\n", b"x" * 65536),
    ],
)
async def test_a_large_answer_is_not_read_beyond_its_limit(head, piece):
    async with WebServer({"/": endless(head, piece)}) as server, open_door() as door:
        got = await get(door, server.url)
        assert isinstance(got, Failure)
        assert (got.reason, got.is_permanent) == ("too_large", True)
        assert isinstance(await get(door, f"{server.url}/other"), Answer)


async def test_an_answer_at_the_limit_is_taken_and_one_byte_more_is_not():
    answers = {"/at": page(b"x" * 1000), "/over": page(b"x" * 1001)}
    packed = {f"{path}/packed": page(gzip.compress(b"x" * size), Content_Encoding="gzip") for path, size in SIZES}
    async with WebServer(answers | packed) as server, open_door(most_body_bytes=1000) as door:
        for path in ("/at", "/at/packed"):
            assert (await get(door, server.url + path)).body == b"x" * 1000
        for path in ("/over", "/over/packed"):
            assert (await get(door, server.url + path)).reason == "too_large"


SIZES = (("/at", 1000), ("/over", 1001))


@pytest.mark.parametrize(
    ("packed", "encoding"),
    [
        (gzip.compress(b"hello " * 9, mtime=0), "gzip"),
        (gzip.compress(b"hello " * 4, mtime=0) + gzip.compress(b"hello " * 5, mtime=0), "GZIP"),
        (zlib.compress(b"hello " * 9), "deflate"),
        (b"hello " * 9, "identity"),
    ],
)
async def test_a_packed_answer_is_unpacked(packed, encoding):
    async with WebServer({"/": page(packed, Content_Encoding=encoding)}) as server, open_door() as door:
        assert (await get(door, server.url)).body == b"hello " * 9


async def test_a_bomb_does_not_go_off():
    bomb = gzip.compress(b"\0" * (50 * MEGABYTE))
    empty = gzip.compress(b"") * 60_000
    answers = {"/bomb": page(bomb, Content_Encoding="gzip"), "/empty": page(empty, Content_Encoding="gzip")}
    async with WebServer(answers) as server, open_door() as door:
        tracemalloc.start()
        assert (await get(door, f"{server.url}/bomb")).reason == "too_large"
        assert tracemalloc.get_traced_memory()[1] < 8 * MEGABYTE
        tracemalloc.stop()
        assert (await get(door, f"{server.url}/empty")).reason == "too_large"


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_get_follows_a_redirect_with_its_headers_on_the_same_host(status):
    async with WebServer({"/old": redirect("new?a=1", status)}) as server, open_door() as door:
        got = await get(door, f"{server.url}/old", headers=(("Authorization", "Bearer s"),))
    assert isinstance(got, Answer)
    assert got.status == 200
    assert [(asked.path, asked.headers["authorization"]) for asked in server.requests] == [
        ("/old", "Bearer s"),
        ("/new?a=1", "Bearer s"),
    ]


@pytest.mark.parametrize("status", [307, 308])
async def test_post_follows_a_redirect_that_keeps_the_method_with_its_body(status):
    async with WebServer({"/old": redirect("/new", status)}) as server, open_door() as door:
        await get(door, f"{server.url}/old", method="POST", body=b"order")
    assert [(asked.method, asked.path, asked.body) for asked in server.requests] == [
        ("POST", "/old", b"order"),
        ("POST", "/new", b"order"),
    ]


async def test_another_host_sees_neither_secrets_nor_a_body():
    async with WebServer(host="127.0.0.3") as other:
        answers = {"/get": redirect(other.url), "/post": redirect(other.url, 307)}
        async with WebServer(answers) as server, open_door() as door:
            secret = (("X-Api-Key", "s"), ("Cookie", "s"), ("Accept", "text/csv"))
            assert isinstance(await get(door, f"{server.url}/get", headers=secret, body=b"personal"), Answer)
            got = await get(door, f"{server.url}/post", method="POST", body=b"personal")
    [asked] = other.requests
    assert asked.headers.keys() == {"host", "accept", "accept-encoding", "user-agent"}
    assert (asked.headers["host"], asked.body) == (f"127.0.0.3:{other.port}", b"")
    assert (got.reason, got.is_permanent) == ("redirect", True)


@pytest.mark.parametrize(
    "location",
    [
        "file:///etc/passwd",
        "gopher://127.0.0.1/",
        "http://",
        "http://[",
        "//user:pass@127.0.0.1/",
        "http://0x7f.1/",
        "\\\\",
    ],
)
async def test_a_redirect_to_something_odd_is_not_followed(location):
    async with WebServer({"/": redirect(location), "/%5C%5C": close}) as server, open_door() as door:
        got = await get(door, server.url)
    assert got.reason in ("redirect", "protocol")


@pytest.mark.parametrize("status", [301, 302, 303])
async def test_post_does_not_become_get(status):
    async with WebServer({"/": redirect("/new", status)}) as server, open_door() as door:
        got = await get(door, server.url, method="POST", body=b"order")
    text = f"127.0.0.1:{server.port} answered POST with the redirect {status}, which would turn it into GET"
    assert got == Failure("redirect", text, is_permanent=True)
    assert len(server.requests) == 1


async def test_redirects_end():
    async with WebServer({"/": redirect("/")}) as server, open_door() as door:
        got = await get(door, server.url)
    assert got == Failure("redirect", "there are more than 3 redirects", is_permanent=True)
    assert len(server.requests) == 4


async def test_redirects_share_one_time_out():
    async def think(writer):
        await asyncio.sleep(0.2)
        writer.write(redirect("/"))

    async with WebServer({"/": think}) as server, open_door() as door:
        assert (await get(door, server.url, seconds=0.5)).reason == "timeout"


async def test_a_redirect_leads_to_no_private_address():
    async with WebServer(host="127.0.0.1") as inner:
        answers = {"/": redirect(inner.url), "/name": redirect(f"http://inner.example:{inner.port}/")}
        async with WebServer(answers, "127.0.0.2") as server:
            resolve = resolving(inner=["127.0.0.1"])
            async with open_door("127.0.0.2/32", resolve=resolve) as door:
                got = [await get(door, server.url), await get(door, f"{server.url}/name")]
    assert [(one.reason, one.is_permanent) for one in got] == [("forbidden_address", True)] * 2
    assert (len(server.requests), inner.connections) == (2, 0)


@pytest.mark.parametrize("host", ["127.0.0.1", "[::ffff:127.0.0.1]", "localhost", "LOCALHOST."])
async def test_nothing_private_is_reached_unless_the_operator_lists_it(host):
    async with WebServer() as server:
        door = HttpDoor()
        got = await get(door, f"http://{host}:{server.port}/")
        await door.close()
        async with open_door("127.0.0.1/32") as allowing:
            assert isinstance(await get(allowing, f"http://{host}:{server.port}/"), Answer)
    assert got.reason == "forbidden_address"
    assert got.text.endswith("is not public and not in TOCSIN_ALLOW_PRIVATE_ADDRESSES")
    assert server.connections == 1


async def test_a_name_that_changes_its_address_reaches_nothing_private():
    """The address that is connected to is the one that was checked, at every connection."""
    async with WebServer(host="127.0.0.1") as inner, WebServer({"/": say_and_close(page())}, "127.0.0.2") as server:
        resolve = resolving(shop=[["127.0.0.2"], ["127.0.0.1"], ["127.0.0.1", "127.0.0.2"]])
        async with open_door("127.0.0.2/32", resolve=resolve) as door:
            got = [await get(door, f"http://shop.example:{server.port}/") for _ in range(3)]
    assert [getattr(one, "reason", "answered") for one in got] == ["answered", "forbidden_address", "answered"]
    assert inner.connections == 0
    assert [asked.headers["host"] for asked in server.requests] == [f"shop.example:{server.port}"] * 2


async def test_the_next_address_is_tried_when_one_refuses():
    resolve = resolving(shop=["127.0.0.3", "127.0.0.2"])
    async with WebServer(host="127.0.0.2") as server, open_door(resolve=resolve) as door:
        assert isinstance(await get(door, f"http://shop.example:{server.port}/"), Answer)


async def test_a_closed_port_and_an_unknown_name_may_pass():
    async def nobody(_host, _port):
        raise OSError(-2, "Name or service not known")

    async with WebServer() as server:
        url, name = server.url, f"http://shop.example:{server.port}/"
    async with open_door() as door, open_door(resolve=nobody) as lost, open_door(resolve=resolving(shop=[[]])) as empty:
        got = [await get(door, url), await get(lost, name), await get(empty, name)]
    assert got == [
        Failure("refused", f"127.0.0.1:{server.port}: no connection: Connection refused"),
        Failure("dns", f"shop.example:{server.port}: its address was not found: Name or service not known"),
        Failure("dns", f"shop.example:{server.port}: its address was not found: no address"),
    ]


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


def serve_tls(authority: trustme.CA, name: str) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(name).configure_cert(context)
    return context


async def test_a_certificate_is_checked_for_the_name_and_not_for_the_address(authority, tmp_path, monkeypatch):
    authority.cert_pem.write_to_path(str(tmp_path / "authority.pem"))
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "authority.pem"))
    resolve = resolving(shop=["127.0.0.1"], other=["127.0.0.1"])
    async with WebServer(tls=serve_tls(authority, "shop.example")) as server, open_door(resolve=resolve) as door:
        answer = await get(door, f"https://shop.example.:{server.port}/")
        wrong = await get(door, f"https://other.example:{server.port}/")
    assert isinstance(answer, Answer)
    assert server.requests[0].headers["host"] == f"shop.example:{server.port}"
    assert (wrong.reason, wrong.is_permanent) == ("tls", False)
    assert "other.example" in wrong.text


async def test_a_certificate_that_nobody_vouches_for_is_refused(authority):
    async with WebServer(tls=serve_tls(authority, "127.0.0.1")) as server, open_door() as door:
        got = await get(door, server.url)
    assert got.reason == "tls"
    assert got.text.startswith(f"127.0.0.1:{server.port}: TLS failed: ")
    assert "certificate" in got.text
    assert server.requests == []


def hang_until(count: int):
    """An event, and a behaviour that never answers and sets it with its `count`th request."""
    event, requests = asyncio.Event(), []

    async def behave(writer):
        requests.append(writer)
        if len(requests) == count:
            event.set()
        await hang(writer)

    return event, behave


async def end(tasks: list[asyncio.Task]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


async def test_one_slow_host_holds_up_no_other_and_is_asked_by_a_few_at_once():
    busy, hang_busily = hang_until(3)
    async with WebServer({"/": hang_busily}) as slow, WebServer(host="127.0.0.2") as quick:
        door = HttpDoor(LOOPBACK, connections_per_host=3)
        waiting = [asyncio.create_task(get(door, slow.url)) for _ in range(10)]
        await busy.wait()
        assert isinstance(await get(door, quick.url), Answer)
        assert (slow.most_at_once, len(slow.requests)) == (3, 3)
        await end(waiting)
        await door.close()


async def test_a_request_that_finds_no_connection_to_spare_says_so():
    busy, hang_busily = hang_until(1)
    async with WebServer({"/": hang_busily}) as server, open_door(connections_per_host=1) as door:
        first = asyncio.create_task(get(door, server.url))
        await busy.wait()
        got = await get(door, server.url, seconds=0.1)
        assert (got.reason, got.is_permanent, got.retry_after_seconds) == ("busy", False, 1.0)
        await end([first])


@pytest.mark.parametrize(("limit", "hosts"), [("connections_per_host", 1), ("connections", 2)])
async def test_waiting_for_a_connection_takes_nothing_from_the_time_of_a_request(limit, hosts):
    async def think(writer):
        await asyncio.sleep(0.6)
        writer.write(page())

    async with WebServer({"/": think}) as server, open_door(resolve=loopback, **{limit: 1}) as door:
        urls = [f"http://host{number % hosts}.example:{server.port}/" for number in range(2)]
        got = await asyncio.gather(*(get(door, url, seconds=1.0) for url in urls))
    assert [type(one) for one in got] == [Answer, Answer]
    assert max(one.seconds for one in got) < 1


async def test_all_hosts_together_have_a_limit_too():
    one, other = (WebServer({"/": drip(page(), 0)}, host) for host in ("127.0.0.1", "127.0.0.2"))
    async with one, other, open_door(connections=2) as door:
        got = await asyncio.gather(*(get(door, server.url) for server in (one, other) for _ in range(4)))
    assert {type(answer) for answer in got} == {Answer}
    assert one.most_at_once <= 2
    assert other.most_at_once <= 2


async def test_a_host_that_keeps_failing_is_left_alone():
    async with WebServer({"/": close}) as server, open_door() as door:
        got = [await get(door, server.url) for _ in range(7)]
    assert [one.reason for one in got] == ["protocol"] * 5 + ["resting"] * 2
    assert 0 < got[-1].retry_after_seconds <= 1
    assert server.connections == 5


@pytest.mark.parametrize("status", [429, 503])
async def test_a_host_that_asks_for_a_pause_gets_it(status):
    answers = {"/": page(b"later", f"{status} Later", Retry_After="120")}
    async with WebServer(answers) as server, open_door() as door:
        first = await get(door, server.url)
        second = await get(door, f"{server.url}/other")
    assert first.failure() == Failure("status", f"the server answered {status}", retry_after_seconds=120.0)
    assert second.reason == "resting"
    assert 119 < second.retry_after_seconds <= 120
    assert len(server.requests) == 1


@pytest.mark.parametrize(
    ("status", "is_permanent"), [(404, True), (304, True), (400, True), (408, False), (500, False)]
)
async def test_a_status_other_than_success_is_an_answer_that_says_whether_to_try_again(status, is_permanent):
    answers = {"/": page(b"", f"{status} No")}
    async with WebServer(answers) as server, open_door() as door:
        answer = await get(door, server.url)
    assert answer.failure() == Failure("status", f"the server answered {status}", is_permanent)


async def test_cancelled_requests_leave_the_door_as_it_was():
    async with WebServer({"/hang": hang}) as server, open_door(connections=4, connections_per_host=2) as door:
        for _ in range(5):
            tasks = [asyncio.create_task(get(door, f"{server.url}/hang")) for _ in range(8)]
            for _ in range(6):
                await asyncio.sleep(0)
            await end(tasks)
        got = await asyncio.gather(*(get(door, server.url) for _ in range(8)))
    assert {type(one) for one in got} == {Answer}


async def test_a_proxy_in_the_environment_is_not_used(monkeypatch):
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    async with WebServer() as server, open_door() as door:
        assert isinstance(await get(door, server.url), Answer)


async def test_an_address_of_version_6_is_reached_and_named_in_brackets():
    async with WebServer(host="::1") as server, open_door() as door:
        assert isinstance(await get(door, server.url), Answer)
    assert server.requests[0].headers["host"] == f"[::1]:{server.port}"


async def test_what_cannot_be_sent_is_refused_without_a_connection():
    async with WebServer() as server, open_door() as door:
        got = await get(door, server.url, headers=(("X-Name", "Anna\r\nX-Admin: 1"),))
    text = "the header X-Name has a control character, such as a line break, in its value"
    assert got == Failure("request", text, is_permanent=True)
    assert server.connections == 0


async def test_an_answer_in_crumbs_does_not_stop_everything_else():
    crumbs = endless(CHUNKED, b"1\r\nx\r\n" * 10_000)
    async with WebServer({"/": crumbs}) as server, open_door(most_body_bytes=100_000) as door:
        asking = asyncio.create_task(get(door, server.url))
        turns = 0
        while not asking.done():
            await asyncio.sleep(0)
            turns += 1
        assert (await asking).reason == "too_large"
    assert turns > 1000
