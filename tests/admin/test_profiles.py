"""Profiles: each way to find somebody, what the page tells, what each edit changes, and who may do it."""

import json
from html import escape
from typing import get_args
from urllib.parse import urlencode

import pytest
from browser import Browser

from cast import Stage
from tocsin.actions import configuration
from tocsin.actions.profile_views import plain_type
from tocsin.core.messages import EventType
from tocsin.store import profiles as stored_profiles
from tocsin.web.admin.texts import texts

ADDRESSES = [
    {"resource_id": 21, "channel": "email", "email": "sub@example.com", "cats": ["news"]},
    {"resource_id": 20, "channel": "sms", "phone": "+4930111111", "custom_fields": {"card": "K-7"}},
    {"resource_id": 22, "channel": "push", "provider": "ios", "subscription_id": "device-1"},
]


async def add_ann(stage: Stage, **more) -> str:
    return await stage.add(
        email="ann@example.com",
        phones=["+4930123456"],
        _fname="Ann",
        _lname="Smith",
        CRM_ID="A-17",
        bonus=5,
        subscriptions=ADDRESSES,
        **more,
    )


async def fields_of(stage: Stage, profile_id: str) -> dict:
    return (await stage.rows("SELECT fields FROM profiles WHERE id = decode(%s, 'hex')", profile_id))[0][0]


async def subscriptions_of(stage: Stage, profile_id: str) -> dict:
    rows = await stage.rows("SELECT subscriptions FROM profiles WHERE id = decode(%s, 'hex')", profile_id)
    return {(one["resource_id"], one["channel"]): one for one in rows[0][0]}


async def audits_of(stage: Stage, profile_id: str) -> list[tuple]:
    rows = await stage.rows("SELECT action, author FROM audits WHERE section = 'profiles' AND key = %s", profile_id)
    return sorted(rows)


def place(**query) -> str:
    return f"profiles?{urlencode(query)}"


@pytest.mark.parametrize(
    "text",
    ["ann@example.com", "ANN@example.com", "+4930123456", "+49 30 123456", "sub@example.com", "+4930111111", "A-17"],
)
async def test_the_quick_search_goes_to_the_one_that_is_meant(stage: Stage, owner: Browser, text):
    profile_id = await add_ann(stage)
    await stage.add(email="bob@example.com", CRM_ID="A-18")
    page = await owner.get(place(q=text))
    assert page.path == f"/admin/profiles/{profile_id}"
    assert "Ann Smith" in page.text
    page = await owner.get(place(q=profile_id))
    assert page.path == f"/admin/profiles/{profile_id}"


async def test_the_quick_search_lists_several_of_all_databases(stage: Stage, owner: Browser):
    await add_ann(stage)
    await stage.add(db_id=2, email="ann@example.com", _fname="Other")
    rows = (await owner.get(place(q="ann@example.com"))).rows()
    assert {(row[0], row[4]) for row in rows} == {("Ann Smith", "Customers"), ("Other", "Keepers")}
    assert [row[1:4] for row in rows if row[0] == "Ann Smith"] == [["ann@example.com", "+4930123456", "3 of 3"]]
    page = await owner.get(place(q="nobody@example.com"))
    assert "Nobody was found" in page.text


MODES = [
    {"mode": "email", "email": "sub@example.com"},
    {"mode": "email_profile", "email": "ann@example.com"},
    {"mode": "email_sub", "email": "sub@example.com", "resource_id": "21"},
    {"mode": "phone", "phone": "+4930123456"},
    {"mode": "phone_sub", "phone": "+4930111111"},
    {"mode": "profile_id"},
    {"mode": "push_sub", "provider": "ios", "subscription_id": "device-1"},
    {"mode": "custom", "field_name": "CRM_ID", "field_value": "A-17"},
    {"mode": "custom_sub", "field_name": "card", "field_value": "K-7"},
    {"mode": "email_phone", "email": "nobody@example.com", "phone": "+4930123456"},
    {"mode": "email_phone_sub", "email": "sub@example.com"},
]


@pytest.mark.parametrize("asked", MODES, ids=lambda asked: asked["mode"])
async def test_every_matching_mode_finds(stage: Stage, owner: Browser, asked):
    profile_id = await add_ann(stage)
    await stage.add(email="bob@example.com", phones=["+4930999999"], CRM_ID="B-1")
    if asked["mode"] == "profile_id":
        asked = asked | {"profile_id": profile_id}
    page = await owner.get(place(by="value", database=1, **asked))
    assert [row[0] for row in page.rows()] == ["Ann Smith"]
    assert page.tree.xpath("//tbody//a/@href") == [f"/admin/profiles/{profile_id}"]


