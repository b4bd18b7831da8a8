import re
from ipaddress import ip_network
from pathlib import Path

import pytest
from msgspec import structs

from tocsin.core.errors import Invalid
from tocsin.settings import OPTIONS, Address, Settings, load

ROOT = Path(__file__).parents[1]


def the_mistake_of(**environment):
    with pytest.raises(Invalid) as caught:
        load(environment)
    return caught.value.describe()


def test_without_an_environment_the_defaults_hold():
    assert load({"PATH": "/bin", "HOME": "/"}) == Settings(
        data_dir=Path("./.tocsin"),
        database_url=None,
        database_connections=10,
        listen=Address("127.0.0.1", 8080),
        public_url="http://127.0.0.1:8080",
        geo_database=None,
        max_body_bytes=10 * 1024 * 1024,
        max_file_bytes=100 * 1024 * 1024,
        lease_seconds=60,
        workers=1,
        worker_batch=500,
        keep_events_days=400,
        keep_copies_days=30,
        allow_private_addresses=(),
        trusted_proxies=(ip_network("127.0.0.1/32"), ip_network("::1/128")),
        scanner_networks=(),
        confirmations_per_day=5,
        bounce_domain="",
        bounce_secret="",
        bounce_listen=None,
        inbox_listen=None,
        log_level="info",
        log_format="json",
        token=None,
    )


def test_every_setting_can_be_given(tmp_path):
    geo = tmp_path / "places.mmdb"
    geo.write_bytes(b"")
    given = {
        "TOCSIN_DATA_DIR": "/srv/tocsin",
        "TOCSIN_DATABASE_URL": "postgresql://tocsin:open@db/tocsin",
        "TOCSIN_DATABASE_CONNECTIONS": "40",
        "TOCSIN_LISTEN": "[::1]:80",
        "TOCSIN_PUBLIC_URL": "https://tocsin.example.com/",
        "TOCSIN_GEO_DATABASE": str(geo),
        "TOCSIN_MAX_BODY_BYTES": "2048",
        "TOCSIN_MAX_FILE_BYTES": "4096",
        "TOCSIN_LEASE_SECONDS": "5",
        "TOCSIN_WORKERS": "3",
        "TOCSIN_WORKER_BATCH": "50",
        "TOCSIN_KEEP_EVENTS_DAYS": "60",
        "TOCSIN_KEEP_COPIES_DAYS": "14",
        "TOCSIN_ALLOW_PRIVATE_ADDRESSES": "127.0.0.1/32, fd00::/8",
        "TOCSIN_TRUSTED_PROXIES": "10.0.0.0/8",
        "TOCSIN_SCANNER_NETWORKS": "192.0.2.0/24",
        "TOCSIN_CONFIRMATIONS_PER_DAY": "3",
        "TOCSIN_BOUNCE_DOMAIN": "Bounces.Example.com",
        "TOCSIN_BOUNCE_SECRET": "sixteen-or-more-characters",
        "TOCSIN_BOUNCE_LISTEN": "0.0.0.0:25",
        "TOCSIN_INBOX_LISTEN": "127.0.0.1:2525",
        "TOCSIN_LOG_LEVEL": "WARNING",
        "TOCSIN_LOG_FORMAT": "text",
        "TOCSIN_TOKEN": "an-api-token",
    }
    assert given.keys() == {option.name for option in OPTIONS}
    assert load(given) == Settings(
        data_dir=Path("/srv/tocsin"),
        database_url="postgresql://tocsin:open@db/tocsin",
        database_connections=40,
        listen=Address("::1", 80),
        public_url="https://tocsin.example.com",
        geo_database=geo,
        max_body_bytes=2048,
        max_file_bytes=4096,
        lease_seconds=5,
        workers=3,
        worker_batch=50,
        keep_events_days=60,
        keep_copies_days=14,
        allow_private_addresses=(ip_network("127.0.0.1/32"), ip_network("fd00::/8")),
        trusted_proxies=(ip_network("10.0.0.0/8"),),
        scanner_networks=(ip_network("192.0.2.0/24"),),
        confirmations_per_day=3,
        bounce_domain="bounces.example.com",
        bounce_secret="sixteen-or-more-characters",
        bounce_listen=Address("0.0.0.0", 25),  # noqa: S104 - what an operator may write
        inbox_listen=Address("127.0.0.1", 2525),
        log_level="warning",
        log_format="text",
        token="an-api-token",
    )


