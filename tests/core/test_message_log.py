"""What is asked of the log of messages, and the state that a message is in."""

from typing import get_args

import pytest

from tocsin.core.message_log import STATES, TELLING, TYPES, Search, channel_of, list_types, state_of
from tocsin.core.messages import EventType
from tocsin.core.traffic import COUNTED


@pytest.mark.parametrize(
    ("happened", "state"),
    [
        (["send"], "sent"),
        (["send_sms", "deliv_sms"], "delivered"),
        (["send_sms", "undeliv_sms"], "failed"),
        (["uclick", "uopen", "open", "send"], "clicked"),
        (["send_sms", "click_sms", "uclick_sms"], "clicked"),
        (["send_push", "deliv_push", "open_push", "uopen_push"], "opened"),
        (["send", "uopen", "reply"], "replied"),
        (["send", "sbounce"], "bounced"),
        (["send", "sbounce", "deliv", "uopen"], "opened"),
        (["send", "uopen", "complain"], "complained"),
        (["skip"], "skipped"),
        (["cancel", "retry"], "cancelled"),
    ],
)
def test_a_message_is_in_the_state_that_says_most(happened, state):
    assert state_of(happened) == state


def test_every_word_is_one_of_an_event_and_every_state_has_some():
    assert set(TYPES) == set(STATES)
    assert {type_ for types in TYPES.values() for type_ in types} == set(TELLING)
    assert set(TELLING) | set(COUNTED) <= set(get_args(EventType))
    assert set(TELLING) <= set(COUNTED)


def test_without_a_state_the_events_that_end_the_waiting_are_asked_for():
    asked = {one.type for one in list_types(Search())}
    assert asked == {type_ for state in ("sent", "failed", "skipped", "cancelled") for type_ in TYPES[state]}


def test_a_channel_leaves_its_own_types_and_those_of_any():
    of_sms = list_types(Search(channel="sms"))
    assert [one.type for one in of_sms if not one.is_of_any_channel] == ["send_sms", "undeliv_sms"]
    assert [one.type for one in of_sms if one.is_of_any_channel] == ["skip", "suppress", "cancel"]
    assert list_types(Search(channel="sms", state="opened")) == []
    assert (channel_of("hbounce"), channel_of("skip", "push"), channel_of("send_push", "sms")) == (
        "email",
        "push",
        "push",
    )


def test_an_address_is_sought_in_all_its_spellings():
    assert Search(address="Ann@Bücher.example").spellings == (
        "ann@bücher.example",
        "ann@xn--bcher-kva.example",
        "Ann@Bücher.example",
        "Ann@bücher.example",
    )
    assert "+79000000000" in Search(address="+7 (900) 000-00-00").spellings
    assert Search(address="ann*").spellings == ()
    assert Search(address="Ann*").beginning == "ann"
    assert Search().spellings == ()
