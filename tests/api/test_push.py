"""From a call to the push that a device got, and what becomes of a device that is gone."""

import json
import time
from collections.abc import AsyncIterator
from typing import Any

import pytest
import trustme
from tests.channels.push_services import (
    KEY_ID,
    TEAM_ID,
    TOPIC,
    Apple,
    Browsers,
    Google,
    ec_key,
    fcm_error,
    pem,
    refused,
    write,
)

from cast import TOKEN, Stage
from tocsin.actions import configuration
from tocsin.core.errors import ConfigurationMistakes

PUSHES = """
senders:
  - {{id: 30, name: app, channel: push, type: fcm, credentials_file: {folder}/account.json, base_url: "{google}"}}
  - {{id: 31, name: web, channel: push, type: webpush, private_key_file: {folder}/vapid.pem,
     subject: "mailto:push@shop.example", hosts: ["http://127.0.0.1"]}}
  - {{id: 32, name: ios, channel: push, type: apns, key_file: {folder}/key.p8, key_id: KEYKEYKEY1,
     team_id: TEAMTEAM12, topic: com.example.shop, base_url: "{apple}"}}
  - {{id: 33, name: every device, channel: push, type: route, senders: [30, 31, 32]}}
templates:
  - id: 30
    name: Order
    push:
      title: "{{lead._fname}}, your order"
      text: "{{apicontent.page}}"
      url: "https://shop.example/{{apicontent.page}}"
      buttons: [{{label: "Track {{apicontent.page}}", url: "https://shop.example/t"}}]
      data: {{order: "{{apicontent.number}}"}}
triggers:
  - {{id: 300, name: Devices, database: 1, channel: push, resource: 22, template: 30, sender: 33, active: true}}
  - {{id: 301, name: Newest, database: 1, channel: push, resource: 22, template: 30, sender: 33, active: true,
     push_sending_mode: last}}
  - {{id: 302, name: App alone, database: 1, channel: push, resource: 22, template: 30, sender: 30, active: true}}
workflows:
  - id: 30
    name: Order
    database: 1
    active: true
    nodes:
      - {{id: start, type: start, next: push}}
      - {{id: push, type: campaign, trigger: 302, next: gone}}
      - {{id: gone, type: feedback, of: push, events: [undeliv_push], within: {{hours: 1}}, next: mail,
         otherwise: done}}
      - {{id: mail, type: campaign, trigger: 8, next: done}}
      - {{id: done, type: end}}
"""
PHONE = "ab" * 32


class Services:
    """All push services, and what arrived there."""

    def __init__(self, google: Google, browsers: Browsers, apple: Apple) -> None:
        self.google, self.browsers, self.apple = google, browsers, apple

    def subscribe(self) -> list[dict[str, Any]]:
        """An Android phone, a browser, an iPhone."""
        devices = [("android-firebase", "android-1"), ("mozilla", self.browsers.subscribe("ann")), ("ios-apns", PHONE)]
        return [
            {"channel": "push", "resource_id": 22, "provider": provider, "subscription_id": subscription_id}
            for provider, subscription_id in devices
        ]


@pytest.fixture
async def services(stage: Stage, tmp_path, monkeypatch) -> AsyncIterator[Services]:
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(tmp_path / "authority.pem"))
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "authority.pem"))
    now = time.time() + 30
    apple = Apple(authority, now=now)
    async with Google(now=now) as google, Browsers(now=now) as browsers, apple.serve() as server:
        write(tmp_path, "account.json", google.credentials())
        write(tmp_path, "vapid.pem", pem(ec_key("vapid")))
        write(tmp_path, "key.p8", pem(ec_key("apple")))
        text = PUSHES.format(folder=tmp_path, google=google.url, apple=server.url)
        await configuration.apply(stage.context, text, "push.yaml", {})
        yield Services(google, browsers, apple)
        await stage.delivery.close()


async def start(stage: Stage, trigger_id: int, email: str = "ann@example.com") -> dict[str, Any]:
    return await stage.post(
        "campaigns/triggers/start_batch", trigger_id=trigger_id, matching="email", data=[{"email": email}],
        content={"page": "o1", "number": 17}, db_id=1,
    )  # fmt: skip


