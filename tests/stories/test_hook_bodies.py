"""From a call to the body of a hook, for each kind of event: who, which message, and the call's `custom_data`."""

import json
import re
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from datetime import timedelta
from email.utils import getaddresses
from pathlib import Path
from typing import Any, get_args

import aiosmtplib
import pytest
from tests.api.receiver import Receiver
from tests.api.test_bounces import PATHS
from tests.api.visitor import GLANCES, SKIMS, STAYS, Visitor
from tests.channels.push_services import Google, fcm_error, write
from tests.channels.smtp_server import SmtpServer
from tests.channels.web_server import WebServer, page
from tests.core.bounce_mails import delivered

from cast import TOKEN, Stage, parse_mail
from tocsin.actions import bounces, configuration
from tocsin.actions.messages import Delivery
from tocsin.channels.bounce_server import BounceServer
from tocsin.channels.ways_out import WaysOut
from tocsin.core.bounces import Report
from tocsin.core.messages import EventType
from tocsin.core.reading import Spans

ANN, PHONE, DEVICE = "ann@example.com", "+79000000001", "android-1"
SHOP = "https://shop.example.com/"
BROWSER = "Mozilla/5.0 Firefox/140.0"
NO_ONE_SAYS: set[str] = set()
CONFIGURATION = """
templates:
  - id: 60
    name: With links
    email:
      from_email: shop@example.com
      subject: Hello
      html: '<a href="https://shop.example.com/">Shop</a> <a href="{confirm}">Yes</a>'
triggers:
  - {id: 60, name: News, database: 1, template: 60, sender: 1, resource: 21, active: true,
     tracking: {opens: true, clicks: true}}
  - {id: 62, name: Followed, database: 1, template: 60, sender: 1, resource: 21, active: true,
     tracking: {reading: true, replies: true}}
  - {id: 61, name: Please confirm, database: 1, template: 60, sender: 1, resource: 21, for_confirm: true, active: true}
"""
RELAY = """
senders:
  - {{id: 1, name: relay, channel: email, type: smtp, host: 127.0.0.1, port: {port}, security: none,
     delivered: {delivered}}}
"""
ONCE = "policies: [{id: 1, name: Once a week, default: true, limits: [{messages: 1, days: 7}]}]"
GATEWAY = """
senders:
  - {{id: 20, name: gateway, channel: sms, type: http, url: "{url}/send", json: {{to: "{{phone}}", text: "{{text}}"}},
     from_name: Shop, answer: {{accepted: '"ok"', refused: "no", message_id: $.id}}, callback_secret: callback-secret-2,
     receipts: {{status: state, delivered: [DELIVRD], failed: [UNDELIV], provider_id: id, phone: sender, text: body}}}}
templates: [{{id: 20, name: Code, sms: {{text: "See https://shop.example.com/7"}}}}]
triggers: [{{id: 200, name: Code, database: 1, channel: sms, resource: 20, template: 20, sender: 20, active: true,
  tracking: {{clicks: true}}}}]
"""
PUSHES = """
senders: [{{id: 30, name: app, channel: push, type: fcm, credentials_file: {file}, base_url: "{url}"}}]
templates: [{{id: 30, name: Order, push: {{title: Your order, text: is here}}}}]
triggers: [{{id: 300, name: Order, database: 1, channel: push, resource: 22, template: 30, sender: 30, active: true,
  tracking: {{opens: true, clicks: true}}}}]
"""


