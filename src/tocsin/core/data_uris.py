"""Files inside JSON and XML: data URIs (RFC 2397) in base64 or percent-encoded."""

import binascii
from typing import NamedTuple
from urllib.parse import unquote_to_bytes

DEFAULT_TYPE = "application/octet-stream"


class DataUri(NamedTuple):
    """What a data URI holds."""

    content_type: str
    data: bytes


def parse(text: str) -> DataUri:
    """The type and bytes of a data URI, or ValueError with one sentence."""
    if text[:5].lower() != "data:" or "," not in text:
        raise ValueError("expected a data URI, as data:text/plain;base64,SGVsbG8=")
    head, encoded = text[5:].split(",", 1)
    content_type, _, _ = head.partition(";")
    if not head.lower().endswith(";base64"):
        return DataUri(content_type or "text/plain", unquote_to_bytes(encoded))
    try:
        data = binascii.a2b_base64("".join(encoded.split()), strict_mode=True)
    except ValueError:
        raise ValueError("the data is not valid base64") from None
    return DataUri(content_type or DEFAULT_TYPE, data)