async def test_a_matching_mode_finds_more_than_two_and_tags_only_together(stage: Stage, owner: Browser):
    for n in range(3):
        await stage.add(email=f"p{n}@example.com", phones=["+4930123456"], interests=["news", "sales"][: n % 2 + 1])
    assert len((await owner.get(place(by="value", database=1, mode="phone", phone="+4930123456"))).rows()) == 3
    asked = {"mode": "custom", "field_name": "interests", "field_value": "news,sales"}
    assert [row[0] for row in (await owner.get(place(by="value", database=1, **asked))).rows()] == ["p1@example.com"]


async def test_what_many_have_is_gone_through_page_by_page(stage: Stage, owner: Browser):
    data = [{"email": f"p{n}@example.com", "phones": ["+4930123456"]} for n in range(60)]
    await stage.post("profiles/import_batch", db_id=1, matching="email", data=data)
    for query in ({"by": "value", "database": 1, "mode": "phone", "phone": "+4930123456"}, {"q": "+4930123456"}):
        first = await owner.get(place(**query))
        second = await owner.get(first.tree.xpath("//a[@rel='next']/@href")[0].removeprefix("/admin/"))
        assert not second.tree.xpath("//a[@rel='next']")
        assert len({row[1] for row in first.rows() + second.rows()}) == 60


@pytest.mark.parametrize(
    ("asked", "field"),
    [
        ({"mode": "email", "email": "no address"}, "email"),
        ({"mode": "custom", "field_name": "nothing", "field_value": "1"}, "field_name"),
        ({"mode": "guess", "email": "ann@example.com"}, "mode"),
        ({"mode": "profile_id", "profile_id": "12"}, "profile_id"),
        ({"mode": "email", "email": "ann@example.com", "resource_id": "x"}, "resource_id"),
    ],
)
async def test_a_mistake_in_a_value_stands_at_its_field(owner: Browser, asked, field):
    page = await owner.get(place(by="value", database=1, **asked))
    assert page.status == 422
    assert page.tree.xpath(f"//p[@id='{field}-mistake']")


async def test_a_filter_finds_and_is_said_in_plain_words(stage: Stage, owner: Browser):
    await add_ann(stage)
    await stage.add(email="bob@example.com", bonus=0)
    asked = json.dumps({"bonus": {"$gt": 0}, "_fname": {"$in": ["Ann", "Bob"]}})
    page = await owner.get(place(by="filter", database=1, filter=asked))
    assert [row[0] for row in page.rows()] == ["Ann Smith"]
    assert "Profiles of which bonus is above 0 and _fname is Ann or Bob" in page.text
    page = await owner.get(place(by="filter", database=1, filter=asked, lang="ru"))
    assert "Профили, у которых bonus больше 0 и _fname — Ann или Bob" in page.text


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ('{"bonus": }', "This is not JSON, line 1, column 11"),
        ("[1]", "expected an object"),
        ('{"bonus": {"$near": 1}}', "bonus.$near: the operator $near is not available here"),
        ("[" * 20000, "This cannot be read as JSON"),
        ('{"bonus": ' + "9" * 5000 + "}", "This cannot be read as JSON"),
        (r'{"CRM_ID": "\ud800"}', "This cannot be read as JSON"),
        (r'{"CRM_ID": "\u0000"}', "a text may not hold a NUL character"),
        ('{"bonus": 1e400}', "This cannot be read as JSON"),
    ],
)
async def test_a_mistake_in_a_filter_stands_at_the_filter(owner: Browser, typed, said):
    page = await owner.get(place(by="filter", database=1, filter=typed))
    assert page.status == 422
    assert said in page.tree.xpath("string(//p[@id='filter-mistake'])")


async def test_a_filter_that_takes_too_long_is_given_up_with_a_sentence(stage: Stage, owner: Browser, monkeypatch):
    await add_ann(stage)
    monkeypatch.setattr(stored_profiles, "SEARCH_SECONDS", 1)
    slow = "SELECT pg_sleep(3), id, '{}'::text FROM profiles WHERE database_id = %(database_id)s ORDER BY id LIMIT 1"
    monkeypatch.setitem(stored_profiles._SQL, "list_newest", slow)  # noqa: SLF001 - a filter that is surely slow
    page = await owner.get(place(by="filter", database=1, filter="{}"))
    assert page.status == 422
    assert "took longer than" in page.text