class Scene:
    """Ann, who is known before the hook is, and a hook that is told of everything."""

    def __init__(self, stage: Stage, receiver: Receiver, folder: Path, *, in_xml: bool) -> None:
        self.stage, self.receiver, self.folder, self._in_xml = stage, receiver, folder, in_xml

    async def apply(self, text: str) -> None:
        await configuration.apply(self.stage.context, text, "more.yaml", {})

    async def prepare(self) -> str:
        """The id of Ann's profile."""
        await self.apply(CONFIGURATION)
        subscriptions = [
            {"channel": "email", "resource_id": 21, "email": ANN},
            {"channel": "sms", "resource_id": 20, "phone": PHONE},
            {"channel": "push", "resource_id": 22, "provider": "android-firebase", "subscription_id": DEVICE},
        ]
        profile_id = await self.stage.add(email=ANN, phones=PHONE, subscriptions=subscriptions)
        told = ", ".join(get_args(EventType))
        await self.apply(f"hooks: [{{id: 2, name: all, url: '{self.receiver.url}/events', events: [{told}]}}]")
        return profile_id

    async def launch(self, trigger_id: int = 60) -> str:
        """Ask for a message to Ann, and send what is due; the id of the launch, if there is one."""
        launch_id = await (self._launch_in_xml if self._in_xml else self._launch)(trigger_id)
        await self.stage.work()
        return launch_id

    async def _launch(self, trigger_id: int) -> str:
        answer = await self.stage.post(
            "campaigns/triggers/start_batch",
            id=trigger_id,
            matching="email_profile",
            data=[{"email": ANN, "custom_data": {"both": "of the item"}}],
            custom_data={"root": "1", "both": "of the call"},
        )
        assert answer["error"] == 0, answer
        return str(answer.get("launch_id"))

    async def _launch_in_xml(self, trigger_id: int) -> str:
        answer = await self.stage.post_xml(
            "campaigns/triggers/start_batch",
            f"<xml><token>{TOKEN}</token><id>{trigger_id}</id><matching>email_profile</matching>"
            "<custom_data><root>1</root><both>of the call</both></custom_data>"
            f"<data><email>{ANN}</email><custom_data><both>of the item</both></custom_data></data></xml>",
        )
        assert answer.findtext("error") == "0"
        return str(answer.findtext("launch_id"))

    async def ask(self, method: str, **members: Any) -> None:
        answer = await self.stage.post(method, members)
        assert answer["error"] == 0, answer

    async def imports(self, source: str) -> None:
        if not self._in_xml:
            data = [{"email": ANN, "bonus": 7}]
            await self.ask("profiles/import_batch", db_id=1, matching="email", data=data, import_source=source)
            return
        answer = await self.stage.post_xml(
            "profiles/import_batch",
            f"<xml><token>{TOKEN}</token><db_id>1</db_id><import_source>{source}</import_source>"
            f"<data><email>{ANN}</email><bonus>7</bonus></data></xml>",
        )
        assert answer.findtext("error") == "0"

    async def come_back(self, report: Report) -> None:
        """Some time after the mail that is sent first."""
        await self.launch()
        self.stage.clock.advance(minutes=1)
        await bounces.receive(self.stage.context, self.stage.mailbox.arrived[0].message_id, report)

    @asynccontextmanager
    async def relay(self, delivered: str) -> AsyncIterator[SmtpServer]:
        """A mail server, in place of the mailbox, and when what it takes counts as delivered."""
        self.stage.context.return_paths = PATHS
        async with SmtpServer(offers=("8BITMIME", "DSN")) as server:
            await self.apply(RELAY.format(port=server.port, delivered=delivered))
            ways_out = WaysOut(return_paths=PATHS)
            lease = timedelta(seconds=60)
            self.stage.delivery = Delivery(self.stage.context, ways_out.open, lease, self.folder / "journal")
            yield server
            await self.stage.delivery.close()

    async def write_back(self, mail: str, recipient: str, sender: str = "") -> None:
        """Some time later, a mail to the server that takes what comes back."""

        async def take(message_id: bytes, report: Report | None) -> None:
            await bounces.receive(self.stage.context, message_id, report)

        self.stage.clock.advance(minutes=1)
        server = BounceServer(PATHS, take)
        port = await server.start("127.0.0.1", 0)
        async with aiosmtplib.SMTP(hostname="127.0.0.1", port=port, start_tls=False, timeout=20) as client:
            await client.sendmail(sender, [recipient], mail)
        await server.close()

    async def look(self, spans: Spans) -> None:
        """Open the mail some time after it is sent; who looks for a time without end goes away."""
        await self.launch(62)
        self.stage.clock.advance(minutes=1)
        self.stage.reading.spans = spans
        visitor = Visitor(self.stage, self.link(r'src="([^"]+/m/o/[^"]+)"'))
        await (visitor.ask() if spans is STAYS else visitor.leave())

    def link(self, pattern: str) -> str:
        """One of the mail to Ann."""
        mail = self.stage.mailbox.mails()[ANN]
        html = mail.get_body(("html",)).get_content()  # type: ignore[union-attr]  # There is one.
        return str(re.findall(pattern, mail["List-Unsubscribe"] + html)[0])

    async def visit(self, pattern: str, trigger_id: int = 60) -> None:
        """What a browser asks for, some time after the mail that is sent first."""
        await self.launch(trigger_id)
        self.stage.clock.advance(minutes=1)
        await self.stage.client.get(self.link(pattern), headers={"user-agent": BROWSER})

    async def press(self, pattern: str, trigger_id: int = 60) -> None:
        await self.launch(trigger_id)
        self.stage.clock.advance(minutes=1)
        await self.stage.client.post(self.link(pattern), data={"List-Unsubscribe": "One-Click"})


