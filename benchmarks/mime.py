"""Composing mail: messages a second from one skeleton, against EmailMessage in the same run, and text from HTML."""

from collections.abc import Callable
from datetime import UTC, datetime
from email import policy
from email.message import EmailMessage
from functools import partial
from time import process_time

from tocsin.core.html_text import text_from_html
from tocsin.core.mime import Address, prepare

SIZE = 4096
SECONDS = 0.5
ROUNDS = 5
NOON = datetime(2024, 2, 29, 12, 0, 5, tzinfo=UTC)
MESSAGE_ID = "65e07a450102030405060708@mail.example.com"
UNSUBSCRIBE = {
    "List-Unsubscribe": "<https://mail.example.com/u/65e07a450102030405060708>",
    "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
}
LETTERS = {
    "ASCII": ("Your order 1024 is on its way", "Alice Liddell", "Walnut chair, two pieces, delivered on Friday"),
    "Cyrillic": ("Ваш заказ 1024 уже в пути", "Алиса Лидделл", "Ореховый стул, две штуки, доставка в пятницу"),
}


def page(words: str) -> str:
    """An HTML page of about `SIZE` characters, half of them markup."""
    row = f'<tr><td class="item"><a href="https://shop.example.com/i/7">{words}</a></td><td>129.00</td></tr>\n'
    return f"<html><body><h1>{words}</h1>\n<table>\n{row * (SIZE // len(row))}</table></body></html>\n"


def rate(act: Callable[[], object]) -> float:
    """Calls in a second of one core: the best of several short rounds, since other programs share the machine."""
    return max(_round(act) for _ in range(ROUNDS))


def _round(act: Callable[[], object]) -> float:
    calls = 0
    started = process_time()
    while (passed := process_time() - started) < SECONDS:
        act()
        calls += 1
    return calls / passed


def with_skeleton(subject: str, name: str, html: str, text: str) -> Callable[[], bytes]:
    skeleton = prepare(
        sender=Address("shop@example.com", "Shop"), reply_to=None, attachments=(), has_html=True, has_text=True
    )
    return lambda: skeleton.compose(
        to="alice@example.com",
        to_name=name,
        subject=subject,
        html=html,
        text=text,
        message_id=MESSAGE_ID,
        date=NOON,
        headers=UNSUBSCRIBE,
    )


def with_email_message(subject: str, name: str, html: str, text: str) -> Callable[[], bytes]:
    def build() -> bytes:
        message = EmailMessage(policy=policy.SMTP)
        message["From"] = "Shop <shop@example.com>"
        message["To"] = f"{name} <alice@example.com>"
        message["Subject"] = subject
        message["Date"] = NOON
        message["Message-ID"] = f"<{MESSAGE_ID}>"
        for header, value in UNSUBSCRIBE.items():
            message[header] = value
        message.set_content(text)
        message.add_alternative(html, subtype="html")
        return message.as_bytes()

    return build


def main() -> None:
    for alphabet, (subject, name, words) in LETTERS.items():
        html = page(words)
        text = text_from_html(html)
        ours = rate(with_skeleton(subject, name, html, text))
        theirs = rate(with_email_message(subject, name, html, text))
        derived = rate(partial(text_from_html, html))
        print(
            f"mime: {ours:.0f} mails/s, {ours / theirs:.0f}x EmailMessage ({alphabet}, {len(html)} characters of HTML)"
        )
        print(f"mime: {derived:.0f} texts from HTML/s ({alphabet})")


if __name__ == "__main__":
    main()
