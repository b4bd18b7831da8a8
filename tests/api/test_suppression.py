"""Suppression lists: what is on them gets nothing, whoever put it there."""

from hashlib import md5, sha256
from typing import Any

import pytest

from cast import Stage
from tocsin.actions import bounces, configuration, suppressed
from tocsin.core.bounces import Report
from tocsin.core.errors import TocsinError

LISTS = """
suppression_lists:
  - {id: 1, name: Global suppress list, addresses: [never@example.com]}
  - {id: 2, name: Keepers only, databases: [2], addresses: ["@keep.example.com"]}
"""


async def apply(stage: Stage, text: str, **options: bool) -> None:
    await configuration.apply(stage.context, text, "rules.yaml", {}, **options)


async def start(stage: Stage, *emails: str, trigger_id: int = 8) -> dict[str, Any]:
    """Import these and launch for them."""
    data = [{"data": {"email": email}} for email in emails]
    answer = await stage.post("campaigns/triggers/import_and_start_batch", trigger_id=trigger_id, data=data)
    assert answer["error"] == 0, answer
    return answer


def reasons(answer: dict[str, Any]) -> list[tuple[int, str, str]]:
    return [(one["index"], one["reason"], one.get("rule", "")) for one in answer.get("skipped", [])]


async def events(stage: Stage) -> list[tuple[str, str, str]]:
    rows = await stage.rows("SELECT type, data->>'reason', data->>'rule' FROM events ORDER BY id")
    return [(type_, reason, rule) for type_, reason, rule in rows]


async def test_an_address_that_the_file_names_gets_nothing_and_its_history_says_why(stage: Stage):
    await apply(stage, LISTS)
    answer = await start(stage, "ann@example.com", "Never@Example.com")
    assert reasons(answer) == [(1, "suppressed", "suppression list 1")]
    await stage.work()
    assert set(stage.mailbox.mails()) == {"ann@example.com"}
    history = await stage.post("messages/list", db_id=1, profile_id=answer["result"][1]["profile_id"])
    assert [(one["type"], one["reason"], one["rule"]) for one in history["data"]] == [
        ("suppress", "suppressed", "suppression list 1")
    ]


async def test_a_list_of_a_database_holds_for_no_other(stage: Stage):
    await apply(stage, LISTS)
    assert reasons(await start(stage, "ann@keep.example.com")) == []
    skipped = reasons(await start(stage, "ann@KEEP.example.com", trigger_id=99))
    assert skipped == [(0, "suppressed", "suppression list 2, @keep.example.com")]


async def test_what_the_file_no_longer_names_is_lifted_and_what_a_call_has_added_stays(stage: Stage):
    await apply(stage, LISTS)
    await stage.post("suppresses/add", id=1, emails=["never@example.com", "also@example.com"], reason="asked us")
    await apply(stage, LISTS.replace("never@", "other@"))
    assert [index for index, *_ in reasons(await start(stage, "never@example.com", "other@example.com"))] == [0, 1]
    removed = await stage.post("suppresses/remove", id=1, emails=["never@example.com", "other@example.com"])
    assert (removed["total_count"], removed["total_removed"]) == (2, 1)
    assert [index for index, *_ in reasons(await start(stage, "never@example.com", "other@example.com"))] == [1]


async def test_an_address_that_is_suppressed_while_its_message_waits_gets_nothing(stage: Stage):
    await start(stage, "ann@example.com", "bob@example.com")
    await stage.post("suppresses/add", id=1, emails=["ann@example.com"])
    await stage.work()
    assert set(stage.mailbox.mails()) == {"bob@example.com"}
    assert sorted(await events(stage)) == [("send", None, None), ("suppress", "suppressed", "suppression list 1")]
    assert await stage.rows("SELECT count(*) FROM messages") == [(0,)]


async def test_a_message_that_was_kept_is_found_by_its_id(stage: Stage):
    await start(stage, "ann@example.com")
    ((message_id,),) = await stage.rows("SELECT encode(id, 'hex') FROM messages")
    await stage.post("suppresses/add", id=1, emails=["@example.com"])
    await stage.work()
    told = await stage.post("messages/get", smid=message_id)
    (event,) = told["data"]["events"]
    assert (event["type"], event["rule"]) == ("suppress", "suppression list 1, @example.com")


async def test_a_hard_bounce_keeps_every_profile_with_the_address_from_being_sent_to(stage: Stage):
    await start(stage, "ann@example.com")
    await stage.work()
    (arrived,) = stage.mailbox.arrived
    await bounces.record(stage.context, arrived.message_id, Report("hbounce", 550, "5.1.1", "No such user"))
    await stage.add(email="other@example.com", db_id=2)
    answer = await start(stage, "ANN@example.com", trigger_id=99)
    assert reasons(answer) == [(0, "suppressed", "bounces and complaints")]
    (entry,) = (await stage.post("suppresses/entries", emails=["Ann@example.com"]))["data"]
    assert (entry["id"], entry["source"], entry["reason"]) == (0, "bounce", "No such user")
    assert entry["smid"] == arrived.message_id.hex()
    await stage.post("suppresses/remove", id=0, emails=["ann@example.com"])
    assert reasons(await start(stage, "ann@example.com", trigger_id=99)) == []