async def is_imported(scene: Scene) -> None:
    await scene.imports("api")


async def is_imported_from_a_file(scene: Scene) -> None:
    await scene.imports("file")


async def is_imported_by_hand(scene: Scene) -> None:
    await scene.imports("manual")


async def is_sent(scene: Scene) -> None:
    await scene.launch()


async def is_refused(scene: Scene) -> None:
    scene.stage.mailbox.answers[ANN] = ("refused", 554, "5.7.1 not today")
    await scene.launch()


async def comes_back_for_now(scene: Scene) -> None:
    await scene.come_back(Report("sbounce", 552, "5.2.2", "full"))


async def comes_back_for_good(scene: Scene) -> None:
    await scene.come_back(Report("hbounce", 550, "5.1.1", "nobody"))


async def is_complained_of(scene: Scene) -> None:
    await scene.come_back(Report("complain", 0, "", "abuse"))


async def is_opened(scene: Scene) -> None:
    await scene.visit(r'src="([^"]+/m/o/[^"]+)"')


async def is_read(scene: Scene) -> None:
    await scene.look(STAYS)


async def is_skimmed(scene: Scene) -> None:
    await scene.look(SKIMS)


async def is_glanced_at(scene: Scene) -> None:
    await scene.look(GLANCES)


async def is_delivered_when_accepted(scene: Scene) -> None:
    async with scene.relay("accepted"):
        await scene.launch()


async def is_reported_as_delivered(scene: Scene) -> None:
    async with scene.relay("reported") as server:
        await scene.launch()
    (sent,) = server.messages
    assert "NOTIFY=SUCCESS" in sent.recipient
    await scene.write_back(delivered(), sent.sender.partition(">")[0].removeprefix("FROM:<"))


async def is_answered(scene: Scene) -> None:
    async with scene.relay("never") as server:
        await scene.launch(62)
    (sent,) = server.messages
    (_, to_the_shop), (_, to_us) = getaddresses([parse_mail(sent.content)["reply-to"]])
    assert to_the_shop == "shop@example.com"
    reply = f"From: Ann <{ANN}>\nTo: {to_the_shop}, {to_us}\nSubject: Re: Hello\n\nWhere is it?\n"
    await scene.write_back(reply, to_us, sender=ANN)


async def is_clicked(scene: Scene) -> None:
    await scene.visit(r'href="([^"]+/m/c/[^"]+)"')


async def is_confirmed(scene: Scene) -> None:
    subscription = {"channel": "email", "resource_id": 21, "email": ANN, "status": "unconfirmed"}
    await scene.ask("profiles/import", db_id=1, matching="email", data={"email": ANN, "subscriptions": [subscription]})
    await scene.press(r'href="([^"]+/m/y/[^"]+)"', trigger_id=61)


async def is_unsubscribed(scene: Scene) -> None:
    await scene.press(r"<([^>]+/m/u/[^>]+)>")


async def is_suppressed(scene: Scene) -> None:
    await scene.ask("suppresses/add", id=1, emails=[ANN])
    await scene.launch()


async def is_suppressed_while_it_waits(scene: Scene) -> None:
    scene.stage.mailbox.answers[ANN] = ("deferred", 451, "4.7.1 later")
    await scene.launch()
    await scene.ask("suppresses/add", id=1, emails=[ANN])
    scene.stage.clock.advance(minutes=5)


async def is_too_much(scene: Scene) -> None:
    await scene.apply(ONCE)
    await scene.launch()
    await scene.launch()


