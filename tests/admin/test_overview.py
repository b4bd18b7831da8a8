"""The overview, launches, the log of messages and the inbox: what somebody sees who looks."""

import re

from browser import Browser

from cast import Stage
from tocsin.actions import configuration
from tocsin.actions.inbox import Inbox

NASTY = "<script>alert(1)</script>"
HOOK = """
hooks:
  - {id: 1, name: crm, url: "http://127.0.0.1:9/events", events: [send], active: true}
"""


async def launch(stage: Stage, *emails: str, trigger: int = 8, **members: object) -> str:
    answer = await stage.post(
        "campaigns/triggers/import_and_start_batch",
        trigger_id=trigger,
        matching="email",
        data=[{"data": {"email": email, "_fname": NASTY}} for email in emails],
        content={"page": "blog"},
        **members,
    )
    assert answer["error"] == 0, answer
    launch_id: str = answer["launch_id"]
    return launch_id


async def test_the_overview_tells_what_was_sent_what_waits_and_what_was_launched(stage: Stage, owner: Browser):
    stage.mailbox.answers["bob@example.com"] = ("refused", 550, "5.1.1 no such user")
    await launch(stage, "ann@example.com", "bob@example.com")
    await stage.work()
    await launch(stage, "cid@example.com", timeout={"hours": 1})
    page = await owner.get()
    figures = {
        one.xpath("./span")[0].text_content(): one.xpath("./b")[0].text_content()
        for one in page.tree.xpath("//div[@class='figure']")
    }
    assert (figures["Sent"], figures["Failed"]) == ("1", "1")
    words = "".join(page.tree.xpath("//svg//title/text()"))
    assert "Email: sent 1" in words
    assert "Failed 1" in words
    queue = next(table for table in page.tree.xpath("//table") if "Due now" in table.text_content())
    assert [cell.text_content() for cell in queue.xpath(".//tbody/tr/td")][:3] == ["Email", "1", "0"]
    assert "Order received" in page.text
    assert (await owner.get("?span=day")).status == 200


async def test_what_fails_is_told_with_what_to_do(stage: Stage, owner: Browser):
    await configuration.apply(stage.context, HOOK, "hooks.yaml", {})
    for email in ("a@example.com", "b@example.com", "c@example.com"):
        stage.mailbox.answers[email] = ("deferred", 0, "connection refused")
    await launch(stage, "a@example.com", "b@example.com", "c@example.com")
    await stage.work()
    page = await owner.get()
    assert "Needs you" in page.text
    assert "relay failed 3 times" in page.text
    assert "connection refused" in page.text


async def test_live_numbers_come_as_an_event_and_end_with_the_server(stage: Stage, owner: Browser):
    await launch(stage, "ann@example.com")
    owner.console.closing.begin()
    page = await owner.get("live")
    assert page.response.headers["content-type"].startswith("text/event-stream")
    assert page.html.startswith("data: ")
    assert page.html.count("\n\n") == 1
    assert NASTY not in page.html


async def test_a_new_installation_is_told_how_to_begin(stage: Stage, owner: Browser):
    assert "From here to the first message" not in (await owner.get()).text
    await stage.rows("UPDATE configuration SET spec = NULL, version = 1000 WHERE kind <> 'tokens' RETURNING key")
    await stage.rows("UPDATE configuration_version SET version = 1000 RETURNING version")
    assert "From here to the first message" in (await owner.get()).text


async def test_a_launch_is_held_goes_on_and_is_cancelled_by_its_buttons(stage: Stage, owner: Browser, enter):
    launch_id = await launch(stage, "ann@example.com", "bob@example.com")
    page = await owner.send(f"launches/{launch_id}", {"do": "pause"})
    assert "Held" in page.text
    await stage.work()
    assert stage.mailbox.arrived == []
    await owner.send(f"launches/{launch_id}", {"do": "resume"})
    await stage.work()
    assert len(stage.mailbox.arrived) == 2
    later = await launch(stage, "cid@example.com", timeout={"hours": 1})
    await owner.send(f"launches/{later}", {"do": "cancel"})
    await stage.work()
    stage.clock.advance(hours=2)
    await stage.work()
    assert len(stage.mailbox.arrived) == 2
    deeds = await stage.rows("SELECT action FROM audits WHERE section = 'launches' ORDER BY id")
    assert sorted(deed for (deed,) in deeds) == ["cancelled", "paused", "resumed"]
    viewer = await enter("viewer")
    page = await viewer.get(f"launches/{launch_id}")
    assert page.status == 200
    assert not page.tree.xpath("//button[@name='do']")


