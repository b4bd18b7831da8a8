"""The examples of three pages, each as it is printed there.

"Bulk profiles import + trigger campaign launch", and two versions of "Bulk trigger launch", one of them Russian.
"""

import json
from typing import Any

import pytest

from cast import Stage, parse_xml

IMPORT = "campaigns/triggers/import_and_start_batch"
IMPORT_TASK = "campaigns/triggers/import_and_start_batch_task"
START = "campaigns/triggers/start_batch"
SUCCESS = "Successful operation"

IMPORT_BY_EMAIL = """
{
"token": "abcdefghijklmnqrstuvwxyz",
"trigger_id": 8,
"format": "json",
"skip_triggers": false,
"detect_geo": true,
"matching": "email",
"timeout": {
"days": 0,
"hours": 0,
"minutes": 5
},
"data": [
{
"data": {
"_fname": "John",
"_lname": "Lambert",
"email": "profile4@example.com",
"phones": "+790000000000"
}
},
{
"data" : {
"_fname": "Tom",
"_lname": "Hard",
"email": "profile3@example.com",
"phones": "+790000000001"
}
}
]
}
"""

IMPORT_BY_FIELD = """
{
"token": "abcdefghijklmnqrstuvwxyz",
"trigger_id": 455,
"format": "json",
"skip_triggers": false,
"detect_geo": true,
"matching": "custom",
"field_name": "New_field_1",
"data": [
{
"data": {
"_fname": "NUMBER1",
"_lname": "Lambert",
"email": "profile01@example.com",
"phones": "+790000000000",
"New_field_1" : "0002"
}
},
{
"data" : {
"_fname": "NUMBER2",
"_lname": "Hard",
"email": "profile02@example.com",
"phones": "+790000000001",
"New_field_1" : "0001"
}
}
]
}
"""

START_JSON_BY_EMAIL = """
{
"token": "abcdefghijklmnqrstuvwxyz",
"trigger_id": 8,
"format": "json",
"matching": "email",
"data": [
{
"email": "example1@example.com"
},
{
"email": "example2@example.com"
}
]
}
"""

START_XML_BY_EMAIL = """
<xml>
<token>abcdefghijklmnqrstuvwxyz</token>
<trigger_id>85</trigger_id>
<format>xml</format>
<matching>email</matching>
<data>
<email>example1@example.com</email>
</data>
<data>
<email>example2@example.com</email>
</data>
</xml>
"""

START_JSON_BY_FIELD = """
{
"token": "abcdefghijklmnqrstuvwxyz",
"trigger_id": 96,
"format": "json",
"skip_triggers": false,
"matching": "custom",
"field_name": "Custom_ID",
"data": [
{
"field_value": "003"
},
{
"field_value": "002"
}
]
}
"""

START_XML_BY_FIELD = """
<xml>
<token>abcdefghijklmnqrstuvwxyz</token>
<trigger_id>85</trigger_id>
<format>xml</format>
<skip_triggers>false</skip_triggers>
<matching>custom</matching>
<field_name>Custom_ID</field_name>
<data>
<field_value>YY</field_value>
</data>
<data>
<field_value>AA</field_value>
</data>
</xml>
"""

RUSSIAN_START_XML_BY_EMAIL = START_XML_BY_EMAIL.replace("example1@", "example3@").replace("example2@", "example4@")

TOO_LARGE = {"error": 400, "error_debug": "http: request body too large", "error_text": "Invalid request"}


async def posted(stage: Stage, method: str, body: str) -> dict[str, Any]:
    response = await stage.call(method, body)
    assert response.status_code == 200
    assert response.headers["content-type"] == "application/json"
    answer: dict[str, Any] = response.json()
    return answer


def sent_to(stage: Stage) -> list[str]:
    return sorted(envelope.recipient for envelope in stage.mailbox.arrived)


async def test_import_by_email_imports_at_once_and_sends_after_five_minutes(stage: Stage):
    answer = await posted(stage, IMPORT, IMPORT_BY_EMAIL)
    john = await stage.get_profile(email="profile4@example.com")
    tom = await stage.get_profile(email="profile3@example.com")
    assert answer.pop("launch_id")
    assert answer == {
        "error": 0,
        "error_text": SUCCESS,
        "result": [{"profile_id": john["id"]}, {"profile_id": tom["id"]}],
    }
    await stage.work()
    assert sent_to(stage) == []
    stage.clock.advance(minutes=5)
    await stage.work()
    mails = stage.mailbox.mails()
    assert {address: mail["subject"] for address, mail in mails.items()} == {
        "profile4@example.com": "Thank you, John",
        "profile3@example.com": "Thank you, Tom",
    }