async def test_an_address_that_a_server_refused_is_on_the_list_too(stage: Stage):
    stage.mailbox.answers["ann@example.com"] = ("refused", 550, "5.1.1 User unknown")
    await start(stage, "ann@example.com")
    await stage.work()
    assert reasons(await start(stage, "ann@example.com", trigger_id=99)) == [
        (0, "suppressed", "bounces and complaints")
    ]


async def test_a_complaint_holds_for_the_resource_that_wrote(stage: Stage):
    subscriptions = [{"channel": "email", "email": "ann@example.com", "resource_id": 21}]
    await stage.add(email="ann@example.com", subscriptions=subscriptions)
    await stage.post("campaigns/triggers/start", id=97, email="ann@example.com")
    await stage.work()
    await bounces.record(stage.context, stage.mailbox.arrived[0].message_id, Report("complain", 0, "", "abuse"))
    await stage.add(email="bob@example.com", subscriptions=subscriptions)
    again = await stage.post("campaigns/triggers/start", id=97, matching="email_profile", email="bob@example.com")
    assert reasons(again) == [(0, "suppressed", "bounces and complaints")]
    own = await stage.post("campaigns/triggers/start", id=8, matching="email_profile", email="ann@example.com")
    assert reasons(own) == []


async def test_adding_counts_what_is_new_known_and_given_twice(stage: Stage):
    await stage.post("suppresses/add", id=1, emails=["a@example.com"])
    added = await stage.post(
        "suppresses/add", id=1, emails=["A@example.com", "b@example.com", "B@Example.com", "nobody"]
    )
    assert [added[f"total_{word}"] for word in ("count", "duplicated", "imported", "updated")] == [4, 1, 1, 1]
    (error,) = added["errors"]
    assert (error["index"], error["error"]) == (3, 400)
    assert error["error_debug"].startswith("emails[3]: ")


async def test_adding_in_xml_makes_a_list_and_puts_addresses_on_it(stage: Stage):
    root = await stage.post_xml(
        "suppresses/add",
        "<xml><token>abcdefghijklmnqrstuvwxyz</token><name>Keepers</name><databases array='true'>2</databases>"
        "<emails>+79001234567</emails><emails>@example.com</emails></xml>",
    )
    assert (root.findtext("error"), root.findtext("total_imported")) == ("0", "2")
    number = root.findtext("saved_id")
    described = await stage.post_xml(
        "suppresses/get", f"<xml><token>abcdefghijklmnqrstuvwxyz</token><id>{number}</id></xml>"
    )
    assert [described.findtext(f"data/{name}") for name in ("name", "is_global", "dbs_ids", "total_count")] == [
        "Keepers",
        "false",
        "2",
        "2",
    ]
    assert reasons(await start(stage, "ann@example.com")) == []
    assert len(reasons(await start(stage, "ann@example.com", trigger_id=99))) == 1


def md5_of(address: str) -> str:
    return md5(address.encode(), usedforsecurity=False).hexdigest()


def sha256_of(address: str) -> str:
    return sha256(address.encode()).hexdigest()


async def test_an_address_of_which_a_list_has_a_hash_gets_nothing_and_the_reason_names_the_hash(stage: Stage):
    hashes = [md5_of("ann@example.com"), f"SHA256:{sha256_of('bob@example.com').upper()}"]
    added = await stage.post("suppresses/add", id=1, emails=[*hashes, f"md5:{hashes[0]}", f"md5:{hashes[0]}0"])
    assert [added[f"total_{word}"] for word in ("duplicated", "imported")] == [1, 2]
    assert [one["index"] for one in added["errors"]] == [3]
    assert reasons(await start(stage, "Ann@Example.com", "Bob@example.com", "cid@example.com")) == [
        (0, "suppressed", f"suppression list 1, md5:{hashes[0]}"),
        (1, "suppressed", f"suppression list 1, {hashes[1].lower()}"),
    ]


async def test_a_hash_holds_when_messages_leave_too(stage: Stage):
    await start(stage, "ann@example.com", "bob@example.com")
    await stage.post("suppresses/add", id=1, emails=[sha256_of("ann@example.com")])
    await stage.work()
    assert set(stage.mailbox.mails()) == {"bob@example.com"}


async def test_a_file_may_hold_hashes_and_lifts_what_it_no_longer_names(stage: Stage):
    await apply(stage, LISTS.replace("never@example.com", f"'md5:{md5_of('never@example.com')}'"))
    assert [index for index, *_ in reasons(await start(stage, "never@example.com", "ann@example.com"))] == [0]
    await apply(stage, LISTS.replace("never@example.com", sha256_of("ann@example.com")))
    assert [index for index, *_ in reasons(await start(stage, "never@example.com", "ann@example.com"))] == [1]


