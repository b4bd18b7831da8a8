"""What a bounce or a complaint does to a profile."""

from typing import Any

import pytest

from tocsin.core.profiles import Profile
from tocsin.core.subscriptions import STATUSES
from tocsin.core.suppressing import COMPLAINED, HARDBOUNCED, suppress

ANN = "ann@example.com"


def profile(status: str = "subscribed", **fields: Any) -> Profile:
    def email(address: str, resource_id: int) -> dict[str, Any]:
        return {"channel": "email", "email": address, "resource_id": resource_id, "status": status}

    listed = [email("Ann@Example.com", 21), email("bob@example.com", 21), email(ANN, 22)]
    return Profile(bytes(12), {"email": ANN} | fields, [*listed, {"channel": "sms", "phone": ANN, "status": status}])


def changed(found: Profile) -> tuple[list[str], int | None]:
    return [one["status"] for one in found.subscriptions], found.fields.get("_status")


def test_at_one_resource_the_others_and_the_profile_itself_stay():
    assert changed(suppress(profile(), ANN, COMPLAINED, 21)) == (
        ["complained", "subscribed", "subscribed", "subscribed"],
        None,
    )


def test_everywhere_is_every_subscription_of_the_address_and_the_profile_itself():
    assert changed(suppress(profile(), ANN, HARDBOUNCED, None)) == (
        ["hardbounced", "subscribed", "hardbounced", "subscribed"],
        3,
    )


def test_an_address_that_is_another_than_the_profiles_own_leaves_the_profile_itself():
    assert changed(suppress(profile(), "bob@example.com", HARDBOUNCED, None))[1] is None
    assert changed(suppress(Profile(bytes(12), {"email": None}, []), ANN, HARDBOUNCED, None)) == ([], None)


@pytest.mark.parametrize("status", STATUSES)
def test_no_status_becomes_one_under_which_more_is_sent(status: str):
    found = suppress(profile(status, _status=STATUSES.index(status)), ANN, HARDBOUNCED, None)
    forbids_more = status in ("unsubscribed", "complained")
    kept = status if forbids_more else "hardbounced"
    assert (found.subscriptions[0]["status"], found.fields["_status"]) == (kept, STATUSES.index(kept))


def test_the_profile_as_it_was_is_not_touched():
    before = profile()
    suppress(before, ANN, HARDBOUNCED, None)
    assert before == profile()