async def events(stage: Stage) -> list[tuple[str, dict[str, Any]]]:
    return await stage.rows("SELECT type, data FROM events ORDER BY type, data->>'address'")


async def test_a_call_reaches_every_device_each_by_the_sender_that_can(stage: Stage, services: Services):
    await stage.add(email="ann@example.com", _fname="Ann", subscriptions=services.subscribe())
    answer = await start(stage, 300)
    await stage.work()
    assert answer["error"] == 0
    (android,) = services.google.messages
    ((_, _, browser),) = services.browsers.shown
    ((_, phone),) = services.apple.taken
    assert android["notification"] == {"title": "Ann, your order", "body": "o1"}
    assert android["data"]["_click_action"] == "https://shop.example/o1"
    assert android["data"]["order"] == "17"
    assert browser["notification"]["actions"][0]["title"] == "Track o1"
    assert phone["aps"]["alert"] == {"title": "Ann, your order", "body": "o1"}
    happened = await events(stage)
    assert [type_ for type_, _ in happened] == ["send_push"] * 3
    assert [data["address"].partition(".")[0] for _, data in happened] == ["android-firebase", "ios-apns", "mozilla"]


async def test_a_call_in_xml_that_matches_by_push_subscription_reaches_the_newest_device(
    stage: Stage, services: Services
):
    await stage.add(email="ann@example.com", _fname="Ann", subscriptions=services.subscribe())
    answer = await stage.post_xml(
        "campaigns/triggers/start_batch",
        f"<xml><token>{TOKEN}</token><trigger_id>301</trigger_id><matching>push_sub</matching><resource_id>22</resource_id>"
        "<content><page>o2</page></content><data><provider>android-firebase</provider>"
        "<subscription_id>android-1</subscription_id></data></xml>",
    )
    await stage.work()
    assert answer.findtext("error") == "0", answer
    assert [said["aps"]["alert"]["body"] for _, said in services.apple.taken] == ["o2"]
    assert services.google.messages == []


async def test_a_device_that_is_gone_gets_nothing_more(stage: Stage, services: Services):
    services.google.treatments = {"android-1": fcm_error(404, "NOT_FOUND", "UNREGISTERED")}
    services.apple.treatments = {PHONE: refused(410, "Unregistered")}
    await stage.add(email="ann@example.com", _fname="Ann", subscriptions=services.subscribe())
    await start(stage, 300)
    await stage.work()
    assert [type_ for type_, _ in await events(stage)] == ["send_push", "undeliv_push", "undeliv_push"]
    profile = await stage.get_profile(email="ann@example.com")
    assert [one["status"] for one in profile["subscriptions"]] == ["invalid", "subscribed", "invalid"]
    await start(stage, 300)
    await stage.work()
    assert (len(services.google.messages), len(services.browsers.shown), len(services.apple.taken)) == (1, 2, 1)


async def test_who_has_only_devices_that_the_sender_does_not_reach_is_skipped(stage: Stage, services: Services):
    await stage.add(email="ann@example.com", subscriptions=services.subscribe()[1:])
    answer = await start(stage, 302)
    assert [one["reason"] for one in answer["skipped"]] == ["no_sender_for_provider"]
    await stage.add(
        email="bob@example.com",
        subscriptions=[
            {"channel": "push", "resource_id": 22, "provider": "android-huawei", "subscription_id": "h-1"},
        ],
    )
    answer = await start(stage, 300, "bob@example.com")
    assert [one["reason"] for one in answer["skipped"]] == ["no_sender_for_provider"]


async def test_a_workflow_goes_on_with_a_mail_when_the_device_is_gone(stage: Stage, services: Services):
    services.google.treatments = {"android-1": fcm_error(404, "NOT_FOUND", "UNREGISTERED")}
    await stage.add(email="ann@example.com", _fname="Ann", subscriptions=services.subscribe()[:1])
    answer = await stage.post(
        "workflows/start", id=30, workflow_id=30, matching="email", email="ann@example.com", db_id=1
    )
    assert answer["error"] == 0, answer
    await stage.work()
    stage.clock.advance(seconds=10)
    await stage.work()
    assert list(stage.mailbox.mails()) == ["ann@example.com"]


