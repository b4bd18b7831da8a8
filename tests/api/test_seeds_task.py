"""The examples of the page "Task for bulk profiles import + trigger launch", each as it is printed there."""

from email.message import EmailMessage
from typing import Any
from uuid import UUID
from xml.etree import ElementTree as ET

import pytest

from cast import Stage, parse_mail

METHOD = "campaigns/triggers/import_and_start_batch_task"
SUCCESS = "Successful operation"

STATUS_IN_XML = """
<xml>
<token>abcdefghijklmnqrstuvwxyz</token>
<task_id>{}</task_id>
</xml>
"""

JSON_BY_EMAIL = """
{
"token": "abcdefghijklmnqrstuvwxyz",
"matching": "email",
"data": [
{
"data": {
"_fname": "Victoria",
"_lname": " Beckham",
"email": "example1@example.com",
"phones": "+79000000000",
"subscriptions": [
{
"channel": "email",
"email": "example2@example.com",
"resource_id": 21
},
{
"channel": "phone",
"phone": "+79000005478",
"resource_id": 20
}
]
}
},
{
"data": {
"_fname": "David",
"_lname": " Beckham",
"email": "example3@example.com",
"phones": "+79000000001",
"subscriptions": [
{
"channel": "email",
"email": "example14@example.com",
"resource_id": 21
},
{
"channel": "phone",
"phone": "+79000000000",
"resource_id": 20
}
]
}
}
],
"trigger_id": 96,
"timeout": {
"days": 0,
"hours": 0,
"minutes": 5
},
"content": {
"page": "registration_form"
},
"attach": [
{
"data": "data:text/csv;base64,5LuK5pel44GvCg==",
"name": "Attach.txt"
}
]
}
"""

XML_BY_EMAIL = """
<xml>
<token>abcdefghijklmnqrstuvwxyz</token>
<matching>email</matching>
<data>
<_fname>Brooklyn</_fname>
<_lname>Beckham</_lname>
<email>example3@example.com</email>
<phones>+79000849376</phones>
<subscriptions>
<channel>email</channel>
<email>example9@example.com</email>
<resource_id>21</resource_id>
</subscriptions>
<subscriptions>
<channel>phone</channel>
<phone>+79000005475</phone>
<resource_id>20</resource_id>
</subscriptions>
</data>
<data>
<_fname>Romeo</_fname>
<_lname>Beckham</_lname>
<email>example32@example.com</email>
<phones>+79000000651</phones>
<subscriptions>
<channel>email</channel>
<email>@example.com</email>
<resource_id>21</resource_id>
</subscriptions>
<subscriptions>
<channel>phone</channel>
<phone>+79000880000</phone>
<resource_id>20</resource_id>
</subscriptions>
</data>
<trigger_id>96</trigger_id>
<timeout>
<days>0</days>
<hours>0</hours>
<minutes>5</minutes>
</timeout>
<content>
<page>registration_form</page>
</content>
<attach array='true'>
<data>data:text/csv;base64,5LuK5pel44GvCg==</data>
<name>Attach.txt</name>
</attach>
</xml>
"""

JSON_BY_FIELD = """
{
"token": "abcdefghijklmnqrstuvwxyz",
"trigger_id": 96,
"format": "json",
"skip_triggers": false,
"detect_geo": true,
"matching": "custom",
"field_name": "Custom_id",
"data": [
{
"data": {
"_fname": "Tom",
"_lname": "Cruise",
"email": "example@example.com",
"phones": "+79000000000",
"Custom_id": "0002"
}
},
{
"data": {
"_fname": "Lili",
"_lname": "Hard",
"email": "example@example.com",
"phones": "+79000000001",
"Custom_id": "0001"
}
}
]
}
"""

XML_BY_FIELD = """
<xml>
<token>abcdefghijklmnqrstuvwxyz</token>
<trigger_id>96</trigger_id>
<format>xml</format>
<skip_triggers>false</skip_triggers>
<detect_geo>true</detect_geo>
<matching>custom</matching>
<field_name>Custom_ID</field_name>
<data>
<_fname>Viola</_fname>
<_lname>Lambert</_lname>
<email>example@example.com</email>
<phones>+79000000000</phones>
<Custom_ID>0002</Custom_ID>
</data>
<data>
<_fname>Will</_fname>
<_lname>Hard</_lname>
<email>example@example.com</email>
<phones>+79000000001</phones>
<Custom_ID>0001</Custom_ID>
</data>
</xml>
"""


async def accepted(stage: Stage, body: str) -> dict[str, Any]:
    """The answer to the seed's call in JSON, which must have the documented shape."""
    response = await stage.call(METHOD, body)
    assert response.status_code == 200
    answer: dict[str, Any] = response.json()
    assert answer == {"error": 0, "error_text": SUCCESS, "task_id": str(UUID(answer["task_id"]))}
    return answer


