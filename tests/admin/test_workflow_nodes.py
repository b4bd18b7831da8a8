"""The nodes of scenarios in the console: their forms, who is there, and what changes do to those inside."""

import json
from typing import Any

import pytest
from browser import Browser
from workflow_pages import form_of, labels, node_of, places, read, send, send_in

from cast import Stage
from tocsin.actions import workflow_edits, workflow_views
from tocsin.core.audits import Author

PEOPLE = ("ann@example.com", "bob@example.com")
AT_PAUSE = "workflows/12/nodes/pause"

# Of each kind what is typed into its form, and what is stored then. Between the pause and the condition.
FORMS: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "campaign": (
        {"trigger": "13", "name": "Once more", "skipped": "done"},
        {"trigger": 13, "name": "Once more", "skipped": "done", "next": "bought"},
    ),
    "delay": (
        {"mode": "for", "for.days": "1", "for.minutes": "30"},
        {"for": {"days": 1, "minutes": 30}, "next": "bought"},
    ),
    "feedback": (
        {"events": ["open", "uclick"], "within.days": "", "within.hours": "6", "of": "hello", "otherwise": "done"},
        {"events": ["open", "uclick"], "within": {"hours": 6}, "of": "hello", "next": "bought", "otherwise": "done"},
    ),
    "condition": (
        {"query": '{"plan": "pro"}', "no": "done"},
        {"query": {"plan": "pro"}, "yes": "bought", "no": "done"},
    ),
    "content_filter": (
        {
            "branches[0].when": '{"page": ["cart", "checkout"], "total": {"$gte": 20}}',
            "branches[1].when": '{"page": "home"}',
            "branches[1].next": "done",
        },
        {
            "branches": [
                {"when": {"page": ["cart", "checkout"], "total": {"$gte": 20}}, "next": "bought"},
                {"when": {"page": "home"}, "next": "done"},
            ],
            "otherwise": "bought",
        },
    ),
    "split": (
        {
            "branches[0].percent": "12,5", "branches[1].percent": "57.5",
            "branches[2].percent": "30", "branches[2].next": "done",
        },
        {
            "branches": [
                {"percent": 12.5, "next": "bought"},
                {"percent": 57.5, "next": "bought"},
                {"percent": 30, "next": "done"},
            ],
        },
    ),
    "update": (
        {
            "set": '{"plan": "pro"}',
            "subscriptions": '[{"resource_id": 21, "channel": "email", "email": "{lead.email}"}]',
        },
        {
            "set": {"plan": "pro"},
            "subscriptions": [{"resource_id": 21, "channel": "email", "email": "{lead.email}"}],
            "next": "bought",
        },
    ),
    "api_request": (
        {
            "method": "POST", "url": "https://shop.example.com/{lead._id}", "headers": "X-One: 1\nX-Two: a: b",
            "json": '{"email": "{lead.email}"}', "timeout_seconds": "2.5", "retries": "1", "save_as": "quote",
            "failed": "done",
        },
        {
            "method": "POST", "url": "https://shop.example.com/{lead._id}", "headers": {"X-One": "1", "X-Two": "a: b"},
            "json": {"email": "{lead.email}"}, "timeout_seconds": 2.5, "retries": 1, "save_as": "quote",
            "next": "bought", "failed": "done",
        },
    ),
}  # fmt: skip


async def insert(owner: Browser, kind: str, form: dict[str, Any], way: str = "from=pause&to=bought") -> Any:
    return await send(owner, f"workflows/12/insert?{way}&type={kind}", {"id": "added"} | form)


@pytest.mark.parametrize("kind", FORMS)
async def test_a_node_of_each_kind_is_put_on_a_way_read_back_and_saved_again_as_it_is(
    stage: Stage, owner: Browser, kind: str
):
    typed, stored = FORMS[kind]
    page = await insert(owner, kind, typed)
    assert page.path == "/admin/workflows/12/nodes/added", page.text
    assert await node_of(stage, "added") == {"id": "added", "type": kind, **stored}
    assert (await node_of(stage, "pause"))["next"] == "added"
    version = await stage.rows("SELECT version FROM configuration_version")
    assert "Saved" in (await send(owner, "workflows/12/nodes/added")).text
    assert await stage.rows("SELECT version FROM configuration_version") == version


