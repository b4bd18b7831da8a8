"""Decisions of rules: policies and their limits, quiet hours in any zone, control groups, values of lists."""

from datetime import UTC, datetime, timedelta
from os import urandom

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from tocsin.core import control_groups, quiet_hours, rules, schedule, suppression
from tocsin.core.configuration import Configuration, Database, Resource, Trigger
from tocsin.core.configuration_file import parse
from tocsin.core.configuration_rules import Limit, Policy, QuietHours
from tocsin.core.errors import ConfigurationMistakes
from tocsin.core.rules import Sent
from tocsin.core.triggers import Skip

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
TRIGGER = Trigger(8, "Hello", database=1, template=1, sender=1, resource=21)
NIGHT = QuietHours(from_time="22:00", to="08:00")


def policies(**named: Policy) -> dict[int, Policy]:
    return {policy.id: policy for policy in named.values()}


def sent(days_ago: float, resource: int = 21, channel: str = "email", address: str = "ann@example.com") -> Sent:
    return Sent(NOW - timedelta(days=days_ago), channel, resource, address)


def test_the_policy_of_a_trigger_comes_before_that_of_its_resource_and_that_before_the_default():
    of_trigger, of_resource, default = Policy(1, "a"), Policy(2, "b"), Policy(3, "c", default=True)
    known = policies(a=of_trigger, b=of_resource, c=default)
    with_one = Configuration(policies=known, resources={21: Resource(21, "Newsletter", policy=2)})
    assert rules.find_policy(with_one, structs.replace(TRIGGER, policy=1)) is of_trigger
    assert rules.find_policy(with_one, TRIGGER) is of_resource
    assert rules.find_policy(Configuration(policies=known), TRIGGER) is default
    assert rules.find_policy(with_one, structs.replace(TRIGGER, ignore_policies=True)) is None
    assert rules.find_policy(with_one, structs.replace(TRIGGER, for_confirm=True)) is None


@pytest.mark.parametrize(
    ("limit", "counted", "reached"),
    [
        (Limit(2, 7), [sent(1), sent(6.9, resource=22, channel="sms")], True),
        (Limit(2, 7), [sent(1), sent(7)], False),
        (Limit(1, 7, "resource"), [sent(1, resource=22)], False),
        (Limit(1, 7, "resource"), [sent(1)], True),
        (Limit(1, 7, "channel"), [sent(1, channel="sms")], False),
        (Limit(1, 7, "channel"), [sent(1, resource=22)], True),
        (Limit(1, 7, "address"), [sent(1, address="bob@example.com")], False),
        (Limit(1, 7, "address"), [sent(1, resource=22)], True),
    ],
)
def test_a_limit_counts_what_is_like_the_message_in_its_days(limit: Limit, counted: list[Sent], reached: bool):
    skip = rules.check_limits(Policy(1, "x", limits=(Limit(15, 16), limit)), sent(0), counted)
    assert (skip is not None) == reached
    assert skip is None or skip == Skip("policy", f"policy 1: {rules.describe_limit(limit)}")


@pytest.mark.parametrize(
    ("now", "zone", "end"),
    [
        ("2026-11-21T21:59:59Z", "UTC", None),
        ("2026-11-21T22:00:00Z", "UTC", "2026-11-22T08:00:00+00:00"),
        ("2026-11-22T07:59:59Z", "UTC", "2026-11-22T08:00:00+00:00"),
        ("2026-11-22T08:00:00Z", "UTC", None),
        ("2026-11-21T20:30:00Z", "Europe/Riga", "2026-11-22T06:00:00+00:00"),
        # The night in which the clocks of Berlin go forward, and that in which they go back.
        ("2026-03-28T22:00:00Z", "Europe/Berlin", "2026-03-29T06:00:00+00:00"),
        ("2026-10-24T22:00:00Z", "Europe/Berlin", "2026-10-25T07:00:00+00:00"),
    ],
)
def test_quiet_hours_are_over_when_the_clocks_of_the_zone_say_so(now: str, zone: str, end: str | None):
    found = quiet_hours.find_end(NIGHT, datetime.fromisoformat(now), schedule.choose_zone(zone, "UTC"))
    assert (found.isoformat() if found else None) == end


def test_quiet_hours_that_end_in_an_hour_that_is_skipped_end_as_much_later():
    quiet = QuietHours(from_time="01:00", to="02:30")
    berlin = schedule.choose_zone("Europe/Berlin", "UTC")
    found = quiet_hours.find_end(quiet, datetime(2026, 3, 29, 0, 30, tzinfo=UTC), berlin)
    assert found == datetime(2026, 3, 29, 1, 30, tzinfo=UTC)


