"""DKIM signatures, checked by dkimpy."""

import re
from email.message import EmailMessage

import dkim
import pytest
from cryptography.hazmat.primitives.asymmetric import ed25519, padding, rsa, utils
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given, settings
from hypothesis import strategies as st

from tocsin.core.dkim import Signer, relax_body, seal

MAIL = (
    b"From: Shop <shop@example.com>\r\n"
    b"To: alice@example.com\r\n"
    b"Subject: Hello\r\n"
    b"Date: Sat, 21 Nov 2026 05:00:00 +0000\r\n"
    b"Message-ID: <1@example.com>\r\n"
    b"List-Unsubscribe: <https://example.com/u>\r\n"
    b"MIME-Version: 1.0\r\n"
    b"Content-Type: text/plain; charset=utf-8\r\n"
    b"\r\n"
    b"Hello.\r\n"
)


class Signing:
    """A signer, and what verifiers find in the DNS under its selector."""

    def __init__(self, algorithm):
        if algorithm == "rsa-sha256":
            rsa_key = rsa.generate_private_key(65537, 2048)
            public = rsa_key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)

            def sign(digest):
                return rsa_key.sign(digest, padding.PKCS1v15(), utils.Prehashed(SHA256()))
        else:
            key = ed25519.Ed25519PrivateKey.generate()
            public = key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
            sign = key.sign
        self.record = f"v=DKIM1; k={algorithm.split('-')[0]}; p={_base64(public)}".encode()
        self.signer = Signer("example.com", "mail", algorithm, sign)

    def verify(self, message):
        asked = []

        def find(name, timeout=5):  # noqa: ARG001 - dkimpy gives it
            asked.append(name)
            return self.record

        is_valid = dkim.verify(message, dnsfunc=find)
        assert asked in ([b"mail._domainkey.example.com."], ["mail._domainkey.example.com."], [])
        return is_valid


def _base64(data):
    from base64 import b64encode

    return b64encode(data).decode()


@pytest.fixture(scope="module")
def rsa_signing():
    return Signing("rsa-sha256")


@pytest.fixture(scope="module")
def ed25519_signing():
    return Signing("ed25519-sha256")


@pytest.fixture(params=["rsa_signing", "ed25519_signing"])
def signing(request):
    return request.getfixturevalue(request.param)


def with_head(*lines, body=b"Hello.\r\n"):
    return b"".join(line + b"\r\n" for line in (b"From: shop@example.com", *lines)) + b"\r\n" + body


AWKWARD = {
    "as it comes": MAIL,
    "no body": with_head(b"Subject: x", body=b""),
    "only empty lines": with_head(body=b"\r\n\r\n\r\n"),
    "only blank lines": with_head(body=b" \r\n\t\r\n  \r\n"),
    "empty lines at the end": with_head(body=b"a\r\n\r\n\r\n"),
    "spaces at the ends of lines": with_head(body=b"a  \t \r\n b\t\tc \r\n \r\n"),
    "a blank first line": with_head(body=b" \r\nx\r\n"),
    "leading dots": with_head(body=b".\r\n..\r\n.x\r\n"),
    "eight bits": with_head("Subject: Grüße ☃".encode(), body="Grüße ☃\r\n".encode()),
    "a long folded subject": with_head(b"Subject: " + b"\r\n ".join([b"word  word\t"] * 40)),
    "a very long line": with_head(b"Subject: " + b"x" * 900),
    "a tab after the colon": with_head(b"Subject:\tHello \t there  "),
    "no space after the colon": with_head(b"SUBJECT:Hello"),
    "an empty field": with_head(b"Subject:", b"To: "),
    "two fields of one name": with_head(b"List-Unsubscribe: <a>", b"List-Unsubscribe: <b>", b"To: a", b"To: b"),
    "one-click unsubscribing": with_head(
        b"List-Unsubscribe: <a>", b"List-Unsubscribe-Post: List-Unsubscribe=One-Click"
    ),
    "other bytes that look like spaces": with_head(b"Subject: a\x0bb\x0c c", body=b"a\x0b \x0c\r\n"),
}


@pytest.mark.parametrize("message", AWKWARD.values(), ids=AWKWARD)
def test_a_signature_holds(signing, message):
    signed = seal(message, signing.signer)
    assert signed.endswith(message)
    assert signing.verify(signed)


def test_what_relays_may_do_to_a_mail_leaves_the_signature_whole(signing):
    signed = seal(MAIL, signing.signer)
    assert signing.verify(b"Received: from a\r\n\tby b\r\n" + signed)
    assert signing.verify(signed.replace(b"Subject: Hello", b"SUBJECT:   Hello "))
    assert signing.verify(signed.replace(b"Shop <shop", b"Shop\r\n\t<shop"))
    assert signing.verify(signed + b"\r\n\r\n")


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"Hello.", b"Hell0."),
        (b"Subject: Hello", b"Subject: Hullo"),
        (b"<https://example.com/u>", b"<https://evil.example/u>"),
        (b"Date: Sat", b"Date: Sun"),
        (b"From: Shop", b"From: evil@example.com\r\nFrom: Shop"),
        (b"Subject: Hello", b"Subject: Hello\r\nReply-To: evil@example.com"),
        (b"charset=utf-8", b"charset=utf-7"),
    ],
)
def test_what_a_thief_would_change_breaks_it(signing, old, new):
    signed = seal(MAIL, signing.signer)
    assert not signing.verify(signed.replace(old, new))


def test_the_field_names_all_that_is_signed_and_has_short_lines(rsa_signing):
    head = seal(MAIL, rsa_signing.signer).partition(b"\r\nFrom:")[0]
    assert all(len(line) <= 80 for line in head.split(b"\r\n"))
    signed = set(re.sub(rb"\s", b"", re.search(rb"h=([^;]+);", head)[1]).decode().split(":"))
    assert signed == {
        "from", "to", "subject", "date", "message-id", "reply-to", "mime-version", "content-type", "list-unsubscribe",
    }  # fmt: skip
    assert b"a=rsa-sha256; c=relaxed/relaxed;" in head


def test_the_same_mail_gets_the_same_signature(signing):
    assert seal(MAIL, signing.signer) == seal(MAIL, signing.signer)


@settings(max_examples=150, deadline=None)
@given(
    body=st.lists(st.sampled_from([b"a", b" ", b"\t", b"\r\n", b".", b"\xc3\xbc", b"  ", b"\x0b"]), max_size=30),
    subject=st.lists(st.sampled_from([b"a", b" ", b"\t", b"\r\n ", b":", b";"]), max_size=20),
)
def test_any_spacing_is_signed_as_verifiers_read_it(ed25519_signing, body, subject):
    message = with_head(b"Subject: x" + b"".join(subject) + b"y", body=b"".join(body) + b"\r\n")
    assert ed25519_signing.verify(seal(message, ed25519_signing.signer))


def test_a_mail_of_the_standard_library_is_signed(signing):
    mail = EmailMessage()
    mail["From"], mail["To"], mail["Subject"] = "Shop <shop@example.com>", "alice@example.com", "Grüße " * 30
    mail.set_content("Grüße\n" * 50)
    mail.add_alternative("<p>Grüße</p>\n", subtype="html")
    assert signing.verify(seal(mail.as_bytes().replace(b"\n", b"\r\n"), signing.signer))


def test_a_body_of_nothing_but_blank_lines_is_empty():
    assert [relax_body(body) for body in (b"", b"\r\n", b" \r\n\t\r\n")] == [b"", b"", b""]
    assert relax_body(b" a \t b \r\n\r\n") == b" a b\r\n"