async def test_the_start_listens_to_events_that_are_narrowed_in_its_form(stage: Stage, owner: Browser):
    typed = {
        "events[0].event": "subscribe",
        "events[0].when.occasions": ["new_subscription"],
        "events[0].when.resource": "21",
        "events[0].when.channel": "email",
        "events[0].when.query": '{"plan": "pro"}',
    }
    assert "Saved" in (await send(owner, "workflows/12/nodes/start", typed)).text
    await send(owner, "workflows/12/nodes/start", {"events[1].event": "update", "events[1].when.fields": "bonus, plan"})
    when = {"occasions": ["new_subscription"], "query": {"plan": "pro"}, "resource": 21, "channel": "email"}
    assert (await node_of(stage, "start"))["events"] == [
        {"event": "subscribe", "when": when},
        {"event": "update", "when": {"fields": ["bonus", "plan"]}},
    ]
    await stage.add(email="ann@example.com", bonus=1)
    await stage.add(email="ann@example.com", bonus=2)
    assert await places(stage) == ["start"]
    await send(owner, "workflows/12/nodes/start", {"events[0].event": ""})
    assert (await node_of(stage, "start"))["events"] == [{"event": "update", "when": {"fields": ["bonus", "plan"]}}]


@pytest.mark.parametrize(
    ("typed", "stored"),
    [
        (
            {"mode": "time", "until.time": "10:00", "until.weekdays": ["mon", "fri"]},
            {"until": {"time": "10:00", "weekdays": ["mon", "fri"]}},
        ),
        (
            {"mode": "field", "until.field": "birthday", "until.yearly": "on", "until.offset_days": "-3",
             "otherwise": "done"},
            {"until": {"field": "birthday", "yearly": True, "offset_days": -3}, "otherwise": "done"},
        ),
        ({"mode": "for", "for.hours": "0"}, {"for": {}}),
    ],
)  # fmt: skip
async def test_a_delay_waits_in_one_of_three_ways(
    stage: Stage, owner: Browser, typed: dict[str, Any], stored: dict[str, Any]
):
    assert "Saved" in (await send(owner, AT_PAUSE, typed)).text
    kept = {"id": "pause", "type": "delay", "next": "bought", **stored}
    assert await node_of(stage, "pause") == kept
    assert "Saved" in (await send(owner, AT_PAUSE)).text
    assert await node_of(stage, "pause") == kept


async def test_ends_and_jumps_are_put_behind_a_condition(stage: Stage, owner: Browser):
    page = await insert(owner, "end", {"id": "early", "way": "no"}, "from=bought&to=remind&way=no")
    assert page.status == 422
    assert "nothing leads here from the start" in labels(page, "//*[contains(@class, 'note')]")[-1]
    await send(owner, "workflows/12/nodes/bought", {"yes": "remind", "no": "remind"})
    page = await insert(owner, "end", {"way": "no"}, "from=bought&to=remind&way=no")
    assert page.path == "/admin/workflows/12/nodes/added", page.text
    bought = await node_of(stage, "bought")
    assert (bought["yes"], bought["no"]) == ("remind", "added")
    await send(owner, "workflows/12/nodes/bought", {"no": "remind"})
    await send(owner, "workflows/12/nodes/bought", {"no": "+end"})
    assert (await node_of(stage, "bought"))["no"] != "remind"


async def test_a_way_may_lead_to_a_new_end(stage: Stage, owner: Browser):
    assert "Saved" in (await send(owner, "workflows/12/nodes/bought", {"yes": "+end"})).text
    assert (await node_of(stage, "bought"))["yes"] == "end"
    assert await node_of(stage, "end") == {"id": "end", "type": "end"}