async def is_cancelled(scene: Scene) -> None:
    scene.stage.mailbox.answers[ANN] = ("deferred", 451, "4.7.1 later")
    await scene.ask("launches/cancel", id=await scene.launch())
    scene.stage.clock.advance(minutes=5)


async def is_sent_again(scene: Scene) -> None:
    scene.stage.mailbox.answers[ANN] = ("refused", 554, "5.7.1 not today")
    launch_id = await scene.launch()
    del scene.stage.mailbox.answers[ANN]
    scene.stage.clock.advance(minutes=1)
    await scene.ask("launches/retry", id=launch_id)


async def _text(scene: Scene, answer: bytes, **reported: str) -> str:
    """An SMS that the provider answers, and later reports of, like this; what it says."""
    async with WebServer({"/send": page(answer)}) as gateway:
        await scene.apply(GATEWAY.format(url=gateway.url))
        await scene.launch(200)
    if reported:
        scene.stage.clock.advance(minutes=1)
        await scene.stage.client.post("/callbacks/sms/20/callback-secret-2", json=reported)
    return str(json.loads(gateway.requests[0].body)["text"])


async def is_texted(scene: Scene) -> None:
    await _text(scene, b'{"status": "ok", "id": "prov-1"}', id="prov-1", state="DELIVRD")


async def is_texted_in_vain(scene: Scene) -> None:
    await _text(scene, b'{"status": "ok", "id": "prov-1"}', id="prov-1", state="UNDELIV")


async def is_clicked_in_an_sms(scene: Scene) -> None:
    text = await _text(scene, b'{"status": "ok", "id": "prov-1"}')
    scene.stage.clock.advance(minutes=1)
    await scene.stage.client.get(text.removeprefix("See "), headers={"user-agent": BROWSER})


async def is_not_texted(scene: Scene) -> None:
    await _text(scene, b"no")


async def is_answered_by_stop(scene: Scene) -> None:
    await _text(scene, b'{"status": "ok", "id": "prov-1"}', sender=PHONE, body="STOP")


async def _push(scene: Scene, treatments: Mapping[str, Any], *reported: str) -> None:
    """A push message that the provider answers, and of which the device reports, like this."""
    async with Google(now=time.time() + 30) as google:
        google.treatments = dict(treatments)
        write(scene.folder, "account.json", google.credentials())
        await scene.apply(PUSHES.format(file=scene.folder / "account.json", url=google.url))
        await scene.launch(300)
        await scene.stage.delivery.close()
    scene.stage.clock.advance(minutes=1)
    for event in reported:
        uid = google.messages[0]["data"]["_uid"]
        await scene.stage.client.post("/m/p", json={"_uid": uid, "event": event}, headers={"user-agent": BROWSER})
        await scene.stage.hits.flush()


async def is_pushed(scene: Scene) -> None:
    await _push(scene, {})


async def is_opened_on_a_device(scene: Scene) -> None:
    await _push(scene, {}, "delivered", "opened", "opened")


async def is_clicked_on_a_device(scene: Scene) -> None:
    await _push(scene, {}, "clicked", "delivered")


async def is_pushed_in_vain(scene: Scene) -> None:
    await _push(scene, {DEVICE: fcm_error(404, "NOT_FOUND", "UNREGISTERED")})


