"""Places of IP addresses: looked up in files that are made here, replaced and damaged as operators' files are."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from mmdb_writer import MMDBWriter
from netaddr import IPSet

from tocsin import cli
from tocsin.core import geo
from tocsin.core.errors import NotReady
from tocsin.core.fields import STANDARD
from tocsin.store.geo import Places

CITY = {
    "city": {"names": {"en": "Mountain View", "ru": "Маунтин-Вью"}},
    "subdivisions": [{"iso_code": "CA", "names": {"en": "California"}}, {"names": {"en": "Santa Clara"}}],
    "postal": {"code": "94035"},
    "country": {"iso_code": "US", "names": {"en": "United States"}},
    "location": {"time_zone": "America/Los_Angeles", "latitude": 37.5, "longitude": -122.25},
}
PLACE = {
    "_city": "Mountain View",
    "_region": "California",
    "_postal_code": "94035",
    "_country": "US",
    "_tz": "America/Los_Angeles",
    "_lat": 37.5,
    "_lon": -122.25,
}
COUNTRY = {"country": {"iso_code": "DE", "names": {"en": "Germany"}}}

Write = Callable[..., Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Puts a file of these networks in its place, as those who update it do."""

    def to_its_place(networks: dict[str, Any], kind: str = "GeoLite2-City", ip_version: int = 6) -> Path:
        writer = MMDBWriter(ip_version, kind, languages=["en"], ipv4_compatible=ip_version == 6)
        for network, record in networks.items():
            writer.insert_network(IPSet([network]), record)
        writer.to_db_file(str(tmp_path / "new.mmdb"))
        return (tmp_path / "new.mmdb").rename(tmp_path / "places.mmdb")

    return to_its_place


@pytest.fixture
def places(write: Write) -> Places:
    return Places(write({"8.8.8.0/24": CITY, "2001:4860::/32": COUNTRY, "192.168.0.0/16": CITY}))


def test_the_place_of_an_address_is_its_profile_fields(places: Places):
    assert places.locate(["8.8.8.8"]) == {"8.8.8.8": PLACE}


def test_every_field_of_a_place_is_a_standard_one():
    assert PLACE.keys() < STANDARD.keys()


def test_of_a_place_that_is_partly_known_the_rest_is_left_out(places: Places):
    assert places.locate(["2001:4860::1"]) == {"2001:4860::1": {"_country": "DE"}}


@pytest.mark.parametrize("address", ["192.168.0.1", "127.0.0.1", "1.1.1.1", "::1", "", "no address", "8.8.8.8/24"])
def test_addresses_without_a_known_place_are_left_out_and_private_ones_have_none(places: Places, address: str):
    assert places.locate([address, "8.8.8.8"]).keys() == {"8.8.8.8"}


def test_an_ipv6_address_is_not_in_a_file_of_ipv4(write: Write):
    places = Places(write({"8.8.8.0/24": CITY}, ip_version=4))
    assert places.locate(["2001:4860::1", "8.8.8.8"]).keys() == {"8.8.8.8"}


def test_members_of_the_wrong_type_are_left_out(write: Write):
    strange = COUNTRY | {"city": "Berlin", "subdivisions": [], "location": {"time_zone": 3, "latitude": "x"}}
    assert Places(write({"8.8.8.0/24": strange})).locate(["8.8.8.8"]) == {"8.8.8.8": {"_country": "DE"}}


def test_a_newer_file_is_used_from_the_next_call_on(places: Places, write: Write):
    write({"8.8.8.0/24": COUNTRY}, kind="GeoLite2-Country")
    assert places.locate(["8.8.8.8"]) == {"8.8.8.8": {"_country": "DE"}}
    assert places.edition.type == "GeoLite2-Country"


