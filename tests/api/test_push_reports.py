"""From a push message to what its device reports, and to the events of that."""

import json
import re
import shutil
import subprocess
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from tests.channels.push_services import Browsers, Google, ec_key, pem, write

from cast import TOKEN, Stage
from tocsin.actions import configuration
from tocsin.core import push_reports
from tocsin.core.push_reports import Reporter

PUBLIC = "https://push.example"
BROWSER = "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:140.0) Gecko/20100101 Firefox/140.0"
PUSHES = """
senders:
  - {{id: 30, name: app, channel: push, type: fcm, credentials_file: {folder}/account.json, base_url: "{google}"}}
  - {{id: 31, name: web, channel: push, type: webpush, private_key_file: {folder}/vapid.pem,
     subject: "mailto:push@shop.example", hosts: ["http://127.0.0.1"]}}
  - {{id: 33, name: every device, channel: push, type: route, senders: [30, 31]}}
templates:
  - id: 30
    name: Order
    push:
      title: Your order
      url: "https://shop.example/o1"
      buttons: [{{label: Track, url: "https://shop.example/t?a=b"}}, {{label: Open, url: "shop://orders"}}]
      data: {{order: "17"}}
triggers:
  - {{id: 300, name: Devices, database: 1, channel: push, resource: 22, template: 30, sender: 33, active: true,
     tracking: {{opens: true, clicks: true}}}}
  - {{id: 301, name: As it is done here, database: 1, channel: push, resource: 22, template: 30, sender: 33,
     active: true}}
  - {{id: 302, name: Opens alone, database: 1, channel: push, resource: 22, template: 30, sender: 33, active: true,
     tracking: {{opens: true, clicks: false}}}}
workflows:
  - id: 30
    name: Order
    database: 1
    active: true
    nodes:
      - {{id: start, type: start, next: push}}
      - {{id: push, type: campaign, trigger: 300, next: came}}
      - {{id: came, type: feedback, events: [deliv_push], within: {{hours: 1}}, next: note, otherwise: done}}
      - {{id: note, type: update, set: {{note: came}}, next: done}}
      - {{id: done, type: end}}
"""


class Devices:
    """An Android phone and a browser, and what they got."""

    def __init__(self, stage: Stage, google: Google, browsers: Browsers) -> None:
        self.stage, self.google, self.browsers = stage, google, browsers

    async def add(self, *providers: str) -> None:
        devices = {
            "android-firebase": "android-1",
            "chrome-firebase": "chrome-1",
            "mozilla": self.browsers.subscribe("ann"),
        }
        subscriptions = [
            {"channel": "push", "resource_id": 22, "provider": name, "subscription_id": devices[name]}
            for name in providers
        ]
        await self.stage.add(email="ann@example.com", subscriptions=subscriptions)

    async def send(self, provider: str, trigger_id: int = 300) -> dict[str, Any]:
        """What a device gets: `data` of FCM's message, or the `notification` that a worker is given."""
        await self.add(provider)
        answer = await self.stage.post("campaigns/triggers/start", id=trigger_id, email="ann@example.com")
        assert answer["error"] == 0, answer
        await self.stage.work()
        self.stage.clock.advance(minutes=5)
        if provider == "mozilla":
            return dict(self.browsers.shown[-1][2])
        return dict(self.google.messages[-1])

    async def report(self, uid: str, event: str, **headers: str) -> int:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        answer = await self.stage.client.post("/m/p", json={"_uid": uid, "event": event}, headers=named)
        assert answer.headers["access-control-allow-origin"] == "*"
        assert answer.json()["error"] == (0 if answer.status_code == 200 else answer.status_code)
        return answer.status_code

    async def happened(self) -> list[str]:
        await self.stage.hits.flush()
        rows = await self.stage.rows("SELECT type FROM events WHERE type <> 'send_push' ORDER BY at, type")
        return [type_ for (type_,) in rows]


@pytest.fixture
async def devices(stage: Stage, tmp_path: Path) -> AsyncIterator[Devices]:
    now = time.time() + 30
    stage.context.public_url = PUBLIC
    async with Google(now=now) as google, Browsers(now=now) as browsers:
        write(tmp_path, "account.json", google.credentials())
        write(tmp_path, "vapid.pem", pem(ec_key("vapid")))
        await configuration.apply(stage.context, PUSHES.format(folder=tmp_path, google=google.url), "push.yaml", {})
        yield Devices(stage, google, browsers)
        await stage.delivery.close()