def test_an_empty_variable_is_as_good_as_none():
    assert load({option.name: "" for option in OPTIONS}) == load({})


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("0.0.0.0:0", Address("0.0.0.0", 0)),  # noqa: S104 - what an operator may write
        ("localhost:65535", Address("localhost", 65535)),
        ("[::]:8080", Address("::", 8080)),
    ],
)
def test_an_address_is_read_and_written_alike(text, address):
    settings = load({"TOCSIN_LISTEN": text})
    assert settings.listen == address
    assert str(settings.listen) == text
    assert settings.public_url == f"http://{text}"


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("DATABASE_CONNECTIONS", "1"),
        ("LISTEN", "8080"),
        ("LISTEN", "localhost"),
        ("LISTEN", "localhost:"),
        ("LISTEN", ":8080"),
        ("LISTEN", "::1:8080"),
        ("LISTEN", "[nonsense]:8080"),
        ("LISTEN", "localhost:65536"),
        ("LISTEN", "http://localhost:8080"),
        ("LISTEN", "localhost:8080/path"),
        ("LISTEN", "me@localhost:8080"),
        ("PUBLIC_URL", "tocsin.example.com"),
        ("PUBLIC_URL", "ftp://tocsin.example.com"),
        ("PUBLIC_URL", "https://me:open@tocsin.example.com"),
        ("PUBLIC_URL", "https://tocsin.example.com?a=b"),
        ("GEO_DATABASE", "/nowhere/places.mmdb"),
        ("MAX_BODY_BYTES", "10MB"),
        ("MAX_BODY_BYTES", "-1"),
        ("MAX_FILE_BYTES", "²"),
        ("LEASE_SECONDS", "0"),
        ("WORKER_BATCH", "10001"),
        ("WORKER_BATCH", "9" * 5000),
        ("ALLOW_PRIVATE_ADDRESSES", "10.1.0.5/16"),
        ("ALLOW_PRIVATE_ADDRESSES", "localhost"),
        ("BOUNCE_DOMAIN", "localhost"),
        ("BOUNCE_DOMAIN", "bounces example.com"),
        ("BOUNCE_DOMAIN", "-.example.com"),
        ("BOUNCE_DOMAIN", "me@example.com"),
        ("BOUNCE_LISTEN", "25"),
        ("LOG_LEVEL", "loud"),
        ("LOG_FORMAT", "xml"),
    ],
)
def test_a_wrong_value_is_one_sentence(name, text):
    [option] = [option for option in OPTIONS if option.name == f"TOCSIN_{name}"]
    assert the_mistake_of(**{option.name: text}) == f"{option.name}: expected {option.expected}, got {text!r}"


def test_a_bounce_secret_is_not_told():
    assert the_mistake_of(TOCSIN_BOUNCE_SECRET="too-short") == (
        "TOCSIN_BOUNCE_SECRET: expected 16 printable characters or more, got something else"
    )


def test_what_the_settings_of_bounces_need_is_said():
    domain = {"TOCSIN_BOUNCE_DOMAIN": "bounces.example.com"}
    assert the_mistake_of(**domain).startswith("TOCSIN_BOUNCE_SECRET: TOCSIN_BOUNCE_DOMAIN needs one")
    assert the_mistake_of(TOCSIN_BOUNCE_LISTEN="[::]:25") == "TOCSIN_BOUNCE_DOMAIN: TOCSIN_BOUNCE_LISTEN needs one"


