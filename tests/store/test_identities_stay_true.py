"""After thousands of random imports the identity table says what the profiles say."""

import random

from cast import Stage
from tocsin.core.configuration import Configuration
from tocsin.core.identities import Describer
from tocsin.store import profiles

OPERATIONS = 3000
BATCH = 100
PEOPLE = 40


def some_profile(chance: random.Random) -> dict:
    """Few addresses for many profiles, so that they change hands, are shared, lost and found again."""

    def email() -> str:
        return f"{chance.choice('abcdefgh')}{chance.randrange(PEOPLE)}@{chance.choice(['x.org', 'Y.org', 'почта.рф'])}"

    def phone() -> str:
        return f"+7900000{chance.randrange(PEOPLE):04}"

    data: dict = {"email": chance.choice([email(), email(), None])}
    if chance.random() < 0.5:
        data["phones"] = chance.choice([phone(), [phone(), phone()], None])
    if chance.random() < 0.5:
        data["interests"] = chance.choice([["a", "b"], ["b"], [], None, "c, d"])
    if chance.random() < 0.3:
        data["Custom_ID"] = chance.choice(["1", "2", "x" * 300, None])
    if chance.random() < 0.5:
        data["subscriptions"] = [
            chance.choice(
                [
                    {"channel": "email", "email": email(), "resource_id": chance.choice([21, 22])},
                    {"channel": "sms", "phone": phone(), "resource_id": 20},
                    {"channel": "push", "provider": "google", "subscription_id": email(), "resource_id": 22},
                    {
                        "channel": "email",
                        "email": email(),
                        "resource_id": 22,
                        "custom_fields": {"card": chance.randrange(9)},
                    },
                ]
            )
            for _ in range(chance.randrange(1, 4))
        ]
    return data


async def test_the_table_equals_one_made_anew_from_the_profiles(stage: Stage):
    chance = random.Random(20)
    modes = ["email", "email_profile", "phone", "email_sub", "email_phone", "email_phone_sub"]
    succeeded = 0
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
    assert succeeded > OPERATIONS / 4
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
