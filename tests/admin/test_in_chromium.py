"""Every page in a real browser, as each role, in both themes and on a phone: nothing complains, nothing is cut off."""

import re
import urllib.error
import urllib.request
from collections.abc import Iterator
from typing import Any

import pytest
from chromium import Watcher, find_chromium, open_watchers
from product import Product, own_database, wait_until

from tocsin.core.users import ROLES
from tocsin.web.admin.pages import TABLE

NASTY = '"><img src=x onerror=alert(1)><script>alert(1)</script>{{7*7}}'
# The ids of what pages with `{…}` in their address are opened for; found out from what was sent.
_NUMBERS = {
    "triggers": "8",
    "templates": "1",
    "workflows": "12",
    "settings/databases": "1",
    "settings/senders": "1",
    "settings/hooks": "1",
    "settings/resources": "21",
}
# Files, frames and streams are no pages.
_NOT_PAGES = re.compile(r"/(html|source|export|live|files|preview|numbers|download)(/|$)|^live$|\.json$|\{link\}")


@pytest.fixture(scope="module")
def shop(server: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Product]:
    """A server where things have happened, with an account for each role."""
    find_chromium()
    with own_database(server, "story_console") as conninfo:
        product = Product(tmp_path_factory.mktemp("console"), conninfo)
        product.inbox.start()
        product.configure()
        product.serve()
        try:
            _fill(product)
            yield product
        finally:
            product.close()


def _fill(product: Product) -> None:
    people = [
        {
            "data": {
                "email": f"person{number}@example.com",
                "_fname": NASTY,
                "bonus": number,
                "CRM_ID": f"{NASTY}{number}",
            }
        }
        for number in range(60)
    ]
    product.post(
        "campaigns/triggers/import_and_start_batch",
        trigger_id=8,
        matching="email",
        data=people,
        content={"page": NASTY},
    )
    product.post("workflows/import_and_start_batch", workflow_id=12, matching="email", data=people[:5])
    product.post("campaigns/triggers/import_and_start_batch_task", trigger_id=13, matching="email", data=people)
    wait_until(
        lambda: product.rows("SELECT count(*) FROM events WHERE type = 'send'")[0][0] >= 120, "the mails to be sent"
    )


@pytest.fixture(scope="module")
def sessions(shop: Product) -> dict[str, Any]:
    """The cookies of each role."""
    states: dict[str, Any] = {}
    with open_watchers(shop.url) as open_tab:
        for role in ROLES:
            invited = shop.run("user", "invite", f"{role}@example.com", "--role", role, "--name", role.title())
            assert invited.returncode == 0, invited.stderr
            link = re.sub(r"^http://[^/]+", shop.url, invited.stdout.strip())
            watcher: Watcher = open_tab()
            watcher.use_link(link)
            states[role] = watcher.tab.context.storage_state()
    return states


def list_paths(shop: Product) -> list[str]:
    """An address for each page of the table."""
    ((message_id, profile_id, launch_id),) = shop.rows(
        "SELECT encode(message_id, 'hex'), encode(profile_id, 'hex'), encode(launch_id, 'hex') FROM events"
        " WHERE type = 'send' ORDER BY at, id LIMIT 1"
    )
    ((user_id,),) = shop.rows("SELECT id::text FROM users WHERE role = 'viewer'")
    named = _NUMBERS | {"messages": message_id, "profiles": profile_id, "launches": launch_id, "users": user_id}
    paths = []
    for page in TABLE:
        if page.is_open or _NOT_PAGES.search(page.path) or page.path.startswith("inbox/"):
            continue
        if page.path == "settings/{section}":
            paths += [place for place in named if place.startswith("settings/")]
        elif page.path == "settings/{section}/{id}":
            paths += [f"{place}/{number}" for place, number in named.items() if place.startswith("settings/")]
            paths += ["settings/senders/1/versions"]
            paths += ["settings/senders/new?type=smtp", "settings/hooks/new"]
        elif "{" not in page.path:
            paths.append(page.path)
        else:
            paths += _fill_in(page.path, named)
    return paths


def _fill_in(path: str, named: dict[str, str]) -> list[str]:
    section = path.partition("/")[0]
    filled = path.replace("{id}", named.get(section, "")).replace("{node}", "pause")
    return [] if "{" in filled or section not in named else [filled]


@pytest.mark.parametrize("role", ROLES)
def test_every_page_is_sound_for_each_role(shop: Product, sessions: dict[str, Any], role: str):
    with open_watchers(shop.url) as open_tab:
        watcher: Watcher = open_tab(state=sessions[role])
        for path in list_paths(shop):
            status = watcher.open(path)
            assert status in ((200,) if role == "owner" else (200, 403)), (path, status)
            watcher.check_accessibility()
            watcher.check_width()
            if role == "owner":
                watcher.keep(f"{path or 'overview'}")
        assert watcher.complaints == []


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_every_page_fits_a_phone_in_both_themes(shop: Product, sessions: dict[str, Any], theme: str):
    with open_watchers(shop.url) as open_tab:
        watcher: Watcher = open_tab(theme, 390, sessions["owner"])
        for path in list_paths(shop):
            watcher.open(path)
            watcher.check_accessibility()
            watcher.check_width()
            watcher.keep(f"{path or 'overview'}-phone-{theme}")
        assert watcher.complaints == []


