"""Settings from the environment. OPTIONS is the whole list; docs/settings.md is checked against it."""

import re
from collections.abc import Callable, Mapping
from difflib import get_close_matches
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from pathlib import Path
from typing import Any, NamedTuple, get_args
from urllib.parse import urlsplit

from msgspec import Struct, structs

from tocsin import log
from tocsin.core.errors import Invalid
from tocsin.core.return_paths import ReturnPaths

PREFIX = "TOCSIN_"
TEST_PREFIX = "TOCSIN_TEST_"

_LEAST_SECRET = 16
_is_domain = re.compile(r"(?=.{4,190}\Z)(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z0-9-]{2,63}").fullmatch


class Address(Struct, frozen=True):
    """Where to listen. Port 0 lets the system choose."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


class Settings(Struct, frozen=True):
    """Every setting, read and checked. Without `database_url` the embedded PostgreSQL in `data_dir` is used."""

    data_dir: Path
    database_url: str | None
    database_connections: int
    listen: Address
    public_url: str
    geo_database: Path | None
    max_body_bytes: int
    max_file_bytes: int
    lease_seconds: int
    workers: int
    worker_batch: int
    keep_events_days: int
    keep_copies_days: int
    allow_private_addresses: tuple[IPv4Network | IPv6Network, ...]
    trusted_proxies: tuple[IPv4Network | IPv6Network, ...]
    scanner_networks: tuple[IPv4Network | IPv6Network, ...]
    confirmations_per_day: int
    bounce_domain: str
    bounce_secret: str
    bounce_listen: Address | None
    inbox_listen: Address | None
    log_level: log.Level
    log_format: log.Format
    token: str | None

    @property
    def is_public(self) -> bool:
        """Whether it was said how this server is reached from outside."""
        return self.public_url != f"http://{self.listen}"

    @property
    def return_paths(self) -> ReturnPaths | None:
        """Where answers about messages go, when there is a domain for them."""
        return ReturnPaths(self.bounce_domain, self.bounce_secret) if self.bounce_domain else None


class Option(NamedTuple):
    """One setting as it stands in the environment. `parse` raises ValueError for what is not `expected`; without a
    default it is given the empty text.
    """

    name: str
    expected: str
    default: str
    text: str
    parse: Callable[[str], Any]
    is_secret: bool = False

    @property
    def member(self) -> str:
        """Its name in Settings."""
        return self.name.removeprefix(PREFIX).lower()


def load(environment: Mapping[str, str]) -> Settings:
    """The settings that `environment` asks for; an empty variable is as good as none.

    Invalid with one sentence when a value is wrong or a variable beginning with TOCSIN_ is not known.
    """
    given = {name: value for name, value in environment.items() if name.startswith(PREFIX) and value}
    _check_names(given)
    settings = Settings(**{option.member: _read(option, given) for option in OPTIONS})
    _check_bounces(settings)
    _check_copies(settings)
    return settings if settings.public_url else structs.replace(settings, public_url=f"http://{settings.listen}")


def _check_names(given: Mapping[str, str]) -> None:
    known = [option.name for option in OPTIONS] + [f"{option.name}_FILE" for option in OPTIONS if option.is_secret]
    for name in sorted(given.keys() - set(known)):
        if not name.startswith(TEST_PREFIX):
            near = get_close_matches(name.removeprefix(PREFIX), [one.removeprefix(PREFIX) for one in known], n=1)
            raise Invalid(f"{name}: there is no such setting{f'; did you mean {PREFIX}{near[0]}?' if near else ''}")


def _check_bounces(settings: Settings) -> None:
    if settings.bounce_domain and not settings.bounce_secret:
        raise Invalid("TOCSIN_BOUNCE_SECRET: TOCSIN_BOUNCE_DOMAIN needs one, the same for every process")
    if settings.bounce_listen and not settings.bounce_domain:
        raise Invalid("TOCSIN_BOUNCE_DOMAIN: TOCSIN_BOUNCE_LISTEN needs one")


def _check_copies(settings: Settings) -> None:
    if settings.keep_copies_days > settings.keep_events_days:
        raise Invalid(
            "TOCSIN_KEEP_COPIES_DAYS: copies are found by events, which TOCSIN_KEEP_EVENTS_DAYS forgets earlier"
        )


def _read(option: Option, given: Mapping[str, str]) -> Any:
    name, text = option.name, given.get(option.name, option.default)
    if option.is_secret and f"{name}_FILE" in given:
        if name in given:
            raise Invalid(f"{name}: {name}_FILE is given too; one of them must go")
        name = f"{name}_FILE"
        text = _read_file(name, given[name])
    try:
        return option.parse(text)
    except ValueError:
        got = "something else" if option.is_secret else repr(text)
        raise Invalid(f"{name}: expected {option.expected}, got {got}") from None


def _read_file(name: str, path: str) -> str:
    try:
        text = Path(path).read_text(encoding="utf-8").strip()
    except OSError as error:
        raise Invalid(f"{name}: cannot read the file {path!r}: {error.strerror}") from None
    except UnicodeDecodeError:
        raise Invalid(f"{name}: cannot read the file {path!r}: it is not UTF-8") from None
    if not text:
        raise Invalid(f"{name}: the file {path!r} is empty")
    return text


def _parse_address(text: str) -> Address:
    parts = urlsplit(f"//{text}")
    is_whole = parts.netloc == text and "@" not in text
    if not is_whole or not parts.hostname or parts.port is None:
        raise ValueError(text)
    if "[" in text:
        ip_address(parts.hostname)
    return Address(parts.hostname, parts.port)


def _parse_optional_address(text: str) -> Address | None:
    return _parse_address(text) if text else None


def _parse_inbox_address(text: str) -> Address | None:
    """It takes mail from anybody who can connect, hence from this host only."""
    address = _parse_optional_address(text)
    if address and address.host != "localhost" and not ip_address(address.host).is_loopback:
        raise ValueError(text)
    return address


def _parse_domain(text: str) -> str:
    if text and not _is_domain(text.lower()):
        raise ValueError(text)
    return text.lower()


def _parse_secret(text: str) -> str:
    if text and not (len(text) >= _LEAST_SECRET and text.isascii() and text.isprintable()):
        raise ValueError(text)
    return text


def _parse_public_url(text: str) -> str:
    parts = urlsplit(text)
    is_plain = parts.scheme in {"http", "https"} and bool(parts.hostname) and not (parts.query or parts.fragment)
    if text and not (is_plain and parts.username is None):
        raise ValueError(text)
    return text.rstrip("/")


def _parse_database_url(text: str) -> str | None:
    if text and not text.startswith(("postgresql://", "postgres://")):
        raise ValueError(text)
    return text or None


def _parse_token(text: str) -> str | None:
    if text and (" " in text or not (text.isascii() and text.isprintable())):
        raise ValueError(text)
    return text or None


def _parse_file(text: str) -> Path | None:
    if text and not Path(text).is_file():
        raise ValueError(text)
    return Path(text) if text else None


def _parse_networks(text: str) -> tuple[IPv4Network | IPv6Network, ...]:
    return tuple(ip_network(part.strip()) for part in text.split(",") if part.strip())


def _whole_number(least: int, most: int) -> Callable[[str], int]:
    def parse(text: str) -> int:
        if not (text.isascii() and text.isdigit() and least <= int(text) <= most):
            raise ValueError(text)
        return int(text)

    return parse


def _one_of(*words: str) -> Callable[[str], str]:
    def parse(text: str) -> str:
        if text.lower() not in words:
            raise ValueError(text)
        return text.lower()

    return parse


_GIGABYTE = 1024**3

OPTIONS: tuple[Option, ...] = (
    Option("TOCSIN_DATA_DIR", "a folder", "./.tocsin", "Where Tocsin keeps its data on this host.", Path),
    Option(
        "TOCSIN_DATABASE_URL",
        "postgresql://USER:PASSWORD@HOST:PORT/NAME",
        "",
        "The PostgreSQL to use; without it Tocsin runs its own in the data directory.",
        _parse_database_url,
        is_secret=True,
    ),
    Option(
        "TOCSIN_DATABASE_CONNECTIONS",
        "a whole number from 2 to 1000",
        "10",
        "The most connections that one process opens to the database.",
        _whole_number(2, 1000),
    ),
    Option(
        "TOCSIN_LISTEN",
        "HOST:PORT, as 127.0.0.1:8080 or [::1]:8080",
        "127.0.0.1:8080",
        "Where HTTP is served; port 0 takes a free one.",
        _parse_address,
    ),
    Option(
        "TOCSIN_PUBLIC_URL",
        "a URL, as https://tocsin.example.com",
        "",
        "How this server is reached from outside: links in mails begin with it, and openapi.json names it; "
        "without it http:// and the listen address, and mails are tracked only where a trigger says so.",
        _parse_public_url,
    ),
    Option(
        "TOCSIN_GEO_DATABASE",
        "the path of an .mmdb file",
        "",
        "The cities or countries of IP addresses, for `detect_geo`; a newer file moved to its place is used at once.",
        _parse_file,
    ),
    Option(
        "TOCSIN_MAX_BODY_BYTES",
        "a whole number from 1024 to 1073741824",
        "10485760",
        "The largest body of a call, 10 MB; larger ones are refused.",
        _whole_number(1024, _GIGABYTE),
    ),
    Option(
        "TOCSIN_MAX_FILE_BYTES",
        "a whole number from 1024 to 1073741824",
        "104857600",
        "The largest body of a file upload, 100 MB.",
        _whole_number(1024, _GIGABYTE),
    ),
    Option(
        "TOCSIN_LEASE_SECONDS",
        "a whole number from 1 to 86400",
        "60",
        "How long a claimed message stays with a worker that is silent.",
        _whole_number(1, 86400),
    ),
    Option(
        "TOCSIN_WORKERS",
        "a whole number from 1 to 64",
        "1",
        "How many worker processes this host runs; one for each core that it can spare.",
        _whole_number(1, 64),
    ),
    Option(
        "TOCSIN_WORKER_BATCH",
        "a whole number from 1 to 10000",
        "500",
        "How many messages a worker claims at once.",
        _whole_number(1, 10000),
    ),
    Option(
        "TOCSIN_KEEP_EVENTS_DAYS",
        "a whole number from 31 to 36500",
        "400",
        "How long events are kept; a month of them is dropped once all of it is older.",
        _whole_number(31, 36500),
    ),
    Option(
        "TOCSIN_KEEP_COPIES_DAYS",
        "a whole number from 0 to 36500",
        "30",
        "How long what was sent is kept, as it was sent; a week of it is dropped once all of it is older. "
        "0 keeps nothing.",
        _whole_number(0, 36500),
    ),
    Option(
        "TOCSIN_ALLOW_PRIVATE_ADDRESSES",
        "networks, as 127.0.0.1/32,10.1.0.0/16",
        "",
        "Networks that outgoing HTTP may reach though their addresses are not public.",
        _parse_networks,
    ),
    Option(
        "TOCSIN_TRUSTED_PROXIES",
        "networks, as 127.0.0.1/32,10.1.0.0/16",
        "127.0.0.1/32,::1/128",
        "Reverse proxies whose X-Forwarded-For and X-Forwarded-Proto are believed: opens and clicks keep the address "
        "of who asks.",
        _parse_networks,
    ),
    Option(
        "TOCSIN_SCANNER_NETWORKS",
        "networks, as 192.0.2.0/24,2001:db8::/32",
        "",
        "Networks where no person reads mail: opens and clicks from there count as those of programs.",
        _parse_networks,
    ),
    Option(
        "TOCSIN_CONFIRMATIONS_PER_DAY",
        "a whole number from 1 to 1000",
        "5",
        "How many mails that ask for a confirmation one address gets on a day (UTC), whatever calls ask for.",
        _whole_number(1, 1000),
    ),
    Option(
        "TOCSIN_BOUNCE_DOMAIN",
        "a domain, as bounces.example.com",
        "",
        "The domain of return paths, one for each message; without it mail goes out under the address in its From.",
        _parse_domain,
    ),
    Option(
        "TOCSIN_BOUNCE_SECRET",
        "16 printable characters or more",
        "",
        "What return paths are signed with; after a change what comes back to older mail is refused.",
        _parse_secret,
        is_secret=True,
    ),
    Option(
        "TOCSIN_BOUNCE_LISTEN",
        "HOST:PORT, as 0.0.0.0:25 or [::]:25",
        "",
        "Where mail to return paths is taken; without it, nowhere.",
        _parse_optional_address,
    ),
    Option(
        "TOCSIN_INBOX_LISTEN",
        "HOST:PORT on this host, as 127.0.0.1:2525 or [::1]:2525",
        "",
        "For development: where any mail is taken by SMTP, to be looked at; without it, nowhere.",
        _parse_inbox_address,
    ),
    Option(
        "TOCSIN_LOG_LEVEL",
        "one of debug, info, warning, error",
        "info",
        "What is worth a line in the log: this and worse.",
        _one_of(*get_args(log.Level)),
    ),
    Option(
        "TOCSIN_LOG_FORMAT",
        "one of json, text",
        "json",
        "JSON lines for programs or text for people, on stderr.",
        _one_of(*get_args(log.Format)),
    ),
    Option(
        "TOCSIN_TOKEN",
        "an API token",
        "",
        "The token that `tocsin import` calls with.",
        _parse_token,
        is_secret=True,
    ),
)
