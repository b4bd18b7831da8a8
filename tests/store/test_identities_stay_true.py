"""After thousands of random changes the identity table says what the profiles say."""

import random
from collections import Counter

from cast import Stage
from tocsin.core.configuration import Configuration
from tocsin.core.identities import Describer
from tocsin.store import profiles

OPERATIONS = 3000
BATCH = 100
PEOPLE = 40
# Of those that change one profile, after each batch.
CHANGES = 3


def some_profile(chance: random.Random) -> dict:
    """Few addresses for many profiles, so that they change hands, are shared, lost and found again."""
    data: dict = {"email": chance.choice([some_email(chance), some_email(chance), None])}
    if chance.random() < 0.5:
        data["phones"] = chance.choice([some_phone(chance), [some_phone(chance), some_phone(chance)], None])
    if chance.random() < 0.5:
        data["interests"] = chance.choice([["a", "b"], ["b"], [], None, "c, d"])
    if chance.random() < 0.3:
        data["Custom_ID"] = chance.choice(["1", "2", "x" * 300, None])
    if chance.random() < 0.5:
        data["subscriptions"] = [some_subscription(chance) for _ in range(chance.randrange(1, 4))]
    return data


def some_email(chance: random.Random) -> str:
    return f"{chance.choice('abcdefgh')}{chance.randrange(PEOPLE)}@{chance.choice(['x.org', 'Y.org', 'почта.рф'])}"


def some_phone(chance: random.Random) -> str:
    return f"+7900000{chance.randrange(PEOPLE):04}"


def some_subscription(chance: random.Random) -> dict:
    return chance.choice(
        [
            {"channel": "email", "email": some_email(chance), "resource_id": chance.choice([21, 22])},
            {"channel": "sms", "phone": some_phone(chance), "resource_id": 20},
            {"channel": "push", "provider": "google", "subscription_id": some_email(chance), "resource_id": 22},
            {
                "channel": "email",
                "email": some_email(chance),
                "resource_id": 22,
                "custom_fields": {"card": chance.randrange(9)},
            },
        ]
    )


async def change_some(stage: Stage, chance: random.Random) -> list[str]:
    """One call of every kind that changes single profiles; the methods that succeeded."""
    rows = await stage.rows("SELECT encode(id, 'hex'), subscriptions, deleted_subscriptions FROM profiles ORDER BY id")
    people = chance.sample(rows, 6)
    one, other = people[0][0], people[1][0]
    present = next(((found, listed) for found, listed, _ in people if listed), (one, [some_subscription(chance)]))
    put_away = next(((found, listed) for found, _, listed in rows if listed), present)
    calls = [
        ("profiles/add", {"data": some_profile(chance)}),
        ("profiles/add_batch", {"data": [some_profile(chance) for _ in range(3)]}),
        ("subscriptions/set", {"profile_id": one} | some_subscription(chance)),
        ("subscriptions/delete", {"profile_id": present[0]} | named(chance.choice(present[1]))),
        ("subscriptions/undelete", {"profile_id": put_away[0]} | named(chance.choice(put_away[1]))),
        ("profiles/merge", {"profile_ids": [one, other], "create": chance.random() < 0.5}),
        ("profiles/delete", {"matching": "profile_id", "profile_id": people[2][0]}),
    ]
    chance.shuffle(calls)
    answers = [(method, await stage.post(method, {"db_id": 1} | members)) for method, members in calls]
    return [method for method, answer in answers if answer["error"] == 0]


def named(subscription: dict) -> dict:
    """The members that say which subscription is meant."""
    return {
        name: value
        for name, value in subscription.items()
        if name in ("resource_id", "channel", "email", "phone", "provider", "subscription_id")
    }


async def test_the_table_equals_one_made_anew_from_the_profiles(stage: Stage):
    chance = random.Random(20)
    modes = ["email", "email_profile", "phone", "email_sub", "email_phone", "email_phone_sub"]
    succeeded = 0
    changed: Counter[str] = Counter()
    for _ in range(OPERATIONS // BATCH):
        answer = await stage.post(
            "campaigns/triggers/import_and_start_batch",
            trigger_id=8,
            matching=chance.choice(modes),
            timeout={"days": 1},
            data=[{"data": some_profile(chance)} for _ in range(BATCH)],
        )
        assert answer["error"] == 0
        succeeded += len(answer["result"])
        for _ in range(CHANGES):
            changed.update(await change_some(stage, chance))
    assert succeeded > OPERATIONS / 4
    assert len(changed) == 7
    assert min(changed.values()) > OPERATIONS / BATCH / 3
    configuration: Configuration = await stage.context.configuration(stage.connection)
    describer = Describer(configuration.databases[1])
    stored = await profiles.list_after(stage.connection, 1, b"", 100_000)
    expected = {
        (value, resource_id, kind, profile.id)
        for profile in stored
        for kind, resource_id, value in describer.describe(profile.fields, profile.subscriptions)
    }
    rows = await stage.rows("SELECT value, resource_id, kind, profile_id FROM identities WHERE database_id = 1")
    assert len(rows) == len(expected)
    assert set(rows) == expected