@pytest.mark.parametrize("damage", [b"", b"not one", None])
def test_a_newer_file_that_cannot_be_used_leaves_the_one_before_in_use(
    places: Places, write: Write, tmp_path: Path, damage: bytes | None
):
    if damage is None:
        (tmp_path / "places.mmdb").unlink()
    else:
        (tmp_path / "damaged").write_bytes(damage)
        (tmp_path / "damaged").rename(tmp_path / "places.mmdb")
    assert places.locate(["8.8.8.8"]) == {"8.8.8.8": PLACE}
    write({"8.8.8.0/24": COUNTRY})
    assert places.locate(["8.8.8.8"]) == {"8.8.8.8": {"_country": "DE"}}


@pytest.mark.parametrize("cut", [slice(0), slice(100), slice(200, None), slice(-150)])
def test_a_damaged_file_is_refused_at_the_start(write: Write, cut: slice):
    path = write({f"{octet}.0.0.0/8": CITY for octet in range(1, 9)})
    path.write_bytes(path.read_bytes()[cut])
    with pytest.raises(NotReady, match=r"places\.mmdb is damaged or no \.mmdb file"):
        Places(path)


def test_damage_within_the_data_is_an_error_of_the_call(write: Write):
    path = write({"8.8.8.0/24": CITY | {"aside": "x" * 4000}, "9.9.9.0/24": COUNTRY})
    whole = path.read_bytes()
    place = whole.index(b"Mountain View") - 1
    path.write_bytes(whole[:place] + b"\xff" * 8 + whole[place + 8 :])
    with pytest.raises(NotReady, match="damaged"):
        Places(path).locate(["8.8.8.8"])


def test_a_file_that_is_not_there_is_refused(tmp_path: Path):
    with pytest.raises(NotReady, match="No such file"):
        Places(tmp_path / "none.mmdb")


def test_a_file_of_something_else_than_places_is_refused_by_its_type(write: Write):
    path = write({"8.8.8.0/24": {"autonomous_system_number": 15169}}, kind="GeoLite2-ASN")
    with pytest.raises(NotReady, match="'GeoLite2-ASN', which holds no places"):
        Places(path)


@pytest.mark.parametrize(
    ("raw", "address"),
    [
        ({"_ip": "8.8.8.8", "_regip": "9.9.9.9"}, "8.8.8.8"),
        ({"_ip": "", "_regip": " 9.9.9.9 "}, "9.9.9.9"),
        ({"_ip": None, "_regip": "::ffff:9.9.9.9"}, "9.9.9.9"),
        ({"_ip": "wrong", "_regip": "9.9.9.9"}, "9.9.9.9"),
        ({"_ip": ["8.8.8.8"]}, None),
        ({"_ip": {"action": "unset"}}, None),
        ({}, None),
    ],
)
def test_a_profile_is_where_its_address_is_else_where_it_was_registered(raw: dict[str, Any], address: str | None):
    assert geo.address_of(raw) == address


def test_what_a_call_names_wins_over_what_is_looked_up():
    raw = {"_ip": "8.8.8.8", "_city": "Paris", "_tz": None}
    filled = geo.fill(raw, {"8.8.8.8": PLACE})
    assert filled == PLACE | raw
    assert (filled["_city"], filled["_tz"], filled["_country"]) == ("Paris", None, "US")


def test_a_profile_without_a_known_place_stays_as_it_is():
    assert geo.fill({"_ip": "9.9.9.9"}, {"8.8.8.8": PLACE}) == {"_ip": "9.9.9.9"}
    assert geo.fill({"email": "a@example.com"}, {}) == {"email": "a@example.com"}


def test_check_tells_the_type_and_the_day_of_the_file(write: Write, capsys: pytest.CaptureFixture[str]):
    path = write({"8.8.8.0/24": CITY})
    built = Places(path).edition.built
    assert cli.check_geo(path) == 0
    assert capsys.readouterr().out == f"geo database: usable, GeoLite2-City, built {built}\n"


def test_check_tells_that_a_file_cannot_be_used(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    path = tmp_path / "empty.mmdb"
    path.touch()
    assert cli.check_geo(path) == 1
    assert "geo database: NOT usable: the geo database" in capsys.readouterr().out
    assert cli.check_geo(None) == 0
    assert capsys.readouterr().out == "geo database: not configured\n"
