"""What reading and writing 10,000 profiles costs in each encoding, beside a bare parser that makes nothing of them."""

import gc
import sys
import tracemalloc
from collections.abc import Callable
from functools import partial
from statistics import median
from time import process_time
from typing import Annotated, Any

import msgspec
from lxml import etree

from tocsin.core.launches import FLAT_IN_XML
from tocsin.web import codec
from tocsin.web.codec import Encoding

COUNT = 10_000
ROUNDS = 9


class Item(msgspec.Struct):
    """One profile, as bulk import with launch has it."""

    data: Annotated[dict[str, Any], FLAT_IN_XML]
    custom_data: dict[str, Any] = msgspec.field(default_factory=dict)


class Request(msgspec.Struct):
    """Bulk import with launch."""

    data: list[Item]
    trigger_id: Annotated[int, msgspec.Meta(ge=1, le=2**31 - 1)]
    token: str = ""
    matching: str = "email"


def profile(number: int) -> dict[str, Any]:
    """A profile with two subscriptions, of the size that the API's documentation shows."""
    return {
        "_fname": f"Name{number}",
        "_lname": f"Surname{number}",
        "email": f"customer{number}@example.com",
        "phones": f"+7900{number:07}",
        "subscriptions": [
            {"channel": "email", "email": f"other{number}@example.com", "resource_id": 21},
            {"channel": "phone", "phone": f"+7901{number:07}", "resource_id": 20},
        ],
    }


def element(name: str, value: Any) -> str:
    """A member as XML, one element a line, as people and most libraries write it."""
    if isinstance(value, list):
        return "".join(element(name, item) for item in value)
    if isinstance(value, dict):
        return f"<{name}>\n{''.join(element(*member) for member in value.items())}</{name}>\n"
    return f"<{name}>{value}</{name}>\n"


def measure(work: Callable[[], object]) -> tuple[float, float]:
    """Milliseconds of processor time: the best round and the median one."""
    rounds = []
    for _ in range(ROUNDS):
        gc.collect()
        started = process_time()
        work()
        rounds.append((process_time() - started) * 1000)
    return min(rounds), median(rounds)


def peak(work: Callable[[], object]) -> float:
    """The most megabytes that Python's own memory grew to."""
    tracemalloc.start()
    work()
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return most / 2**20


def compare(encoding: Encoding, body: bytes, bare: Callable[[bytes], object]) -> float:
    """Prints what decoding costs, with its floor, and answers with their ratio."""
    floor, usual_floor = measure(lambda: bare(body))
    cost, usual_cost = measure(lambda: codec.decode(body, encoding, Request))
    memory = peak(lambda: codec.decode(body, encoding, Request))
    print(
        f"decode {encoding:5}{len(body) / 2**20:5.1f} MB {cost:7.1f} ms (median {usual_cost:.1f}), bare parser "
        f"{floor:.1f} ms (median {usual_floor:.1f}): ratio {cost / floor:.2f}; peak {memory:.0f} MB"
    )
    return cost / floor


def main() -> int:
    """1 when a ratio is above what is promised."""
    gc.freeze()
    gc.set_threshold(50_000, 20, 20)  # As the server sets it.
    profiles = [profile(number) for number in range(COUNT)]
    request = {"token": "secret", "matching": "email", "trigger_id": 96}
    as_json = msgspec.json.encode(request | {"data": [{"data": one} for one in profiles]})
    as_xml = element("xml", request | {"data": profiles}).encode()
    kept = compare("json", as_json, msgspec.json.decode) < 2
    kept &= compare("xml", as_xml, etree.fromstring) < 3

    answer = {"error": 0, "error_text": "", "result": [{"profile_id": f"{number:024x}"} for number in range(COUNT)]}
    for encoding in ("json", "xml"):
        cost, usual = measure(partial(codec.encode, answer, encoding))
        print(f"encode {encoding:5}{COUNT} ids {cost:5.1f} ms (median {usual:.1f})")
    return 0 if kept else 1


if __name__ == "__main__":
    sys.exit(main())
