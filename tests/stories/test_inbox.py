"""The development inbox of a running server, from a call to the mail that a command prints."""

import socket
from pathlib import Path

from product import own_database, product, wait_until

from cast import CONFIGURATION


def find_free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def test_mail_to_the_built_in_inbox_is_listed_printed_and_deleted(server: str, tmp_path: Path):
    port = find_free_port()
    with (
        own_database(server, "story_inbox") as conninfo,
        product(tmp_path, conninfo, TOCSIN_INBOX_LISTEN=f"127.0.0.1:{port}") as shop,
    ):
        shop.configure(CONFIGURATION.replace("port: 2525", f"port: {port}"))
        shop.serve()
        for name in ("Ann", "Bob"):
            data = {"email": f"{name.lower()}@example.com", "_fname": name}
            assert shop.post("campaigns/triggers/import_and_start", trigger_id=8, data=data)["error"] == 0
        wait_until(lambda: shop.run("inbox", "list", "--limit", "0").stdout == "2 mails\n", "both mails")
        found = shop.run("inbox", "list", "--search", "ANN@").stdout.splitlines()
        assert (len(found), found[-1]) == (2, "2 mails")
        mail_id, *_, subject = found[0].split("  ")
        assert subject.strip() == "Thank you, Ann"
        printed = shop.run("inbox", "show", mail_id).stdout
        assert "To: ann@example.com" in printed
        assert "Dear Ann, page" in printed
        assert shop.run("inbox", "show", "nothing").returncode == 1
        assert shop.run("inbox", "clear").stdout == "deleted 2 mails\n"
        assert shop.run("inbox", "list").stdout == "0 mails\n"
        assert shop.stop() == 0


def test_the_inbox_listens_on_this_host_only(server: str, tmp_path: Path):
    with (
        own_database(server, "story_inbox_outside") as conninfo,
        product(tmp_path, conninfo, TOCSIN_INBOX_LISTEN="0.0.0.0:2525") as shop,
    ):
        refused = shop.run("serve")
    assert refused.returncode == 1
    assert refused.stderr == (
        "tocsin: TOCSIN_INBOX_LISTEN: expected HOST:PORT on this host, as 127.0.0.1:2525 or [::1]:2525, "
        "got '0.0.0.0:2525'\n"
    )


def test_a_host_that_is_only_an_inbox_must_have_a_place_for_it(server: str, tmp_path: Path):
    with own_database(server, "story_inbox_nowhere") as conninfo, product(tmp_path, conninfo) as shop:
        refused = shop.run("serve", "--roles", "inbox")
    assert (refused.returncode, refused.stderr) == (1, "tocsin: TOCSIN_INBOX_LISTEN: --roles inbox needs one\n")
