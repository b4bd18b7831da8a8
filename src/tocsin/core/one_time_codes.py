"""One-time codes of six digits, as apps on telephones make them (RFC 6238)."""

from base64 import b32encode

import pyotp

SECRET_BYTES = 20
STEP_SECONDS = 30

# A clock may be off by a step either way.
_NEIGHBOURS = (0, -1, 1)


def make_secret(random: bytes) -> str:
    """A secret in base32, of random bytes."""
    return b32encode(random).decode()


def matching_step(secret: str, code: str, now_seconds: float, last_step: int) -> int | None:
    """The step that a code belongs to; None when it is wrong, or of a step that has had its code."""
    made = pyotp.TOTP(secret, interval=STEP_SECONDS)
    present = int(now_seconds) // STEP_SECONDS
    typed = code.replace(" ", "")
    for step in (present + offset for offset in _NEIGHBOURS):
        if step > last_step and pyotp.utils.strings_equal(typed, made.at(step * STEP_SECONDS)):
            return step
    return None


def uri(secret: str, email: str) -> str:
    """What the QR code for an app says."""
    return pyotp.TOTP(secret, interval=STEP_SECONDS).provisioning_uri(name=email, issuer_name="Tocsin")