@given(
    st.datetimes(datetime(2024, 1, 1), datetime(2028, 1, 1), timezones=st.just(UTC)),  # noqa: DTZ001 - told the zone
    st.sampled_from(["UTC", "Europe/Berlin", "America/New_York", "Pacific/Apia", "Asia/Kathmandu", "+13:45"]),
    st.integers(0, 1439),
    st.integers(0, 1439),
)
def test_the_end_of_quiet_hours_is_later_and_not_quiet(now: datetime, zone: str, begins: int, ends: int):
    quiet = QuietHours(from_time=f"{begins // 60:02}:{begins % 60:02}", to=f"{ends // 60:02}:{ends % 60:02}")
    own = schedule.choose_zone(zone, "UTC")
    end = quiet_hours.find_end(quiet, now, own)
    if end is not None and begins != ends:
        assert now < end <= now + timedelta(days=2)
        # Where the clocks go back over the end, the hour after it is shown, and quiet, a second time.
        again = quiet_hours.find_end(quiet, end, own)
        assert again is None or again - end <= timedelta(hours=25)


def test_the_zone_is_that_of_the_profile_else_of_the_database():
    known = Configuration(databases={1: Database(1, "Customers", timezone="Asia/Tokyo")})
    trigger = structs.replace(TRIGGER, quiet_hours=NIGHT)
    noon = datetime(2026, 11, 21, 13, tzinfo=UTC)
    assert rules.find_quiet_end(known, trigger, {}, noon)
    assert rules.find_quiet_end(known, trigger, {"_tz": "Europe/Berlin"}, noon) is None
    wait = rules.check_quietly(known, trigger, b"\x00" * 12, {}, noon)
    assert wait == datetime(2026, 11, 21, 23, tzinfo=UTC)
    last = rules.check_quietly(known, trigger, b"\xff" * 12, {}, noon)
    assert last == datetime(2026, 11, 21, 23, 5, tzinfo=UTC)
    dropping = structs.replace(trigger, quiet_hours=QuietHours(from_time="22:00", to="08:00", then="drop"))
    assert rules.check_quietly(known, dropping, b"\x00" * 12, {}, noon) == Skip(
        "quiet_hours", "quiet from 22:00 to 08:00"
    )


def test_a_control_group_has_its_share_and_keeps_whom_it_has_when_it_grows():
    profile_ids = [urandom(12) for _ in range(20_000)]
    small = {one for one in profile_ids if control_groups.is_in_share(one, "database 1", 5.5)}
    large = {one for one in profile_ids if control_groups.is_in_share(one, "database 1", 20)}
    other = {one for one in profile_ids if control_groups.is_in_share(one, "trigger 8", 20)}
    assert small < large
    assert abs(len(small) - 1100) < 150
    assert abs(len(large & other) - 800) < 130
    assert not any(control_groups.is_in_share(one, "x", 0) for one in profile_ids)
    assert all(control_groups.is_in_share(one, "x", 100) for one in profile_ids)


def test_a_trigger_may_leave_control_groups_out():
    everybody = Database(1, "Customers", control_group_percent=100)
    assert control_groups.find_group(TRIGGER, everybody, b"x") == "control group of database 1, 100 %"
    assert not control_groups.find_group(structs.replace(TRIGGER, ignore_control_group=True), everybody, b"x")
    of_trigger = structs.replace(TRIGGER, control_group_percent=100)
    assert control_groups.find_group(of_trigger, Database(1, "x"), b"x") == "control group of trigger 8, 100 %"


# Of ann@example.com.
MD5 = "257c57037d384ae37ea27a07e8a01665"
SHA256 = "71d4f55f72fa128dfb468a1a3901507c804b74316488744d769d7f4b16696476"


@pytest.mark.parametrize(
    ("said", "value"),
    [
        (" Ann@Example.COM ", "ann@example.com"),
        ("+7 (900) 123-45-67", "+79001234567"),
        ("@Example.com.", "@example.com"),
        ("@bücher.example", "@xn--bcher-kva.example"),
        ("Android-Firebase:Token:x", "android-firebase:Token:x"),
        ("mozilla:https://push.example.com/a@b", "mozilla:https://push.example.com/a@b"),
        (f" {MD5.upper()} ", f"md5:{MD5}"),
        (f"MD5:{MD5}", f"md5:{MD5}"),
        (SHA256, f"sha256:{SHA256}"),
        (f"sha256:{SHA256.upper()}", f"sha256:{SHA256}"),
        ("1" * 32, f"md5:{'1' * 32}"),
    ],
)
def test_what_is_on_a_list_has_one_spelling(said: str, value: str):
    assert suppression.parse_value(said) == value