async def test_an_app_tells_that_a_message_arrived_and_was_opened_and_its_link_followed(devices: Devices):
    data = (await devices.send("android-firebase"))["data"]
    assert data["_report_url"] == f"{PUBLIC}/m/p"
    assert data["_click_action"] == "https://shop.example/o1"
    for event, types in (
        ("delivered", ["deliv_push"]),
        ("opened", ["open_push", "uopen_push"]),
        ("clicked", ["click_push", "uclick_push"]),
    ):
        before = await devices.happened()
        for _ in range(2):
            assert await devices.report(data["_uid"], event, request_id="7", user_agent="okhttp/4.12") == 200
            assert sorted(await devices.happened()) == sorted(before + types)
            devices.stage.clock.advance(minutes=1)
    ((said, trigger_id),) = await devices.stage.rows("SELECT data, trigger_id FROM events WHERE type = 'uopen_push'")
    assert said == {
        "ip": "127.0.0.1",
        "user_agent": "okhttp/4.12",
        **{k: said[k] for k in ("os", "device") if k in said},
    }
    assert trigger_id == 300
    totals = dict(await devices.stage.rows("SELECT type, total FROM event_totals WHERE trigger_id = 300"))
    assert totals == dict.fromkeys(
        ("send_push", "deliv_push", "open_push", "uopen_push", "click_push", "uclick_push"), 1
    )


async def test_who_clicks_has_opened_and_got_it(devices: Devices):
    data = (await devices.send("android-firebase"))["data"]
    assert await devices.report(data["_uid"], "clicked") == 200
    assert await devices.report(data["_uid"], "delivered") == 200
    assert await devices.happened() == ["click_push", "deliv_push", "open_push", "uclick_push", "uopen_push"]


async def test_reports_of_one_moment_are_written_together_each_once(devices: Devices):
    data = (await devices.send("android-firebase"))["data"]
    for event in ("opened", "delivered", "opened", "delivered", "clicked", "clicked"):
        await devices.report(data["_uid"], event)
    assert await devices.happened() == ["click_push", "deliv_push", "open_push", "uclick_push", "uopen_push"]


@pytest.mark.parametrize(
    ("path", "content", "content_type"),
    [
        ("/m/p", "_uid={uid}&event=opened", "application/x-www-form-urlencoded"),
        ("/m/p?event=opened", '{{"token": "{uid}"}}', "text/plain"),
        ("/m//p/", '{{"_uid": "{uid}", "event": "open"}}', "application/json; charset=utf-8"),
        ("/m/event/push/open?matching_mode=push_sub", '{{"time": 1, "smid": "{uid}"}}', "application/json"),
    ],
)
async def test_a_report_is_json_or_a_form_or_as_public_sdks_send_it(
    devices: Devices, path: str, content: str, content_type: str
):
    data = (await devices.send("android-firebase"))["data"]
    answer = await devices.stage.client.post(
        path, content=content.format(uid=data["_uid"]), headers={"content-type": content_type}
    )
    assert (answer.status_code, answer.json()) == (200, {"error": 0, "error_text": "Successful operation"})
    assert await devices.happened() == ["deliv_push", "open_push", "uopen_push"]


async def test_service_workers_of_any_page_may_report(devices: Devices):
    asked = await devices.stage.client.options(
        "/m/p", headers={"origin": "https://shop.example", "access-control-request-headers": "content-type,request-id"}
    )
    assert asked.status_code == 204
    assert asked.headers["access-control-allow-origin"] == "*"
    assert {"content-type", "request-id"} <= set(asked.headers["access-control-allow-headers"].split(", "))


