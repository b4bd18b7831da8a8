import math
from datetime import datetime, timedelta, timezone

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tocsin.core import fields
from tocsin.core.configuration import MATCHABLE, Database, Field
from tocsin.core.configuration_words import FieldType

PLAN = Field("enum", values=("free", "pro", "1"))


def stored(kind: FieldType, value: object) -> object:
    return fields.parser(PLAN if kind == "enum" else Field(kind))(value)


def nested(levels: int) -> dict:
    return {"a": nested(levels - 1)} if levels > 1 else {}


@pytest.mark.parametrize(
    ("kind", "value", "expected"),
    [
        ("string", "Иван", "Иван"),
        ("string", " kept ", " kept "),
        ("string", 12, "12"),
        ("string", 1.5, "1.5"),
        ("string", True, "true"),
        ("string", "x" * fields.TEXT_LENGTH, "x" * fields.TEXT_LENGTH),
        ("int", 12, 12),
        ("int", 12.0, 12),
        ("int", " -12 ", -12),
        ("int", "+12.0", 12),
        ("int", str(-(2**63)), -(2**63)),
        ("int", 2**63 - 1, 2**63 - 1),
        ("float", 1, 1.0),
        ("float", "1.5e3", 1500.0),
        ("float", ".5", 0.5),
        ("float", "-2.", -2.0),
        ("bool", True, True),
        ("bool", 0, False),
        ("bool", "1", True),
        ("bool", "FALSE", False),
        ("date", "2026-11-21", "2026-11-21"),
        ("date", " 2024-02-29\n", "2024-02-29"),
        ("date", "2026-11-21T23:30:00-05:00", "2026-11-21"),
        ("date", "21.11.2026", "2026-11-21"),
        ("datetime", "2026-11-21T10:00:00Z", "2026-11-21T10:00:00Z"),
        ("datetime", "2026-11-21T10:00:00.000Z", "2026-11-21T10:00:00Z"),
        ("datetime", "2026-11-21T10:00:00.250Z", "2026-11-21T10:00:00.25Z"),
        ("datetime", "2026-11-21T10:00:00.123456789z", "2026-11-21T10:00:00.123456Z"),
        ("datetime", "2026-11-21t01:30:00+03:00", "2026-11-20T22:30:00Z"),
        ("datetime", "2026-11-21 10:00:00 +0300", "2026-11-21T07:00:00Z"),
        ("datetime", "2026-11-21T10:00", "2026-11-21T10:00:00Z"),
        ("datetime", "2026-11-21", "2026-11-21T00:00:00Z"),
        ("datetime", "21.11.2026", "2026-11-21T00:00:00Z"),
        ("enum", "pro", "pro"),
        ("enum", " pro ", "pro"),
        ("enum", 0, "free"),
        ("enum", "0", "free"),
        ("enum", "2", "1"),
        ("enum", 1, "1"),
        ("enum", "1", "1"),
        ("ip", "10.0.0.255", "10.0.0.255"),
        ("ip", " 2001:DB8:0:0::1 ", "2001:db8::1"),
        ("ip", "::ffff:10.0.0.1", "10.0.0.1"),
        ("tags", ["b", " a ", "b", "", "c, d"], ["b", "a", "c, d"]),
        ("tags", "b, a,,b , c", ["b", "a", "c"]),
        ("tags", ["x", 7], ["x", "7"]),
        ("tags", 7, ["7"]),
        ("tags", [], []),
        ("object", {"a": [1, None, {"b": 2**70}]}, {"a": [1, None, {"b": 2**70}]}),
        ("arr_object", [{"a": 1}, {}], [{"a": 1}, {}]),
        ("arr_object", {"a": 1}, [{"a": 1}]),
        ("arr_object", [], []),
    ],
)
def test_a_value_is_stored_in_the_form_of_its_type(kind, value, expected):
    answer = stored(kind, value)
    assert answer == expected
    assert type(answer) is type(expected)
    assert stored(kind, answer) == expected


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        ("string", ["a"]),
        ("string", {}),
        ("string", "x" * (fields.TEXT_LENGTH + 1)),
        ("string", math.nan),
        ("int", 2**63),
        ("int", 1e300),
        ("int", -(2.0**64)),
        ("int", str(2**63)),
        ("int", 1.5),
        ("int", math.inf),
        ("int", True),
        ("int", "1_000"),
        ("int", "١٢"),
        ("int", "12a"),
        ("int", [12]),
        ("float", math.nan),
        ("float", 10**400),
        ("float", "1e400"),
        ("float", "nan"),
        ("float", "1_0"),
        ("float", "1,5"),
        ("float", False),
        ("bool", 2),
        ("bool", 1.0),
        ("bool", "yes"),
        ("bool", {}),
        ("date", "2026-02-29"),
        ("date", "0000-00-00"),
        ("date", "2026-W01-1"),
        ("date", "20261121"),
        ("date", "1.2.2026"),
        ("date", "11/21/2026"),
        ("date", "2026-11-21T25:00:00Z"),
        ("date", 20261121),
        ("datetime", "2026-11-21T10:00:00+25:00"),
        ("datetime", "2026-02-29T10:00:00Z"),
        ("datetime", "0001-01-01T00:00:00+03:00"),
        ("datetime", "2026-11-21T10"),
        ("datetime", 1763719200),
        ("enum", "Pro"),
        ("enum", 3),
        ("enum", -1),
        ("enum", True),
        ("enum", []),
        ("ip", "10.0.0.256"),
        ("ip", "10.0.0.01"),
        ("ip", "10.0.0"),
        ("ip", "fe80::1%eth0"),
        ("ip", 167772161),
        ("tags", [["a"]]),
        ("tags", {"a": 1}),
        ("tags", [f"tag {number}" for number in range(fields.TAGS + 1)]),
        ("object", [{}]),
        ("object", "text"),
        ("object", {"a": math.inf}),
        ("object", {"a": {"b": "x" * (fields.TEXT_LENGTH + 1)}}),
        ("object", nested(fields.DEPTH + 1)),
        ("arr_object", [{}, 1]),
        ("arr_object", [nested(fields.DEPTH + 1)]),
    ],
)
def test_another_value_is_refused_with_a_short_sentence(kind, value):
    with pytest.raises(ValueError, match=r"^(expected|text may|there may|objects may) ") as refused:
        stored(kind, value)
    assert len(str(refused.value)) < 160