async def test_lists_begin_with_the_newest_and_go_on_page_by_page(stage: Stage, owner: Browser):
    for n in range(6):
        data = [{"data": {"email": f"p{n}-{m}@example.com"}} for m in range(10)]
        await stage.post("profiles/import_batch", db_id=1, matching="email", data=[one["data"] for one in data])
        stage.clock.advance(seconds=2)
    page = await owner.get("profiles")
    first = [row[1] for row in page.rows()]
    assert (len(first), first[0][:2]) == (50, "p5")
    page = await owner.get(page.tree.xpath("//a[@rel='next']/@href")[0].removeprefix("/admin/"))
    assert {row[1][:2] for row in page.rows()} == {"p0"}
    assert not {row[1] for row in page.rows()} & set(first)
    assert not page.tree.xpath("//a[@rel='next']")


async def test_the_page_tells_fields_subscriptions_scenarios_and_suppressions(stage: Stage, owner: Browser):
    profile_id = await add_ann(stage)
    await stage.post("workflows/start", id=12, matching="profile_id", profile_id=profile_id)
    await stage.work()
    await stage.post("suppresses/add", id=1, emails=["sub@example.com", "@example.com"])
    await stage.rows("UPDATE profiles SET fields = fields || '{\"forgotten\": 1}' RETURNING 1")
    text = (await owner.get(f"profiles/{profile_id}")).text
    for said in (
        "First name Ann", "CRM_ID A-17", "forgotten 1 not a field of the database", "Newsletter sub@example.com",
        "Email · news", "Welcome at pause since", "sub@example.com Global list", "@example.com Global list",
        "An email of Order received was sent to ann@example.com.", "Welcome: from hello to pause.",
    ):  # fmt: skip
        assert said in text
    assert text.index("First name") < text.index("CRM_ID") < text.index("forgotten")


async def test_the_timeline_links_to_what_it_is_about_and_is_narrowed_by_kind(stage: Stage, owner: Browser):
    profile_id = await add_ann(stage)
    await stage.post("suppresses/add", id=1, emails=["sub@example.com"])
    await stage.post("campaigns/triggers/start", id=8, matching="profile_id", profile_id=profile_id)
    await stage.post("campaigns/triggers/start", id=97, matching="profile_id", profile_id=profile_id)
    await stage.work()
    page = await owner.get(f"profiles/{profile_id}")
    ((message_id,),) = await stage.rows("SELECT encode(message_id, 'hex') FROM events WHERE type = 'send'")
    links = page.tree.xpath("//ol[@class='story']//a/@href")
    assert {f"/admin/messages/{message_id}", "/admin/triggers/8", "/admin/triggers/97"} <= set(links)
    kinds = {
        kind: (await owner.get(f"profiles/{profile_id}?kind={kind}")).tree.xpath("count(//ol[@class='story']/li)")
        for kind in ("messages", "skips", "reactions", "steps", "imports", "consent")
    }
    assert kinds == {"messages": 1, "skips": 1, "reactions": 0, "steps": 0, "imports": 0, "consent": 0}
    told = (await owner.get(f"profiles/{profile_id}?lang=ru")).text
    assert "не отправлено: адрес подавлен." in told
    assert "Письмо «Order received» отправлено на ann@example.com." in told


def test_every_kind_of_event_has_its_sentence_in_both_languages():
    assert {f"timeline_{plain_type(one)}" for one in get_args(EventType)} <= texts().keys()


async def test_a_long_life_stays_a_small_page(stage: Stage, owner: Browser):
    profile_id = await add_ann(stage, address={f"key {n}": "x" * 5000 for n in range(10)}, note="n" * 9000)
    await stage.rows(
        "UPDATE profiles SET fields = fields || (SELECT jsonb_object_agg('field ' || n, repeat('v', 150))"
        " FROM generate_series(1, 100) AS n) RETURNING 1"
    )
    await stage.rows(
        "INSERT INTO events (bucket, id, at, type, database_id, profile_id, message_id, launch_id, trigger_id, data)"
        " SELECT bucket, int8send(n) || substr(id, 9), now() - n * interval '1 minute', 'undeliv', 1, id, id, id, 8,"
        " jsonb_build_object('address', 'ann@example.com', 'code', 550, 'text', repeat('no ', 200))"
        " FROM profiles, generate_series(1::bigint, 1000) AS n RETURNING 1"
    )
    page = await owner.get(f"profiles/{profile_id}")
    assert len(page.html.encode()) < 100_000
    assert len((await owner.get(f"profiles/{profile_id}/edit")).html.encode()) < 100_000
    seen = 0
    for _ in range(30):
        seen += int(page.tree.xpath("count(//ol[@class='story']/li)"))
        older = page.tree.xpath("//a[@rel='next']/@href")
        if not older:
            break
        page = await owner.get(older[0].removeprefix("/admin/"))
    assert seen == 1000


