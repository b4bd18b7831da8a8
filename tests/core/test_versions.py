"""Versions as text, and what lies between two of them."""

from tocsin.core import versions


def shown(old: str, new: str) -> list[str]:
    return [line.sign + "".join(piece.text for piece in line.pieces) for line in versions.compare(old, new).lines]


def test_only_what_differs_is_shown_with_a_few_lines_around():
    old = "\n".join(str(number) for number in range(20))
    new = old.replace("\n10\n", "\nten\n").replace("\n19", "")
    assert shown(old, new) == [
        "gap", " 7", " 8", " 9", "-10", "+ten", " 11", " 12", " 13", "gap", " 16", " 17", " 18", "-19",
    ]  # fmt: skip


def test_texts_that_are_the_same_have_no_differences():
    assert versions.compare("a\nb", "a\nb") == ([], False)


def test_within_a_line_the_words_that_differ_are_marked():
    removed, added = versions.compare("subject: Thank you, Anna", "subject: Thanks, Anna").lines
    assert [piece.text for piece in removed.pieces if piece.is_changed] == ["Thank you"]
    assert [piece.text for piece in added.pieces if piece.is_changed] == ["Thanks"]


def test_of_a_long_line_the_changed_part_is_shown():
    page = "<p>word</p>" * 1000
    removed, added = versions.compare(f"{page}old{page}", f"{page}new{page}").lines
    assert any(piece.text == "old" and piece.is_changed for piece in removed.pieces)
    assert sum(len(piece.text) for piece in added.pieces) < 1000


def test_a_large_difference_is_cut_and_quick():
    found = versions.compare("\n".join("a" * 9 for _ in range(100_000)), "\n".join("b" * 9 for _ in range(90_000)))
    assert found.is_cut
    assert len(found.lines) == 400


def test_an_object_is_told_without_secrets():
    sender = {
        "id": 2,
        "name": "gateway",
        "type": "http",
        "headers": {"Authorization": "Bearer abc", "X-Api-Key": "${KEY}", "Accept": "text/plain"},
        "json": {"auth": {"password": "hunter2"}, "to": "{phone}"},
        "callback_secret": "quiet-please",
        "secrets": {"KEY": "s3cret"},
    }
    text = versions.describe("senders", sender)
    assert "text/plain" in text
    assert "${KEY}" in text
    assert "{phone}" in text
    for secret in ("abc", "hunter2", "quiet-please", "s3cret"):
        assert secret not in text


def test_headers_of_requests_in_a_workflow_are_told_without_secrets():
    node = {"id": "ask", "type": "api_request", "headers": {"Authorization": "Bearer abc"}, "next": "end"}
    text = versions.describe("workflows", {"id": 1, "name": "Cart", "nodes": [node]})
    assert "Bearer abc" not in text
    assert "api_request" in text


def test_members_are_told_in_the_order_of_the_file_however_the_database_keeps_them():
    text = versions.describe("triggers", {"name": "Cart", "id": 1, "sender": 2, "template": 3, "database": 4})
    assert [line.partition(":")[0] for line in text.splitlines()] == ["id", "name", "database", "template", "sender"]
    assert versions.describe("triggers", {"gone": 1, "id": 1}) == "gone: 1\nid: 1\n"


def test_lines_with_little_in_common_are_shown_as_a_whole():
    removed, added = versions.compare("text: one two three", "text: uno dos tres").lines
    assert not any(piece.is_changed for line in (removed, added) for piece in line.pieces)


def test_members_that_differ_are_named_secret_or_not():
    assert versions.changed_members({"id": 1, "password": "a", "gone": 1}, {"id": 1, "password": "b"}) == [
        "password",
        "gone",
    ]
