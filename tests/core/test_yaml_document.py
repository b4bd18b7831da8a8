import pytest
import yaml

from tocsin.core import yaml_document
from tocsin.core.yaml_document import BROKEN, describe_path, read

TEXT = """\
databases:
  - id: 1
    name: Клиенты 👋
    fields: {bonus: int, plan: {type: enum, values: [free, "no"]}}
  - {id: 2, is_open: true, share: 0.5, note: , since: 2024-12-31}
"""
VALUE = {
    "databases": [
        {"id": 1, "name": "Клиенты 👋", "fields": {"bonus": "int", "plan": {"type": "enum", "values": ["free", "no"]}}},
        {"id": 2, "is_open": True, "share": 0.5, "note": None, "since": "2024-12-31"},
    ]
}


def mistakes_of(text):
    return [mistake.describe("tocsin.yaml") for mistake in read(text).mistakes]


def the_mistake_of(text):
    [mistake] = mistakes_of(text)
    return mistake


def test_a_text_becomes_plain_values():
    assert read(TEXT).value == VALUE
    assert read(f"\ufeff{TEXT}").value == VALUE


@pytest.mark.parametrize(
    ("path", "line"),
    [
        ((), 1),
        (("databases",), 1),
        (("databases", 0, "name"), 3),
        (("databases", 0, "fields", "plan", "values", 1), 4),
        (("databases", 1), 5),
        (("databases", 0, "fields", "missing", "too"), 4),
        (("databases", 7), 1),
    ],
)
def test_each_value_knows_its_line_and_a_missing_one_that_of_its_place(path, line):
    assert read(TEXT).line(path) == line


def test_a_word_is_told_letter_for_letter():
    document = read("a: 1.50\nb: [x]\n")
    assert document.word(("a",)) == "1.50"
    assert document.word(("b",)) is None
    assert document.word(("c",)) is None


def test_a_path_is_written_as_people_write_it():
    assert describe_path(("triggers", 1, "template")) == "triggers[1].template"


@pytest.mark.parametrize(
    ("text", "mistake"),
    [
        ("triggers: []\n---\ntriggers: []\n", "2: this is not YAML: expected a single document"),
        ("\ntemplates:\n  - text: {lead._fname} hello\n", "3: this is not YAML: "),
        ("templates:\n  - name: 'open\n", "3: this is not YAML: "),
        ("a: \x01", "1: the character U+0001 must be an escape in double quotes"),
        ('tokens: [{name: "a\\0b"}]', "1: tokens[0].name: text cannot hold the character U+0000"),
        ("a: !!python/object/apply:os.getcwd []", "1: a: the tag !!python/object/apply:os.getcwd is not allowed here"),
        ("triggers:\nb: {<<: {y: 2}}", "2: b: merge keys (<<) are not supported"),
        ("? [a]\n: b\n", "1: the name of a member must be a word"),
        ("a: *missing", "1: this is not YAML: found undefined alias"),
    ],
)
def test_what_is_no_yaml_or_no_safe_one_is_refused_in_one_sentence(text, mistake):
    assert the_mistake_of(text).startswith(f"tocsin.yaml:{mistake}")


def test_a_broken_value_leaves_the_others():
    assert read("a: 0x10\nb: 16\na: 2\n").value == {"a": BROKEN, "b": 16}
    assert mistakes_of("a: 0x10\nb: 16\na: 2\n")[1] == "tocsin.yaml:3: a: this is given twice, first in line 1"


def test_deep_nesting_is_refused_before_it_can_end_the_process():
    assert the_mistake_of("[" * 300_000) == "tocsin.yaml:1: values are nested more than 32 deep"


def test_a_value_inside_itself_is_refused():
    assert the_mistake_of("a: &a [1, *a]") == "tocsin.yaml:1: values are nested more than 32 deep"


def test_an_alias_bomb_is_refused(monkeypatch):
    monkeypatch.setattr(yaml_document, "MAX_VALUES", 10_000)
    levels = [f"{new}: &{new} [{', '.join([f'*{old}'] * 10)}]\n" for old, new in zip("abcdefg", "bcdefgh", strict=True)]
    mistake = the_mistake_of("a: &a [x, x, x, x, x, x, x, x, x, x]\n" + "".join(levels))
    assert mistake.endswith("there are too many values, counting each use of an alias")


def test_a_long_text_repeated_by_aliases_is_refused():
    mistake = the_mistake_of(f"a: &a {'x' * 1_000_000}\nb: [{', '.join(['*a'] * 30)}]\n")
    assert mistake.endswith("there are too many values, counting each use of an alias")


def test_a_file_over_the_bound_is_refused(monkeypatch):
    monkeypatch.setattr(yaml_document, "MAX_SIZE", 2 * 1024 * 1024)
    assert the_mistake_of("#" * (2 * 1024 * 1024 + 1)) == "tocsin.yaml:1: the file is larger than 2 MB"


def test_a_build_of_the_library_without_c_reads_the_same(monkeypatch):
    monkeypatch.setattr(yaml_document, "_LOADER", yaml.SafeLoader)
    assert read(TEXT).value == VALUE
