"""Where an IP address is: profile fields from a record of an .mmdb file, and a profile completed by them."""

from collections.abc import Mapping
from typing import Any

from tocsin.core import fields

_parse_ip = fields.standard_parsers()["_ip"]

# Which member of a record is which field, in the layout that GeoIP2 City and Country and their likes share.
_PATHS: Mapping[str, tuple[tuple[str | int, ...], type[Any]]] = {
    "_city": (("city", "names", "en"), str),
    "_region": (("subdivisions", 0, "names", "en"), str),
    "_postal_code": (("postal", "code"), str),
    "_country": (("country", "iso_code"), str),
    "_tz": (("location", "time_zone"), str),
    "_lat": (("location", "latitude"), float),
    "_lon": (("location", "longitude"), float),
}


def read_place(record: Any) -> dict[str, Any]:
    """The fields of a record that are there and of the right type: English names, `_country` its ISO code."""
    return {name: value for name, (path, kind) in _PATHS.items() if isinstance(value := _member(record, path), kind)}


def address_of(raw: Mapping[str, Any]) -> str | None:
    """The address that says where a profile of a call is: its `_ip`, else its `_regip`; None without a right one."""
    return next(filter(None, map(_read_ip, (raw.get("_ip"), raw.get("_regip")))), None)


def fill(raw: Mapping[str, Any], places: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """A profile of a call with the fields of its place, by address; what the call names, be it null, wins."""
    return {**places.get(address_of(raw) or "", {}), **raw}


def _read_ip(value: Any) -> str | None:
    try:
        return str(_parse_ip(value) or "") or None
    except ValueError:
        return None


def _member(value: Any, path: tuple[str | int, ...]) -> Any:
    for step in path:
        try:
            value = value[step]
        except (LookupError, TypeError):
            return None
    return value
