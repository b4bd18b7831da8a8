import pytest

from tocsin.core import addresses
from tocsin.core.configuration import Trigger
from tocsin.core.errors import Invalid
from tocsin.core.launches import SubscriptionFilter
from tocsin.core.triggers import (
    NO_ADDRESS,
    NO_SUBSCRIPTION,
    NOT_SUBSCRIBED,
    Skip,
    choose_addresses,
    keep_newest,
    list_older,
)


def make_trigger(channel, **members):
    return Trigger(id=1, name="Sale", database=1, template=1, sender=1, channel=channel, **members)


def email(address, **members):
    return {"channel": "email", "email": address, "resource_id": 1, "status": "subscribed", "priority": 0} | members


def sms(phone, **members):
    return {"channel": "sms", "phone": phone, "resource_id": 1, "status": "subscribed", "priority": 0} | members


def push(provider, token, **members):
    named = {"channel": "push", "provider": provider, "subscription_id": token}
    return named | {"resource_id": 1, "status": "subscribed", "priority": 0} | members


DEVICES = [push("mozilla", "a"), push("ios-apns", "b"), push("mozilla", "c", status="invalid"), push("mozilla", "a.d")]
PROFILE = {"email": "ann@example.com", "phones": ["+79000000001", "+79000000002"]}


@pytest.mark.parametrize(
    ("channel", "fields", "expected"),
    [
        ("email", PROFILE, ("ann@example.com",)),
        ("sms", PROFILE, ("+79000000001",)),
        ("sms", {"phones": []}, Skip(NO_ADDRESS)),
        ("sms", {"phones": None}, Skip(NO_ADDRESS)),
        ("email", {}, Skip(NO_ADDRESS)),
        ("email", PROFILE | {"_status": 3}, Skip(NOT_SUBSCRIBED)),
        ("sms", PROFILE | {"_status": 3}, ("+79000000001",)),
        ("sms", PROFILE | {"_status": 1}, Skip(NOT_SUBSCRIBED)),
        ("sms", PROFILE | {"_status": 2}, Skip(NOT_SUBSCRIBED)),
        ("sms", PROFILE | {"_status": 5}, Skip(NOT_SUBSCRIBED)),
    ],
)
def test_without_a_resource_it_goes_to_the_profiles_own_address(channel, fields, expected):
    subscriptions = [email("other@example.com"), sms("+79000000009")]
    assert choose_addresses(make_trigger(channel), fields, subscriptions) == expected


@pytest.mark.parametrize(
    ("subscriptions", "expected"),
    [
        ([], Skip(NO_SUBSCRIPTION)),
        ([sms("+1", resource_id=2), email("a@b.c")], Skip(NO_SUBSCRIPTION)),
        ([sms("+1", status="unsubscribed")], Skip(NOT_SUBSCRIBED)),
        ([sms("+1", priority=1), sms("+2"), sms("+3", priority=1)], ("+2",)),
        ([sms("+1"), sms("+2"), sms("+3", priority=1)], ("+2",)),
        ([sms("+1"), sms("+2", status="suspended")], ("+1",)),
    ],
)
def test_an_sms_goes_to_the_subscription_of_the_highest_priority(subscriptions, expected):
    assert choose_addresses(make_trigger("sms", resource=1), PROFILE, subscriptions) == expected


def test_push_goes_to_all_devices_or_to_the_newest():
    assert choose_addresses(make_trigger("push", resource=1), PROFILE, DEVICES) == (
        "mozilla.a", "ios-apns.b", "mozilla.a.d",
    )  # fmt: skip
    last = make_trigger("push", resource=1, push_sending_mode="last")
    assert keep_newest(last, choose_addresses(last, PROFILE, DEVICES)) == ("mozilla.a.d",)
    assert keep_newest(last, choose_addresses(last, PROFILE, DEVICES[2:3])) == Skip(NOT_SUBSCRIBED)
    twice = [push("mozilla", "a"), push("mozilla", "a", custom_fields={})]
    assert choose_addresses(make_trigger("push", resource=1), PROFILE, twice) == ("mozilla.a",)


def test_older_devices_are_those_subscribed_before_one_that_may_be_gone():
    last = make_trigger("push", resource=1, push_sending_mode="last")
    assert list_older(last, DEVICES, "mozilla.a.d") == ("mozilla.a", "ios-apns.b")
    assert list_older(last, DEVICES, "mozilla.a") == ()
    assert list_older(last, DEVICES, "mozilla.replaced") == ("mozilla.a", "ios-apns.b", "mozilla.a.d")
    assert list_older(last, DEVICES[2:3], "mozilla.a") == ()


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        (SubscriptionFilter(provider="ios-apns", subscription_id="b"), ("ios-apns.b",)),
        (SubscriptionFilter(provider="mozilla", subscription_id="b"), Skip(NO_SUBSCRIPTION)),
        (SubscriptionFilter(provider="mozilla", subscription_id="c"), Skip(NOT_SUBSCRIBED)),
        (SubscriptionFilter(provider="mozilla", subscription_id="c", not_strict=True), ("mozilla.a.d",)),
        (SubscriptionFilter(email="ann@example.com", phone="+79000000001"), ("mozilla.a.d",)),
    ],
)
def test_a_call_may_name_the_device(wanted, expected):
    trigger = make_trigger("push", resource=1, push_sending_mode="last")
    assert keep_newest(trigger, choose_addresses(trigger, PROFILE, DEVICES, wanted)) == expected


def test_a_call_may_name_the_phone_in_another_spelling():
    wanted = SubscriptionFilter(phone="+7 (900) 000-00-05")
    known = [sms("+79000000004"), sms("+79000000005", priority=9)]
    assert choose_addresses(make_trigger("sms", resource=1), PROFILE, known, wanted) == ("+79000000005",)
    assert choose_addresses(make_trigger("sms"), PROFILE, known, wanted) == ("+79000000005",)
    with pytest.raises(Invalid, match="phone"):
        SubscriptionFilter(phone="me").check()


def test_the_provider_of_a_push_address_ends_at_the_first_dot():
    for device in (
        addresses.Device("ios-apns", "x"),
        addresses.Device("mozilla", '{"endpoint": "https://p.example.com"}'),
    ):
        assert addresses.parse_push_address(addresses.push_address(*device)) == device
