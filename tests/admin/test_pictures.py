"""The pictures of the documents, of a shop where things have happened.

TOCSIN_TEST_SCREENSHOTS=docs/console keeps them.
"""

from collections.abc import Iterator
from pathlib import Path

import pytest
from chromium import SCREENSHOTS, Watcher, find_chromium, open_watchers
from product import Product, own_database, wait_until

DEMO = Path(__file__).resolve().parents[2] / "demo" / "tocsin.yaml"
NAMES = ("Anna", "Boris", "Clara", "Dmitry", "Elena", "Felix", "Grace", "Hugo", "Irina", "Jonas")
LINES = [{"name": "Oolong, 100 g", "pieces": 2, "price": "18.00"}, {"name": "Teapot", "price": "34.50"}]


@pytest.fixture(scope="module")
def shop(server: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Product]:
    find_chromium()
    with own_database(server, "story_pictures") as conninfo:
        product = Product(tmp_path_factory.mktemp("pictures"), conninfo)
        product.inbox.start()
        product.configure(DEMO.read_text("utf-8"))
        product.serve()
        try:
            fill(product)
            yield product
        finally:
            product.close()


def fill(product: Product) -> None:
    """Mails of several triggers, some refused, and customers on their way through the scenario."""
    people = [
        {"data": {"email": f"{name.lower()}{number}@example.com", "_fname": name, "bonus": number % 3}}
        for number in range(20)
        for name in NAMES
    ]
    content = {"order": "A-1042", "lines": LINES, "total": "70.50", "delivery": "on Friday"}
    launch = "campaigns/triggers/import_and_start_batch"
    product.post(launch, trigger_id=8, matching="email", data=people, content=content)
    product.post(f"{launch}_task", trigger_id=96, matching="email", data=people[:90])
    product.post(
        "workflows/import_and_start_batch", workflow_id=12, matching="email", content={"page": "cart"}, data=people[:60]
    )
    sent = "SELECT count(*) FROM events WHERE type = 'send'"
    wait_until(lambda: product.rows(sent)[0][0] >= 350, "the mails")


def test_the_pages_of_the_documents_show_what_happened(shop: Product):
    ((message_id, profile_id),) = shop.rows(
        "SELECT encode(message_id, 'hex'), encode(profile_id, 'hex') FROM events"
        " WHERE type = 'send' AND trigger_id = 8 ORDER BY at, id LIMIT 1"
    )
    pages = {
        "overview": ("", "Latest launches"),
        "message": (f"messages/{message_id}", "What happened"),
        "workflow": ("workflows/12", "Abandoned cart"),
        "template": ("templates/1/edit", "How it looks"),
    }
    with open_watchers(shop.url) as open_tab:
        watcher: Watcher = open_tab()
        watcher.use_link(shop.read_line().split()[-1], name="Olga", email="olga@example.com")
        for name, (path, words) in pages.items():
            watcher.open(path)
            if name == "template":
                watcher.tab.frame_locator("iframe.preview").frame_locator("iframe.mail").locator(
                    "table"
                ).first.wait_for()
            assert words in watcher.tab.inner_text("main")
            watcher.keep(name)
        watcher.tab.set_viewport_size({"width": 390, "height": 800})
        watcher.open(f"profiles/{profile_id}")
        assert "example.com" in watcher.tab.inner_text("main")
        watcher.keep("profile-phone")
        assert watcher.complaints == []
    assert not SCREENSHOTS or Path(SCREENSHOTS, "overview.png").exists()