async def test_a_jump_leads_to_another_scenario(stage: Stage, owner: Browser):
    await send(owner, "workflows/12/nodes/bought", {"yes": "remind"})
    page = await insert(owner, "workflow_jump", {"workflow": "13", "way": "yes"}, "from=bought&to=remind&way=yes")
    assert page.path == "/admin/workflows/12/nodes/added", page.text
    assert await node_of(stage, "added") == {"id": "added", "type": "workflow_jump", "workflow": 13}


async def test_of_several_ways_between_two_nodes_some_are_chosen(stage: Stage, owner: Browser):
    await send(owner, "workflows/12/nodes/bought", {"yes": "remind"})
    page = await owner.get("workflows/12/insert?from=bought&to=remind&type=delay")
    assert labels(page, "//fieldset//label[input[@name='way']]") == ["yes", "no"]
    page = await send(owner, "workflows/12/insert?from=bought&to=remind&type=delay", {"way": None})
    assert page.status == 422
    assert "Choose a way" in page.text
    await insert(owner, "delay", {"way": "yes"}, "from=bought&to=remind")
    bought = await node_of(stage, "bought")
    assert (bought["yes"], bought["no"]) == ("added", "remind")


async def test_a_changed_delay_holds_for_those_who_wait_there(stage: Stage, owner: Browser):
    await send_in(stage, *PEOPLE)
    await send(owner, AT_PAUSE, {"for.hours": "5"})
    stage.clock.advance(hours=3)
    await stage.work()
    assert await places(stage) == ["pause", "pause"]
    await send(owner, AT_PAUSE, {"for.hours": "1"})
    await stage.work()
    assert await places(stage) == []


async def test_who_waits_at_a_node_that_is_removed_leaves_once_the_page_has_told_it(stage: Stage, owner: Browser):
    await send_in(stage, *PEOPLE)
    page = await owner.get(f"{AT_PAUSE}/remove")
    assert "2 profiles are there now and will be thrown out" in page.text
    assert await places(stage) == ["pause", "pause"]
    await send(owner, f"{AT_PAUSE}/remove")
    assert await places(stage) == []
    assert (await node_of(stage, "hello"))["next"] == "bought"
    assert (await owner.get(AT_PAUSE)).status == 404
    ((details,),) = await stage.rows("SELECT details FROM audits WHERE section = 'workflows' ORDER BY id DESC LIMIT 1")
    assert details["left"] == {"pause": 2}


async def test_removing_otherwise_than_told_is_told_first(stage: Stage, owner: Browser):
    before = await read(stage)
    page = await send(owner, f"{AT_PAUSE}/remove", {"to": "done"})
    assert page.path == f"/admin/{AT_PAUSE}/remove"
    assert labels(page, "//li[input[@name='gone']]") == ["Delay pause", "Condition bought", "A second try remind"]
    assert await read(stage) == before
    page = await owner.post(f"{AT_PAUSE}/remove", form_of(page, "/remove"))
    assert page.path == "/admin/workflows/12", page.text
    assert [node["id"] for node in (await read(stage))["nodes"]] == ["start", "hello", "done"]


async def test_what_would_be_left_without_a_way_is_said_at_its_node(stage: Stage, owner: Browser):
    page = await send(owner, f"{AT_PAUSE}/remove", {"to": "done", "with_rest": None})
    page = await owner.post(f"{AT_PAUSE}/remove", form_of(page, "/remove"))
    assert page.status == 422
    assert labels(page, "//*[@role='alert']/p[a]") == [
        "Condition: nothing leads here from the start",
        "A second try: nothing leads here from the start",
    ]
    wrong = page.tree.xpath("//*[contains(@class, 'wrong')]/@data-node")
    assert sorted(wrong) == ["bought", "remind"]
    assert await node_of(stage, "pause")


