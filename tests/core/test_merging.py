"""Merging profiles, as a decision: whose values stay, and that nobody is subscribed who was not."""

import pytest

from tocsin.core import fields, merging
from tocsin.core.configuration import Database
from tocsin.core.errors import Conflict
from tocsin.core.profiles import Profile
from tocsin.core.subscriptions import STATUSES

CUSTOMERS = Database(1, "Customers", fields={"bonus": "int", "interests": "tags", "address": "object"})


def profile(number=1, subscriptions=(), **values):
    return Profile(bytes(11) + bytes([number]), values, list(subscriptions))


def merged_fields(*listed):
    stays, *others = (profile(number, **values) for number, values in enumerate(listed))
    return merging.merge(CUSTOMERS, stays, others).fields


def subscription(email="ann@x.org", status="subscribed", resource_id=21, **members):
    return {"resource_id": resource_id, "channel": "email", "email": email, "status": status, "priority": 0} | members


def test_the_values_of_the_profile_that_stays_win_then_those_of_the_others_in_order():
    assert merged_fields({"bonus": 1}, {"bonus": 2, "_fname": "B"}, {"_fname": "C", "address": {"a": 1}}) == {
        "bonus": 1,
        "_fname": "B",
        "address": {"a": 1},
    }


def test_phones_and_tags_are_united_without_repeats():
    assert merged_fields(
        {"phones": ["+79000000001"], "interests": ["a", "b"]},
        {"phones": ["+79000000002", "+79000000001"], "interests": ["b", "c"]},
        {"bonus": 1},
    ) == {"phones": ["+79000000001", "+79000000002"], "interests": ["a", "b", "c"], "bonus": 1}


@pytest.mark.parametrize(
    ("emails", "expected"),
    [
        (["a@x.org", "b@x.org"], "a@x.org"),
        (["1@localhost", "b@x.org"], "b@x.org"),
        (["1@shop.LOCALHOST", "2@localhost", "c@x.org"], "c@x.org"),
        (["1@localhost", "2@localhost"], "1@localhost"),
        ([None, "2@localhost"], "2@localhost"),
        (["a@notlocalhost.org", "b@x.org"], "a@notlocalhost.org"),
    ],
)
def test_an_email_that_leads_nowhere_counts_as_none(emails, expected):
    assert merged_fields(*({"email": email} if email else {} for email in emails)) == {"email": expected}


def test_a_list_that_becomes_too_long_is_a_conflict():
    tags = [f"t{number}" for number in range(fields.TAGS)]
    with pytest.raises(Conflict) as caught:
        merged_fields({"interests": tags}, {"interests": ["one more"]})
    assert caught.value.path == "interests"


def test_every_status_has_a_place_among_the_restrictive():
    assert {merging.more_restrictive(status) for status in STATUSES} == set(STATUSES)


@pytest.mark.parametrize("other", [status for status in STATUSES if status not in ("unsubscribed", "complained")])
def test_an_unsubscribe_is_never_lost(other):
    for first, second in (("unsubscribed", other), (other, "unsubscribed")):
        (one,) = merging.unite([subscription(status=first)], [subscription(status=second)])
        assert one["status"] == "unsubscribed"


@pytest.mark.parametrize(
    ("statuses", "expected"), [([None, 1], 1), ([0, 5, 1], 1), ([2, 1], 2), ([0, None], 0), ([4, 0], 4)]
)
def test_the_status_of_the_whole_profile_is_the_most_restrictive_too(statuses, expected):
    found = merged_fields(*({} if status is None else {"_status": status} for status in statuses))
    assert found["_status"] == expected


def test_subscriptions_are_united_by_what_they_are():
    united = merging.unite(
        [subscription("Ann@x.org", cats=["news"], custom_fields={"card": 1})],
        [subscription("ann@X.org", priority=3, cats=["sales"], custom_fields={"card": 2, "size": 3})],
        [subscription(resource_id=22), subscription("b@x.org")],
    )
    assert united == [
        subscription("Ann@x.org", cats=["news"], custom_fields={"card": 1, "size": 3}),
        subscription(resource_id=22),
        subscription("b@x.org"),
    ]


def test_the_profiles_that_are_merged_stay_as_they_were():
    stays, other = profile(1, [subscription()], phones=["+79000000001"]), profile(2, [subscription()], phones=["+7901"])
    merging.merge(CUSTOMERS, stays, [profile(3, [subscription(status="complained")])])
    assert stays == profile(1, [subscription()], phones=["+79000000001"])
    assert other == profile(2, [subscription()], phones=["+7901"])
