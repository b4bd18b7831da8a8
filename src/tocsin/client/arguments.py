"""The arguments of `tocsin import`, read and checked."""

import argparse
import codecs
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from tocsin.client.options import Format, Options, Target
from tocsin.core.errors import Invalid
from tocsin.core.matching import MODES

DESCRIPTION = "Import a file of profiles through the HTTP API, and go on where an interrupted import of it stopped."

MOST_AT_ONCE = 8
MOST_ROWS = 10_000

_FORMATS: dict[str, Format] = {".csv": "csv", ".tsv": "csv", ".json": "json", ".ndjson": "ndjson", ".jsonl": "ndjson"}
_DELIMITERS = {"tab": "\t", "\\t": "\t"}
# What listens everywhere is reached here.
_REACHABLE = {"0.0.0.0": "127.0.0.1", "[::]": "[::1]"}  # noqa: S104 - nothing is bound
_LONGEST_CONTENT = 1_000_000


def add_to(parser: argparse.ArgumentParser) -> None:
    """Add every argument to the parser of the command."""
    parser.add_argument("file", metavar="FILE", help="CSV, JSON or NDJSON, also with .gz; - is standard input")
    parser.add_argument("--database", metavar="N", type=int, required=True, help="the database of the profiles")
    parser.add_argument("--matching", metavar="MODE", choices=MODES, required=True, help=f"one of {', '.join(MODES)}")
    parser.add_argument("--field-name", metavar="F", default="", help="the field that custom and custom_sub match by")
    parser.add_argument("--resource", metavar="N", type=int, help="match only subscriptions at this resource")
    launch = parser.add_mutually_exclusive_group()
    launch.add_argument("--trigger", metavar="N", type=int, help="launch this trigger for each profile")
    launch.add_argument("--workflow", metavar="N", type=int, help="launch this workflow for each profile")
    parser.add_argument("--content", metavar="FILE", default="", help="a JSON object for the templates of the launch")
    parser.add_argument("--skip-triggers", action="store_true", help="fire no triggers of profile changes")
    parser.add_argument("--skip-invalid-subscriptions", action="store_true", help="leave them out, import the rest")
    parser.add_argument("--detect-geo", action="store_true", help="find the place of each IP address")
    _add_format(parser)
    _add_way(parser)


