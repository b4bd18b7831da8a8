import pytest
from hypothesis import given
from hypothesis import strategies as st

from tocsin.core.errors import Invalid
from tocsin.core.workflows.content import fits, parse_when

CONTENT = {
    "page": "cart",
    "total": 35.5,
    "count": 5,
    "vip": True,
    "nothing": None,
    "empty": "",
    "tags": ["new", "summer"],
    "prices": [3, 12],
    "lines": [{"sku": "A"}, {"sku": "B"}],
    "user": {"city": "Riga", "age": "41"},
    "at": "2026-11-21T10:00:00Z",
}


@pytest.mark.parametrize(
    ("when", "does"),
    [
        ({"page": "cart"}, True),
        ({"page": "Cart"}, False),
        ({"page": ["home", "cart"]}, True),
        ({"page": ["home"]}, False),
        ({"count": 5}, True),
        ({"count": "5"}, True),
        ({"count": " 5.0 "}, True),
        ({"count": "five"}, False),
        ({"user.age": 41}, True),
        ({"total": "35.50"}, True),
        ({"vip": True}, True),
        ({"vip": "true"}, True),
        ({"vip": "TRUE"}, True),
        ({"vip": 1}, False),
        ({"vip": "yes"}, False),
        ({"page": True}, False),
        ({"tags": "summer"}, True),
        ({"tags": "winter"}, False),
        ({"tags": {"$ne": "summer"}}, False),
        ({"lines.1.sku": "B"}, True),
        ({"lines.2.sku": "B"}, False),
        ({"user": "Riga"}, False),
        ({"page": "cart", "user.city": "Riga"}, True),
        ({"page": "cart", "user.city": "Tartu"}, False),
        ({"count": {"$gt": 4, "$lte": 5}}, True),
        ({"count": {"$gt": 5}}, False),
        ({"count": {"gte": "5"}}, True),
        ({"user.age": {"$lt": 100}}, True),
        ({"user.age": {"$lt": "100"}}, True),
        ({"prices": {"$gt": 10}}, True),
        ({"at": {"$gt": "2026-11-01"}}, True),
        ({"at": {"$lt": "2026-11-01"}}, False),
        ({"page": {"$gt": 5}}, False),
        ({"vip": {"$gte": 0}}, False),
        ({"user": {"$gt": 0}}, False),
        ({"page": {"$in": ["cart"]}}, True),
        ({"page": {"$nin": ["home", "cart"]}}, False),
        ({"page": {"$nin": ["home"]}}, True),
        ({"page": {"$eq": "cart"}}, True),
        ({"page": {"$ne": "home"}}, True),
        ({"page": {"$exists": True}}, True),
        ({"empty": {"$exists": True}}, True),
        ({"empty": ""}, True),
        ({"nothing": {"$exists": True}}, False),
        ({"nothing": {"exists": "false"}}, True),
        ({"user.street.name": {"$exists": False}}, True),
        ({"page.more": {"$exists": True}}, False),
    ],
)
def test_content_fits_or_does_not(when, does):
    assert fits(parse_when(when), CONTENT) is does


LACKING = [
    {"missing": ""}, {"missing": 0}, {"missing": False}, {"missing": [0, ""]}, {"missing": {"$ne": 1}},
    {"missing": {"$nin": [1]}},
    {"missing": {"$gt": -1}}, {"missing": {"$lt": 1}}, {"missing": {"$exists": True}}, {"missing.deep": "x"},
]  # fmt: skip


@pytest.mark.parametrize("when", LACKING)
@pytest.mark.parametrize("content", [{}, {"missing": None}])
def test_what_is_lacking_fits_nothing(when, content):
    assert not fits(parse_when(when), content)


@pytest.mark.parametrize(
    ("when", "mistake"),
    [
        ({}, "expected 1 to 50 paths into the content, each with what it must be"),
        ({f"a{i}": 1 for i in range(51)}, "expected 1 to 50 paths into the content, each with what it must be"),
        ({"a..b": 1}, "a..b: expected names of members joined by dots"),
        ({"": 1}, "expected names of members joined by dots"),
        ({"a": None}, "a: expected text, a number, true or false"),
        ({"a": {}}, "a: expected an operator, as $gt"),
        ({"a": {"city": "Riga"}}, "a: there is no operator city; expected one of $eq, $ne, $in, $nin, $gt, $gte,"),
        ({"a": {"$gt": [1]}}, "a.$gt: expected text, a number, true or false"),
        ({"a": {"$exists": 1}}, "a.$exists: expected true or false"),
        ({"a": []}, "a: expected a list of 1 to 1000 values"),
        ({"a": [1] * 1001}, "a: expected a list of 1 to 1000 values"),
        ({"a": [[1]]}, "a: expected text, a number, true or false"),
    ],
)
def test_a_condition_that_makes_no_sense_is_refused(when, mistake):
    with pytest.raises(Invalid) as caught:
        parse_when(when)
    assert caught.value.describe().startswith(mistake)


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | st.text(max_size=8)
    | st.sampled_from(["1", "1e400", "-0"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("abc"), inner, max_size=3),
    max_leaves=8,
)
OPERANDS = st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=5)
ASKED = (
    OPERANDS
    | st.lists(OPERANDS, min_size=1, max_size=3)
    | st.dictionaries(st.sampled_from(["$eq", "$ne", "$gt", "$gte", "$lt", "$lte"]), OPERANDS, min_size=1)
    | st.builds(lambda there: {"$exists": there}, st.booleans())
)


@given(
    st.dictionaries(st.sampled_from(["a", "a.b", "b.0", "c"]), ASKED, min_size=1),
    st.dictionaries(st.sampled_from("abc"), JSON),
)
def test_any_content_gets_an_answer(when, content):
    assert fits(parse_when(when), content) in (True, False)


@given(st.integers() | st.booleans(), st.integers() | st.booleans())
def test_a_text_equals_the_value_that_it_shows_and_no_other(left, right):
    shown = str(right).lower()
    expected = left == right and isinstance(left, bool) == isinstance(right, bool)
    assert fits(parse_when({"a": left}), {"a": shown}) is expected
    assert fits(parse_when({"a": shown}), {"a": left}) is expected
