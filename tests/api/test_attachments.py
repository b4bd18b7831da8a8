"""Files: uploaded beforehand or attached to a launch, and how they arrive."""

from email.message import EmailMessage
from typing import Any
from uuid import UUID

import pytest

from cast import Stage

IMPORT = "campaigns/triggers/import_and_start"
HELLO = "data:text/plain;base64,SGVsbG8="


async def launch(stage: Stage, *attach: Any) -> dict[str, Any]:
    return await stage.post(IMPORT, trigger_id=8, data={"email": "ann@example.com"}, attach=list(attach))


async def received(stage: Stage, *attach: Any) -> list[tuple[str | None, str, bytes]]:
    """Name, content type and data of each attachment that Ann gets."""
    answer = await launch(stage, *attach)
    assert answer["error"] == 0, answer
    await stage.work()
    return [
        (part.get_filename(), part.get_content_type(), data)
        for part in mail(stage).iter_attachments()
        if isinstance(data := part.get_payload(decode=True), bytes)
    ]


def mail(stage: Stage) -> EmailMessage:
    return stage.mailbox.mails()["ann@example.com"]


async def upload(stage: Stage, header: str = "report.pdf", data: str = "data:application/pdf;base64,JVBERg==") -> str:
    answer = await stage.post("file_upload", header=header, data=data)
    assert answer["error"] == 0, answer
    assert list(answer["data"]) == ["file"]
    return str(UUID(answer["data"]["file"]))


@pytest.mark.parametrize(
    ("given", "arrived"),
    [
        ({"name": "a.txt", "data": HELLO}, ("a.txt", "text/plain", b"Hello")),
        (
            {"name": "a.txt", "data": "DATA:text/plain;charset=utf-8;base64,SGVs bG8=\n"},
            ("a.txt", "text/plain", b"Hello"),
        ),
        ({"name": "a.txt", "data": "data:text/plain,Hello%20you"}, ("a.txt", "text/plain", b"Hello you")),
        ({"name": "a.pdf", "data": "data:;base64,SGVsbG8="}, ("a.pdf", "application/pdf", b"Hello")),
        ({"name": "a.bin", "data": HELLO, "mimetype": "image/png"}, ("a.bin", "image/png", b"Hello")),
        ({"data": HELLO}, ("attachment-1", "text/plain", b"Hello")),
        ({"name": "Счёт №1.txt", "data": HELLO}, ("Счёт №1.txt", "text/plain", b"Hello")),
        ({"name": "empty", "data": "data:text/plain;base64,"}, ("empty", "text/plain", b"")),
    ],
)
async def test_a_file_in_a_data_uri_arrives(stage: Stage, given: dict[str, str], arrived: tuple[str, str, bytes]):
    assert await received(stage, given) == [arrived]


@pytest.mark.parametrize("member", ["file_key", "flie_key"])
async def test_an_uploaded_file_arrives_under_its_name_or_another(stage: Stage, member: str):
    key = await upload(stage)
    assert await received(stage, {member: key}, {member: key, "name": "b.bin", "mimetype": "image/png"}) == [
        ("report.pdf", "application/pdf", b"%PDF"),
        ("b.bin", "image/png", b"%PDF"),
    ]


async def test_files_of_both_kinds_keep_their_order(stage: Stage):
    key = await upload(stage)
    arrived = await received(stage, {"name": "1", "data": HELLO}, {"file_key": key}, {"name": "3", "data": HELLO})
    assert [name for name, _, _ in arrived] == ["1", "report.pdf", "3"]


async def test_a_file_is_stored_once_for_all_messages_of_a_launch(stage: Stage):
    await stage.post(
        "campaigns/triggers/import_and_start_batch",
        trigger_id=8,
        attach=[{"name": "a.txt", "data": HELLO}],
        data=[{"data": {"email": f"p{place}@example.com"}} for place in range(5)],
    )
    assert (await stage.count_rows())["files"] == 1
    await stage.work()
    assert all(list(one.iter_attachments()) for one in stage.mailbox.mails().values())
    assert len(stage.mailbox.arrived) == 5


async def test_a_file_of_a_task_is_kept_until_the_task_runs(stage: Stage):
    await stage.post(
        "campaigns/triggers/import_and_start_batch_task",
        trigger_id=8,
        attach=[{"name": "a.txt", "data": HELLO}],
        data=[{"data": {"email": "ann@example.com"}}],
    )
    await stage.work()
    assert [part.get_filename() for part in mail(stage).iter_attachments()] == ["a.txt"]


async def test_file_upload_works_in_xml(stage: Stage):
    root = await stage.post_xml(
        "file_upload",
        f"<xml><token>abcdefghijklmnqrstuvwxyz</token><header>a.txt</header><data>{HELLO}</data></xml>",
    )
    key = root.findtext("data/file")
    assert await received(stage, {"file_key": key}) == [("a.txt", "text/plain", b"Hello")]