async def test_fields_are_saved_by_their_types_and_only_those_that_were_changed(stage: Stage, owner: Browser):
    profile_id = await add_ann(stage, interests=["a", "b"], address={"street": "Long"}, vip=True)
    page = await owner.send(
        f"profiles/{profile_id}/edit",
        {
            "field._fname": "Anna",
            "field.bonus": "12",
            "field.interests": "b, c",
            "field.address": '{"street": "Short", "no": 1}',
            "field.vip": "false",
            "field._lname": "",
            "field.plan": "pro",
        },
    )
    assert page.path == f"/admin/profiles/{profile_id}"
    assert "Saved." in page.text
    values = await fields_of(stage, profile_id)
    assert "_lname" not in values
    names = ("_fname", "bonus", "interests", "address", "vip", "plan", "CRM_ID")
    assert [values[name] for name in names] == [
        "Anna",
        12,
        ["b", "c"],
        {"street": "Short", "no": 1},
        False,
        "pro",
        "A-17",
    ]
    assert await audits_of(stage, profile_id) == [("changed", "olga@example.com")]
    await stage.post("profiles/get", db_id=1, matching="custom", field_name="interests", field_value="c")
    before = await stage.rows("SELECT updated_at FROM profiles")
    await owner.send(f"profiles/{profile_id}/edit")
    assert await stage.rows("SELECT updated_at FROM profiles") == before


async def test_mistakes_in_fields_stand_at_the_fields_and_nothing_is_saved(stage: Stage, owner: Browser):
    profile_id = await add_ann(stage)
    await stage.add(email="bob@example.com", CRM_ID="B-1")
    before = await fields_of(stage, profile_id)
    typed = {"field.bonus": "many", "field.address": "{", "field.email": "nobody", "field._fname": "Kept"}
    page = await owner.send(f"profiles/{profile_id}/edit", typed)
    assert page.status == 422
    for name in ("bonus", "address", "email"):
        assert page.tree.xpath(f"//p[@id='field.{name}-mistake']"), name
    assert page.tree.xpath("//input[@id='field._fname']/@value") == ["Kept"]
    page = await owner.send(f"profiles/{profile_id}/edit", {"field.CRM_ID": "B-1"})
    assert "another profile has this value" in page.tree.xpath("string(//p[@id='field.CRM_ID-mistake'])")
    assert await fields_of(stage, profile_id) == before


async def test_what_somebody_else_saved_meanwhile_is_not_overwritten(stage: Stage, owner: Browser):
    profile_id = await add_ann(stage)
    form = (await owner.get(f"profiles/{profile_id}/edit")).form("edit")
    await stage.add(email="ann@example.com", bonus=99)
    page = await owner.post(f"profiles/{profile_id}/edit", form | {"field.bonus": "1"})
    assert page.status == 422
    assert "Somebody has changed this profile meanwhile" in page.text
    assert page.tree.xpath("//input[@id='field.bonus']/@value") == ["99"]
    assert (await fields_of(stage, profile_id))["bonus"] == 99


async def test_a_profile_is_made_by_hand(stage: Stage, owner: Browser):
    page = await owner.send(
        "profiles/new?database=1", {"field.email": "new@example.com", "field.phones": "+4930123456"}
    )
    profile_id = page.path.rpartition("/")[2]
    assert await fields_of(stage, profile_id) == {"email": "new@example.com", "phones": ["+4930123456"]}
    assert await audits_of(stage, profile_id) == [("created", "olga@example.com")]
    page = await owner.send("profiles/new?database=1", {"field.email": "new@example.com"})
    assert page.status == 422
    assert "another profile has this email" in page.text
    assert (await stage.count_rows())["profiles"] == 1


