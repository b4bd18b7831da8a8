"""The console of a real server: the way in that it prints, and what stays open when it ends."""

import re
import time
import urllib.request
from http.cookiejar import CookieJar
from pathlib import Path
from urllib.parse import urlencode

import pytest
from product import Product, own_database, product

FORM = {"name": "Olga", "email": "olga@example.com", "password": "correct horse battery"}


@pytest.fixture
def empty(server: str, tmp_path: Path):
    with own_database(server, "story_first_start") as conninfo, product(tmp_path / "product", conninfo) as opened:
        yield opened


def test_the_first_start_prints_the_way_in_and_later_ones_do_not(empty: Product):
    empty.serve()
    printed = empty.read_line()
    link = re.fullmatch(
        rf"tocsin console: make the first account at ({re.escape(empty.url)}/admin/welcome/\w+)\n", printed
    )
    assert link, printed
    browser = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(CookieJar()))
    assert browser.open(link[1], urlencode(FORM).encode()).url == f"{empty.url}/admin/"
    # A page that is open and kept up to date does not keep the server from ending.
    live = browser.open(f"{empty.url}/admin/live")
    assert live.readline().startswith(b"data: ")
    began = time.monotonic()
    assert empty.stop() == 0
    print(f"ended after {time.monotonic() - began:.1f} s with a live page open")
    assert time.monotonic() - began < 30
    empty.serve()
    assert empty.stop() == 0
    assert empty.printed == ""