@pytest.mark.parametrize("kind", sorted(FieldType.__args__))
def test_a_nul_character_is_refused_everywhere(kind):
    for value in ("\0", "a\0b", {"a": ["\0"]}, {"\0": 1}, [{"\0": 1}], ["a\0"], [{"a": {"b": "\0"}}]):
        with pytest.raises(ValueError, match=r"^(expected|text may) "):
            stored(kind, value)


@pytest.mark.parametrize("kind", sorted(FieldType.__args__))
def test_an_empty_text_clears_every_field_but_a_string(kind):
    assert stored(kind, "") == ("" if kind == "string" else None)
    if kind != "string":
        assert stored(kind, " \n") is None


def test_a_refusal_says_what_was_expected_and_the_beginning_of_what_came():
    with pytest.raises(ValueError, match="expected a date as 2026-11-21, got '31/12/2001'"):
        stored("date", "31/12/2001")
    with pytest.raises(ValueError, match="expected one of free, pro, 1, got 'gold'"):
        stored("enum", "gold")
    with pytest.raises(ValueError, match=f"^expected an IP address, got '{'x' * 50}"):
        stored("ip", "x" * 1_000_000)


def test_an_object_of_the_greatest_depth_is_kept():
    assert stored("object", nested(fields.DEPTH)) == nested(fields.DEPTH)


OFFSETS = st.integers(-14 * 60, 14 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))


@settings(max_examples=200, deadline=None)
@given(st.datetimes(datetime(2, 1, 1), datetime(9998, 1, 1), timezones=OFFSETS))  # noqa: DTZ001 - as hypothesis asks
def test_a_datetime_keeps_its_instant(moment):
    text = stored("datetime", moment.isoformat())
    assert datetime.fromisoformat(text) == moment
    assert stored("datetime", text) == text


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("_fname", "Алиса", "Алиса"),
        ("_postal_code", 101000, "101000"),
        ("_bdate", "2001-12-31T00:00:00Z", "2001-12-31"),
        ("_regdate", "2026-11-21T13:00:00+03:00", "2026-11-21T10:00:00Z"),
        ("_regip", "10.0.0.1", "10.0.0.1"),
        ("_sex", "Male", "male"),
        ("_sex", 2, "female"),
        ("_sex", "1", "male"),
        ("_sex", 0, None),
        ("_status", "subscribed", 0),
        ("_status", "Hardbounced", 3),
        ("_status", 6, 6),
        ("_status", "0", 0),
        ("email", " Alice@Example.com", "Alice@example.com"),
        ("email", "", None),
        ("phones", "+790000000000", ["+790000000000"]),
        ("phones", ["+7 900 000-00-00", "", "+79000000000", "+798144890880"], ["+79000000000", "+798144890880"]),
        ("phones", "", None),
        ("phones", [], []),
    ],
)
def test_a_standard_field_is_stored_in_its_form(name, value, expected):
    assert fields.standard_parsers()[name](value) == expected


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("_sex", 3),
        ("_sex", "unknown"),
        ("_status", 7),
        ("_status", -1),
        ("email", 5),
        ("email", ["alice@example.com"]),
        ("phones", 79000000000),
        ("phones", [None]),
        ("phones", "+79000000000, +79000000001"),
        ("phones", [f"+7900{number:07}" for number in range(fields.PHONES + 1)]),
    ],
)
def test_a_standard_field_refuses_what_does_not_fit(name, value):
    with pytest.raises(ValueError, match=r"expected|is not a phone|there may be"):
        fields.standard_parsers()[name](value)


