"""Functional updates: what each action makes of a value of each type, and what is refused."""

import copy
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tocsin.core import updates
from tocsin.core.configuration import Configuration, Database, Field
from tocsin.core.errors import Invalid
from tocsin.core.profiles import Reader
from tocsin.core.updates import ACTIONS, SHAPES, UNTYPED

DATABASE = Database(
    1,
    "Customers",
    fields={
        "string": "string",
        "int": "int",
        "float": "float",
        "bool": "bool",
        "date": "date",
        "datetime": "datetime",
        "enum": Field("enum", values=("free", "pro")),
        "ip": "ip",
        "tags": "tags",
        "object": "object",
        "arr_object": "arr_object",
        "CRM_ID": Field("string", unique=True),
        "number": Field("int", unique=True),
    },
)
TARGETS = updates.targets(DATABASE) | {"untyped": UNTYPED}
LARGEST = 2**63 - 1
TWO = [{"id": 1, "n": 1}, {"id": 2, "n": 2}]


def done(name: str, known: Any, action: str, *value: Any, **submatch: Any) -> Any:
    """What becomes of a known value; it is itself left as it was."""
    before = copy.deepcopy(known)
    update = updates.read(TARGETS[name], {"action": action} | ({"value": value[0]} if value else {}) | submatch)
    assert update is not None
    result = updates.apply(update, known)
    assert known == before
    return result


def refused(name: str, raw: dict[str, Any]) -> tuple[str, str]:
    with pytest.raises(Invalid) as caught:
        updates.read(TARGETS[name], raw)
    return caught.value.path, caught.value.debug


@pytest.mark.parametrize(
    ("name", "given", "stored"),
    [
        ("string", 5, "5"),
        ("int", "5", 5),
        ("float", "1.5", 1.5),
        ("bool", "true", True),
        ("date", "31.12.2001", "2001-12-31"),
        ("datetime", "2026-11-21 10:00", "2026-11-21T10:00:00Z"),
        ("enum", "1", "pro"),
        ("ip", "::FFFF:10.0.0.1", "10.0.0.1"),
        ("tags", "a, b", ["a", "b"]),
        ("object", {"action": "set"}, {"action": "set"}),
        ("arr_object", {"a": 1}, [{"a": 1}]),
        ("email", " Ann@Example.com", "Ann@example.com"),
        ("phones", "+7 900 000-00-01", ["+79000000001"]),
        ("_fname", "Zoë", "Zoë"),
        ("_sex", "2", "female"),
        ("CRM_ID", "A-1", "A-1"),
        ("untyped", {"any": [1]}, {"any": [1]}),
        ("int", None, None),
        ("int", "", None),
    ],
)
def test_set_gives_a_field_of_any_type_a_value_in_the_form_of_the_type(name, given, stored):
    assert done(name, "before", "set", given) == stored


@pytest.mark.parametrize("name", sorted(TARGETS.keys() - {"email"}))
def test_unset_clears_every_field_but_the_email(name):
    assert done(name, "before", "unset") is None
    assert done(name, None, "unset", "ignored") is None


@pytest.mark.parametrize(
    ("name", "known", "value", "sum_"),
    [
        ("int", 5, 3, 8),
        ("int", 5, -8, -3),
        ("int", None, "7", 7),
        ("int", 5, "2.0", 7),
        ("int", LARGEST - 1, 1, LARGEST),
        ("int", -LARGEST, "-1", -LARGEST - 1),
        ("float", 1.5, 1, 2.5),
        ("float", None, "-0.5", -0.5),
        ("float", 10**20, 1, 1e20),
        ("untyped", 5, "3", 8),
        ("untyped", "5", 1, 6),
        ("untyped", 5, 0.5, 5.5),
        ("untyped", None, "1.5", 1.5),
    ],
)
def test_incr_adds_a_number_to_what_is_there_or_to_nought(name, known, value, sum_):
    result = done(name, known, "incr", value)
    assert (result, type(result)) == (sum_, type(sum_))