async def test_a_single_attachment_in_xml_needs_no_mark(stage: Stage):
    await stage.post_xml(
        IMPORT,
        f"""<xml><token>abcdefghijklmnqrstuvwxyz</token><trigger_id>8</trigger_id>
        <data><email>ann@example.com</email></data><attach><name>a.txt</name><data>{HELLO}</data></attach></xml>""",
    )
    await stage.work()
    assert [part.get_filename() for part in mail(stage).iter_attachments()] == ["a.txt"]


async def test_an_upload_may_be_larger_than_other_bodies(stage: Stage):
    key = await upload(stage, data="data:application/octet-stream;base64," + "A" * (11 * 1024 * 1024))
    assert await stage.rows("SELECT octet_length(data), id::text FROM files") == [(8650752, key)]


UNKNOWN_KEY = "00000000-0000-4000-8000-000000000000"


@pytest.mark.parametrize(
    ("given", "code", "debug"),
    [
        ({"name": "a", "data": "data:text/plain;base64,SGVsbG8"}, 400, "attach[1].data: the data is not valid base64"),
        ({"name": "a", "data": "data:text/plain;base64,@@@@"}, 400, "attach[1].data: the data is not valid base64"),
        ({"name": "a", "data": "SGVsbG8="}, 400, "attach[1].data: expected a data URI"),
        ({"name": "a", "data": "http://example.com/a"}, 400, "attach[1].data: expected a data URI"),
        ({"name": "a", "data": "data:text/plain;base64"}, 400, "attach[1].data: expected a data URI"),
        ({"name": "a"}, 400, "attach[1]: expected data or file_key"),
        ({}, 400, "attach[1]: expected data or file_key"),
        ({"name": "a" * 256, "data": HELLO}, 400, "attach[1]: a file needs a name of 1 to 255 characters"),
        ({"file_key": "nonsense"}, 400, "attach[1].file_key: expected the id that file_upload answered"),
        ({"file_key": UNKNOWN_KEY}, 404, "attach[1].file_key: there is no uploaded file with this key"),
        ({"flie_key": UNKNOWN_KEY}, 404, "attach[1].file_key: there is no uploaded file with this key"),
        ("a.txt", 400, "attach[1]: expected an object, got text"),
        ({"name": ["a"], "data": HELLO}, 400, "attach[1].name: expected text, got an array"),
        ({"name": "a", "data": 5}, 400, "attach[1].data: expected text, got a whole number"),
    ],
)
async def test_a_file_that_cannot_be_is_refused_and_nothing_is_kept(stage: Stage, given: Any, code: int, debug: str):
    before = await stage.count_rows()
    answer = await launch(stage, {"name": "fine.txt", "data": HELLO}, given)
    assert answer["error"] == code
    assert answer["error_debug"].startswith(debug)
    assert await stage.count_rows() == before


async def test_more_files_than_a_mail_should_have_are_refused(stage: Stage):
    answer = await launch(stage, *[{"name": "a", "data": HELLO}] * 51)
    assert answer["error_debug"] == "attach: expected at most 50 files"


@pytest.mark.parametrize(
    ("header", "data", "debug"),
    [
        ("", HELLO, "header: a file needs a name"),
        ("a" * 256, HELLO, "header: a file needs a name"),
        ("a", "SGVsbG8=", "data: expected a data URI"),
        ("a", "data:text/plain;base64,x", "data: the data is not valid base64"),
        ("a", "", "data: expected a data URI"),
    ],
)
async def test_an_upload_that_cannot_be_is_refused(stage: Stage, header: str, data: str, debug: str):
    answer = await stage.post("file_upload", header=header, data=data)
    assert (answer["error"], answer["error_text"]) == (400, "Invalid request")
    assert answer["error_debug"].startswith(debug)
    assert (await stage.count_rows())["files"] == 0


async def test_a_broken_attachment_stops_the_import_too(stage: Stage):
    answer = await launch(stage, {"name": "a", "data": "x"})
    assert answer["error"] == 400
    assert (await stage.count_rows())["profiles"] == 0


@pytest.mark.parametrize(
    "given",
    [
        {"name": 'a"\r\nBcc: evil@example.com\r\n.txt', "data": HELLO},
        {"name": "a.txt", "data": HELLO, "mimetype": "text/plain\r\nBcc: evil@example.com"},
        {"name": "a.txt", "data": "data:text/plain\r\nBcc: evil@example.com;base64,SGVsbG8="},
        {"name": "../../etc/passwd", "data": HELLO},
        {"name": "a.txt", "data": HELLO, "mimetype": "multipart/mixed"},
        {"name": "a.txt", "data": HELLO, "mimetype": "nonsense"},
        {"name": "a.txt", "data": HELLO, "mimetype": 'text/plain; name="\U0001f600"'},
        {"name": "\u202egnp.exe", "data": HELLO},
    ],
)
async def test_names_and_types_cannot_add_to_the_headers_of_a_mail(stage: Stage, given: dict[str, str]):
    ((_, _, data),) = await received(stage, given)
    assert data == b"Hello"
    assert mail(stage)["bcc"] is None
    assert all("bcc" not in part for part in mail(stage).walk())
    assert b"\nBcc" not in stage.mailbox.arrived[0].body