async def test_what_is_forged_or_no_report_does_nothing(devices: Devices):
    message = await devices.send("mozilla")
    uid = message["notification"]["data"]["_uid"]
    click = message["notification"]["navigate"].rpartition("/")[2]
    flipped = uid[:-6] + ("B" if uid[-6] != "B" else "C") + uid[-5:]
    for forged in (flipped, uid[:-4], uid + "AAAA", "", "x", click, "й", "0" * 24):
        assert await devices.report(forged, "delivered") == 404, forged
    for event in ("", "read", "scanned", "DELIVERED"):
        assert await devices.report(uid, event) == 400, event
    for content in ("[]", "{", '"x"', "null", "[" * 100_000):
        assert (await devices.stage.client.post("/m/p", content=content)).status_code == 400
    assert (await devices.stage.client.post("/m/p", content="x" * 70_000)).status_code in (400, 413)
    assert (await devices.stage.client.post("/m/p", json={"_uid": {"a": 1}, "event": "opened"})).status_code == 404
    assert (await devices.stage.client.get(f"/m/p?_uid={uid}&event=opened")).status_code == 405
    assert (await devices.stage.client.get(f"/m/c/{uid}", follow_redirects=False)).status_code == 404
    assert await devices.happened() == []


async def test_a_very_old_uid_is_worth_nothing(devices: Devices):
    data = (await devices.send("android-firebase"))["data"]
    devices.stage.clock.advance(days=366 * 10 + 1)
    assert await devices.report(data["_uid"], "opened") == 404


async def test_the_switch_of_the_trigger_says_what_is_counted(devices: Devices):
    message = await devices.send("mozilla", 301)
    data = message["notification"]["data"]
    assert "_report_url" not in data
    assert message["notification"]["navigate"] == "https://shop.example/o1"
    for event in ("opened", "clicked", "delivered"):
        assert await devices.report(data["_uid"], event) == 200
    assert await devices.happened() == ["deliv_push"]
    message = await devices.send("mozilla", 302)
    data = message["notification"]["data"]
    assert message["notification"]["navigate"] == "https://shop.example/o1"
    for event in ("clicked", "opened"):
        assert await devices.report(data["_uid"], event) == 200
    assert await devices.happened() == ["deliv_push", "deliv_push", "open_push", "uopen_push"]


async def test_links_of_browsers_lead_here_first(devices: Devices):
    shown = (await devices.send("mozilla"))["notification"]
    links = [shown["navigate"], shown["actions"][0]["navigate"]]
    assert all(one.startswith(f"{PUBLIC}/m/c/") for one in links)
    assert shown["actions"][1]["navigate"] == "shop://orders"
    led = [
        await devices.stage.client.get(urlsplit(one).path, headers={"user-agent": BROWSER}, follow_redirects=False)
        for one in links
    ]
    assert [one.headers["location"] for one in led] == ["https://shop.example/o1", "https://shop.example/t?a=b"]
    assert await devices.happened() == [
        "click_push", "click_push", "deliv_push", "open_push", "uclick_push", "uopen_push",
    ]  # fmt: skip
    rows = await devices.stage.rows("SELECT data->>'link_url' FROM events WHERE type = 'uclick_push'")
    assert rows == [("https://shop.example/o1",)]


async def test_a_browser_by_fcm_gets_a_link_that_leads_here_first(devices: Devices):
    message = await devices.send("chrome-firebase")
    assert message["webpush"]["fcm_options"]["link"].startswith(f"{PUBLIC}/m/c/")
    assert message["data"]["_report_url"] == f"{PUBLIC}/m/p"


async def test_a_safe_link_does_not_lead_over_an_unsafe_way(devices: Devices):
    devices.stage.context.public_url = "http://push.example"
    assert (await devices.send("mozilla"))["notification"]["navigate"] == "https://shop.example/o1"


async def test_a_program_that_follows_the_link_is_marked(devices: Devices):
    shown = (await devices.send("mozilla"))["notification"]
    await devices.stage.client.get(
        urlsplit(shown["navigate"]).path, headers={"user-agent": "curl/8"}, follow_redirects=False
    )
    await devices.stage.hits.flush()
    rows = await devices.stage.rows("SELECT type, data->'is_bot' FROM events WHERE type <> 'send_push'")
    assert rows == [("click_push", True)]
    totals = dict(await devices.stage.rows("SELECT type, total FROM event_totals WHERE trigger_id = 300"))
    assert totals == {"send_push": 1, "click_push_bot": 1}


