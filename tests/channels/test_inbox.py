"""The development inbox (demo/inbox.py), through the SMTP channel."""

import asyncio
import re
import runpy
import signal
import socket
import subprocess
import sys
from pathlib import Path

from tests.channels.mail import BODY, make_envelope, make_envelopes, open_channel

from tocsin.channels.contract import Outcome

INBOX = Path(__file__).parents[2] / "demo" / "inbox.py"


def test_the_development_inbox_keeps_every_message_as_a_file(tmp_path):
    inbox = runpy.run_path(str(INBOX))["Inbox"](tmp_path / "mail")
    envelopes = [*make_envelopes(50), make_envelope("Grüße/../x@example.com", "Grüße\r\n.\r\n".encode())]

    async def scenario() -> list[Outcome]:
        async with open_channel(inbox.port, connections=5) as channel:
            return await channel.send(envelopes)

    with inbox:
        outcomes = asyncio.run(scenario())
    assert {outcome.state for outcome in outcomes} == {"sent"}
    assert {message.recipients for message in inbox.messages} == {(envelope.recipient,) for envelope in envelopes}
    files = sorted((tmp_path / "mail").iterdir())
    assert sorted(message.path for message in inbox.messages) == files
    assert all(re.fullmatch(r"\d{6}-[A-Za-z0-9@._+-]+\.eml", path.name) for path in files)
    assert sorted(path.read_bytes() for path in files) == sorted(envelope.body for envelope in envelopes)


def test_the_development_inbox_runs_as_a_program_and_goes_on_counting(tmp_path):
    (tmp_path / "000007-alice@example.com.eml").write_bytes(BODY)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, str(INBOX), "--port", str(port), "--dir", str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as program:

        async def scenario() -> None:
            async with open_channel(port) as channel:
                while (await channel.send([make_envelope("bob@example.com")]))[0].state != "sent":
                    assert program.poll() is None
                    await asyncio.sleep(0.02)

        asyncio.run(asyncio.wait_for(scenario(), 20))
        program.send_signal(signal.SIGTERM)
        printed, _ = program.communicate(timeout=10)
    assert (program.returncode, printed) == (0, b"")
    assert (tmp_path / "000008-bob@example.com.eml").read_bytes() == BODY