def test_pages_speak_russian_without_a_word_of_english_in_their_ways(shop: Product, sessions: dict[str, Any]):
    with open_watchers(shop.url) as open_tab:
        watcher: Watcher = open_tab(state=sessions["viewer"])
        watcher.open("account?lang=ru")
        watcher.tab.select_option("#language", "ru")
        watcher.press("Сохранить")
        for path in list_paths(shop):
            watcher.open(path)
            ways = watcher.tab.locator(".ways").inner_text()
            assert not re.search("[A-Za-z]{3}", ways), ways
        assert watcher.complaints == []


def test_the_theme_is_chosen_and_kept(shop: Product, sessions: dict[str, Any]):
    with open_watchers(shop.url) as open_tab:
        watcher: Watcher = open_tab("light", state=sessions["owner"])
        watcher.open("")
        watcher.tab.click("[data-theme-toggle]")
        watcher.open("launches")
        assert watcher.tab.get_attribute("html", "data-theme") == "dark"
        assert watcher.complaints == []


def test_the_overview_is_kept_up_to_date(shop: Product, sessions: dict[str, Any]):
    with open_watchers(shop.url) as open_tab:
        watcher: Watcher = open_tab(state=sessions["owner"])
        watcher.open("")
        before = watcher.tab.locator("#live tbody tr").count()
        shop.post(
            "campaigns/triggers/import_and_start", trigger_id=85, matching="email", data={"email": "new@example.com"}
        )
        watcher.tab.wait_for_function(
            "before => document.querySelectorAll('#live tbody tr').length !== before || "
            "document.querySelector('#live').textContent.includes('By xml')",
            arg=before,
        )
        assert "By xml" in watcher.tab.inner_text("#live")
        assert watcher.complaints == []


def test_a_mail_in_its_frame_can_neither_run_nor_send_nor_load_anything(shop: Product, sessions: dict[str, Any]):
    with open_watchers(shop.url) as open_tab:
        watcher: Watcher = open_tab(state=sessions["owner"])
        asked: list[str] = []
        watcher.tab.on("request", lambda request: asked.append(request.url))
        path = next(path for path in list_paths(shop) if path.startswith("messages/"))
        watcher.open(path)
        watcher.tab.wait_for_timeout(300)
        assert [url for url in asked if not url.startswith((shop.url, "data:"))] == []
        assert watcher.complaints == []


def test_without_scripts_everything_can_be_read_and_sent(shop: Product, sessions: dict[str, Any]):
    with open_watchers(shop.url) as open_tab:
        watcher: Watcher = open_tab(state=sessions["owner"])
        watcher.tab.route("**/*.js", lambda route: route.abort())
        watcher.open("settings/resources/new")
        watcher.tab.fill("#name", "Without scripts")
        watcher.press("Save")
        assert "Saved." in watcher.tab.inner_text("main")


def test_a_stranger_gets_only_the_page_to_log_in(shop: Product):
    for page in TABLE:
        if not page.is_open:
            path = re.sub(r"\{\w+\}", "1", page.path)
            request = urllib.request.Request(f"{shop.url}/admin/{path}")
            with urllib.request.urlopen(request) as answer:
                assert "/admin/login" in answer.url, path
            with pytest.raises(urllib.error.HTTPError, match="403"):
                urllib.request.urlopen(urllib.request.Request(f"{shop.url}/admin/{path}", b"a=b"))


def test_the_editor_of_templates_shows_what_is_typed_and_marks_the_line_of_a_mistake(
    shop: Product, sessions: dict[str, Any]
):
    with open_watchers(shop.url) as open_tab:
        watcher: Watcher = open_tab(state=sessions["owner"])
        watcher.open("templates/1/edit")
        tab, shown = watcher.tab, watcher.tab.frame_locator("iframe.preview:not(.coming)")
        steps = tab.evaluate("history.length")
        tab.fill("[id='email.subject']", "Typed for {lead._fname}")
        shown.get_by_text("Typed for Anna").wait_for()
        shown.frame_locator("iframe.mail").get_by_text("Dear Anna").wait_for()
        tab.fill("[id='email.html']", "<p>\n{lead.</p>")
        tab.locator("[id='email.html-mistake']").click()
        assert tab.locator(".gutter .wrong").all_inner_texts() == ["2"]
        assert tab.evaluate("document.activeElement.selectionStart") == len("<p>\n")
        tab.fill("[id='email.html']", "<p>Fine</p>")
        shown.frame_locator("iframe.mail").get_by_text("Fine").wait_for()
        assert tab.locator(".mistake").count() == 0
        assert tab.evaluate("history.length") == steps
        assert watcher.complaints == []
