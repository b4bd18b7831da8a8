from random import Random

import phonenumbers
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tocsin.core import phones

CODES = sorted(phonenumbers.supported_calling_codes())
PUNCTUATION = ["", "", "", " ", "-", "(", ")", ".", "\u00a0", "/", "\u2013", "  "]


def by_library(value: str) -> str | None:
    try:
        number = phonenumbers.parse(value, None)
    except phonenumbers.NumberParseException:
        return None
    text = phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
    return text if len(text) <= 16 else None


def ours(value: str) -> str | None:
    try:
        return phones.parse(value)
    except ValueError:
        return None


def test_no_country_code_is_the_beginning_of_another():
    texts = [str(code) for code in CODES]
    assert not [(one, other) for one in texts for other in texts if one != other and other.startswith(one)]


def test_numbers_of_every_country_code_and_beginning_are_what_the_library_says():
    random = Random(1)
    for code in CODES:
        for beginning in range(100):
            rest = "".join(random.choices("0123456789", k=random.randrange(2, 13)))
            value = f"+{code}{beginning:02}{rest}"
            assert ours(value) == by_library(value), value


def test_example_numbers_of_every_region_are_what_the_library_says_with_a_national_prefix_too():
    for region in phonenumbers.SUPPORTED_REGIONS:
        metadata = phonenumbers.PhoneMetadata.metadata_for_region(region)
        for kind in (phonenumbers.PhoneNumberType.MOBILE, phonenumbers.PhoneNumberType.FIXED_LINE):
            number = phonenumbers.example_number_for_type(region, kind)
            if number is None:
                continue
            national = phonenumbers.national_significant_number(number)
            for prefix in ("", metadata.national_prefix or "0", "15", "9"):
                value = f"+{number.country_code}{prefix}{national}"
                assert ours(value) == by_library(value), value


def test_a_country_code_that_does_not_exist_is_refused():
    unknown = [code for code in range(1, 1000) if by_library(f"+{code:03}0000000") is None]
    assert unknown
    assert [code for code in unknown if ours(f"+{code:03}0000000")] == []


@settings(max_examples=250, deadline=None)
@given(
    st.sampled_from([7, 7, 1, 39, 44, 49, 52, 54, 55, 225, 261, 375, 378, 598, 999]),
    st.lists(st.tuples(st.sampled_from(PUNCTUATION), st.sampled_from("0123456789")), max_size=17),
    st.sampled_from(["", " ", ")", "\n"]),
)
@example(54, [("", digit) for digit in "91123456789"], "")
@example(54, [("", digit) for digit in "111523456789"], "")
@example(39, [("", digit) for digit in "00000000"], "")
def test_a_number_with_punctuation_is_what_the_library_says(code, digits, end):
    value = f"+{code}" + "".join(mark + digit for mark, digit in digits) + end
    assert ours(value) == by_library(value.strip())


@pytest.mark.parametrize(
    ("value", "stored"),
    [
        ("+79000000000", "+79000000000"),
        ("+790000000000", "+790000000000"),
        ("+798144890880", "+798144890880"),
        ("+73755334351", "+73755334351"),
        (" +7 (900) 000-00-00\n", "+79000000000"),
        ("(+7) 900 000 00 00", "+79000000000"),
        ("＋７９０００００００００", "+79000000000"),
        ("+44 (0)20 7946 0958", "+442079460958"),
        ("+39 06 1234 5678", "+390612345678"),
        ("+54 9 11 2345-6789", "+5491123456789"),
        ("+78001234567", "+78001234567"),
        ("+123456789012345", "+123456789012345"),
    ],
)
def test_a_number_is_stored_in_e164(value, stored):
    assert phones.parse(value) == stored
    assert phones.parse(stored) == stored


@pytest.mark.parametrize(
    "value",
    [
        "",
        "+",
        "+7",
        "79000000000",
        "89000000000",
        "0079000000000",
        "790+00000000",
        "+0123456789",
        "+9990000000",
        "+7900000000000000",
        "+79000000000 ext. 5",
        "+79000000000,,5",
        "+79000000000 #5",
        "+79000000000, +79000000001",
        "+79000000000;+79000000001",
        "+7900O000000",
        "+1 800 FLOWERS",
        "tel:+79000000000",
        "+79000000000\0",
        "+7\x009000000000",
        "++",
        "+" + "9" * 100_000,
        "+7" + " " * 100_000 + "9000000000",
    ],
)
def test_anything_else_is_refused_with_a_short_sentence(value):
    with pytest.raises(ValueError, match=r"is not a phone number written as \+79000000000") as refused:
        phones.parse(value)
    assert len(str(refused.value)) < 400