@pytest.mark.parametrize(
    ("node", "typed", "field", "said"),
    [
        ("pause", {"for.hours": "many"}, "for.hours", "expected a whole number"),
        ("pause", {"for.hours": ""}, "", "either for or until"),
        ("pause", {"for.days": "4000"}, "for.days", "at most 3650 days"),
        ("pause", {"mode": "time", "until.time": "noon"}, "until.time", "expected text of the form"),
        ("pause", {"mode": "field"}, "", "either for or until"),
        ("bought", {"query": "{"}, "query", "this is not JSON"),
        ("bought", {"query": '{"bonus": {"$near": 1}}'}, "query", "$near"),
        ("bought", {"query": ""}, "", "query is missing"),
        ("bought", {"yes": "nowhere"}, "yes", "there is no node nowhere"),
        ("hello", {"trigger": "7777"}, "trigger", "there is no trigger 7777"),
        ("hello", {"name": "n" * 201}, "name", "200 characters"),
        (
            "start",
            {"events[0].event": "update", "events[0].when.fields": "nothing"},
            "events[0].when.fields",
            "no field",
        ),
    ],
)
async def test_a_mistake_is_shown_at_its_input_with_what_was_typed(
    stage: Stage, owner: Browser, node: str, typed: dict[str, str], field: str, said: str
):
    before = await read(stage)
    page = await send(owner, f"workflows/12/nodes/{node}", typed)
    assert page.status == 422
    where = f"//*[@id='{field}-mistake']" if field else "//p[@class='mistake']"
    assert said in page.tree.xpath(f"string({where})"), page.text
    for name, value in typed.items():
        kept = page.tree.xpath(f"//*[@name='{name}']")[0]
        assert value in (kept.get("value"), (kept.text or "").strip(), "field", "time", "nowhere", "7777", "update"), (
            name
        )
    assert page.tree.xpath("//*[contains(@class, 'wrong')]/@data-node") == [node]
    assert await read(stage) == before


@pytest.mark.parametrize(
    ("kind", "typed", "field", "said"),
    [
        ("split", {"branches[0].percent": "70"}, "branches[0].percent", "the percents add up to 120, not 100"),
        ("content_filter", {"branches[0].when": '{"page": {"$near": 1}}'}, "branches[0].when", "near"),
        ("update", {"set": '{"nothing": 1}'}, "set", "has no field nothing"),
        ("update", {"set": ""}, "", "needs set or subscriptions"),
        ("api_request", {"url": "ftp://shop"}, "url", "http"),
        ("api_request", {"headers": "nonsense", "url": "https://a.example.com"}, "headers", "a colon"),
        ("api_request", {"json": '"{lead."', "url": "https://a.example.com"}, "json", "line 1"),
        ("workflow_jump", {"workflow": "7777"}, "workflow", "there is no workflow 7777"),
        ("campaign", {"id": "two words"}, "id", "text of the form"),
        ("campaign", {"id": "hello"}, "id", "this id is used twice"),
    ],
)
async def test_a_mistake_in_a_new_node_is_shown_at_its_input_and_nothing_is_added(
    stage: Stage, owner: Browser, kind: str, typed: dict[str, str], field: str, said: str
):
    before = await read(stage)
    page = await insert(owner, kind, typed)
    assert page.status == 422, page.text
    where = f"//*[@id='{field}-mistake']" if field else "//p[@class='mistake']"
    assert said in page.tree.xpath(f"string({where})"), page.text
    assert await read(stage) == before


async def test_a_filter_is_told_in_words_before_it_is_saved(stage: Stage, owner: Browser):
    before = await read(stage)
    query = {"$or": [{"bonus": {"$gt": 5, "$lte": 9}}, {"plan": {"$in": ["pro", "free"]}}], "email": {"$exists": False}}
    page = await send(owner, "workflows/12/nodes/bought", {"query": json.dumps(query), "do": "check"})
    assert labels(page, "//p[@class='words']") == [
        "In words: (bonus is above 5 and bonus is at most 9 or plan is pro or free) and email is missing"
    ]
    page = await send(owner, "workflows/12/nodes/bought", {"query": '{"bonus": {"$gt": []}}', "do": "check"})
    assert "expected a number" in page.tree.xpath("string(//*[@id='query-mistake'])")
    typed = {"branches[0].when": '{"page": ["a", "b"], "total": {"gte": 3}}', "do": "check"}
    page = await insert(owner, "content_filter", typed)
    assert labels(page, "//p[@class='words']") == ["In words: page is a or b and total is at least 3"]
    assert await read(stage) == before