async def test_subscriptions_are_added_changed_deleted_and_restored(stage: Stage, owner: Browser):
    profile_id = await add_ann(stage)
    there = f"profiles/{profile_id}"
    await owner.send(
        f"{there}/subscriptions/new",
        {
            "resource_id": "22",
            "channel": "email",
            "address": "more@example.com",
            "status": "unconfirmed",
            "priority": "3",
        },
    )
    added = (await subscriptions_of(stage, profile_id))[22, "email"]
    assert (added["email"], added["status"], added["priority"]) == ("more@example.com", "unconfirmed", 3)
    page = await owner.get(there)
    mark = mark_of(page, "sub@example.com")
    await owner.send(f"{there}/subscriptions/{mark}", {"status": "suspended", "cats": "sales"})
    changed = (await subscriptions_of(stage, profile_id))[21, "email"]
    assert (changed["status"], changed["cats"]) == ("suspended", ["sales"])
    form = {"csrf": page.form(there)["csrf"], "mark": mark}
    page = await owner.post(there, form | {"do": "delete"})
    assert "It can be restored." in page.text
    assert (21, "email") not in await subscriptions_of(stage, profile_id)
    assert await stage.rows("SELECT 1 FROM identities WHERE value = 'sub@example.com'") == []
    await owner.post(there, form | {"do": "undelete"})
    assert (await subscriptions_of(stage, profile_id))[21, "email"] == changed
    assert [action for action, _ in await audits_of(stage, profile_id)] == ["changed", "changed", "removed", "restored"]
    page = await owner.send(f"{there}/subscriptions/new", {"resource_id": "20", "channel": "email", "address": "x"})
    assert page.status == 422
    assert page.tree.xpath("//p[@id='channel-mistake']|//p[@id='address-mistake']")


def mark_of(page, address: str) -> str:
    return page.tree.xpath(f"//li[contains(., '{address}')]//input[@name='mark']/@value")[0]


async def test_unsubscribing_ends_one_or_all_with_an_event(stage: Stage, owner: Browser):
    profile_id = await add_ann(stage)
    there = f"profiles/{profile_id}"
    page = await owner.get(there)
    form = {"csrf": page.form(there)["csrf"], "mark": mark_of(page, "sub@example.com"), "do": "unsubscribe"}
    page = await owner.post(there, form)
    assert "Unsubscribed from Newsletter." in page.text
    statuses = {key: one["status"] for key, one in (await subscriptions_of(stage, profile_id)).items()}
    assert statuses == {(21, "email"): "unsubscribed", (20, "sms"): "subscribed", (22, "push"): "subscribed"}
    ((type_, data),) = await stage.rows("SELECT type, data FROM events")
    assert (type_, data["address"], data["resource_id"], data["way"]) == ("unsub", "sub@example.com", 21, "console")
    page = await owner.post(there, form | {"do": "unsubscribe_all"})
    assert {one["status"] for one in (await subscriptions_of(stage, profile_id)).values()} == {"unsubscribed"}
    assert (await fields_of(stage, profile_id))["_status"] == 1
    page = await owner.post(there, form | {"do": "unsubscribe_all"})
    assert "Nothing was to be changed." in page.text
    assert [action for action, _ in await audits_of(stage, profile_id)] == ["unsubscribed", "unsubscribed"]
    answer = await stage.post("campaigns/triggers/start", id=8, matching="profile_id", profile_id=profile_id)
    assert answer["skipped"][0]["reason"] == "not_subscribed"


async def test_an_address_is_suppressed_from_the_page(stage: Stage, owner: Browser):
    profile_id = await add_ann(stage)
    page = await owner.send(f"profiles/{profile_id}/suppress", {"address": "ann@example.com", "reason": "asked us"})
    assert "ann@example.com Global list" in page.text
    assert await stage.rows("SELECT value, list_id, reason FROM suppressions") == [("ann@example.com", 1, "asked us")]
    assert [action for action, _ in await audits_of(stage, profile_id)] == ["suppressed"]
    page = await owner.send(f"profiles/{profile_id}/suppress", {"address": "else@example.com"})
    assert page.status == 422


