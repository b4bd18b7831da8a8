"""Subscriptions inside the data of imports: channels, addresses, statuses, priorities, and what is wrong with them."""

from base64 import b64encode
from hashlib import shake_256
from typing import Any

import pytest

from cast import Stage

EMAIL = {"channel": "email", "email": "a@example.com", "resource_id": 21}
SMS = {"channel": "sms", "phone": "+79000000001", "resource_id": 20}


async def subscribed(stage: Stage, *subscriptions: dict[str, Any], **members: Any) -> list[dict[str, Any]]:
    """Ann's subscriptions after an import of these, which succeeds."""
    data = {"email": "ann@example.com", "subscriptions": list(subscriptions)}
    answer = await stage.post("profiles/import", members, db_id=1, data=data)
    assert answer["error"] == 0, answer
    found: list[dict[str, Any]] = (await stage.get_profile(email="ann@example.com"))["subscriptions"]
    return found


@pytest.mark.parametrize(
    ("said", "address"),
    [
        (EMAIL, {"channel": "email", "email": "a@example.com"}),
        (EMAIL | {"email": " A@Example.COM "}, {"channel": "email", "email": "A@example.com"}),
        ({"channel": "email", "email_data": {"email": "a@example.com"}, "resource_id": 21}, {"email": "a@example.com"}),
        ({"email": "a@example.com", "resource_id": "21"}, {"channel": "email", "resource_id": 21}),
        ({"email_data": {"email": "a@example.com"}, "resource_id": 21}, {"channel": "email"}),
        (SMS, {"channel": "sms", "phone": "+79000000001"}),
        (SMS | {"channel": "phone", "phone": "+7 900 000-00-01"}, {"channel": "sms", "phone": "+79000000001"}),
        ({"phone": "+79000000001", "resource_id": 20}, {"channel": "sms"}),
        (
            {"channel": "push", "provider": "ios-apns", "subscription_id": "dev-1", "resource_id": 22},
            {"channel": "push", "push_data": {"provider": "ios-apns", "subscription_id": "dev-1"}},
        ),
    ],
)
async def test_a_channel_takes_its_own_address(stage: Stage, said: dict[str, Any], address: dict[str, Any]):
    (found,) = await subscribed(stage, said)
    assert {name: found.get(name) for name in address} == address
    assert (found["status"], found["priority"]) == ("subscribed", 0)


@pytest.mark.parametrize(
    ("channel", "holder"),
    [
        ("telegram_bot", {"id": "12345"}),
        ("whatsapp", {"phone": "+79000000001"}),
        ("viber", {"phone": "+79000000001"}),
        ("notify", {"phone": "+79000000001"}),
    ],
)
async def test_messengers_have_their_address_in_a_holder(stage: Stage, channel: str, holder: dict[str, str]):
    (found,) = await subscribed(stage, {"channel": channel, "cc_data": holder, "resource_id": 23})
    assert (found["channel"], found["cc_data"]) == (channel, holder)


async def test_an_email_subscription_is_shown_with_its_domain(stage: Stage):
    (found,) = await subscribed(stage, EMAIL | {"email": "a@Work.example.com"})
    assert found["email_data"] == {
        "email": "a@work.example.com",
        "domain": "work.example.com",
        "domain_group": "work.example.com",
        "md5": "2a911a98086308e1468e4b96641ca688",
    }


@pytest.mark.parametrize(
    ("given", "status"),
    [
        ("subscribed", "subscribed"),
        (0, "subscribed"),
        ("unsubscribed", "unsubscribed"),
        (1, "unsubscribed"),
        ("2", "complained"),
        (3, "hardbounced"),
        (4, "unconfirmed"),
        ("suspended", "suspended"),
        (6, "invalid"),
    ],
)
async def test_a_status_may_be_a_word_or_its_number(stage: Stage, given: Any, status: str):
    (found,) = await subscribed(stage, EMAIL | {"status": given})
    assert found["status"] == status


@pytest.mark.parametrize("nothing", [{}, {"status": -1}, {"status": "-1"}, {"status": None}, {"status": ""}])
async def test_a_status_that_is_not_said_stays(stage: Stage, nothing: dict[str, Any]):
    await subscribed(stage, EMAIL | {"status": "suspended", "priority": 5})
    (found,) = await subscribed(stage, EMAIL | nothing)
    assert (found["status"], found["priority"]) == ("suspended", 5)


