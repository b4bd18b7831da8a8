"""SMTP servers that take everything: Postfix's, and one of ours that can speak TLS, answer late and note arrivals."""

import argparse
import asyncio
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TextIO

import uvloop
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

NOTED = b"RCPT TO:<single"
REPLIES = {
    b"EHLO": b"250-sink.example.com\r\n250-PIPELINING\r\n250 8BITMIME\r\n",
    b"DATA": b"354 go on\r\n",
    b"QUIT": b"221 bye\r\n",
}


@contextmanager
def postfix_sink() -> Iterator[int]:
    """The port of a `smtp-sink`."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    process = subprocess.Popen(["smtp-sink", "-u", "nobody", f"127.0.0.1:{port}", "1000"])
    try:
        while True:
            try:
                socket.create_connection(("127.0.0.1", port)).close()
                break
            except ConnectionRefusedError:
                time.sleep(0.01)
        yield port
    finally:
        process.terminate()
        process.wait()


@contextmanager
def own_sink(late_ms: float = 0, certificate: Path | None = None, notes: Path | None = None) -> Iterator[int]:
    """The port of our own. `notes`: a file that gets a line "time address" for each message to `single…`."""
    arguments = [sys.executable, __file__, "--late-ms", str(late_ms)]
    arguments += ["--certificate", str(certificate)] if certificate else []
    arguments += ["--notes", str(notes)] if notes else []
    process = subprocess.Popen(arguments, stdout=subprocess.PIPE, text=True)
    assert process.stdout
    try:
        yield int(process.stdout.readline())
    finally:
        process.terminate()
        process.wait()
        process.stdout.close()


def write_certificate(path: Path) -> None:
    """A key and a certificate that it has signed itself, good for an hour."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)
    made = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    made = made.serial_number(1).not_valid_before(now).not_valid_after(now + timedelta(hours=1))
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    path.write_bytes(pem + made.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM))


class Talk(asyncio.Protocol):
    """One connection. Replies that are due together are one write."""

    def __init__(self, late_seconds: float, notes: TextIO | None) -> None:
        self._late_seconds = late_seconds
        self._notes = notes
        self._rest = b""
        self._is_content = False
        self._noted = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport: asyncio.WriteTransport = transport  # type: ignore[assignment]  # Of a connection it is one.
        self._say(b"220 sink.example.com ESMTP\r\n")

    def data_received(self, data: bytes) -> None:
        self._rest += data
        replies = []
        while reply := self._take():
            replies.append(reply)
        if replies:
            self._say(b"".join(replies))

    def _take(self) -> bytes:
        """The reply to the next line or content that is whole; empty when there is none."""
        end = b"\r\n.\r\n" if self._is_content else b"\r\n"
        taken, found, rest = self._rest.partition(end)
        if not found:
            return b""
        self._rest = rest
        if self._is_content:
            self._is_content = False
            self._note()
            return b"250 2.0.0 Ok: queued\r\n"
        self._is_content = taken[:4] == b"DATA"
        if taken.startswith(NOTED):
            self._noted = taken[9:].partition(b">")[0]
        return REPLIES.get(taken[:4], b"250 2.1.0 Ok\r\n")

    def _note(self) -> None:
        if self._noted and self._notes:
            self._notes.write(f"{time.monotonic()} {self._noted.decode()}\n")
            self._notes.flush()
        self._noted = b""

    def _say(self, reply: bytes) -> None:
        if self._late_seconds:
            asyncio.get_running_loop().call_later(self._late_seconds, self._write, reply)
        else:
            self._write(reply)

    def _write(self, reply: bytes) -> None:
        if not self._transport.is_closing():
            self._transport.write(reply)


async def serve(late_seconds: float, certificate: str | None, notes_path: str | None) -> None:
    """Until it is killed; prints its port first."""
    notes = await asyncio.to_thread(Path(notes_path).open, "w") if notes_path else None
    tls = None
    if certificate:
        tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        tls.load_cert_chain(certificate)
    server = await asyncio.get_running_loop().create_server(
        lambda: Talk(late_seconds, notes), "127.0.0.1", 0, ssl=tls, backlog=1000
    )
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    options = argparse.ArgumentParser()
    options.add_argument("--late-ms", type=float, default=0)
    options.add_argument("--certificate")
    options.add_argument("--notes")
    chosen = options.parse_args()
    uvloop.run(serve(chosen.late_ms / 1000, chosen.certificate, chosen.notes))