async def test_merging_is_shown_before_it_is_done(stage: Stage, owner: Browser):
    profile_id = await add_ann(stage)
    other = await stage.add(email="old@example.com", _fname="Anne", _city="Riga", bonus=1)
    page = await owner.get(f"profiles/{profile_id}/merge?with=old@example.com")
    rows = {row[0]: row[1:] for row in page.rows()}
    assert rows["First name"] == ["Ann", "Anne", "Ann"]
    assert rows["City"] == ["", "Riga", "Riga"]
    assert (await stage.count_rows())["profiles"] == 2
    form = page.form("merge")
    await stage.add(email="old@example.com", bonus=2)
    stale = await owner.post(f"profiles/{profile_id}/merge", form)
    assert "Somebody has changed this profile meanwhile" in stale.text
    page = await owner.post(f"profiles/{profile_id}/merge", stale.form("merge"))
    assert "The profiles are one now." in page.text
    assert (await fields_of(stage, profile_id))["_city"] == "Riga"
    assert await stage.rows("SELECT 1 FROM profiles WHERE id = decode(%s, 'hex')", other) == []
    assert [action for action, _ in await audits_of(stage, profile_id)] == ["merged"]
    page = await owner.get(f"profiles/{profile_id}/merge?with=nobody@example.com")
    assert page.status == 422
    assert page.tree.xpath("//p[@id='with-mistake']")


async def test_deleting_asks_for_the_address(stage: Stage, owner: Browser):
    profile_id = await add_ann(stage)
    page = await owner.send(f"profiles/{profile_id}/delete", {"typed": "yes"})
    assert page.status == 422
    assert (await stage.count_rows())["profiles"] == 1
    page = await owner.send(f"profiles/{profile_id}/delete", {"typed": "Ann@example.com"})
    assert page.path == "/admin/profiles"
    counted = await stage.count_rows()
    assert (counted["profiles"], counted["identities"]) == (0, 0)
    assert [action for action, _ in await audits_of(stage, profile_id)] == ["removed"]
    assert (await owner.get(f"profiles/{profile_id}")).status == 404


async def test_all_data_of_a_person_is_one_file(stage: Stage, owner: Browser):
    profile_id = await add_ann(stage)
    await stage.post("workflows/start", id=12, matching="profile_id", profile_id=profile_id)
    await stage.work()
    page = await owner.get(f"profiles/{profile_id}/export")
    assert page.response.headers["content-disposition"] == f'attachment; filename="profile-{profile_id}.json"'
    told = page.response.json()
    assert told["profile"]["email"] == "ann@example.com"
    assert len(told["profile"]["subscriptions"]) == 3
    assert {"send", "entered"} & {one["type"] for one in told["timeline"]}
    assert [one["node"] for one in told["workflows"]] == ["pause"]
    assert [action for action, _ in await audits_of(stage, profile_id)] == ["exported"]


@pytest.mark.parametrize(
    ("asked", "file_format", "expected"),
    [
        ({"by": "filter", "filter": '{"bonus": {"$gt": 0}}'}, "csv", ["ann@example.com"]),
        ({"by": "value", "mode": "custom", "field_name": "CRM_ID", "field_value": "B-1"}, "json", ["bob@example.com"]),
        ({"by": "text"}, "csv", ["ann@example.com", "bob@example.com"]),
    ],
)
async def test_what_a_search_finds_becomes_a_file(stage: Stage, owner: Browser, asked, file_format, expected):
    await add_ann(stage)
    await stage.add(email="bob@example.com", CRM_ID="B-1")
    page = await owner.send(place(database=1, **asked), {"format": file_format}, to="profiles/export")
    assert "The file is being written." in page.text
    assert page.tree.xpath("//meta[@http-equiv='refresh']")
    await stage.work()
    page = await owner.get(page.path.removeprefix("/admin/"))
    assert not page.tree.xpath("//meta[@http-equiv='refresh']")
    file = await owner.get(page.tree.xpath("//a[@download]/@href")[0].removeprefix("/admin/"))
    assert file.status == 200
    assert [one for one in ("ann@example.com", "bob@example.com") if one in file.html] == expected
    assert await stage.rows("SELECT action, name FROM audits WHERE section = 'profiles'") == [("exported", "Customers")]