@pytest.mark.parametrize("nothing", [{"priority": -1}, {"priority": "-1"}, {"priority": None}, {"priority": ""}])
async def test_a_priority_that_is_not_said_stays(stage: Stage, nothing: dict[str, Any]):
    await subscribed(stage, EMAIL | {"priority": 5})
    assert (await subscribed(stage, EMAIL | nothing))[0]["priority"] == 5
    assert (await subscribed(stage, EMAIL | {"priority": 0}))[0]["priority"] == 0
    assert (await subscribed(stage, EMAIL | {"priority": "7"}))[0]["priority"] == 7


async def test_a_status_and_priority_of_minus_one_are_the_defaults_of_a_new_subscription(stage: Stage):
    (found,) = await subscribed(stage, EMAIL | {"status": -1, "priority": -1})
    assert (found["status"], found["priority"]) == ("subscribed", 0)


async def test_another_address_or_resource_is_another_subscription(stage: Stage):
    await subscribed(stage, EMAIL)
    await subscribed(stage, EMAIL | {"email": "b@example.com"}, EMAIL | {"resource_id": 22}, SMS)
    found = await subscribed(stage, EMAIL | {"email": "A@EXAMPLE.com", "status": 1})
    assert [(one["resource_id"], one["channel"], one["status"]) for one in found] == [
        (21, "email", "unsubscribed"),
        (21, "email", "subscribed"),
        (22, "email", "subscribed"),
        (20, "sms", "subscribed"),
    ]


async def test_the_same_subscription_twice_in_one_item_is_one_the_later_wins(stage: Stage):
    (found,) = await subscribed(stage, EMAIL | {"priority": 3}, EMAIL | {"status": 1})
    assert (found["status"], found["priority"]) == ("unsubscribed", 3)


async def test_a_single_subscription_needs_no_list(stage: Stage):
    answer = await stage.post("profiles/import", db_id=1, data={"email": "ann@example.com", "subscriptions": EMAIL})
    assert answer["error"] == 0
    assert len((await stage.get_profile(email="a@example.com"))["subscriptions"]) == 1


async def test_categories_and_custom_fields_are_kept(stage: Stage):
    (found,) = await subscribed(stage, EMAIL | {"cats": ["news", "sales"], "custom_fields": {"_os": "linux", "n": 1}})
    assert (found["cats"], found["custom_fields"]) == (["news", "sales"], {"_os": "linux", "n": 1})
    (found,) = await subscribed(stage, EMAIL | {"cats": "news"})
    assert (found["cats"], found["custom_fields"]) == (["news"], {"_os": "linux", "n": 1})
    (found,) = await subscribed(stage, EMAIL | {"cats": []})
    assert found["cats"] == []


