"""What reading an ordinary email address, phone number and field costs, beside the library that decides on the rest."""

import sys
from collections.abc import Callable, Sequence
from time import perf_counter_ns
from typing import Any

from email_validator import validate_email
from phonenumbers import PhoneNumberFormat, format_number
from phonenumbers import parse as parse_number

from tocsin.core import emails, fields, phones
from tocsin.core.configuration import Field

COUNT = 10_000
LIBRARY_COUNT = 500
ROUNDS = 7

EMAILS = [f"customer.{number}@shop{number % 97}.example.com" for number in range(COUNT)]
PHONES = [f"+79{number:09}" for number in range(COUNT)]
FORMATTED_PHONES = [f"+7 (9{number % 90:02}) {number % 900:03}-00-{number % 90:02}" for number in range(COUNT)]
FIELDS: dict[str, tuple[Field, list[Any]]] = {
    "string field": (Field("string"), [f"Customer {number}" for number in range(COUNT)]),
    "int field": (Field("int"), list(range(COUNT))),
    "int field, as text": (Field("int"), [str(number) for number in range(COUNT)]),
    "date field": (Field("date"), [f"19{number % 90 + 10}-12-{number % 28 + 1:02}" for number in range(COUNT)]),
    "datetime field": (Field("datetime"), [f"2026-11-21T10:{number % 60:02}:00Z" for number in range(COUNT)]),
    "enum field": (Field("enum", values=("free", "pro")), ["free", "pro"] * (COUNT // 2)),
    "ip field": (Field("ip"), [f"10.0.{number % 256}.{number % 251}" for number in range(COUNT)]),
    "tags field": (Field("tags"), [["news", f"tag {number}"] for number in range(COUNT)]),
}


def nanoseconds(parse: Callable[[Any], Any], values: Sequence[Any]) -> float:
    """For one value: the best of several rounds over all."""
    rounds = []
    for _ in range(ROUNDS):
        started = perf_counter_ns()
        for value in values:
            parse(value)
        rounds.append(perf_counter_ns() - started)
    return min(rounds) / len(values)


def email_by_library(value: str) -> str:
    return validate_email(value, check_deliverability=False).normalized


def phone_by_library(value: str) -> str:
    return format_number(parse_number(value, None), PhoneNumberFormat.E164)


def compare(name: str, ours: Callable[[Any], Any], library: Callable[[Any], Any], values: Sequence[Any]) -> float:
    """Prints both and their ratio, and answers with ours."""
    floor = nanoseconds(library, values[:LIBRARY_COUNT])
    cost = nanoseconds(ours, values)
    print(f"{name:24}{cost:8.0f} ns, library {floor:8.0f} ns: {floor / cost:5.0f} times")
    return cost


def main() -> int:
    email = compare("email", emails.parse, email_by_library, EMAILS)
    phone = compare("phone", phones.parse, phone_by_library, PHONES)
    compare("phone with punctuation", phones.parse, phone_by_library, FORMATTED_PHONES)
    key = nanoseconds(emails.key, EMAILS)
    print(f"{'email key':24}{key:8.0f} ns")
    for name, (field, values) in FIELDS.items():
        print(f"{name:24}{nanoseconds(fields.parser(field), values):8.0f} ns")
    print(f"a call of 10,000 profiles, two emails and two phones each: {2 * COUNT * (email + key + phone) / 1e9:.3f} s")
    return 0


if __name__ == "__main__":
    sys.exit(main())
