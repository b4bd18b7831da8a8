"""The examples of the page "Task for bulk profiles import + start in a scenario", each as it is printed there."""

from typing import Any
from uuid import UUID
from xml.etree import ElementTree as ET

import pytest

from cast import Stage

METHOD = "workflows/import_and_start_batch_task"
SUCCESS = "Successful operation"

JSON_BY_EMAIL = """
{
"token": "abcdefghijklmnqrstuvwxyz",
"workflow_id": 12,
"matching": "email",
"data": [
{
"data": {
"_fname": "Herbert",
"_lname": "Lambert",
"email": "example@example.com",
"phones": "+79862014852"
}
},
{
"data": {
"_fname": "Bert",
"_lname": "Lambert",
"email": "example@example.com",
"phones": "+79862014853"
}
}
]
}
"""

XML_BY_EMAIL = """
<xml>
<token>abcdefghijklmnqrstuvwxyz</token>
<workflow_id>12</workflow_id>
<matching>email</matching>
<data>
<_fname>Herb</_fname>
<_lname>Limbert</_lname>
<email>example@example.com</email>
<phones>+79847076617</phones>
</data>
<data>
<_fname>Bert</_fname>
<_lname>Limbert</_lname>
<email>example@example.com</email>
<phones>+79817076617</phones>
</data>
</xml>
"""

JSON_BY_FIELD = """
{
"token": "abcdefghijklmnqrstuvwxyz",
"workflow_id": 12,
"matching": "custom",
"field_name": "New_field_7",
"data": [
{
"data": {
"_fname": "Kristina",
"_lname": "Lambert",
"email": "example@example.com",
"phones": "+79568150395",
"New_field_7": "00015"
}
},
{
"data": {
"_fname": "Christopher",
"_lname": "Lambert",
"email": "example@example.com",
"phones": "+79568150396",
"New_field_7": "00016"
}
}
]
}
"""

XML_BY_FIELD = """
<xml>
<token>abcdefghijklmnqrstuvwxyz</token>
<workflow_id>12</workflow_id>
<matching>custom</matching>
<field_name>CRM_ID</field_name>
<data>
<_fname>Naomy</_fname>
<_lname>Depp</_lname>
<email>example@example.com</email>
<phones>+798144890880</phones>
<CRM_ID>7830</CRM_ID>
</data>
<data>
<_fname>Nataly</_fname>
<_lname>Depp</_lname>
<email>example@example.com</email>
<phones>+73755334351</phones>
<CRM_ID>0934</CRM_ID>
</data>
</xml>
"""

STATUS_IN_XML = """
<xml>
<token>abcdefghijklmnqrstuvwxyz</token>
<task_id>{}</task_id>
</xml>
"""


def encoding_of(body: str) -> Any:
    return "xml" if "<xml>" in body else "json"


async def accepted(stage: Stage, body: str) -> str:
    """The task's id from the seed's call; the answer has exactly the members of the seed's."""
    response = await stage.call(METHOD, body, encoding_of(body))
    assert response.status_code == 200
    if encoding_of(body) == "xml":
        root = ET.fromstring(response.content)  # noqa: S314 - our own answer
        answer = {element.tag: element.text for element in root}
        assert (root.tag, answer["error"]) == ("xml", "0")
    else:
        answer = response.json()
        assert answer["error"] == 0
    assert list(answer) == ["error", "error_text", "task_id"]
    assert answer["error_text"] == SUCCESS
    return str(UUID(str(answer["task_id"])))


async def result_of(stage: Stage, body: str) -> dict[str, Any]:
    """The result of the seed's call in `tasks/status`, once all is done."""
    task_id = await accepted(stage, body)
    await stage.work()
    answer = await stage.post("tasks/status", task_id=task_id)
    assert (answer["error"], answer["data"]["status"], answer["data"]["progress"]) == (0, "completed", 100)
    result: dict[str, Any] = answer["data"]["result"]
    assert (result["error"], result["error_text"]) == (0, "")
    return result