async def test_import_by_email_keeps_numbers_of_twelve_digits(stage: Stage):
    await posted(stage, IMPORT, IMPORT_BY_EMAIL)
    john = await stage.get_profile(email="profile4@example.com")
    assert {name: john[name] for name in ("_fname", "_lname", "email", "phones")} == {
        "_fname": "John",
        "_lname": "Lambert",
        "email": "profile4@example.com",
        "phones": ["+790000000000"],
    }
    found = await stage.get_profile(matching="phone", phone="+790000000001")
    assert found["email"] == "profile3@example.com"


async def test_import_by_field_sends_at_once(stage: Stage):
    answer = await posted(stage, IMPORT, IMPORT_BY_FIELD)
    profiles = [
        await stage.get_profile(matching="custom", field_name="New_field_1", field_value=value)
        for value in ("0002", "0001")
    ]
    assert answer.pop("launch_id")
    assert answer == {
        "error": 0,
        "error_text": SUCCESS,
        "result": [{"profile_id": profile["id"]} for profile in profiles],
    }
    assert [profile["_fname"] for profile in profiles] == ["NUMBER1", "NUMBER2"]
    await stage.work()
    assert sent_to(stage) == ["profile01@example.com", "profile02@example.com"]


@pytest.fixture
async def known(stage: Stage) -> dict[str, str]:
    """Ids of the profiles that the start examples name, by email address or value of Custom_ID."""
    emails = {name: f"{name}@example.com" for name in ("example1", "example2", "example3", "example4")}
    by_email = {address: await stage.add(email=address) for address in emails.values()}
    by_field = {
        value: await stage.add(email=f"field-{value.lower()}@example.com", Custom_ID=value)
        for value in ("003", "002", "YY", "AA")
    }
    return by_email | by_field


@pytest.mark.parametrize(
    ("body", "sought", "recipients"),
    [
        (START_JSON_BY_EMAIL, ["example1@example.com", "example2@example.com"], ["example1", "example2"]),
        (START_JSON_BY_FIELD, ["003", "002"], ["field-002", "field-003"]),
    ],
)
async def test_start_in_json_sends_to_those_found_in_order(
    stage: Stage, known: dict[str, str], body: str, sought: list[str], recipients: list[str]
):
    answer = await posted(stage, START, body)
    assert answer.pop("launch_id")
    assert answer == {
        "error": 0,
        "error_text": SUCCESS,
        "result": [{"profile_id": known[value]} for value in sought],
    }
    await stage.work()
    assert sent_to(stage) == [f"{name}@example.com" for name in recipients]


@pytest.mark.parametrize(
    ("body", "sought", "recipients"),
    [
        (START_XML_BY_EMAIL, ["example1@example.com", "example2@example.com"], ["example1", "example2"]),
        (RUSSIAN_START_XML_BY_EMAIL, ["example3@example.com", "example4@example.com"], ["example3", "example4"]),
        (START_XML_BY_FIELD, ["YY", "AA"], ["field-aa", "field-yy"]),
    ],
)
async def test_start_in_xml_sends_to_those_found_in_order(
    stage: Stage, known: dict[str, str], body: str, sought: list[str], recipients: list[str]
):
    root = await stage.post_xml(START, body)
    assert [element.tag for element in root] == ["error", "error_text", "result", "result", "launch_id"]
    assert (root.findtext("error"), root.findtext("error_text")) == ("0", SUCCESS)
    assert [element.text for element in root.findall("result/profile_id")] == [known[value] for value in sought]
    await stage.work()
    assert sent_to(stage) == [f"{name}@example.com" for name in recipients]


async def test_start_of_profiles_that_are_not_there_is_an_error_of_each_item(stage: Stage):
    await stage.add(email="example2@example.com")
    answer = await posted(stage, START, START_JSON_BY_EMAIL)
    assert answer["error"] == 0
    assert len(answer["result"]) == 1
    assert answer["errors"] == [
        {"index": 0, "error": 404, "error_text": "Object not found", "error_debug": "data[0]: no profile matches email"}
    ]


@pytest.mark.parametrize("method", [IMPORT, IMPORT_TASK, START])
async def test_a_body_of_more_than_ten_megabytes_gets_the_printed_answer(stage: Stage, method: str):
    body = json.dumps({"token": "abcdefghijklmnqrstuvwxyz", "trigger_id": 8, "data": ["x" * (10 * 1024 * 1024)]})
    before = await stage.count_rows()
    assert await posted(stage, method, body) == TOO_LARGE
    response = await stage.call(method, f"<xml><data>{body}</data></xml>", "xml")
    assert response.status_code == 200
    assert {element.tag: element.text for element in parse_xml(response.content)} == {
        name: str(value) for name, value in TOO_LARGE.items()
    }
    assert await stage.count_rows() == before