async def test_a_launch_is_shown_before_it_is_made(stage: Stage, owner: Browser):
    profile_id = await add_ann(stage)
    there = f"profiles/{profile_id}/launch"
    page = await owner.send(there, {"target": "trigger.8", "apicontent": '{"page": 7}', "do": "rehearse"})
    assert "A message is sent to ann@example.com." in page.text
    assert "Thank you, Ann" in page.text
    assert (await stage.count_rows())["messages"] == 0
    changed = await owner.post(there, page.form("launch") | {"apicontent": '{"page": 8}', "do": "launch"})
    assert "This would happen" in changed.text
    assert (await stage.count_rows())["messages"] == 0
    page = await owner.post(there, page.form("launch") | {"do": "launch"})
    assert "Launched." in page.text
    await stage.work()
    assert "page 7" in str(stage.mailbox.mails()["ann@example.com"])
    page = await owner.send(there, {"target": "workflow.12", "do": "rehearse"})
    assert "The profile enters the scenario." in page.text
    await owner.post(there, page.form("launch") | {"do": "launch"})
    assert len(await stage.rows("SELECT 1 FROM passages")) == 1
    assert [action for action, _ in await audits_of(stage, profile_id)] == ["launched", "launched"]


@pytest.mark.parametrize(
    ("form", "field"),
    [
        ({"target": "trigger.8", "apicontent": "{"}, "apicontent"),
        ({"target": "trigger.8", "apicontent": "[]"}, "apicontent"),
        ({"target": "trigger.8", "apicontent": "[" * 5000}, "apicontent"),
        ({"target": "trigger.8", "apicontent": r'{"a": "\u0000"}'}, "apicontent"),
        ({"target": "trigger.8", "apicontent": r'{"a": "\ud800"}'}, "apicontent"),
        ({"target": "trigger.99"}, "target"),
        ({"target": "trigger.98"}, "target"),
        ({"target": "trigger.5555"}, "target"),
        ({"target": "x"}, "target"),
    ],
)
async def test_what_cannot_be_launched_is_said_at_its_field(stage: Stage, owner: Browser, form, field):
    profile_id = await add_ann(stage)
    page = await owner.send(f"profiles/{profile_id}/launch", form | {"do": "rehearse"})
    assert page.status == 422
    assert page.tree.xpath(f"//p[@id='{field}-mistake']")


async def test_why_nothing_would_be_sent_is_said(stage: Stage, owner: Browser):
    profile_id = await add_ann(stage)
    await stage.post("suppresses/add", id=1, emails=["ann@example.com"])
    page = await owner.send(f"profiles/{profile_id}/launch", {"target": "trigger.8", "do": "rehearse"})
    assert "Nothing is sent: on a suppression list." in page.text


RIGHTS = {
    "edit": {"owner", "editor", "support"},
    "subscriptions/new": {"owner", "editor", "support"},
    "suppress": {"owner", "editor", "support"},
    "launch": {"owner", "editor"},
    "merge": {"owner", "editor"},
    "delete": {"owner", "editor"},
    "export": {"owner", "editor"},
}


@pytest.mark.parametrize("role", ["editor", "support", "viewer"])
async def test_each_role_sees_and_does_what_it_may(stage: Stage, enter, role):
    profile_id = await add_ann(stage)
    browser = await enter(role)
    page = await browser.get(f"profiles/{profile_id}")
    assert page.status == 200
    links = set(page.tree.xpath("//main//a/@href"))
    for place_, roles in RIGHTS.items():
        path = f"profiles/{profile_id}/{place_}"
        assert (f"/admin/{path}" in links) == (role in roles), place_
        assert (await browser.get(path)).status == (200 if role in roles else 403), place_
    csrf = page.form("logout")["csrf"]
    before = await subscriptions_of(stage, profile_id)
    sent = await browser.post(f"profiles/{profile_id}", {"csrf": csrf, "do": "unsubscribe_all"})
    assert sent.status == (403 if role == "viewer" else 200)
    assert (await subscriptions_of(stage, profile_id) == before) == (role == "viewer")
    if role != "editor":
        assert (
            await browser.post(f"profiles/{profile_id}/delete", {"csrf": csrf, "typed": "ann@example.com"})
        ).status == 403
        assert (await browser.post("profiles/export", {"csrf": csrf, "database": "1"})).status == 403
        assert (await stage.count_rows())["profiles"] == 1


