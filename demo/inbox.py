"""A mail server for development: takes every message on loopback and keeps it as a file.

python demo/inbox.py --port 2525 --dir DIR
"""

import argparse
import re
import signal
import socket
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session

MOST_BYTES = 100_000_000


@dataclass(frozen=True)
class Received:
    """One message: its return path, its recipients, and the .eml file that holds it to the byte."""

    sender: str
    recipients: tuple[str, ...]
    path: Path


class Inbox:
    """A mail server on 127.0.0.1, in a thread of its own, from `start` to `stop`. Port 0 takes a free one.

    A message is in `messages`, and its file complete, before the sender is told that it was accepted.
    """

    def __init__(self, folder: Path, port: int = 0) -> None:
        self.folder = folder
        self.port = port or _find_free_port()
        self.messages: list[Received] = []
        self._controller = Controller(
            self, hostname="127.0.0.1", port=self.port, enable_SMTPUTF8=True, data_size_limit=MOST_BYTES
        )
        self._number = 0

    def start(self) -> None:
        """Listen; returns once connections are taken."""
        self.folder.mkdir(parents=True, exist_ok=True)
        self._number = max((_read_number(path) for path in self.folder.glob("*.eml")), default=0)
        self._controller.start()

    def stop(self) -> None:
        """End the server."""
        self._controller.stop()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: ARG002, N802 - aiosmtpd's
        """Keep one message."""
        self._number += 1
        recipient = re.sub(r"[^A-Za-z0-9@._+-]", "_", envelope.rcpt_tos[0])[:100]
        path = self.folder / f"{self._number:06d}-{recipient}.eml"
        content = envelope.original_content or b""
        path.write_bytes(content)
        self.messages.append(Received(envelope.mail_from or "", tuple(envelope.rcpt_tos), path))
        return f"250 2.0.0 Ok: kept as {self._number}"


def _read_number(path: Path) -> int:
    number = path.name.partition("-")[0]
    return int(number) if number.isascii() and number.isdecimal() else 0


def _find_free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def main() -> None:
    """Serve until SIGTERM or SIGINT."""
    options = argparse.ArgumentParser(description="A mail server that keeps every message as a file.")
    options.add_argument("--port", type=int, default=2525)
    options.add_argument("--dir", type=Path, required=True)
    chosen = options.parse_args()
    is_over = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: is_over.set())
    with Inbox(chosen.dir, chosen.port):
        is_over.wait()


if __name__ == "__main__":
    main()