def _add_format(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--format", choices=dict.fromkeys(_FORMATS.values()), help="default: by the name of the file")
    parser.add_argument("--delimiter", metavar="C", default="", help="of a CSV file; tab for a tab (default: ,)")
    parser.add_argument("--encoding", metavar="NAME", default="utf-8", help="of the file (default: %(default)s)")
    parser.add_argument("--clear-empty", action="store_true", help="an empty cell of a CSV file clears its field")


def _add_way(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--url", metavar="URL", default="", help="the server (default: at TOCSIN_LISTEN)")
    parser.add_argument(
        "--token-file", metavar="FILE", default="", help="a file with the API token (TOCSIN_TOKEN_FILE)"
    )
    parser.add_argument(
        "--batch", metavar="N", type=_number(MOST_ROWS), default=1000, help="rows in a call (default: 1000)"
    )
    parser.add_argument(
        "--at-once", metavar="N", type=_number(MOST_AT_ONCE), default=1, help="calls at once (default: 1, in order)"
    )
    parser.add_argument(
        "--patience", metavar="SECONDS", type=_number(10**6), default=600, help="how long to try again (default: 600)"
    )
    parser.add_argument("--rejected", metavar="FILE", default="", help="where rejected rows go (default: beside FILE)")
    parser.add_argument("--progress", metavar="FILE", default="", help="where progress is kept (default: beside FILE)")
    parser.add_argument("--restart", action="store_true", help="begin anew, not where an import was interrupted")


def read(parsed: argparse.Namespace, *, listen: str) -> Options:
    """The options of an import, or Invalid. `listen`: where a server on this host would answer, as HOST:PORT."""
    target = Target(
        database_id=parsed.database,
        matching=parsed.matching,
        field_name=parsed.field_name,
        resource_id=parsed.resource,
        trigger_id=parsed.trigger,
        workflow_id=parsed.workflow,
        skip_triggers=parsed.skip_triggers,
        skip_invalid_subscriptions=parsed.skip_invalid_subscriptions,
        detect_geo=parsed.detect_geo,
        content=_read_content(parsed.content),
    )
    if target.content and not target.launches:
        raise Invalid("--content: there is nothing to launch; give --trigger or --workflow")
    file_format = parsed.format or _format_of(parsed.file)
    options = Options(
        file=parsed.file,
        target=target,
        url=check_url(parsed.url) if parsed.url else _local_url(listen),
        format=file_format,
        delimiter=_delimiter(parsed.delimiter, parsed.file, file_format),
        encoding=parsed.encoding,
        clear_empty=parsed.clear_empty,
        batch=parsed.batch,
        at_once=parsed.at_once,
        patience_seconds=parsed.patience,
        rejected=parsed.rejected,
        progress=parsed.progress,
        restart=parsed.restart,
    )
    _check_paths(options)
    return options


def check_url(text: str) -> str:
    """A server's URL without a slash at its end; or Invalid, which does not repeat it: people put passwords there."""
    try:
        parts = urlsplit(text)
        is_good = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        is_good = False
    if not is_good or parts.query or parts.fragment or "@" in parts.netloc:
        raise Invalid("--url: expected the URL of a server, as https://tocsin.example.com, without a user or password")
    return text.rstrip("/")


def _local_url(listen: str) -> str:
    host, _, port = listen.rpartition(":")
    if port == "0":
        raise Invalid("--url: expected the URL of the server, since TOCSIN_LISTEN names no port")
    return f"http://{_REACHABLE.get(host, host)}:{port}"


def _format_of(file: str) -> Format:
    suffix = _suffix(file)
    if suffix not in _FORMATS:
        raise Invalid(f"{file}: the name does not tell the format; give --format csv, json or ndjson")
    return _FORMATS[suffix]


def _suffix(file: str) -> str:
    return Path(file.lower().removesuffix(".gz")).suffix


def _delimiter(given: str, file: str, file_format: Format) -> str:
    if not given:
        return "\t" if _suffix(file) == ".tsv" else ","
    delimiter = _DELIMITERS.get(given, given)
    if file_format != "csv":
        raise Invalid("--delimiter: only CSV files have one")
    if len(delimiter) != 1 or delimiter in '"\r\n\0 ':
        raise Invalid(f"--delimiter: expected one character or tab, got {given[:20]!r}")
    return delimiter


def _read_content(path: str) -> dict[str, Any]:
    if not path:
        return {}
    try:
        content = json.loads(_read_file(path, "--content"))
    except (ValueError, RecursionError):
        content = None
    if not isinstance(content, dict):
        raise Invalid(f"--content: expected a JSON object in the file {path}")
    return content


def _read_file(path: str, option: str) -> str:
    try:
        with Path(path).open("rb") as file:
            return file.read(_LONGEST_CONTENT).removeprefix(codecs.BOM_UTF8).decode()
    except (OSError, UnicodeDecodeError) as trouble:
        raise Invalid(f"{option}: {path}: {getattr(trouble, 'strerror', None) or 'not UTF-8 text'}") from None


def _check_paths(options: Options) -> None:
    """That nothing is written over the file itself."""
    named = {"FILE": options.file, "--rejected": options.rejected, "--progress": options.progress}
    places = [Path(path).resolve() for path in named.values() if path]
    if len(set(places)) < len(places):
        raise Invalid(f"{', '.join(named)} must be different files")


def _number(most: int) -> Callable[[str], int]:
    def parse(text: str) -> int:
        if not (text.isascii() and text.isdigit() and 1 <= int(text) <= most):
            raise argparse.ArgumentTypeError(f"expected a whole number from 1 to {most}, got {text!r}")
        return int(text)

    return parse
