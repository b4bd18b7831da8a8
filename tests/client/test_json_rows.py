"""JSON arrays and lines of JSON, good and hostile."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.client.files import mistakes, profiles, read_json, read_ndjson, text_of

from tocsin.client import json_rows, rows, text
from tocsin.core.errors import Invalid

PEOPLE = [{"email": f"p{number}@example.com", "tags": ["a", {"b": "]},"}], "n": number} for number in range(20)]


@pytest.fixture
def narrow(monkeypatch):
    """Rows of at most 200 characters, so that windows are small too."""
    for module in (json_rows, rows, text):
        monkeypatch.setattr(module, "MOST_CHARACTERS", 200)
    monkeypatch.setattr(text, "_CHUNK", 100)


@pytest.mark.usefixtures("narrow")
@pytest.mark.parametrize("indent", [None, 2])
def test_an_array_is_read_element_by_element(indent):
    assert profiles(read_json(json.dumps(PEOPLE, indent=indent))) == PEOPLE
    assert read_json(" [ ] \n") == []


def test_lines_are_read_and_blank_ones_are_none():
    assert profiles(read_ndjson("\n".join(json.dumps(one) for one in PEOPLE) + "\n\n  \n")) == PEOPLE
    assert profiles(read_ndjson(b'\xef\xbb\xbf{"a": 1}\r\n')) == [{"a": 1}]


def test_numbers_of_rows_and_lines_are_told():
    read = read_json('[\n{"a": 1},\n\n{"a": 2}, 3,\n{"a": nul}]')
    assert [(row.number, row.line) for row in read] == [(1, 2), (2, 4), (3, 4), (4, 5)]


BAD = [
    ("3", "expected an object, got a number"),
    ('"x"', "expected an object, got text"),
    ("[1]", "expected an object, got a list"),
    ("null", "expected an object, got null"),
    ("true", "expected an object, got true or false"),
    ("{}", "the row is empty"),
    ('{"a": tru}', "malformed JSON at character 7"),
    ('{"a" 1}', "malformed JSON at character 6"),
    ('{"a": NaN}', "NaN is not JSON"),
    ('{"a": 1e999}', "expected a finite number"),
    ('{"a": 9223372036854775808}', "does not fit into 64 bits"),
    ('{"a": ' + "1" * 5000 + "}", "malformed JSON: "),
    ('{"a": "\\u0000"}', "NUL character"),
    ('{"a\\u0000": 1}', "NUL character"),
    ('{"a": "\\ud800"}', "half a character"),
    ('{"a": "' + "\x01" + '"}', "malformed JSON"),
    ('{"a":' * 50 + "1" + "}" * 50, "levels deep"),
    ('{"a":' * 20_000 + "1" + "}" * 20_000, "nested too deep"),
]


@pytest.mark.parametrize(("bad", "told"), BAD)
def test_a_bad_row_is_told_and_the_others_are_read(bad, told):
    for read in (read_json(f'[{{"a": 1}}, {bad}, {{"a": 2}}]'), read_ndjson(f'{{"a": 1}}\n{bad}\n{{"a": 2}}')):
        assert profiles(read) == [{"a": 1}, {"a": 2}]
        [(number, _, mistake)] = mistakes(read)
        assert number == 2
        assert told in mistake


def test_a_row_that_is_not_utf_8_is_told():
    for read in (read_json(b'[{"a": "\xff"}, {"a": 2}]'), read_ndjson(b'{"a": "\xff"}\n{"a": 2}')):
        assert profiles(read) == [{"a": 2}]
        assert "not in the encoding" in mistakes(read)[0][2]


@pytest.mark.parametrize("bad", ['{"a": "' + "x" * 5000 + '"}', '{"a": tru, "b": "' + '\\",]}' * 1000 + '"}'])
@pytest.mark.usefixtures("narrow")
def test_an_element_that_is_too_long_is_told_without_being_held(bad):
    for read in (read_json(f'[{{"a": 1}}, {bad}, {{"a": 2}}]'), read_ndjson(f'{{"a": 1}}\n{bad}\n{{"a": 2}}')):
        assert profiles(read) == [{"a": 1}, {"a": 2}]
        assert [mistake for _, _, mistake in mistakes(read)]
        assert all(len(row.original) < 2000 for row in read)


@pytest.mark.parametrize(
    ("content", "good", "told"),
    [
        ("", 0, "line 1: the file ends within the array"),
        ('{"a": 1}', 0, "expected an array of objects"),
        ('[{"a": 1},\n{"a": 2', 1, "line 2: the file ends within the element"),
        ('[{"a": 1}', 1, "the file ends within the array"),
        ('[{"a": 1} {"a": 2}]', 1, "expected a comma"),
        ('[{"a": 1}]\n[', 1, "line 2: there is something after the end"),
        ('[{"a": 1}, {"a": "x}]', 1, "the file ends within the element"),
    ],
)
def test_where_the_array_itself_is_broken_reading_ends_after_the_rows_before(content, good, told):
    read: list[rows.Row] = []
    with pytest.raises(Invalid, match=told):
        read.extend(json_rows.read_array(text_of(content.encode())))
    assert profiles(read) == [{"a": 1}][:good]


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0")),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text('ab"\\]}{[,é', max_size=4), inner, max_size=3),
    max_leaves=8,
)


@given(
    st.lists(st.dictionaries(st.text("ab", min_size=1, max_size=3), JSON, min_size=1, max_size=3), max_size=6),
    st.booleans(),
)
def test_whatever_is_good_json_is_read_as_it_was(people, is_indented):
    assert profiles(read_json(json.dumps(people, indent=1 if is_indented else None))) == people
    assert profiles(read_ndjson("\n".join(json.dumps(one, ensure_ascii=is_indented) for one in people))) == people


@given(
    st.lists(st.sampled_from(["[", "]", "{", "}", ",", '"', "\\", ":", "1", "a", " ", "\n", '{"a":1}']), max_size=40)
)
def test_whatever_stands_in_a_file_it_is_read_or_refused(pieces):
    try:
        read = read_json("[" + "".join(pieces))
    except Invalid:
        return
    assert [row.number for row in read] == list(range(1, len(read) + 1))
    assert all(bool(row.profile) != bool(row.mistake) for row in read)
