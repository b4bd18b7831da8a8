"""Whole scenarios: one with every kind of node over weeks, and the abandoned cart of the documentation."""

from typing import Any

from tests.channels.web_server import WebServer, page
from workflow_story import ask, condition, define, delay, pass_time, place, received, send, start, visited, way

from cast import Stage

BATCH = "workflows/import_and_start_batch"


def welcome(url: str) -> list[dict[str, Any]]:
    """Twelve nodes, of every kind, with a loop of weeks."""
    return [
        start("which"),
        {
            "id": "which",
            "type": "content_filter",
            "branches": [{"when": {"plan": ["pro", "free"]}, "next": "price"}],
            "otherwise": "done",
        },
        ask("price", f"{url}/price?plan={{apicontent.plan}}", "hello", "done", save_as="page", retries=0),
        send("hello", 8, "heard", skipped="done"),
        {
            "id": "heard",
            "type": "feedback",
            "events": ["send"],
            "within": {"days": 2},
            "next": "count",
            "otherwise": "over",
        },
        {
            "id": "count",
            "type": "update",
            "set": {"bonus": {"action": "incr", "value": 1}, "interests": {"action": "add", "value": ["welcomed"]}},
            "next": "week",
        },
        delay("week", "halves", days=7),
        {
            "id": "halves",
            "type": "split",
            "branches": [{"percent": 50, "next": "bought"}, {"percent": 50, "next": "bought"}],
        },
        condition("bought", {"bonus": {"$gte": 3}}, "done", "remind"),
        send("remind", 96, "heard"),
        {"id": "over", "type": "workflow_jump", "workflow": 41},
    ]


async def test_twelve_nodes_of_every_kind_over_weeks(stage: Stage):
    names = ("pro", "free", "none", "lost", "refused")
    ids = {name: await stage.add(email=f"{name}@example.com", _fname=name) for name in names}
    stage.mailbox.answers["refused@example.com"] = ("refused", 550, "5.1.1 no such user")
    answers = {"/price": page(b'"9 a month"')}
    number = 50
    async with WebServer(answers) as server:
        await define(stage, start("pause"), delay("pause", days=60), workflow=41)
        nodes = [*welcome(server.url), {"id": "done", "type": "end"}]
        added = await stage.post("workflows/add", id=number, name="Welcome", database=1, active=True, nodes=nodes)
        assert added["error"] == 0, added
        assert len(nodes) == 12
        for name, plan in (("pro", "pro"), ("free", "free"), ("refused", "pro"), ("none", "other")):
            assert (await start_one(stage, number, name, {"plan": plan}))["error"] == 0
        await stage.work()
        answers["/price"] = page(b"no", "400 Bad Request")
        await start_one(stage, number, "lost", {"plan": "pro"})
        await stage.work()
    assert [await place(stage, ids[name]) for name in names] == [["week"], ["week"], [], [], ["heard"]]
    assert (await way(stage, ids["lost"]))[2][1] == "done"
    (mail,) = (body for address, body in stage.mailbox.mails().items() if address == "free@example.com")
    assert "page 9 a month" in mail.get_body(("plain",)).get_content()  # type: ignore[union-attr]  # It has one.
    for _ in range(28):
        await pass_time(stage, days=1)
    loop = ["heard", "count", "week", "halves", "bought"]
    expected = ["start", "which", "price", "hello", *loop, "remind", *loop, "remind", *loop, "done"]
    assert await visited(stage, ids["pro"]) == await visited(stage, ids["free"]) == expected
    assert await visited(stage, ids["none"]) == ["start", "which", "done"]
    assert [await place(stage, ids[name]) for name in names] == [[], [], [], [], ["pause"]]
    assert [len(received(stage, f"{name}@example.com")) for name in names] == [3, 3, 0, 0, 0]
    profile = await stage.get_profile(matching="email", email="pro@example.com")
    assert (profile["bonus"], profile["interests"]) == (3, ["welcomed"])


async def start_one(stage: Stage, workflow: int, name: str, content: dict[str, str]) -> dict[str, Any]:
    return await stage.post("workflows/start", id=workflow, email=f"{name}@example.com", content=content)


def abandoned_cart(url: str) -> list[dict[str, Any]]:
    """The scenario that the documentation of the configuration file shows."""
    return [
        start("page"),
        {
            "id": "page",
            "type": "content_filter",
            "branches": [{"when": {"page": "cart"}, "next": "quote"}],
            "otherwise": "hello",
        },
        ask("quote", url, "hello", "hello", method="POST", json={"email": "{lead.email}"}, save_as="quote"),
        send("hello", 8, "pause"),
        delay("pause", "bought", hours=2),
        condition("bought", {"bonus": {"$gt": 0}}, "tag", "halves"),
        {
            "id": "halves",
            "type": "split",
            "branches": [{"percent": 50, "next": "remind"}, {"percent": 50, "next": "done"}],
        },
        send("remind", 96),
        {"id": "tag", "type": "update", "set": {"interests": {"action": "add", "value": ["buyer"]}}, "next": "done"},
    ]


async def test_the_abandoned_cart_for_many_by_one_call(stage: Stage):
    people = [{"data": {"email": f"p{number}@example.com", "bonus": number % 2}} for number in range(60)]
    async with WebServer({"/quote": page(b'{"price": 5}')}) as server:
        await define(stage, *abandoned_cart(f"{server.url}/quote"), workflow=12)
        answer = await stage.post(BATCH, workflow_id=12, matching="email", content={"page": "cart"}, data=people)
        assert len(answer["result"]) == 60
        await stage.work()
        asked = {one.body for one in server.requests}
    assert asked == {b'{"email": "p%d@example.com"}' % number for number in range(60)}
    assert await stage.rows("SELECT node, count(*) FROM passages GROUP BY node") == [("pause", 60)]
    await pass_time(stage, hours=2)
    assert await stage.rows("SELECT count(*) FROM passages") == [(0,)]
    totals = dict(await stage.rows("SELECT node || ' ' || target, total FROM step_totals WHERE workflow_id = 12"))
    assert (totals["bought tag"], totals["bought halves"], totals["done "]) == (30, 30, 60)
    assert totals["halves remind"] + totals["halves done"] == 30
    assert len(received(stage)) == 60 + totals["remind done"]
    buyers = await stage.rows("SELECT count(*) FROM profiles WHERE fields->'interests' ? 'buyer'")
    assert buyers == [(30,)]


async def test_the_same_in_xml(stage: Stage):
    await define(stage, start("hello"), send("hello"), workflow=12)
    profiles = "".join(f"<data><email>p{number}@example.com</email></data>" for number in range(3))
    root = await stage.post_xml(
        BATCH,
        "<xml><token>abcdefghijklmnqrstuvwxyz</token><workflow_id>12</workflow_id><matching>email</matching>"
        f"<content><page>cart</page></content>{profiles}</xml>",
    )
    assert root.findtext("error") == "0"
    await stage.work()
    assert sorted(stage.mailbox.mails()) == [f"p{number}@example.com" for number in range(3)]