@pytest.mark.parametrize(
    ("name", "known", "action", "value"),
    [
        ("int", LARGEST, "incr", 1),
        ("int", -LARGEST - 1, "incr", -1),
        ("untyped", LARGEST, "incr", 1),
        ("float", 1.7e308, "incr", 1.7e308),
        ("int", "a text of before", "incr", 1),
        ("untyped", True, "incr", 1),
        ("tags", {"an": "object"}, "add", "a"),
        ("tags", [str(number) for number in range(1000)], "add", "one more"),
        ("phones", [f"+7900000{number:04}" for number in range(100)], "add", "+79001112233"),
        ("arr_object", [{}] * 10_000, "add", {}),
        ("arr_object", ["a"], "delete", {"a": 1}),
        ("object", [1], "upsert", {"a": 1}),
    ],
)
def test_an_update_whose_outcome_the_field_cannot_have_is_refused(name, known, action, value):
    with pytest.raises(Invalid, match=r"^(expected|there may be) .{5,100}$"):
        done(name, known, action, value)


@pytest.mark.parametrize(
    ("name", "known", "action", "value", "result"),
    [
        ("tags", ["a", "b"], "add", ["b", "c", "c"], ["a", "b", "c"]),
        ("tags", None, "add", "x, y", ["x", "y"]),
        ("tags", ["a"], "add", [], ["a"]),
        ("tags", ["a"], "add", "", ["a"]),
        ("tags", ["a", "b", "c"], "delete", ["c", "a", "z"], ["b"]),
        ("tags", ["1"], "delete", 1, []),
        ("tags", None, "delete", "a", None),
        ("phones", ["+79000000001"], "add", "+7 900 000-00-02", ["+79000000001", "+79000000002"]),
        ("phones", ["+79000000001", "+79000000002"], "delete", ["+7 (900) 0000001"], ["+79000000002"]),
        ("untyped", ["a"], "add", "b", ["a", "b"]),
        ("untyped", ["a", "b"], "delete", ["b"], ["a"]),
        ("untyped", [{"a": 1}], "add", {"a": 1}, [{"a": 1}, {"a": 1}]),
        ("arr_object", TWO, "add", {"id": 3}, [*TWO, {"id": 3}]),
        ("arr_object", TWO, "add", [{"id": 1}, {}], [*TWO, {"id": 1}, {}]),
        ("arr_object", None, "add", [{"id": 3}], [{"id": 3}]),
        ("arr_object", TWO, "delete", {"id": 1}, TWO[1:]),
        ("arr_object", TWO, "delete", [{"id": "1"}, {"n": 2, "id": 2}], []),
        ("arr_object", TWO, "delete", {"id": 1, "n": 2}, TWO),
        ("arr_object", [{"id": 1}, {"id": True}], "delete", {"id": True}, [{"id": 1}]),
        ("arr_object", [{"a": {"b": [1, 2.0]}}, {"a": 1}], "delete", {"a": {"b": ["1", "2"]}}, [{"a": 1}]),
        ("arr_object", None, "delete", {"id": 1}, None),
        ("object", {"a": 1, "z": None}, "upsert", {"b": 3, "c": {"d": 4}}, {"a": 1, "z": None, "b": 3, "c": {"d": 4}}),
        ("object", {"a": 1, "b": 2}, "upsert", {"a": None, "x": None}, {"b": 2}),
        ("object", None, "upsert", {"a": 1}, {"a": 1}),
        ("object", {"a": 1}, "upsert", "", {"a": 1}),
        ("untyped", {"a": 1}, "upsert", {"b": 2}, {"a": 1, "b": 2}),
    ],
)  # fmt: skip
def test_add_delete_and_upsert_change_what_is_there(name, known, action, value, result):
    assert done(name, known, action, value) == result


