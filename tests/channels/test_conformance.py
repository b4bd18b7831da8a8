"""Each channel keeps the contract. A new one is added to SUBJECTS, with a fake of its other side."""

import asyncio
import json
from contextlib import asynccontextmanager
from ipaddress import ip_network

import pytest
from tests.channels.conformance import CHECKS, SECRET, Check, Manner, Opened, Opening, Subject
from tests.channels.mail import make_envelopes
from tests.channels.push_subjects import PUSH_SUBJECTS
from tests.channels.smtp_server import CLOSE, SILENCE, SmtpServer
from tests.channels.web_server import Asked, Behaviour, WebServer, close, hang, page

from tocsin.channels.contract import Envelope
from tocsin.channels.http import HttpDoor
from tocsin.channels.http_sms import HttpSmsChannel
from tocsin.channels.smtp import SmtpChannel
from tocsin.core.configuration_senders import HttpSender, SmsAnswer, SmtpSender

SMTP_ANSWERS: dict[Manner, dict[str, str]] = {
    "takes": {},
    "refuses": {"RCPT": f"550 5.7.1 No {SECRET}"},
    "defers": {"RCPT": f"451 4.7.1 Later {SECRET}"},
    "breaks off": {"content": CLOSE},
    "is silent": {"MAIL": SILENCE},
    "is away": {},
    "talks nonsense": {"greeting": "HTTP/1.1 200 OK"},
    "mixed": {f"RCPT TO:<{make_envelopes(3)[1].recipient}>": "550 5.1.1 Nobody"},
}


@asynccontextmanager
async def open_smtp(manner: Manner) -> Opening:
    answers = {name: answer.replace(SECRET, "you") for name, answer in SMTP_ANSWERS[manner].items()}
    async with SmtpServer(answers) as server:
        port = 9 if manner == "is away" else server.port
        sender = SmtpSender(
            id=1, name="relay", channel="email", host="127.0.0.1", port=port, security="none", connections=2,
            timeout_seconds=1.5,
        )  # fmt: skip
        channel = SmtpChannel(sender)
        yield Opened(channel, lambda: len(server.messages))
        await channel.close()


class Provider(WebServer):
    """Takes or refuses SMS by their texts."""

    manner: Manner = "takes"

    async def _answer(self, asked: Asked, writer: asyncio.StreamWriter) -> None:
        if asked.method != "HEAD":
            self.answers = {"/send": self.treat(asked)}
        await super()._answer(asked, writer)

    def treat(self, asked: Asked) -> bytes | Behaviour:
        said = json.loads(asked.body)
        echo = json.dumps({"ok": True, "id": "id 1 ü", "key": asked.headers["authorization"]}).encode()
        treatments: dict[Manner, bytes | Behaviour] = {
            "refuses": page(echo, "422 No"),
            "defers": page(echo, "503 Later"),
            "breaks off": close,
            "is silent": hang,
            "talks nonsense": b"220 mail.example.com ESMTP\r\n\r\n",
            "mixed": page(echo, "422 No" if said["text"] == "Text 1" else "200 OK"),
        }
        return treatments.get(self.manner, page(echo))


@asynccontextmanager
async def open_http_sms(manner: Manner) -> Opening:
    async with Provider() as server:
        server.manner = manner
        url = "http://127.0.0.1:9/send" if manner == "is away" else f"{server.url}/send"
        sender = HttpSender(
            id=2, name="gateway", channel="sms", url=url, headers={"Authorization": "Bearer ${KEY}"},
            json={"to": "{phone}", "text": "{text}"}, answer=SmsAnswer(message_id="$.id"), connections=2,
            timeout_seconds=1.5, secrets={"KEY": SECRET},
        )  # fmt: skip
        channel = HttpSmsChannel(
            sender, lambda most: HttpDoor([ip_network("127.0.0.1/32")], connections=most, connections_per_host=most)
        )
        yield Opened(channel, lambda: sum(one.method == "POST" for one in server.requests))
        await channel.close()


def make_sms(number: int) -> Envelope:
    return Envelope(number.to_bytes(12, "big"), "", f"+7900{number:07}", f"Text {number}".encode())


SUBJECTS = [
    Subject("smtp", open_smtp, lambda number: make_envelopes(number + 1)[number]),
    Subject("http sms", open_http_sms, make_sms),
    *PUSH_SUBJECTS,
]


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
@pytest.mark.parametrize("subject", SUBJECTS, ids=lambda subject: subject.name)
def test_a_channel(subject: Subject, check: Check):
    asyncio.run(check(subject))
