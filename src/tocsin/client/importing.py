"""`tocsin import`: a file of any size, sent in batches, settled in order."""

import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, closing
from pathlib import Path

from msgspec import structs

from tocsin.client import journal as journals
from tocsin.client import show as shows
from tocsin.client.batches import cut
from tocsin.client.csv_rows import CsvRows
from tocsin.client.journal import FileIdentity, FileJournal, Forgetful, Journal, Progress
from tocsin.client.json_rows import read_array, read_lines
from tocsin.client.options import Options
from tocsin.client.rejected import RejectedRows
from tocsin.client.rows import Row
from tocsin.client.server import Outcome, Refused, Server
from tocsin.client.show import Show
from tocsin.client.text import STANDARD_INPUT, Text, opened
from tocsin.core.errors import Invalid, NotReady, TocsinError

DONE, NOT_ALL = 0, 1

# Of each kind, so that a file cannot fill the memory with words.
_MOST_WORDS = 50

Send = Callable[[Sequence[Row]], Outcome]


def run(options: Options, token: str, show: Show | None = None) -> int:
    """Import a file; say on standard output what became of it. DONE if every row was imported, else NOT_ALL.

    Raises TocsinError when nothing could be begun.
    """
    show = show or shows.on_stderr()
    stop = threading.Event()
    with ExitStack() as stack:
        text = stack.enter_context(opened(options.file, options.encoding))
        identity = _identify(options)
        rows, header = _read(text, options)
        journal = stack.enter_context(closing(_open_journal(options, identity)))
        path = _path_of_rejected(options, beside=options.file if identity else "stdin")
        rejected = stack.enter_context(closing(_open_rejected(path, options, header, journal.progress)))
        server = stack.enter_context(closing(_server(options, token, journal.run, stop, show)))
        job = _Import(journal, rejected, show, lambda: text.position)
        _say_how_it_begins(show, journal.progress, identity)
        journal.begin()
        stack.callback(show.end)
        trouble = _work(job, _after(rows, journal.progress.rows), options, server.send, stop)
    return _conclude(options, job, identity, trouble)


def _server(options: Options, token: str, run: str, stop: threading.Event, show: Show) -> Server:
    patience_seconds = options.patience_seconds
    return Server(options.url, token, options.target, run, patience_seconds=patience_seconds, stop=stop, say=show.say)


def _say_how_it_begins(show: Show, progress: Progress, identity: FileIdentity | None) -> None:
    if progress.rows:
        show.say(f"going on after row {progress.rows:,} (line {progress.line:,})")
    elif identity is None:
        show.say("this is not a file that could be read again: after an interruption the import begins anew")
    show.begin(identity.bytes if identity else None, progress)


def _identify(options: Options) -> FileIdentity | None:
    """None for what cannot be read twice: standard input, a pipe."""
    return None if options.file == STANDARD_INPUT else journals.identify(Path(options.file))


def _open_journal(options: Options, identity: FileIdentity | None) -> Journal:
    if identity is None:
        return Forgetful()
    path = Path(options.progress or f"{options.file}.progress")
    return FileJournal(path, identity, options.identity(), restart=options.restart)


def _path_of_rejected(options: Options, *, beside: str) -> Path:
    suffix = "csv" if options.format == "csv" else "ndjson"
    return Path(options.rejected or f"{beside}.rejected.{suffix}")


def _open_rejected(path: Path, options: Options, header: str, progress: Progress) -> RejectedRows:
    if options.rejected and not progress.rows and path.exists() and path.stat().st_size and not options.restart:
        raise Invalid(f"{path}: this file is there already; name another by --rejected")
    rejected = RejectedRows(path, options.format, header, options.delimiter)
    rejected.go_on(progress.rejected_bytes)
    return rejected


def _read(text: Text, options: Options) -> tuple[Iterable[Row], str]:
    """The rows, and the header that a CSV file has."""
    if options.format == "csv":
        csv = CsvRows(text, options.delimiter, clear_empty=options.clear_empty)
        return csv, csv.header
    return (read_array(text) if options.format == "json" else read_lines(text)), ""


def _after(rows: Iterable[Row], number: int) -> Iterator[Row]:
    return (row for row in rows if row.number > number)


