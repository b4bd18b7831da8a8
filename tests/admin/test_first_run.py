"""From an empty installation to a delivered message, without the command line: what a newcomer does in a browser."""

from pathlib import Path

from chromium import Watcher, find_chromium, open_watchers
from product import own_database, product, wait_until


def fill(watcher: Watcher, **members: str) -> None:
    """Type or choose in fields by the names of their members; `__` stands for a dot."""
    for name, value in members.items():
        field = watcher.tab.locator(f"[name='{name.replace('__', '.')}']").first
        kind = field.evaluate("one => one.tagName + ' ' + one.type")
        if kind.startswith("SELECT"):
            field.select_option(value)
        elif kind.endswith("checkbox"):
            field.check()
        else:
            field.fill(value)


def follow(watcher: Watcher, words: str) -> None:
    """Click the link with these words."""
    with watcher.tab.expect_navigation():
        watcher.tab.get_by_role("link", name=words, exact=True).first.click()


def test_a_newcomer_gets_from_nothing_to_a_delivered_message_in_a_browser(server: str, tmp_path: Path):
    find_chromium()
    with (
        own_database(server, "story_first_run") as conninfo,
        product(tmp_path / "product", conninfo) as empty,
        open_watchers("") as open_tab,
    ):
        empty.serve()
        watcher: Watcher = open_tab()
        watcher.url = empty.url
        watcher.use_link(empty.read_line().split()[-1], name="Olga", email="olga@example.com")

        follow(watcher, "Make a database for your customers")
        fill(watcher, name="Customers")
        watcher.press("Save")
        watcher.open("")
        follow(watcher, "Say by which mail server to send")
        fill(watcher, name="Relay", host="127.0.0.1", port=str(empty.inbox.port), security="none")
        watcher.press("Save")
        watcher.open("")
        follow(watcher, "Write a template")
        fill(
            watcher,
            name="Welcome",
            email__from_email="shop@example.com",
            email__subject="Welcome, {lead._fname}",
            email__html="<p>Good to have you here, {lead._fname}.</p>",
        )
        watcher.press("Save")
        watcher.open("")
        follow(watcher, "Make a trigger that sends it")
        fill(watcher, name="Welcome", template="1", sender="1", active="on")
        watcher.press("Save")
        watcher.open("profiles/new")
        fill(watcher, field__email="ann@example.com", field___fname="Ann")
        watcher.press("Save")

        watcher.open(f"{watcher.tab.url.partition('/admin/')[2]}/launch")
        watcher.press("Show what would happen")
        assert "Welcome, Ann" in watcher.tab.inner_text("main")
        watcher.press("Launch now")
        wait_until(lambda: len(empty.inbox.messages) == 1, "the mail")
        assert empty.inbox.messages[0].path.read_bytes().count(b"Subject: Welcome, Ann") == 1
        watcher.open("messages")
        assert "ann@example.com" in watcher.tab.inner_text("main table")
        watcher.check_accessibility()
        assert watcher.complaints == []