async def test_an_address_is_lifted_and_looked_up_also_where_only_its_hash_is_known(stage: Stage):
    hashed = md5_of("ann@example.com")
    await stage.post("suppresses/add", id=1, emails=[hashed, md5_of("bob@example.com")], reason="partner's list")
    (entry,) = (await stage.post("suppresses/entries", emails=["Ann@example.com"]))["data"]
    assert (entry["email"], entry["reason"]) == (f"md5:{hashed}", "partner's list")
    assert (await stage.post("suppresses/entries", emails=[hashed]))["data"] == [entry]
    lifted = await stage.post(
        "suppresses/remove", id=1, emails=["ann@example.com", md5_of("bob@example.com"), "cid@example.com"]
    )
    assert lifted["total_removed"] == 2
    assert reasons(await start(stage, "ann@example.com", "bob@example.com")) == []


async def test_hashes_of_phone_numbers_and_entries_work_in_xml(stage: Stage):
    hashed = sha256_of("+79001234567")
    token = "<token>abcdefghijklmnqrstuvwxyz</token>"
    added = await stage.post_xml("suppresses/add", f"<xml>{token}<id>1</id><emails>{hashed}</emails></xml>")
    assert added.findtext("total_imported") == "1"
    found = await stage.post_xml("suppresses/entries", f"<xml>{token}<emails>+79001234567</emails></xml>")
    assert found.findtext("data/email") == f"sha256:{hashed}"
    lifted = await stage.post_xml(
        "suppresses/remove", f"<xml>{token}<id>1</id><emails>SHA256:{hashed.upper()}</emails></xml>"
    )
    assert lifted.findtext("total_removed") == "1"


async def test_the_lists_are_listed_with_how_much_is_on_them(stage: Stage):
    await apply(stage, LISTS)
    await stage.post("suppresses/add", id=2, emails=["a@example.com", "b@example.com"])
    listed = await stage.post("suppresses/list", from_id=0)
    assert [(one["id"], one["is_global"], one["total_count"]) for one in listed["data"]] == [
        (0, True, 0),
        (1, True, 1),
        (2, False, 3),
    ]
    page = await stage.post("suppresses/entries", id=2, limit=2)
    assert [one["email"] for one in page["data"]] == ["@keep.example.com", "a@example.com"]
    rest = await stage.post("suppresses/entries", id=2, from_email=page["next_from_email"])
    assert [one["email"] for one in rest["data"]] == ["b@example.com"]


@pytest.mark.parametrize(
    ("method", "members", "code", "said"),
    [
        ("suppresses/add", {"emails": ["a@example.com"]}, 400, "id: "),
        ("suppresses/add", {"id": 0, "emails": ["a@example.com"]}, 400, "id: "),
        ("suppresses/add", {"id": 77, "emails": ["a@example.com"]}, 404, "suppression list 77"),
        ("suppresses/add", {"id": 1}, 400, "emails: "),
        ("suppresses/add", {"name": "x", "databases": [1, 77]}, 400, "databases[1]: "),
        ("suppresses/remove", {"id": 1, "emails": []}, 400, "emails: "),
        ("suppresses/remove", {"id": 1, "emails": ["a@example.com"] * 10_001}, 400, "emails: "),
        ("suppresses/remove", {"id": 77, "emails": ["a@example.com"]}, 404, "suppression list 77"),
        ("suppresses/get", {"id": 77}, 404, "suppression list 77"),
        ("suppresses/entries", {}, 400, "emails: "),
        ("suppresses/entries", {"emails": ["x y"]}, 400, "emails[0]: "),
        ("suppresses/entries", {"id": 1, "emails": ["a@example.com"]}, 400, "emails: "),
        ("suppresses/entries", {"id": 77}, 404, "suppression list 77"),
    ],
)
async def test_bad_input_is_told(stage: Stage, method: str, members: dict[str, Any], code: int, said: str):
    answer = await stage.post(method, members)
    assert answer["error"] == code
    assert said in answer["error_debug"]
    assert await stage.rows("SELECT count(*) FROM suppressions") == [(0,)]


async def test_the_command_adds_shows_and_removes(stage: Stage):
    await apply(stage, LISTS)
    change = suppressed.change
    day = f"{stage.clock.now:%Y-%m-%d}"
    expected = f"ann@example.com  suppression list 1  api  {day}  asked us"
    assert await change(stage.context, "add", ["Ann@example.com"], None, "asked us") == [expected]
    assert await change(stage.context, "add", ["ann@example.com"], 2, "") == [
        expected,
        f"ann@example.com  suppression list 2  api  {day}",
    ]
    assert await change(stage.context, "show", ["ann@example.com"], None, "") != ["on no list"]
    assert await change(stage.context, "remove", ["ann@example.com"], 2, "") == [expected]
    assert await change(stage.context, "remove", ["ann@example.com"], None, "") == ["on no list"]
    for texts, list_id, said in (
        (["nobody"], None, r"emails\[0\]"),
        (["a@example.com"], 77, "list 77"),
        (["a@example.com"], 0, "list 0"),
    ):
        with pytest.raises(TocsinError, match=said):
            await change(stage.context, "add", texts, list_id, "")