@pytest.mark.parametrize(
    ("known", "action", "value", "submatch", "result"),
    [
        (TWO, "upsert", {"id": 2, "n": 9, "m": 1}, "id", [TWO[0], {"id": 2, "n": 9, "m": 1}]),
        (TWO, "upsert", {"id": "2", "n": None}, "id", [TWO[0], {"id": 2}]),
        (TWO, "upsert", {"id": 3, "n": None}, "id", [*TWO, {"id": 3}]),
        (TWO, "upsert", [{"id": 3, "n": 3}, {"id": 3, "m": 4}], "id", [*TWO, {"id": 3, "n": 3, "m": 4}]),
        (None, "upsert", {"id": 1}, "id", [{"id": 1}]),
        (TWO, "upsert", [], "id", TWO),
        (TWO, "upsert", {"m": 1}, {"id": 1, "n": 1}, [{"id": 1, "n": 1, "m": 1}, TWO[1]]),
        (TWO, "upsert", {"id": 7}, {"id": 1}, [{"id": 7, "n": 1}, TWO[1]]),
        (TWO, "upsert", {"m": 1}, {"id": 1, "n": 2}, [*TWO, {"id": 1, "n": 2, "m": 1}]),
        ([{"p": {"id": 1, "q": 1}}], "upsert", {"p": {"id": "1"}, "n": 2}, "p.id", [{"p": {"id": "1"}, "n": 2}]),
        ([{"p.id": 1}, {"p": 1}], "upsert", {"p.id": 1, "n": 2}, "p.id", [{"p.id": 1, "n": 2}, {"p": 1}]),
        (TWO, "delete", {"id": 1, "n": 99}, "id", TWO[1:]),
        (TWO, "delete", [{"id": 1}, {"id": 2}], "id", []),
        (TWO, "delete", {"n": 2}, {"id": 1}, TWO),
    ],
)
def test_a_submatch_tells_which_elements_are_meant(known, action, value, submatch, result):
    assert done("arr_object", known, action, value, submatch=submatch) == result
    assert done("untyped", known, action, value, submatch=submatch) == result


def test_elements_can_be_deleted_by_their_members_alone():
    assert done("arr_object", TWO, "delete", submatch={"id": "1"}) == TWO[1:]


TAKEN = {
    "int": {"incr"},
    "float": {"incr"},
    "tags": {"add", "delete"},
    "phones": {"add", "delete"},
    "object": {"upsert"},
    "arr_object": {"add", "delete", "upsert"},
}


@pytest.mark.parametrize("name", sorted(TARGETS.keys() - {"untyped"}))
@pytest.mark.parametrize("action", ACTIONS)
def test_an_action_that_is_not_for_the_type_is_refused(name, action):
    taken = {"set"} if name == "email" else {"set", "unset"} | TAKEN.get(name, set())
    if action not in taken:
        path, debug = refused(name, {"action": action, "value": "1"})
        assert path == "action"
        assert set(debug.removeprefix("this field takes only ").split(", ")) == taken


@pytest.mark.parametrize("action", ["bump", "", "SET", 5, ["set"], {"set": 1}])
def test_an_unknown_action_is_refused_where_an_object_can_be_no_value(action):
    assert refused("int", {"action": action, "value": 1}) == ("action", "this field takes only set, unset, incr")


@pytest.mark.parametrize("name", ["object", "arr_object", "untyped"])
@pytest.mark.parametrize(
    "raw",
    [{"action": "bump"}, {"action": "set", "value": 1, "more": 2}, {"value": 1}, {"action": None}, {"action": []}, {}],
)
def test_an_object_that_is_not_exactly_an_update_is_a_value_of_a_field_of_objects(name, raw):
    assert updates.read(TARGETS[name], raw) is None