async def test_a_report_that_comes_before_the_sending_is_recorded_is_not_lost(devices: Devices):
    await devices.add("android-firebase")
    await devices.stage.post_xml(
        "campaigns/triggers/start",
        f"<xml><token>{TOKEN}</token><id>300</id><email>ann@example.com</email></xml>",
    )
    ((message_id,),) = await devices.stage.rows("SELECT id FROM messages")
    async with devices.stage.context.database.transaction() as transaction:
        signer = await devices.stage.context.signer(transaction)
    assert await devices.report(push_reports.make_uid(signer, Reporter(message_id, True, True)), "delivered") == 200
    assert await devices.happened() == ["deliv_push"]


async def test_there_is_no_room_for_more_reports_than_fit(devices: Devices, monkeypatch: pytest.MonkeyPatch):
    data = (await devices.send("android-firebase"))["data"]
    monkeypatch.setattr("tocsin.actions.tracking._MOST_WAITING", 0)
    assert await devices.report(data["_uid"], "opened") == 503


async def test_a_workflow_waits_for_a_report(devices: Devices):
    await devices.add("android-firebase")
    await devices.stage.post("workflows/start", id=30, matching="email", email="ann@example.com")
    await devices.stage.work()
    devices.stage.clock.advance(minutes=5)
    await devices.stage.work()
    assert "note" not in await devices.stage.get_profile(email="ann@example.com")
    await devices.report(devices.google.messages[-1]["data"]["_uid"], "delivered")
    for _ in range(2):
        await devices.stage.work()
    assert (await devices.stage.get_profile(email="ann@example.com"))["note"] == "came"


def worker() -> str:
    """The service worker of docs/push.md."""
    page = (Path(__file__).parents[2] / "docs" / "push.md").read_text("utf-8")
    (script,) = re.findall(r"```js\n(.*?)```", page, re.DOTALL)
    return str(script)


def run_worker(message: dict[str, Any], action: str = "") -> dict[str, Any]:
    """What it does with a message and a click."""
    said = json.dumps({"worker": worker(), "message": message, "action": action})
    harness = Path(__file__).with_name("push_worker.mjs")
    done = subprocess.run(["node", harness], input=said, capture_output=True, text=True, timeout=60, check=True)
    answered: dict[str, Any] = json.loads(done.stdout)
    return answered


@pytest.mark.skipif(shutil.which("node") is None, reason="there is no node to run the worker")
@pytest.mark.parametrize(
    ("action", "leads_to"), [("", "https://shop.example/o1"), ("button0", "https://shop.example/t?a=b")]
)
async def test_the_documented_service_worker_shows_reports_and_opens(devices: Devices, action: str, leads_to: str):
    message = await devices.send("mozilla")
    done = run_worker(message, action)
    ((shown),) = done["shown"]
    assert (shown["title"], shown["data"]["order"], done["closed"]) == ("Your order", "17", 1)
    assert [(one["url"], one["method"]) for one in done["reports"]] == [(f"{PUBLIC}/m/p", "POST")] * 2
    for one in done["reports"]:
        answer = await devices.stage.client.post(
            urlsplit(one["url"]).path, content=one["body"], headers={"content-type": one["type"], "user-agent": BROWSER}
        )
        assert answer.status_code == 200
    assert await devices.happened() == ["deliv_push", "open_push", "uopen_push"]
    (url,) = done["opened"]
    devices.stage.clock.advance(minutes=1)
    answer = await devices.stage.client.get(urlsplit(url).path, headers={"user-agent": BROWSER}, follow_redirects=False)
    assert answer.headers["location"] == leads_to
    assert (await devices.happened())[3:] == ["click_push", "uclick_push"]


@pytest.mark.skipif(shutil.which("node") is None, reason="there is no node to run the worker")
def test_the_documented_service_worker_reports_nothing_where_nothing_is_asked():
    done = run_worker({"notification": {"title": "T", "data": {"_uid": "x"}}})
    assert (done["reports"], done["opened"], done["closed"]) == ([], [], 1)


def test_the_documented_service_worker_says_what_the_server_takes():
    script = worker()
    assert set(re.findall(r'report\(data, "(\w+)"\)', script)) == {"delivered", "opened"} <= push_reports.KINDS.keys()
    assert set(re.findall(r"data\.(_\w+)", script)) == {"_uid", "_report_url"}
