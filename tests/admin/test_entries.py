"""Members of an entry in fields and back: nothing is lost on the way."""

from typing import Any

import pytest

from tocsin.core.errors import MemberMistakes
from tocsin.web.admin import entries, templates, triggers
from tocsin.web.admin.entries import Member
from tocsin.web.admin.forms import Form

FEW = (Member("name"), Member("active", "box"), Member("tracking.opens", "switch"), Member("when.query", "data"))
ENTRY: dict[str, Any] = {
    "name": "Cart",
    "active": True,
    "tracking": {"opens": False, "clicks": True, "utm": {"source": "mail"}},
    "when": {"query": {"bonus": {"$gt": 1}}, "fields": ["bonus"]},
    "later": [1, {"two": "2"}, None],
}


def sent(members: tuple[Member, ...], entry: dict[str, Any]) -> Form:
    """The form as a browser sends it untouched."""
    pairs = []
    for name, value in entries.fill(members, entry).items():
        pairs += [(name, one) for one in value] if isinstance(value, list) else [(name, value)]
    boxes = {one.path for one in members if one.kind == "box"}
    return Form([(name, value) for name, value in pairs if name not in boxes or value])


def test_what_no_field_shows_stands_in_the_rest_and_comes_back():
    values = entries.fill(FEW, ENTRY)
    assert "later" in values["rest"]
    assert "opens" not in values["rest"]
    assert entries.read(FEW, sent(FEW, ENTRY)) == (ENTRY, {})


def test_objects_of_every_kind_come_back_as_they_were():
    whole = {
        "name": "All",
        "transactional": False,
        "email": {"from_email": "a@example.com", "subject": "x", "html": "\n <p>\n", "text": " a \n\n"},
        "sms": {"text": "a: b\n- c", "max_segments": 3},
        "push": {"title": "t", "buttons": [{"label": "l"}], "data": {"a.b": "1"}, "ttl_seconds": 0, "sound": "x"},
    }
    assert entries.read(templates.FIELDS, sent(templates.FIELDS, whole)) == (whole, {})
    trigger = {
        "name": "All",
        "database": 1,
        "template": 2,
        "sender": 3,
        "event": "update",
        "when": {"fields": ["a", "b"], "query": {"$or": [{"a": 1}]}},
        "control_group_percent": 12.5,
        "give_up_after": {"days": 1, "seconds": 30},
        "tracking": {"opens": True, "text": True},
        "new_member": {"deep": [1]},
    }
    assert entries.read(triggers.FIELDS, sent(triggers.FIELDS, trigger)) == (trigger, {})


@pytest.mark.parametrize(
    ("rest", "mistake"),
    [
        ("name: Other", "name has a field of its own"),
        ("tracking: yes", "tracking has members of its own"),
        ("tracking: {opens: true}", "tracking.opens has a field of its own"),
        ("- 1", "expected members with their values"),
        ("a: [", "line"),
    ],
)
def test_a_rest_that_is_not_right_is_told(rest, mistake):
    assert mistake in entries.read(FEW, Form([("rest", rest)])).mistakes["rest"]


def test_mistakes_find_the_field_that_can_put_them_right():
    said = MemberMistakes(
        [
            ("", "name is missing"),
            ("when.query.bonus", "no such field"),
            ("tracking.utm", "what"),
            ("elsewhere[1].deep", "odd"),
            ("", "trigger 8: there is no template 9"),
        ]
    )
    assert entries.place(FEW, said, groups=["tracking"]) == {
        "name": "name is missing",
        "when.query": "bonus: no such field",
        "tracking": "utm: what",
        "": "elsewhere[1].deep: odd; trigger 8: there is no template 9",
    }