async def test_the_log_finds_by_address_state_and_trigger(stage: Stage, owner: Browser):
    stage.mailbox.answers["bob@example.com"] = ("refused", 550, "5.1.1 no such user")
    await launch(stage, "ann@example.com", "bob@example.com")
    await stage.work()
    await launch(stage, "cid@example.com", trigger=13, timeout={"hours": 1})

    async def found(query: str) -> list[str]:
        return [row[2] for row in (await owner.get(f"messages?{query}")).rows()]

    assert sorted(await found("")) == ["ann@example.com", "bob@example.com"]
    assert await found("address=ann@example.com") == ["ann@example.com"]
    assert await found("state=failed") == ["bob@example.com"]
    assert await found("state=waiting") == ["cid@example.com"]
    assert await found("trigger=13") == []
    assert "Nothing fits" in (await owner.get("messages?trigger=13")).text
    assert (await owner.get("messages?profile=x")).status == 422


async def test_the_log_goes_on_from_page_to_page(stage: Stage, owner: Browser):
    await launch(stage, *(f"person{number}@example.com" for number in range(60)))
    await stage.work()
    page = await owner.get("messages?state=sent")
    first = [row[2] for row in page.rows()]
    (older,) = page.tree.xpath("//a[@rel='next']/@href")
    second = [row[2] for row in (await owner.get(older.removeprefix("/admin/"))).rows()]
    assert (len(first), len(second), len({*first, *second})) == (50, 10, 60)


async def test_a_message_is_shown_as_it_was_sent_in_a_frame_that_runs_nothing(stage: Stage, owner: Browser):
    await launch(stage, "ann@example.com")
    await stage.work()
    (href,) = (await owner.get("messages")).tree.xpath("//tbody//a[contains(@href, '/messages/')]/@href")
    place = href.removeprefix("/admin/")
    page = await owner.get(place)
    assert "Thank you" in page.text
    assert "Sent" in page.text
    assert NASTY not in page.html
    (frame,) = page.tree.xpath("//iframe")
    assert frame.get("sandbox") == ""
    shown = await owner.get(f"{place}/html")
    assert "page blog" in shown.text
    assert shown.response.headers["content-security-policy"].startswith("sandbox; default-src 'none'")
    assert "https:" not in shown.response.headers["content-security-policy"]
    assert "https:" in (await owner.get(f"{place}/html?images=1")).response.headers["content-security-policy"]
    source = await owner.get(f"{place}/source")
    assert source.response.headers["content-disposition"].startswith("attachment")
    assert b"Subject: Thank you" in source.response.content


async def test_looking_at_a_message_counts_nothing_and_unsubscribes_nobody(stage: Stage, owner: Browser):
    await launch(stage, "ann@example.com")
    await stage.work()
    (href,) = (await owner.get("messages")).tree.xpath("//tbody//a[contains(@href, '/messages/')]/@href")
    page = await owner.get(f"{href.removeprefix('/admin/')}/html?images=1")
    assert "/m/o/" not in page.html
    assert "/m/u/" not in page.html


async def test_a_message_that_was_not_sent_says_why(stage: Stage, owner: Browser):
    stage.mailbox.answers["bob@example.com"] = ("refused", 550, "5.1.1 no such user")
    await launch(stage, "bob@example.com")
    await stage.work()
    (href,) = (await owner.get("messages?state=failed")).tree.xpath("//tbody//a[contains(@href, '/messages/')]/@href")
    page = await owner.get(href.removeprefix("/admin/"))
    assert "550 5.1.1 no such user" in page.text
    assert "No copy of it is kept" in page.text
    assert (await owner.get("messages/000000000000000000000000")).status == 404


async def test_mail_of_the_inbox_is_read_saved_and_deleted(stage: Stage, owner: Browser, enter):
    inbox = Inbox(stage.context)
    raw = (
        b"From: shop@example.com\r\nTo: ann@example.com\r\nSubject: =?utf-8?q?Hi_=3Cb=3E?=\r\n"
        b"Content-Type: text/html\r\n\r\n<p>Hello <script>x</script></p>\r\n"
    )
    await inbox.take("shop@example.com", ["ann@example.com"], raw)
    await inbox.close()
    page = await owner.get("inbox?search=ann")
    (href,) = page.tree.xpath("//tbody//a/@href")
    page = await owner.get(href.removeprefix("/admin/"))
    assert "Hi <b>" in page.text
    assert "<b>" not in page.html
    assert "Hello" in (await owner.get(f"{href.removeprefix('/admin/')}/html")).text
    assert (await owner.get(f"{href.removeprefix('/admin/')}/source")).response.content == raw
    viewer = await enter("viewer")
    assert (await viewer.post("inbox", {"csrf": (await viewer.get("account")).form("/account")["csrf"]})).status == 403
    await owner.send("inbox")
    assert "No mail" in (await owner.get("inbox")).text


async def test_times_are_told_in_the_zone_of_the_viewer(stage: Stage, owner: Browser):
    stage.clock.now = stage.clock.now.replace(hour=12, minute=30)
    await launch(stage, "ann@example.com")
    owner.client.cookies.set("tocsin_zone", "Asia/Tokyo")
    page = await owner.get("launches")
    assert re.search(r"21:30:\d\d JST", page.html)
    owner.client.cookies.set("tocsin_zone", "../../etc/passwd")
    assert (await owner.get("launches")).status == 200