async def accepted_xml(stage: Stage, body: str) -> str:
    """The task's id from the seed's call in XML."""
    root = await stage.post_xml(METHOD, body)
    assert root.tag == "xml"
    assert [element.tag for element in root] == ["error", "error_text", "task_id"]
    assert (root.findtext("error"), root.findtext("error_text")) == ("0", SUCCESS)
    return str(UUID(root.findtext("task_id")))


async def result_of(stage: Stage, task_id: str) -> dict[str, Any]:
    """Work until all is done; the task's result."""
    await stage.work()
    answer = await stage.post("tasks/status", task_id=task_id)
    assert (answer["data"]["status"], answer["data"]["progress"]) == ("completed", 100)
    result: dict[str, Any] = answer["data"]["result"]
    return result


async def ask_in_xml(stage: Stage, task_id: str) -> ET.Element:
    return await stage.post_xml("tasks/status", STATUS_IN_XML.format(task_id))


def attachment_of(mail: EmailMessage) -> tuple[str | None, str, bytes]:
    (one,) = mail.iter_attachments()
    data = one.get_payload(decode=True)
    assert isinstance(data, bytes)
    return one.get_filename(), one.get_content_type(), data


async def test_by_email_in_json_imports_and_sends_once_the_timeout_is_over(stage: Stage):
    task_id = (await accepted(stage, JSON_BY_EMAIL))["task_id"]
    result = await result_of(stage, task_id)
    victoria = await stage.get_profile(email="example1@example.com")
    david = await stage.get_profile(email="example3@example.com")
    assert result.pop("launch_id")
    assert result == {
        "error": 0,
        "error_text": "",
        "result": [{"profile_id": victoria["id"]}, {"profile_id": david["id"]}],
    }
    assert stage.mailbox.arrived == []
    stage.clock.advance(minutes=4, seconds=59)
    await stage.work()
    assert stage.mailbox.arrived == []
    stage.clock.advance(seconds=1)
    await stage.work()
    mails = stage.mailbox.mails()
    assert set(mails) == {"example1@example.com", "example3@example.com"}
    assert mails["example1@example.com"]["subject"] == "Thank you, Victoria"
    assert mails["example3@example.com"]["subject"] == "Thank you, David"


async def test_by_email_in_json_keeps_the_profiles_as_given(stage: Stage):
    await result_of(stage, (await accepted(stage, JSON_BY_EMAIL))["task_id"])
    victoria = await stage.get_profile(email="example1@example.com")
    assert {name: victoria[name] for name in ("_fname", "_lname", "email", "phones")} == {
        "_fname": "Victoria",
        "_lname": " Beckham",
        "email": "example1@example.com",
        "phones": ["+79000000000"],
    }
    assert [
        (one["channel"], one["resource_id"], one["status"], one.get("email") or one.get("phone"))
        for one in victoria["subscriptions"]
    ] == [("email", 21, "subscribed", "example2@example.com"), ("sms", 20, "subscribed", "+79000005478")]


@pytest.mark.parametrize("body", [JSON_BY_EMAIL, XML_BY_EMAIL])
async def test_by_email_the_mail_has_the_content_and_the_attachment(stage: Stage, body: str):
    await stage.call(METHOD, body, "xml" if "<xml>" in body else "json")
    await stage.work()
    stage.clock.advance(minutes=5)
    await stage.work()
    mail = stage.mailbox.mails()["example3@example.com"]
    assert attachment_of(mail) == ("Attach.txt", "text/csv", "今日は\n".encode())
    for kind in ("plain", "html"):
        part = mail.get_body((kind,))
        assert part is not None
        assert "page registration_form" in part.get_content()


async def test_by_email_in_xml_the_invalid_subscription_is_an_error_of_its_item_alone(stage: Stage):
    result = await result_of(stage, await accepted_xml(stage, XML_BY_EMAIL))
    brooklyn = await stage.get_profile(email="example3@example.com")
    assert result["error"] == 0
    assert result["result"] == [{"profile_id": brooklyn["id"]}]
    (mistake,) = result["errors"]
    assert (mistake["index"], mistake["error"], mistake["error_text"]) == (1, 400, "Invalid request")
    assert mistake["error_debug"].startswith("data[1].subscriptions[0].email: '@example.com' is not an email address")
    assert (await stage.post("profiles/get", db_id=1, email="example32@example.com"))["error"] == 404
    stage.clock.advance(minutes=5)
    await stage.work()
    assert set(stage.mailbox.mails()) == {"example3@example.com"}


