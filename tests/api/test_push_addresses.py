"""A push trigger has a message for each device of a profile, or for the newest."""

from typing import Any

import pytest

from cast import TOKEN, Stage
from tocsin.actions import configuration

CONFIGURATION = """
senders:
  - {id: 30, name: app, channel: push, type: fcm, credentials_file: /nowhere/firebase.json}
templates:
  - {id: 30, name: News, push: {title: "{apicontent.title}"}}
triggers:
  - {id: 300, name: All, database: 1, channel: push, resource: 22, template: 30, sender: 30, active: true}
  - {id: 301, name: Newest, database: 1, channel: push, resource: 22, template: 30, sender: 30, active: true,
     push_sending_mode: last}
workflows:
  - id: 30
    name: News
    database: 1
    active: true
    nodes:
      - {id: start, type: start, next: tell}
      - {id: tell, type: campaign, trigger: 300, next: done}
      - {id: done, type: end}
"""


@pytest.fixture
async def ann(stage: Stage) -> str:
    await configuration.apply(stage.context, CONFIGURATION, "push.yaml", {})
    devices = [("android-firebase", "one"), ("chrome-firebase", "two"), ("android-firebase", "three")]
    subscriptions = [
        {"channel": "push", "provider": provider, "subscription_id": token, "resource_id": 22}
        for provider, token in devices
    ]
    subscriptions[1]["status"] = "unsubscribed"
    return await stage.add(email="ann@example.com", subscriptions=subscriptions)


async def addressed(stage: Stage) -> list[str]:
    return [address for (address,) in await stage.rows("SELECT address FROM messages ORDER BY address")]


@pytest.mark.parametrize(
    ("trigger_id", "expected"),
    [(300, ["android-firebase.one", "android-firebase.three"]), (301, ["android-firebase.three"])],
)
async def test_one_call_makes_a_message_for_each_device(stage: Stage, ann: str, trigger_id: int, expected: list[str]):
    members: dict[str, Any] = {"matching": "push_sub", "content": {"title": "Hello"}}
    answer = await stage.post(
        "campaigns/triggers/start_batch",
        trigger_id=trigger_id, data=[{"provider": "android-firebase", "subscription_id": "one"}], **members,
    )  # fmt: skip
    assert answer["result"] == [{"profile_id": ann}]
    assert await addressed(stage) == expected


async def test_in_xml_a_call_may_choose_the_device(stage: Stage, ann: str):
    answer = await stage.post_xml(
        "campaigns/triggers/start",
        f"<xml><token>{TOKEN}</token><id>300</id><matching>profile_id</matching><profile_id>{ann}</profile_id>"
        "<subscription_filter><provider>android-firebase</provider><subscription_id>one</subscription_id>"
        "</subscription_filter></xml>",
    )
    assert answer.findtext("error") == "0"
    assert await addressed(stage) == ["android-firebase.one"]


async def test_a_workflow_sends_to_each_device(stage: Stage, ann: str):
    answer = await stage.post("workflows/start", workflow_id=30, matching="profile_id", profile_id=ann)
    assert answer["error"] == 0
    await stage.work()
    told = await stage.rows("SELECT address FROM messages UNION ALL SELECT data->>'address' FROM events ORDER BY 1")
    assert [address for (address,) in told] == ["android-firebase.one", "android-firebase.three"]