async def inside(stage: Stage) -> list[str]:
    """Who is in workflow 12, an id for each passage."""
    rows = await stage.rows("SELECT encode(profile_id, 'hex') FROM passages WHERE workflow_id = 12")
    return [profile_id for (profile_id,) in rows]


@pytest.mark.parametrize(
    ("body", "fields"),
    [
        (JSON_BY_EMAIL, {"_fname": "Bert", "_lname": "Lambert", "phones": ["+79862014853"]}),
        (XML_BY_EMAIL, {"_fname": "Bert", "_lname": "Limbert", "phones": ["+79817076617"]}),
    ],
)
async def test_by_email_two_items_with_one_email_are_one_profile_that_enters_once(
    stage: Stage, body: str, fields: dict[str, Any]
):
    result = await result_of(stage, body)
    profile = await stage.get_profile(email="example@example.com")
    assert {name: profile[name] for name in fields} == fields
    assert result["result"] == [{"profile_id": profile["id"]}] * 2
    assert "errors" not in result
    assert await inside(stage) == [profile["id"]]


async def test_by_field_in_json_two_profiles_with_one_email_both_enter(stage: Stage):
    result = await result_of(stage, JSON_BY_FIELD)
    ids = []
    for value, name in (("00015", "Kristina"), ("00016", "Christopher")):
        profile = await stage.get_profile(matching="custom", field_name="New_field_7", field_value=value)
        assert (profile["_fname"], profile["email"]) == (name, "example@example.com")
        ids.append(profile["id"])
    assert result["result"] == [{"profile_id": one} for one in ids]
    assert sorted(await inside(stage)) == sorted(ids)


async def test_by_field_in_xml_leading_zeros_stay_and_numbers_are_as_given(stage: Stage):
    result = await result_of(stage, XML_BY_FIELD)
    ids = []
    for value, name, phone in (("7830", "Naomy", "+798144890880"), ("0934", "Nataly", "+73755334351")):
        profile = await stage.get_profile(matching="custom", field_name="CRM_ID", field_value=value)
        assert (profile["_fname"], profile["phones"]) == (name, [phone])
        ids.append(profile["id"])
    assert result["result"] == [{"profile_id": one} for one in ids]
    assert "errors" not in result
    assert sorted(await inside(stage)) == sorted(ids)


async def test_the_same_call_twice_brings_nobody_in_twice(stage: Stage):
    first = await result_of(stage, JSON_BY_FIELD)
    second = await result_of(stage, JSON_BY_FIELD)
    assert second["result"] == first["result"]
    assert [(one["index"], one["reason"]) for one in second["skipped"]] == [(0, "inside"), (1, "inside")]
    assert len(await inside(stage)) == 2


async def test_status_in_xml_is_as_printed(stage: Stage):
    task_id = await accepted(stage, XML_BY_EMAIL)
    await stage.work()
    root = await stage.post_xml("tasks/status", STATUS_IN_XML.format(task_id))
    assert {element.tag for element in root} == {"data", "error", "error_text"}
    profile = await stage.get_profile(email="example@example.com")
    assert (root.findtext("data/status"), root.findtext("data/progress")) == ("completed", "100")
    assert (root.findtext("data/result/error"), root.findtext("data/result/error_text")) == ("0", "")
    assert [one.text for one in root.findall("data/result/result/profile_id")] == [profile["id"]] * 2


@pytest.mark.parametrize("body", [JSON_BY_EMAIL, XML_BY_EMAIL])
async def test_a_body_that_is_too_large_is_refused_in_the_printed_words(stage: Stage, body: str):
    padded = body + " " * (10 * 1024 * 1024)
    response = await stage.call(METHOD, padded, encoding_of(body))
    if encoding_of(body) == "json":
        said = response.json()
    else:
        said = {one.tag: one.text for one in ET.fromstring(response.content)}  # noqa: S314 - our own answer
    assert {name: str(value) for name, value in said.items()} == {
        "error": "400",
        "error_debug": "http: request body too large",
        "error_text": "Invalid request",
    }