async def test_what_others_wrote_is_never_markup(stage: Stage, owner: Browser):
    evil = "<script>alert(1)</script>\"'><img src=x onerror=alert(1)>"
    profile_id = await stage.add(
        email="ann@example.com",
        **dict.fromkeys(("_fname", "_lname", "_city", "CRM_ID", "New_field_1", "note"), evil),
        interests=[evil],
        address={evil: evil},
        orders=[{evil: {evil: [evil]}}],
        subscriptions=[
            {"resource_id": 23, "channel": "telegram_bot", "id": evil},
            {"resource_id": 23, "channel": "push", "provider": "ios", "subscription_id": evil, "cats": [evil]},
        ],
    )
    other = await stage.add(email="bob@example.com", _vendor=evil)
    await stage.rows(
        "INSERT INTO events (bucket, id, at, type, database_id, profile_id, message_id, launch_id, trigger_id, data)"
        " SELECT bucket, int8send(n) || substr(id, 9), now(), (ARRAY['send', 'skip', 'click', %s])[n], 1, id, id, id,"
        " 8, jsonb_build_object('address', %s::text, 'text', %s::text, 'link_url', %s::text, 'rule', %s::text)"
        " FROM profiles, generate_series(1, 4) AS n RETURNING 1",
        *[evil] * 5,
    )
    await stage.rows(
        "INSERT INTO steps (bucket, profile_id, passage_id, number, at, workflow_id, node, target, reason)"
        " SELECT bucket, id, id, 1, now(), 12, %s, %s, %s FROM profiles RETURNING 1",
        *[evil] * 3,
    )
    there = f"profiles/{profile_id}"
    mark = (await owner.get(there)).tree.xpath("//input[@name='mark']/@value")[0]
    places = [there, f"{there}/edit", f"{there}/merge?with={other}", f"{there}/delete", f"{there}/launch", "profiles"]
    places += [
        f"{there}/subscriptions/{mark}",
        f"{there}/suppress",
        place(q=evil),
        place(by="filter", filter=json.dumps({evil: evil})),
    ]
    places += [place(by="value", mode=evil, email=evil, field_value=evil), f"{there}?kind={evil}&before={evil}"]
    for one in places:
        page = await owner.get(one)
        assert page.status in (200, 422), one
        assert "<script>alert" not in page.html, one
        assert "<img src=x" not in page.html, one
    assert escape(evil[:25]) in (await owner.get(there)).html


@pytest.mark.parametrize("path", ["12", "x" * 24, "0" * 24, "0" * 24 + "/edit", "exports/12", "exports/" + "0" * 32])
async def test_what_is_not_there_is_not_found(owner: Browser, path):
    assert (await owner.get(f"profiles/{path}")).status == 404


async def test_what_cannot_be_stored_is_no_trouble(stage: Stage, owner: Browser):
    profile_id = await add_ann(stage)
    assert (await owner.get(place(q="A-17\0"))).path == f"/admin/profiles/{profile_id}"
    nothing = {"mode": "custom_sub", "field_name": "ca\0rd", "field_value": "\0"}
    assert (await owner.get(place(by="value", database=1, **nothing))).status in (200, 422)
    await owner.send(f"profiles/{profile_id}/edit", {"field._fname": "An\0na", "field.address": r'{"a\u0000": 1}'})
    page = await owner.send(f"profiles/{profile_id}/edit", {"field.address": r'{"a\u0000": 1}'})
    assert page.tree.xpath("//p[@id='field.address-mistake']")
    page = await owner.send(f"profiles/{profile_id}/suppress", {"address": "ann@example.com", "reason": "a\0b"})
    assert page.status == 200


async def test_pages_stay_quick_by_the_place_that_they_begin_at(stage: Stage, owner: Browser):
    profile_id = await add_ann(stage)
    for before in ("x", "1-zz", "9" * 30 + "-00", "999999999999999999-00", "5-" + "00" * 500):
        assert (await owner.get(f"profiles/{profile_id}?before={before}")).status == 200
    assert (await owner.get("profiles?before=5-zz")).status == 200


async def test_what_is_edited_by_hand_is_told_to_hooks_as_an_import_by_hand(stage: Stage, owner: Browser):
    hook = "hooks: [{id: 7, name: hand, url: 'http://127.0.0.1:9/events', events: [import_manual, import_api]}]"
    await configuration.apply(stage.context, hook, "hooks.yaml", {})
    profile_id = await stage.add(email="ann@example.com", bonus=1)
    await owner.send(f"profiles/{profile_id}/edit", {"field.bonus": "5"})
    told = await stage.rows("SELECT type FROM events WHERE type LIKE 'import_%%' ORDER BY type")
    assert told == [("import_api",), ("import_manual",)]
    assert (await stage.get_profile(email="ann@example.com"))["bonus"] == 5