async def test_by_email_in_xml_both_are_imported_when_invalid_subscriptions_are_skipped(stage: Stage):
    skipping = XML_BY_EMAIL.replace(
        "<trigger_id>", "<skip_invalid_subscriptions>true</skip_invalid_subscriptions>\n<trigger_id>"
    )
    result = await result_of(stage, await accepted_xml(stage, skipping))
    brooklyn = await stage.get_profile(email="example3@example.com")
    romeo = await stage.get_profile(email="example32@example.com")
    assert result["result"] == [{"profile_id": brooklyn["id"]}, {"profile_id": romeo["id"]}]
    assert "errors" not in result
    assert [one["phone"] for one in romeo["subscriptions"]] == ["+79000880000"]
    assert [one["channel"] for one in brooklyn["subscriptions"]] == ["email", "sms"]
    stage.clock.advance(minutes=5)
    await stage.work()
    assert set(stage.mailbox.mails()) == {"example3@example.com", "example32@example.com"}


@pytest.mark.parametrize(
    ("body", "field", "names"),
    [(JSON_BY_FIELD, "Custom_id", ["Tom", "Lili"]), (XML_BY_FIELD, "Custom_ID", ["Viola", "Will"])],
)
async def test_by_field_two_items_with_one_email_are_two_profiles(
    stage: Stage, body: str, field: str, names: list[str]
):
    if "<xml>" in body:
        task_id = await accepted_xml(stage, body)
    else:
        task_id = (await accepted(stage, body))["task_id"]
    result = await result_of(stage, task_id)
    profiles = [
        await stage.get_profile(matching="custom", field_name=field, field_value=value) for value in ("0002", "0001")
    ]
    assert result["result"] == [{"profile_id": profile["id"]} for profile in profiles]
    assert [profile["_fname"] for profile in profiles] == names
    assert [profile["phones"] for profile in profiles] == [["+79000000000"], ["+79000000001"]]
    assert profiles[0]["id"] != profiles[1]["id"]
    assert [envelope.recipient for envelope in stage.mailbox.arrived] == ["example@example.com"] * 2
    subjects = {parse_mail(envelope.body)["subject"] for envelope in stage.mailbox.arrived}
    assert subjects == {f"Thank you, {name}" for name in names}


async def test_the_same_call_twice_updates_the_profiles_and_launches_again(stage: Stage):
    first = await result_of(stage, (await accepted(stage, JSON_BY_FIELD))["task_id"])
    second = await result_of(stage, (await accepted(stage, JSON_BY_FIELD))["task_id"])
    assert first.pop("launch_id") != second.pop("launch_id")
    assert first == second
    assert (await stage.count_rows())["profiles"] == 2
    assert len(stage.mailbox.arrived) == 4


async def test_status_says_how_far_a_task_is_in_json(stage: Stage):
    task_id = (await accepted(stage, JSON_BY_FIELD))["task_id"]
    before = await stage.post("tasks/status", task_id=task_id)
    assert before == {
        "data": {"status": "queued", "progress": 0, "result": None},
        "error": 0,
        "error_text": SUCCESS,
    }
    await stage.work()
    after = await stage.post("tasks/status", task_id=f"task_{task_id}")
    assert (after["error"], after["error_text"]) == (0, SUCCESS)
    assert (after["data"]["status"], after["data"]["progress"]) == ("completed", 100)
    assert list(after["data"]["result"]) == ["error", "error_text", "result", "launch_id"]


async def test_status_says_how_far_a_task_is_in_xml(stage: Stage):
    task_id = await accepted_xml(stage, XML_BY_FIELD)
    before = await ask_in_xml(stage, task_id)
    assert (before.findtext("data/status"), before.findtext("data/progress")) == ("queued", "0")
    await stage.work()
    after = await ask_in_xml(stage, task_id)
    assert (after.findtext("error"), after.findtext("error_text")) == ("0", SUCCESS)
    assert (after.findtext("data/status"), after.findtext("data/progress")) == ("completed", "100")
    assert after.findtext("data/result/error") == "0"
    assert after.findtext("data/result/error_text") == ""
    profiles = [
        await stage.get_profile(matching="custom", field_name="Custom_ID", field_value=value)
        for value in ("0002", "0001")
    ]
    assert [element.text for element in after.findall("data/result/result/profile_id")] == [
        profile["id"] for profile in profiles
    ]


async def test_status_in_xml_lists_the_errors_of_items(stage: Stage):
    task_id = await accepted_xml(stage, XML_BY_EMAIL)
    await stage.work()
    after = await ask_in_xml(stage, task_id)
    (mistake,) = after.findall("data/result/errors")
    assert (mistake.findtext("index"), mistake.findtext("error")) == ("1", "400")


@pytest.mark.parametrize(
    "task_id", ["task_b2f9fk6a-2479-4a63-b592-f15d4e3b69c5", "d521abe0-1abf-4e1d-b247-a790be66a424"]
)
async def test_the_printed_task_ids_are_of_nobody_here(stage: Stage, task_id: str):
    """The first of them is no UUID at all, as printed."""
    answer = await stage.post("tasks/status", task_id=task_id)
    assert answer == {"error": 404, "error_text": "Object not found", "error_debug": "task_id: there is no such task"}
    root = await ask_in_xml(stage, task_id)
    assert [element.text for element in root] == ["404", "Object not found", "task_id: there is no such task"]
