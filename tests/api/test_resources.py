"""resources/…: what is configured, the fields of subscriptions, and what is no resource."""

from typing import Any

import pytest

from cast import READER, TOKEN, Stage

NEWSLETTER = {
    "id": 21,
    "name": "Newsletter",
    "channels": ["email"],
    "dbs_ids": [1],
    "categories": ["news", "sales"],
    "trk_domain": "",
    "url": "",
}
CHANNELS = ["email", "sms", "push", "telegram_bot", "whatsapp", "viber", "notify"]


async def test_resources_are_listed_by_number(stage: Stage):
    answer = await stage.post("resources/list")
    assert [one["id"] for one in answer["data"]] == [20, 21, 22, 23, 24]
    assert answer["data"][1] == NEWSLETTER
    assert (answer["total_count"], answer["next_from_id"]) == (5, 25)
    later = await stage.post("resources/list", from_id=22, limit=1)
    assert ([one["id"] for one in later["data"]], later["next_from_id"]) == ([22], 23)


async def test_resources_are_listed_in_xml(stage: Stage):
    xml = f"<xml><token>{TOKEN}</token><from_id>22</from_id><limit>1</limit></xml>"
    root = await stage.post_xml("resources/list/", xml)
    (found,) = root.findall("data")
    assert [channel.text for channel in found.findall("channels")] == ["email", "sms", "push"]


async def test_one_resource_is_read(stage: Stage):
    assert (await stage.post("resources/get", id="21", token=READER))["data"] == NEWSLETTER
    root = await stage.post_xml("resources/get", f"<xml><token>{TOKEN}</token><id>21</id></xml>")
    assert (root.findtext("data/name"), root.findtext("data/dbs_ids")) == ("Newsletter", "1")


async def test_a_resource_without_channels_and_databases_has_them_all(stage: Stage):
    found = (await stage.post("resources/get", id=23))["data"]
    assert (found["channels"], found["dbs_ids"]) == (CHANNELS, [1, 2, 3])


async def test_push_subscriptions_have_the_fields_of_devices(stage: Stage):
    found = (await stage.post("resources/fields_get", id=22, channel="push", token=READER))["data"]
    kinds = {one["name"]: one["type"] for one in found}
    assert (kinds["_os_ver"], kinds["_ad_track"], kinds["_device_model"]) == ("version", "bool", "unicode")
    assert found[0] == {
        "category": "system",
        "title": "Kind of device",
        "name": "_device_type",
        "type": "unicode",
        "required": False,
        "unique": False,
    }
    root = await stage.post_xml(
        "resources/fields_get", f"<xml><token>{TOKEN}</token><id>22</id><channel>push</channel></xml>"
    )
    assert [one.findtext("name") for one in root.findall("data")] == list(kinds)


@pytest.mark.parametrize("channel", ["sms", "phone"])
async def test_other_channels_have_no_documented_fields(stage: Stage, channel: str):
    assert (await stage.post("resources/fields_get", id=20, channel=channel))["data"] == []


@pytest.mark.parametrize(
    ("method", "members", "code", "debug"),
    [
        ("get", {"id": 404}, 404, "there is no resource 404"),
        ("get", {}, 400, "id: this member is required"),
        ("get", {"id": None}, 400, "id: "),
        ("fields_get", {"id": 404, "channel": "email"}, 404, "there is no resource 404"),
        ("fields_get", {"id": 21}, 400, "channel: this member is required"),
        ("fields_get", {"id": 21, "channel": "sms"}, 400, "channel: resource 21 has no channel sms"),
        ("fields_get", {"id": 21, "channel": "pigeon"}, 400, "channel: expected one of email, sms"),
        ("fields_get", {"id": 21, "channel": ["email"]}, 400, "channel: "),
    ],
)
async def test_what_is_no_resource_or_channel_is_refused(
    stage: Stage, method: str, members: dict[str, Any], code: int, debug: str
):
    answer = await stage.post(f"resources/{method}", members)
    assert (answer["error"], answer["error_debug"][: len(debug)]) == (code, debug)