# What is told of each story in order, each with the number of its message: 0 is none.
STORIES: dict[Callable[[Scene], Awaitable[None]], str] = {
    is_imported: "import_api/0",
    is_imported_from_a_file: "import_file/0",
    is_imported_by_hand: "import_manual/0",
    is_sent: "send/1",
    is_refused: "undeliv/1",
    comes_back_for_now: "send/1 sbounce/1",
    comes_back_for_good: "send/1 hbounce/1",
    is_complained_of: "send/1 complain/1",
    is_opened: "send/1 open/1 uopen/1",
    is_read: "send/1 open/1 uopen/1 read/1",
    is_skimmed: "send/1 open/1 uopen/1 skimmed/1",
    is_glanced_at: "send/1 open/1 uopen/1 glanced/1",
    is_delivered_when_accepted: "send/1 deliv/1",
    is_reported_as_delivered: "send/1 deliv/1",
    is_answered: "send/1 reply/1",
    is_clicked: "send/1 open/1 uopen/1 click/1 uclick/1",
    is_confirmed: "import_api/0 send/1 open/1 uopen/1 click/1 uclick/1 confirm/1 confirmsub/1",
    is_unsubscribed: "send/1 unsub/1",
    is_suppressed: "suppress/0",
    is_suppressed_while_it_waits: "suppress/1",
    is_too_much: "send/1 skip/0",
    is_cancelled: "cancel/1",
    is_sent_again: "undeliv/1 retry/1 send/2",
    is_texted: "send_sms/1 deliv_sms/1",
    is_texted_in_vain: "send_sms/1 undeliv_sms/1",
    is_clicked_in_an_sms: "send_sms/1 click_sms/1 uclick_sms/1",
    is_not_texted: "undeliv_sms/1",
    is_answered_by_stop: "send_sms/1 unsub_sms/0",
    is_pushed: "send_push/1",
    is_opened_on_a_device: "send_push/1 deliv_push/1 open_push/1 uopen_push/1",
    is_clicked_on_a_device: "send_push/1 deliv_push/1 open_push/1 uopen_push/1 click_push/1 uclick_push/1",
    is_pushed_in_vain: "undeliv_push/1",
}
# Not of any message or launch, so of no call that said anything.
OF_A_PROFILE = {"import_api", "import_file", "import_manual", "unsub_sms"}
# What an event says of itself, as far as it is the same each time.
SAYS = {
    "send": {"address": ANN, "code": 250, "attempts": 1},
    "undeliv": {"address": ANN, "code": 554, "text": "5.7.1 not today"},
    "sbounce": {"status": "5.2.2", "text": "full"},
    "hbounce": {"code": 550, "status": "5.1.1"},
    "complain": {"text": "abuse"},
    "click": {"ip": "127.0.0.1"},
    "read": {"ip": "127.0.0.1"},
    "deliv": {"address": ANN},
    "reply": {"address": ANN, "subject": "Re: Hello", "from_email": ANN},
    "suppress": {"rule": "suppression list 1"},
    "skip": {"reason": "policy"},
    "send_sms": {"address": PHONE, "provider_id": "prov-1"},
    "click_sms": {"link_url": "https://shop.example.com/7", "browser": "Firefox"},
    "unsub_sms": {"address": PHONE},
    "deliv_push": {"ip": "127.0.0.1", "browser": "Firefox"},
    "uclick_push": {"ip": "127.0.0.1"},
}


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    async with Receiver() as server:
        yield server


def number(told: list[dict[str, Any]]) -> str:
    """Types in order, each with the number of its message."""
    numbers: dict[str | None, int] = {None: 0}
    return " ".join(
        f"{one['event_type']}/{numbers.setdefault(one['event_data'].get('message_id'), len(numbers))}" for one in told
    )


@pytest.mark.parametrize("in_xml", [False, True], ids=["json", "xml"])
@pytest.mark.parametrize("story", STORIES, ids=lambda story: story.__name__)
async def test_a_hook_is_told_what_becomes_of_a_call(
    stage: Stage, receiver: Receiver, tmp_path: Path, story: Callable[[Scene], Awaitable[None]], in_xml: bool
):
    scene = Scene(stage, receiver, tmp_path, in_xml=in_xml)
    profile_id = await scene.prepare()
    await story(scene)
    await stage.work()
    assert number(receiver.events) == STORIES[story]
    assert len(set(receiver.taken)) == len(receiver.taken)
    of_calls = [one for one in receiver.events if one["event_type"] not in OF_A_PROFILE]
    for event in receiver.events:
        says = SAYS.get(event["event_type"], {})
        assert event["event_data"] == event["event_data"] | says
        assert (event["profile_id"], event["list_id"], event["is_test"]) == (profile_id, 1, False)
        assert event["custom_data"] == ({"root": "1", "both": "of the item"} if event in of_calls else {})
    assert len({one["event_data"]["campaign_id"] for one in of_calls}) == bool(of_calls)
    assert all(one["event_data"]["launch_id"] for one in of_calls)


def test_each_kind_of_event_has_a_story():
    told = {one.partition("/")[0] for story in STORIES.values() for one in story.split()}
    assert told == set(get_args(EventType)) - NO_ONE_SAYS