@pytest.mark.parametrize(
    "said", ["", "@", "@x", "@-x.com", "@a b.com", "ann", "a@", "8 900 123", "@@x.com", "@" + "a" * 300,
      "mailto:a@b.com", "tel:+79001234567", "https://example.com", "ios-apns:", "ios-apns:a\0", "ios-apns:\ud800"],
)  # fmt: skip
def test_what_is_no_address_is_refused(said: str):
    with pytest.raises(ValueError, match="is no"):
        suppression.parse_value(said)


@pytest.mark.parametrize(
    "said",
    [
        "md5:",
        f"md5:{MD5}0",
        f"md5:{SHA256}",
        f"sha256:{MD5}",
        f"sha1:{MD5}",
        f"md5: {MD5}",
        MD5[1:],
        "g" * 32,
        "٣" * 32,
    ],
)
def test_what_is_no_hash_is_refused(said: str):
    with pytest.raises(ValueError, match="is no"):
        suppression.parse_value(said)


def test_an_address_is_known_by_its_hashes_and_neither_domains_nor_hashes_have_any():
    assert suppression.hashes_of(suppression.parse_value(" Ann@Example.COM")) == (f"md5:{MD5}", f"sha256:{SHA256}")
    assert suppression.covering("ann@example.com") == (
        "ann@example.com",
        "@example.com",
        f"md5:{MD5}",
        f"sha256:{SHA256}",
    )
    assert suppression.covering("@example.com") == ("@example.com",)
    assert suppression.covering(f"md5:{MD5}") == (f"md5:{MD5}",)


def test_a_list_knows_an_address_by_itself_and_by_its_domain():
    assert suppression.values_of("email", "Ann@Bücher.example") == (
        "ann@xn--bcher-kva.example",
        "@xn--bcher-kva.example",
    )
    assert suppression.values_of("sms", "+79001234567") == ("+79001234567",)
    assert suppression.values_of("push", "Android-Firebase.X:y") == ("android-firebase:X:y",)
    assert suppression.covering("ann@example.com")[:2] == ("ann@example.com", "@example.com")
    assert suppression.covering("mozilla:a@b") == ("mozilla:a@b", *suppression.hashes_of("mozilla:a@b"))


def test_a_browser_on_a_list_is_known_by_its_long_subscription():
    subscription = '{"endpoint": "https://push.example.com/a@b", "keys": "' + "k" * 600 + '"}'
    (value,) = suppression.values_of("push", f"mozilla.{subscription}")
    assert suppression.parse_value(f" Mozilla:{subscription} ") == value
    assert len(value) < 300
    assert suppression.values_of("push", f"mozilla.{subscription}x") != (value,)


RULES = """
databases: [{id: 1, name: Customers}]
resources: [{id: 21, name: Newsletter, policy: 9}]
senders: [{id: 1, name: relay, channel: email, type: smtp, host: h, security: none}]
templates: [{id: 1, name: T, email: {from_email: a@example.com, subject: S, text: "x {unsubscribe}"}}]
triggers:
  - {id: 8, name: T, database: 1, template: 1, sender: 1, policy: 1, ignore_policies: true, control_group_percent: 101}
policies:
  - {id: 1, name: A, default: true, limits: [{messages: 16, days: 7}], quiet_hours: {from: "22:00", to: "22:00"}}
  - {id: 2, name: B, default: true, quiet_hours: {from: "24:00", to: "08:00"}}
  - {id: 3, name: C}
suppression_lists:
  - {id: 1, name: L, databases: [4], addresses: [nobody]}
"""


def test_every_mistake_in_rules_is_told():
    with pytest.raises(ConfigurationMistakes) as caught:
        parse(RULES, "f", {})
    told = [mistake.split(": ", 1)[1] for mistake in caught.value.mistakes]
    for said in (
        "triggers[0].control_group_percent: expected a number from 0 up to 100",
        "policies[0].limits[0].messages: expected a whole number from 1 up to 15",
        "policies[1].quiet_hours.from: there is no time 24:00",
        "policies[2]: a policy needs limits or quiet_hours",
        "suppression_lists[0].databases[0]: there is no database 4",
        "suppression_lists[0].addresses[0]: 'nobody' is not",
        "resources[0].policy: there is no policy 9",
    ):
        assert any(one.startswith(said) for one in told), (said, told)