class _Import:
    """What is settled is noted, batch by batch in the order of the file."""

    def __init__(self, journal: Journal, rejected: RejectedRows, show: Show, position: Callable[[], int]) -> None:
        self.journal = journal
        self.rejected = rejected
        self.began_with = journal.progress.rows
        self.seconds = 0.0
        self._show = show
        self._position = position
        self._noted_at = time.monotonic()

    def settle(self, rows: Sequence[Row], outcome: Outcome) -> None:
        self.rejected.add(outcome.rejections)
        seconds = time.monotonic() - self._noted_at
        self._noted_at += seconds
        self.seconds += seconds
        progress = _advanced(self.journal.progress, rows, outcome, seconds)
        self.journal.note(structs.replace(progress, rejected_bytes=self.rejected.size))
        self._show.advance(progress, self._position())


def _advanced(before: Progress, rows: Sequence[Row], outcome: Outcome, seconds: float) -> Progress:
    errors = Counter(one.text for one in outcome.rejections)
    names = dict.fromkeys([*before.ignored_fields, *outcome.ignored_fields])
    return structs.replace(
        before,
        rows=rows[-1].number,
        line=rows[-1].line,
        imported=before.imported + outcome.imported,
        rejected=before.rejected + len(outcome.rejections),
        seconds=before.seconds + seconds,
        skipped=_counted(before.skipped, outcome.skipped),
        errors=_counted(before.errors, errors),
        ignored_fields=list(names)[:_MOST_WORDS],
    )


def _counted(before: Mapping[str, int], more: Mapping[str, int]) -> dict[str, int]:
    """Both together; beyond so many words they count as others."""
    counted = dict(before)
    for word, count in more.items():
        name = word if word in counted or len(counted) < _MOST_WORDS else "other reasons"
        counted[name] = counted.get(name, 0) + count
    return counted


def _work(job: _Import, rows: Iterable[Row], options: Options, send: Send, stop: threading.Event) -> TocsinError | None:
    """Send and settle everything; what came between, if something did."""
    with ThreadPoolExecutor(options.at_once) as pool:
        try:
            _send_all(job, cut(rows, options.batch), options.at_once, lambda batch: pool.submit(send, batch))
        except TocsinError as trouble:
            return trouble
        except KeyboardInterrupt:
            return NotReady("interrupted")
        finally:
            stop.set()
            pool.shutdown(cancel_futures=True)
    return None


def _send_all(
    job: _Import,
    batches: Iterable[Sequence[Row]],
    at_once: int,
    submit: Callable[[Sequence[Row]], "Future[Outcome]"],
) -> None:
    """The next batch is read while those before it are under way."""
    under_way: deque[tuple[Sequence[Row], Future[Outcome]]] = deque()

    def settle_first() -> None:
        rows, future = under_way.popleft()
        job.settle(rows, future.result())

    try:
        for batch in batches:
            if len(under_way) == at_once:
                settle_first()
            under_way.append((batch, submit(batch)))
    except TocsinError:
        while under_way:
            settle_first()
        raise
    while under_way:
        settle_first()


def _conclude(options: Options, job: _Import, identity: FileIdentity | None, trouble: TocsinError | None) -> int:
    progress = job.journal.progress
    for line in _summary(options, job, progress):
        print(line)  # noqa: T201 - a command prints
    if identity and trouble is None and journals.identify(Path(options.file)) != identity:
        trouble = Invalid(
            "the file was changed while it was read: neither the old nor the new one is imported as it is"
        )
    if trouble is None:
        job.journal.finish()
        return NOT_ALL if progress.rejected else DONE
    shows.Lines().say(trouble.describe())
    if isinstance(trouble, Refused) and not progress.rows and options.at_once == 1:
        job.journal.finish()
    elif identity:
        shows.Lines().say(f"rows up to {progress.rows:,} are settled; the same command goes on from there")
    return NOT_ALL


def _summary(options: Options, job: _Import, progress: Progress) -> Iterator[str]:
    rate = (progress.rows - job.began_with) / job.seconds if job.seconds else 0.0
    yield (
        f"{options.file}: {progress.rows:,} rows read, {progress.imported:,} imported, {progress.rejected:,} rejected"
        f" in {progress.seconds:.1f} s, {rate:,.0f} rows/s"
    )
    skipped = sum(progress.skipped.values())
    if options.target.launches:
        yield f"launched for {progress.imported - skipped:,}, skipped {skipped:,}{_listed(progress.skipped)}"
    if progress.rejected:
        yield f"rejected{_listed(progress.errors)}; the rows and the reasons: {job.rejected.path}"
    if progress.ignored_fields:
        yield f"left out, since the database has no such fields: {', '.join(progress.ignored_fields)}"


def _listed(counts: Mapping[str, int]) -> str:
    by_count = sorted(counts.items(), key=lambda item: -item[1])
    return ": " + ", ".join(f"{word} ({count:,})" for word, count in by_count) if counts else ""