@pytest.mark.parametrize(
    ("name", "raw", "path"),
    [
        ("string", {"action": "set"}, "value"),
        ("int", {"action": "set", "value": "x"}, "value"),
        ("int", {"action": "incr"}, "value"),
        ("int", {"action": "incr", "value": None}, "value"),
        ("int", {"action": "incr", "value": ""}, "value"),
        ("int", {"action": "incr", "value": 1.5}, "value"),
        ("int", {"action": "incr", "value": LARGEST + 1}, "value"),
        ("float", {"action": "incr", "value": "nan"}, "value"),
        ("untyped", {"action": "incr", "value": "²"}, "value"),
        ("untyped", {"action": "incr", "value": [1]}, "value"),
        ("tags", {"action": "add", "value": {"a": 1}}, "value"),
        ("tags", {"action": "add"}, "value"),
        ("tags", {"action": "delete", "value": "a", "submatch": "id"}, "submatch"),
        ("phones", {"action": "add", "value": "12"}, "value"),
        ("object", {"action": "upsert", "value": [1]}, "value"),
        ("object", {"action": "upsert", "value": {"a": 1}, "submatch": "a"}, "submatch"),
        ("arr_object", {"action": "add", "value": [{"a": 1}], "submatch": "a"}, "submatch"),
        ("arr_object", {"action": "add", "value": ["a"]}, "value"),
        ("arr_object", {"action": "delete"}, "value"),
        ("arr_object", {"action": "delete", "value": {}}, "value"),
        ("arr_object", {"action": "delete", "value": [{f"m{n}": 1} for n in range(SHAPES + 1)]}, "value"),
        ("arr_object", {"action": "delete", "submatch": "id"}, "value"),
        ("arr_object", {"action": "upsert", "value": {"id": 1}}, "submatch"),
        ("arr_object", {"action": "upsert", "value": {"id": 1}, "submatch": ["id"]}, "submatch"),
        ("arr_object", {"action": "upsert", "value": {"id": 1}, "submatch": {"a": "\0"}}, "submatch"),
        ("arr_object", {"action": "upsert", "value": [{"id": 1}, {"n": 1}], "submatch": "id"}, "value"),
        ("arr_object", {"action": "upsert", "value": {"id": None}, "submatch": "id"}, "value"),
        ("arr_object", {"action": "upsert", "submatch": {"id": 1}}, "value"),
    ],
)
def test_an_update_that_does_not_say_enough_or_says_nonsense_is_refused(name, raw, path):
    assert refused(name, raw)[0] == path


def test_merging_names_the_field_whose_update_cannot_be():
    overflow = updates.read(TARGETS["int"], {"action": "incr", "value": LARGEST})
    with pytest.raises(Invalid) as caught:
        updates.merge({"bonus": 1}, {"bonus": overflow})
    assert caught.value.path == "bonus"


def test_merging_sets_clears_and_changes():
    more = updates.read(TARGETS["int"], {"action": "incr", "value": 2})
    assert updates.merge({"a": 1, "b": 1, "c": 1}, {"b": None, "c": more, "d": more}) == {"a": 1, "c": 3, "d": 2}


@settings(max_examples=50, deadline=None)
@given(st.lists(st.sampled_from("abcdef"), unique=True), st.lists(st.sampled_from("abcdef")))
def test_tags_added_and_deleted_again_leave_the_others(known, tags):
    added = done("tags", known, "add", tags)
    assert set(added) == {*known, *tags}
    assert added[: len(known)] == known
    assert done("tags", added, "delete", tags) == [tag for tag in known if tag not in tags]


@settings(max_examples=50, deadline=None)
@given(st.lists(st.integers(0, 5), unique=True), st.lists(st.tuples(st.integers(0, 5), st.integers())))
def test_upserting_objects_is_as_writing_to_a_mapping(known, pairs):
    elements = [{"id": one} for one in known]
    expected = {one: {"id": one} for one in known}
    for key, number in pairs:
        expected[key] = {"id": key, "n": number}
    value = [{"id": key, "n": number} for key, number in pairs]
    assert done("arr_object", elements, "upsert", value, submatch="id") == list(expected.values())


def test_values_that_are_added_are_locked_like_values_that_are_given():
    def identities(action: str) -> set[Any]:
        raw = {name: {"action": action, "value": value} for name, value in (("tags", "a"), ("phones", "+79000000001"))}
        return Reader(Configuration(), DATABASE, skip_invalid_subscriptions=False).read(raw).identities

    assert {value for _, _, value in identities("add")} == {"tags.a", "+79000000001"}
    assert identities("add") == identities("set")
    assert identities("delete") == set()
