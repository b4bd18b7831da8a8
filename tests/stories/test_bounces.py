"""Mail goes out under its own return path, comes back over SMTP, and is told of: real processes."""

import re
import smtplib
import socket
from collections.abc import Iterator
from email import message_from_bytes
from email.utils import getaddresses
from pathlib import Path

import pytest
from product import Product, own_database, product, wait_until
from tests.core.bounce_mails import POSTFIX

from cast import CONFIGURATION

ADDRESS = "ann@example.com"
# Its mails count as delivered when they are accepted, and tell of replies.
FOLLOWED = CONFIGURATION.replace("port: 2525,", "port: 2525, delivered: accepted,").replace(
    "{id: 8, name: Order received,", "{id: 8, name: Order received, tracking: {replies: true},"
)


def find_free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture
def port() -> int:
    return find_free_port()


@pytest.fixture
def shop(server: str, tmp_path: Path, port: int) -> Iterator[Product]:
    settings = {
        "TOCSIN_BOUNCE_DOMAIN": "bounces.example.com",
        "TOCSIN_BOUNCE_SECRET": "sixteen-or-more-characters",
        "TOCSIN_BOUNCE_LISTEN": f"127.0.0.1:{port}",
    }
    with own_database(server, "story_bounces") as conninfo, product(tmp_path / "shop", conninfo, **settings) as opened:
        opened.configure(FOLLOWED)
        yield opened


def test_what_comes_back_is_an_event_and_ends_what_is_sent(shop: Product, port: int):
    shop.serve()
    item = {"data": {"email": ADDRESS}}
    asked = {"trigger_id": 8, "db_id": 1, "matching": "email", "data": [item]}
    shop.post("campaigns/triggers/import_and_start_batch", **asked)
    wait_until(lambda: len(shop.inbox.messages) == 1, "the mail")
    mail = shop.inbox.messages[0]
    assert re.fullmatch(r"b-[0-9a-f]{24}-[a-z2-7]{16}@bounces\.example\.com", mail.sender)
    written = message_from_bytes(mail.path.read_bytes())
    assert written["From"] == "Shop <shop@example.com>"
    assert getaddresses([written["Reply-To"]]) == [("", "help@example.com"), ("", mail.sender)]
    with smtplib.SMTP("127.0.0.1", port) as client:
        client.sendmail(ADDRESS, [mail.sender], f"From: {ADDRESS}\nSubject: Re: Thank you\n\nWhere is it?\n")
        client.sendmail("", [mail.sender], POSTFIX)
        with pytest.raises(smtplib.SMTPRecipientsRefused):
            client.sendmail("", ["shop@example.com"], POSTFIX)
    smid = mail.sender.split("-")[1]

    def types() -> set[str]:
        return {event["type"] for event in shop.post("messages/get", smid=smid)["data"]["events"]}

    wait_until(lambda: types() == {"send", "deliv", "reply", "hbounce"}, "all events")
    answer = shop.post("campaigns/triggers/import_and_start_batch", **asked)
    assert answer["skipped"][0]["reason"] == "not_subscribed"
    shown = shop.run("message", "show", smid)
    assert (shown.returncode, shown.stderr) == (0, "")
    assert re.search(r"hbounce +550 5\.1\.1 <ann@recipient\.example>: Recipient address rejected", shown.stdout)
    assert shop.stop() == 0


def test_a_host_may_take_bounces_alone(shop: Product, port: int):
    shop.serve("--roles", "bounces")
    with smtplib.SMTP("127.0.0.1", port) as client:
        assert client.noop()[0] == 250
    assert shop.stop() == 0


def test_a_host_that_is_to_take_bounces_alone_must_know_where(server: str, tmp_path: Path):
    with own_database(server, "story_no_bounces") as conninfo, product(tmp_path / "shop", conninfo) as opened:
        ended = opened.run("serve", "--roles", "bounces")
    assert (ended.returncode, ended.stderr) == (1, "tocsin: TOCSIN_BOUNCE_LISTEN: --roles bounces needs one\n")