def test_copies_are_not_kept_longer_than_the_events_by_which_they_are_found():
    with pytest.raises(Invalid, match="TOCSIN_KEEP_COPIES_DAYS: copies are found by events"):
        load({"TOCSIN_KEEP_COPIES_DAYS": "61", "TOCSIN_KEEP_EVENTS_DAYS": "60"})
    assert load({"TOCSIN_KEEP_COPIES_DAYS": "0"}).keep_copies_days == 0


def test_a_misspelt_setting_is_a_mistake():
    assert (
        the_mistake_of(TOCSIN_DATADIR="x") == "TOCSIN_DATADIR: there is no such setting; did you mean TOCSIN_DATA_DIR?"
    )
    assert the_mistake_of(TOCSIN_QUUX="x") == "TOCSIN_QUUX: there is no such setting"
    assert the_mistake_of(TOCSIN_LISTEN_FILE="x").startswith("TOCSIN_LISTEN_FILE: there is no such setting")


def test_variables_of_tests_are_let_be():
    assert load({"TOCSIN_TEST_DATABASE_URL": "x"}) == load({})


def test_a_secret_can_stand_in_a_file(tmp_path):
    file = tmp_path / "url"
    file.write_text("postgresql://tocsin:open@db/tocsin\n", encoding="utf-8")
    assert load({"TOCSIN_DATABASE_URL_FILE": str(file)}).database_url == "postgresql://tocsin:open@db/tocsin"


def test_a_secret_is_given_in_one_way(tmp_path):
    mistake = the_mistake_of(TOCSIN_DATABASE_URL="postgresql://db", TOCSIN_DATABASE_URL_FILE=str(tmp_path))
    assert mistake == "TOCSIN_DATABASE_URL: TOCSIN_DATABASE_URL_FILE is given too; one of them must go"


def test_a_secret_file_that_cannot_be_used_is_named(tmp_path):
    missing, empty, binary = tmp_path / "missing", tmp_path / "empty", tmp_path / "binary"
    empty.write_text("\n", encoding="utf-8")
    binary.write_bytes(b"\xff\xfe")
    for path, reason in ((missing, "No such file or directory"), (tmp_path, "Is a directory")):
        mistake = the_mistake_of(TOCSIN_DATABASE_URL_FILE=str(path))
        assert mistake == f"TOCSIN_DATABASE_URL_FILE: cannot read the file {str(path)!r}: {reason}"
    mistake = the_mistake_of(TOCSIN_DATABASE_URL_FILE=str(empty))
    assert mistake == f"TOCSIN_DATABASE_URL_FILE: the file {str(empty)!r} is empty"
    mistake = the_mistake_of(TOCSIN_DATABASE_URL_FILE=str(binary))
    assert mistake == f"TOCSIN_DATABASE_URL_FILE: cannot read the file {str(binary)!r}: it is not UTF-8"


def test_a_secret_is_in_no_message(tmp_path):
    file = tmp_path / "url"
    file.write_text("mysql://tocsin:hunter2@db", encoding="utf-8")
    expected = "expected postgresql://USER:PASSWORD@HOST:PORT/NAME, got something else"
    assert the_mistake_of(TOCSIN_DATABASE_URL="mysql://tocsin:hunter2@db") == f"TOCSIN_DATABASE_URL: {expected}"
    assert the_mistake_of(TOCSIN_DATABASE_URL_FILE=str(file)) == f"TOCSIN_DATABASE_URL_FILE: {expected}"


def test_each_option_is_a_setting_and_each_setting_an_option():
    assert [option.member for option in OPTIONS] == [field.name for field in structs.fields(Settings)]


def test_each_setting_is_documented():
    text = (ROOT / "docs" / "settings.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `(\w+)` \| ([^|]+) \| (?:`([^|]+)`|none) \| ([^|]+) \|$", text, re.MULTILINE)
    assert rows == [(option.name, option.expected, option.default, option.text) for option in OPTIONS]
    assert all(f"`{option.name}_FILE`" in text for option in OPTIONS if option.is_secret)