def test_a_database_has_the_parsers_of_its_own_fields_and_the_standard_ones():
    database = Database(1, "Customers", fields={"bonus": "int", "plan": PLAN})
    parsers = fields.database_parsers(database)
    assert parsers.keys() == fields.STANDARD.keys() | {"bonus", "plan"}
    assert parsers["bonus"]("5") == 5
    assert parsers["plan"](0) == "free"


@pytest.mark.parametrize("name", ["", "a.b", "$a", "a\0", "x" * 101, "email", "_fname", "subscriptions", "id", "_id"])
def test_a_field_name_that_cannot_be_used_is_named(name):
    mistakes = fields.check_field_names(Database(1, "Customers", fields={"CRM_ID": "string", name: "int"}))
    assert len(mistakes) == 1
    assert mistakes[0].startswith(f"field {name[:60]!r}: ")


def test_ordinary_field_names_have_no_mistake():
    names = ("CRM_ID", "Имя клиента", "a$", "x" * 100, "Email")
    assert fields.check_field_names(Database(1, "Customers", fields=dict.fromkeys(names, "int"))) == []


@pytest.mark.parametrize(
    ("field", "value", "texts"),
    [
        (Field("string"), "a", ["a"]),
        (Field("string"), "", []),
        (Field("int"), 0, ["0"]),
        (PLAN, "pro", ["pro"]),
        (Field("ip"), "2001:db8::1", ["2001:db8::1"]),
        (Field("tags"), ["a", "b"], ["a", "b"]),
        (Field("tags"), [], []),
        (Field("float"), 1.5, []),
        (Field("object"), {"a": 1}, []),
        (Field("string"), None, []),
    ],
)
def test_a_stored_value_is_found_by_its_texts(field, value, texts):
    assert fields.match_texts(field, value) == texts


@pytest.mark.parametrize(
    ("field", "value", "texts"),
    [
        (Field("string"), 12, ["12"]),
        (Field("string"), "", []),
        (Field("int"), "12", ["12"]),
        (Field("int"), 12, ["12"]),
        (PLAN, 0, ["free"]),
        (Field("ip"), "2001:DB8::0001", ["2001:db8::1"]),
        (Field("tags"), "tag_1, tag_2", ["tag_1", "tag_2"]),
        (Field("tags"), "", []),
    ],
)
def test_a_searched_value_becomes_the_texts_that_must_all_be_there(field, value, texts):
    assert fields.match_query(field, value) == texts


def test_a_searched_value_that_no_profile_can_have_is_refused():
    with pytest.raises(ValueError, match="whole number"):
        fields.match_query(Field("int"), "twelve")


def test_a_long_text_is_found_by_its_beginning_and_its_hash():
    field = Field("string")
    one, other = "ё" * 300, "ё" * 299 + "е"
    (text,) = fields.match_texts(field, one)
    assert text.startswith("ё" * 100 + "…")
    assert len(text) == 165
    assert [text] == fields.match_query(field, one)
    assert [text] != fields.match_query(field, other)
    assert fields.match_texts(field, "x" * 200) == ["x" * 200]


@settings(max_examples=200, deadline=None)
@given(
    st.sampled_from([PLAN, *(Field(kind) for kind in sorted(MATCHABLE - {"enum"}))]),
    st.text(max_size=300) | st.integers() | st.sampled_from(["free", "10.0.0.1", "a, b"]),
)
def test_a_profile_is_found_by_the_value_that_was_sent(field, value):
    try:
        answer = fields.parser(field)(value)
    except ValueError:
        return
    assert fields.match_query(field, value) == fields.match_texts(field, answer)