WRONG: list[tuple[Any, str, str]] = [
    ("a@example.com", "", "expected an object"),
    (None, "", "expected an object"),
    ({}, "channel", "expected one of email,"),
    ({"resource_id": 21}, "channel", "expected one of email,"),
    (EMAIL | {"channel": "pigeon"}, "channel", "expected one of email,"),
    (EMAIL | {"channel": ["email"]}, "channel", "expected one of email,"),
    ({"channel": "email", "email": "a@example.com"}, "resource_id", "expected an integer"),
    (EMAIL | {"resource_id": "x"}, "resource_id", "expected an integer"),
    (EMAIL | {"resource_id": True}, "resource_id", "expected an integer"),
    (EMAIL | {"resource_id": 9999}, "resource_id", "there is no resource 9999"),
    (EMAIL | {"resource_id": 2**62}, "resource_id", "there is no resource 4611686018427387904"),
    (EMAIL | {"resource_id": 24}, "resource_id", "resource 24 does not serve database 1"),
    (EMAIL | {"resource_id": 20}, "channel", "resource 20 has no channel email"),
    (SMS | {"resource_id": 21}, "channel", "resource 21 has no channel sms"),
    (EMAIL | {"email": "@example.com"}, "email", "'@example.com' is not an email address"),
    (EMAIL | {"email": 5}, "email", "expected a string"),
    ({"channel": "email", "resource_id": 21}, "email", "expected a string"),
    ({"channel": "email", "resource_id": 21, "email_data": {"email": "x"}}, "email_data.email", "'x' is not an email"),
    ({"channel": "email", "resource_id": 21, "email_data": "x"}, "email", "expected a string"),
    ({"channel": "viber", "cc_data": {"phone": "x"}, "resource_id": 23}, "cc_data.phone", "'x' is not a phone number"),
    ({"channel": "telegram_bot", "cc_data": {}, "resource_id": 23}, "cc_data.id", "expected a string"),
    (SMS | {"phone": "+7"}, "phone", "'+7' is not a phone number"),
    (SMS | {"phone": ["+79000000001"]}, "phone", "expected a string"),
    ({"channel": "push", "provider": "p", "resource_id": 22}, "subscription_id", "expected a string"),
    (
        {"channel": "push", "provider": "p", "subscription_id": "", "resource_id": 22},
        "subscription_id",
        "expected 1 to",
    ),
    (EMAIL | {"status": "asleep"}, "status", "expected an integer"),
    (EMAIL | {"status": 7}, "status", "expected one of subscribed,"),
    (EMAIL | {"status": -2}, "status", "expected one of subscribed,"),
    (EMAIL | {"status": True}, "status", "expected an integer"),
    (EMAIL | {"status": ["subscribed"]}, "status", "expected an integer"),
    (EMAIL | {"priority": -2}, "priority", "expected 0 (highest) or more"),
    (EMAIL | {"priority": 1.5}, "priority", "expected an integer"),
    (EMAIL | {"cats": ["news", "gossip"]}, "cats[1]", "there is no such category"),
    (EMAIL | {"cats": [5]}, "cats[0]", "there is no such category"),
    (EMAIL | {"custom_fields": "x"}, "custom_fields", "expected an object"),
]


@pytest.mark.parametrize(("said", "path", "debug"), WRONG)
async def test_what_is_wrong_with_a_subscription_is_said_with_its_place(stage: Stage, said: Any, path: str, debug: str):
    before = await stage.count_rows()
    answer = await stage.post(
        "profiles/import", db_id=1, data={"email": "ann@example.com", "subscriptions": [EMAIL, said]}
    )
    where = f"data.subscriptions[1].{path}".rstrip(".")
    assert (answer["error"], answer["error_text"]) == (400, "Invalid request")
    assert answer["error_debug"].startswith(f"{where}: {debug}")
    assert await stage.count_rows() == before


async def test_wrong_subscriptions_are_skipped_on_demand_and_the_right_ones_kept(stage: Stage):
    found = await subscribed(stage, EMAIL, *(said for said, _, _ in WRONG), SMS, skip_invalid_subscriptions=True)
    assert [one["channel"] for one in found] == ["email", "sms"]


async def test_the_fields_of_the_item_are_not_skipped_with_its_subscriptions(stage: Stage):
    answer = await stage.post(
        "profiles/import",
        db_id=1,
        skip_invalid_subscriptions="true",
        data={"email": "ann@example.com", "bonus": "x", "subscriptions": [{}]},
    )
    assert answer["error_debug"].startswith("data.bonus: ")


async def test_a_push_subscription_of_any_length_that_is_allowed_can_be_kept(stage: Stage):
    """Of text that does not compress, since the index has room for less than 2,704 bytes."""
    scrambled = b64encode(shake_256(b"push").digest(3072)).decode()
    assert len(scrambled) == 4096
    for subscription_id in (scrambled[:200], scrambled):
        said = {"channel": "push", "provider": "p", "subscription_id": subscription_id, "resource_id": 22}
        found = await subscribed(stage, said)
        assert found[-1]["subscription_id"] == subscription_id


@pytest.mark.parametrize("nothing", [None, [], "", {}])
async def test_no_subscriptions_leave_the_known_ones(stage: Stage, nothing: Any):
    await subscribed(stage, EMAIL)
    answer = await stage.post("profiles/import", db_id=1, data={"email": "ann@example.com", "subscriptions": nothing})
    assert answer["error"] == 0
    assert len((await stage.get_profile(email="ann@example.com"))["subscriptions"]) == 1