async def test_a_change_of_somebody_else_in_between_is_not_undone(stage: Stage, owner: Browser):
    form = (await owner.get(AT_PAUSE)).form(AT_PAUSE)
    assert (await stage.post("workflows/update", id=12, name="Renamed"))["error"] == 0
    page = await owner.post(AT_PAUSE, form | {"for.hours": "7"})
    assert page.status == 409
    assert "Somebody has changed this scenario" in page.text
    assert (await node_of(stage, "pause"))["for"] == {"hours": 2}
    assert page.form(AT_PAUSE)["for.hours"] == "7"
    await owner.post(AT_PAUSE, page.form(AT_PAUSE))
    assert (await node_of(stage, "pause"))["for"] == {"hours": 7}
    assert (await read(stage))["name"] == "Renamed"


async def test_a_node_that_somebody_else_removed_is_not_brought_back(stage: Stage, owner: Browser):
    form = (await owner.get(AT_PAUSE)).form(AT_PAUSE)
    insertion = (await owner.get("workflows/12/insert?from=pause&to=bought&type=end")).form("/insert")
    await send(owner, f"{AT_PAUSE}/remove")
    before = await read(stage)
    assert (await owner.post(AT_PAUSE, form)).status == 404
    assert (await owner.post("workflows/12/insert", insertion)).status == 409
    assert await read(stage) == before


async def test_who_waits_at_a_node_is_listed_page_by_page_with_since_and_until_when(stage: Stage, owner: Browser):
    await send_in(stage, "ann@example.com")
    page = await owner.get(AT_PAUSE)
    ((name, since, until),) = page.rows()
    assert (name, since, until) == (
        "ann@example.com",
        f"{stage.clock.now:%H:%M:%S}",
        page.tree.xpath("string(//table[1]//tr/td[3]/time)"),
    )
    await send_in(stage, *(f"p{number}@example.com" for number in range(59)))
    page = await owner.get(AT_PAUSE)
    first = [row[0] for row in page.rows()]
    (after,) = page.tree.xpath("//a[@rel='next']/@href")
    rest = [row[0] for row in (await owner.get(after.removeprefix("/admin/"))).rows()]
    assert (len(first), len(rest), len({*first, *rest})) == (50, 10, 60)


async def test_why_profiles_went_on_is_counted(stage: Stage, owner: Browser):
    await send_in(stage, *PEOPLE)
    await stage.add(email="cyd@example.com", bonus=5)
    await send_in(stage, "cyd@example.com")
    stage.clock.advance(hours=2)
    await stage.work()
    page = await owner.get("workflows/12/nodes/bought")
    assert page.rows() == [["does not fit", "A second try", "2"], ["fits", "End", "1"]]
    page = await owner.get("workflows/12/nodes/done")
    assert page.rows() == [["end", "out", "3"]]


async def test_headers_of_requests_are_kept_from_those_who_may_not_write(owner: Browser, enter: Any):
    await insert(owner, "api_request", FORMS["api_request"][0] | {"headers": "Authorization: Bearer sesame"})
    assert "sesame" in (await owner.get("workflows/12/nodes/added")).html
    viewer = await enter("viewer")
    assert "sesame" not in (await viewer.get("workflows/12/nodes/added")).html


async def test_edits_are_noted_with_their_author(stage: Stage, owner: Browser):
    await send(owner, AT_PAUSE, {"for.hours": "3"})
    rows = await stage.rows("SELECT author_kind, author, action, key FROM audits WHERE section = 'workflows'")
    assert ("user", "olga@example.com", "changed", "12") in rows
    board = await workflow_views.get_board(stage.context, 12)
    author = Author("command", "test")
    await workflow_edits.edit(stage.context, author, 12, board.state, lambda nodes: nodes)
    assert len(await stage.rows("SELECT FROM audits WHERE section = 'workflows'")) == len(rows)
