"""What is seen of an import while it runs: a bar on a terminal, a line now and then elsewhere."""

import sys
import time
from typing import Protocol

from rich.console import Console
from rich.progress import BarColumn, TextColumn, TimeRemainingColumn
from rich.progress import Progress as RichProgress

from tocsin.client.journal import Progress

LINE_SECONDS = 5.0


class Show(Protocol):
    """Where an import tells how it goes on; `say` may be called from any thread."""

    def begin(self, total_bytes: int | None, progress: Progress) -> None: ...

    def advance(self, progress: Progress, position: int) -> None: ...

    def say(self, sentence: str) -> None: ...

    def end(self) -> None: ...


def on_stderr() -> Show:
    """A bar if standard error is a terminal."""
    return Bar() if sys.stderr.isatty() else Lines()


class _Rate:
    """Rows settled a second, since this began."""

    def __init__(self, rows: int) -> None:
        self._rows = rows
        self._started = time.monotonic()

    def describe(self, progress: Progress) -> str:
        seconds = max(time.monotonic() - self._started, 0.001)
        rejected = f", {progress.rejected:,} rejected" if progress.rejected else ""
        return f"{progress.rows:,} rows{rejected}, {(progress.rows - self._rows) / seconds:,.0f} rows/s"


class Lines:
    """Plain lines on standard error."""

    def __init__(self) -> None:
        self._rate = _Rate(0)
        self._next_at = 0.0

    def begin(self, total_bytes: int | None, progress: Progress) -> None:  # noqa: ARG002 - lines tell no share
        self._rate = _Rate(progress.rows)
        self._next_at = time.monotonic() + LINE_SECONDS

    def advance(self, progress: Progress, position: int) -> None:  # noqa: ARG002 - as above
        if time.monotonic() >= self._next_at:
            self._next_at = time.monotonic() + LINE_SECONDS
            self.say(self._rate.describe(progress))

    def say(self, sentence: str) -> None:
        print(f"tocsin: {sentence}", file=sys.stderr, flush=True)  # noqa: T201 - a command prints

    def end(self) -> None:
        pass


class Bar:
    """A progress bar on standard error."""

    def __init__(self) -> None:
        self._console = Console(stderr=True, highlight=False)
        self._bar = RichProgress(
            TextColumn("{task.description}"),
            BarColumn(),
            TextColumn("{task.percentage:>3.0f}%"),
            TimeRemainingColumn(),
            console=self._console,
        )
        self._task = self._bar.add_task("reading", total=None)
        self._rate = _Rate(0)

    def begin(self, total_bytes: int | None, progress: Progress) -> None:
        self._rate = _Rate(progress.rows)
        self._bar.update(self._task, total=total_bytes)
        self._bar.start()

    def advance(self, progress: Progress, position: int) -> None:
        self._bar.update(self._task, completed=position, description=self._rate.describe(progress))

    def say(self, sentence: str) -> None:
        self._console.print(f"tocsin: {sentence}", markup=False, soft_wrap=True)

    def end(self) -> None:
        self._bar.stop()