async def test_a_message_that_is_too_large_fails_with_its_size(stage: Stage, services: Services):
    await stage.add(email="ann@example.com", _fname="A" * 5000, subscriptions=services.subscribe())
    await start(stage, 302)
    await stage.work()
    ((type_, data),) = await events(stage)
    assert type_ == "undeliv_push"
    assert data["text"].startswith("the push message has 5")
    assert data["text"].endswith("bytes; 4096 are the most")


async def test_a_push_without_a_title_or_with_an_odd_collapse_key_fails(stage: Stage, services: Services):
    text = """
templates:
  - {id: 30, name: Order, push: {title: "{lead._lname}", collapse_key: "{apicontent.key}"}}
"""
    await configuration.apply(stage.context, text, "push.yaml", {})
    await stage.add(email="ann@example.com", subscriptions=services.subscribe()[:1])
    await start(stage, 302)
    await stage.work()
    ((_, data),) = await events(stage)
    assert data["text"] == "the title of the push message is empty"


@pytest.mark.parametrize(
    ("text", "mistake"),
    [
        ("{id: 1, name: a, push: {title: ''}}", "push.json"),
        ("{id: 1, name: a, push: {title: '{lead.'}}", "title"),
        ("{id: 1, name: a, push: {title: a, data: {_uid: b}}}", "data"),
        ("{id: 1, name: a, push: {title: a, data: {google.x: b}}}", "providers keep this name for themselves"),
        ("{id: 1, name: a, push: {title: a, data: {k: '{lead.'}}}", "data.k"),
        ("{id: 1, name: a, push: {title: a, buttons: [{label: ' '}]}}", "the label must not be empty"),
        ("{id: 1, name: a, push: {title: a, ttl_seconds: 3000000}}", "ttl_seconds"),
    ],
)
async def test_a_template_with_a_mistake_is_not_applied(stage: Stage, text: str, mistake: str):
    with pytest.raises(ConfigurationMistakes, match=mistake.replace("push.json", "title must not be empty")):
        await configuration.apply(stage.context, f"templates: [{text}]", "push.yaml", {})


@pytest.mark.parametrize(
    "members",
    [
        {"type": "fcm"},
        {"type": "fcm", "credentials_file": "a", "base_url": "ftp://a"},
        {"type": "fcm", "credentials_file": "a", "channel": "email"},
        {"type": "apns", "key_file": "a", "key_id": "short", "team_id": TEAM_ID, "topic": TOPIC},
        {"type": "apns", "key_file": "a", "key_id": KEY_ID, "team_id": TEAM_ID, "topic": "a\nb"},
        {"type": "webpush", "private_key_file": "a", "subject": "somebody"},
        {"type": "webpush", "private_key_file": "a", "subject": "mailto:a@b", "hosts": []},
        {"type": "webpush", "private_key_file": "a", "subject": "mailto:a@b", "hosts": ["https://a/b"]},
    ],
)
async def test_a_sender_with_a_mistake_is_not_applied(stage: Stage, members: dict[str, Any]):
    sender = {"id": 9, "name": "a", "channel": "push"} | members
    with pytest.raises(ConfigurationMistakes):
        await configuration.apply(stage.context, json.dumps({"senders": [sender]}), "push.yaml", {})


async def test_a_push_is_shown_as_it_was_sent_without_its_device(stage: Stage, services: Services):
    await stage.add(email="ann@example.com", _fname="Ann", subscriptions=services.subscribe())
    await start(stage, 300)
    await stage.work()
    for (message_id,) in await stage.rows("SELECT encode(id, 'hex') FROM events"):
        shown = (await stage.post("webver/get", send_message_id=message_id))["data"]["push"]
        assert (shown["title"], shown["text"]) == ("Ann, your order", "o1")
        assert json.loads(shown["payload"])["url"] == "https://shop.example/o1"
        assert not any(one["subscription_id"] in str(shown) for one in services.subscribe()[::2])
