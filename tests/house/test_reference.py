"""docs/api/calls.md: equal to what docs/generate.py makes, and true of the running application."""

import importlib
import json
import re
import sys
from pathlib import Path
from typing import get_args

import pytest
from msgspec import structs

from cast import Stage
from tocsin.core import errors, rules, triggers
from tocsin.core.errors import TocsinError
from tocsin.core.messages import EventType
from tocsin.core.workflows import passages
from tocsin.web import markup
from tocsin.web.operations import OPERATIONS, PREFIX

DOCS = Path(__file__).parents[2] / "docs"
HEADERS = {"json": "application/json", "xml": "application/xml"}
IDS = re.compile(r"(?:\b|(?<=%20))(?:[0-9a-f]{24}|[1-9][0-9]{18}|[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})\b")
# When something happened; the fields of profiles in the examples are days.
AT = re.compile(
    r"\b[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:.]+Z|\b[A-Z][a-z]{2}, [0-9]{2} [A-Z][a-z]{2} [0-9]{4} [0-9:]{8} \+0000"
)

sys.path.insert(0, str(DOCS))
generate = importlib.import_module("generate")
examples = importlib.import_module("call_examples")
sys.path.remove(str(DOCS))

COMMITTED = generate.PAGE.read_text("utf-8")


def test_the_committed_reference_is_what_the_generator_makes():
    assert generate.page() == COMMITTED, "run .venv/bin/python docs/generate.py"


def test_every_operation_has_an_example():
    assert set(examples.EXAMPLES) == set(OPERATIONS)


def test_every_meaning_is_used():
    assert [text for text in generate.MEANINGS.values() if text not in COMMITTED] == []


def test_every_link_within_the_reference_leads_somewhere():
    titles = re.findall(r"^#+ (.*)$", COMMITTED, re.MULTILINE)
    anchors = {re.sub(r"[^\w -]", "", title).lower().replace(" ", "-") for title in titles}
    assert set(re.findall(r"\]\(#([^)]*)\)", COMMITTED)) <= anchors


def chapters():
    """The four blocks of each operation: call and answer in JSON, call and answer in XML."""
    found = re.split(r"^## ", COMMITTED, flags=re.MULTILINE)
    blocks = {one.split("\n", 1)[0]: re.findall(r"```(?:json|xml)\n(.*?)\n```", one, re.DOTALL) for one in found}
    return {path: blocks[path] for path in OPERATIONS}


def read_xml(text):
    """What XML says, whatever the order of members and the space between elements."""
    return markup.read(text.encode())


def without_ids(text):
    return IDS.sub("ID", AT.sub("AT", text))


@pytest.mark.parametrize("encoding", ["json", "xml"])
async def test_every_example_is_answered_as_the_reference_says(stage: Stage, encoding):
    read = json.loads if encoding == "json" else read_xml
    place = 0 if encoding == "json" else 2
    known: dict[str, str] = {}
    for path in examples.EXAMPLES:
        call, documented = chapters()[path][place : place + 2]
        for written, actual in known.items():
            call = call.replace(written, actual)
        response = await stage.client.post(
            f"/{PREFIX}{path}", content=call.encode(), headers={"content-type": HEADERS[encoding]}
        )
        answer = response.text
        assert response.status_code == 200
        assert read(without_ids(answer)) == read(without_ids(documented)), path
        ids = zip(IDS.findall(documented), IDS.findall(answer), strict=True)
        assert all(known.setdefault(written, actual) == actual for written, actual in ids), path
        await stage.work()
        # What two calls have made is told in their order.
        stage.clock.advance(seconds=1)
        if stage.mailbox.arrived:
            known[examples.MESSAGE] = stage.mailbox.arrived[0].message_id.hex()
    assert set(stage.mailbox.mails()) == {
        "ann.private@example.com",
        "ann@example.com",
        "bob@example.com",
        "cara@example.com",
    }


async def test_the_calls_of_the_readme_are_answered(stage: Stage):
    readme = (DOCS.parent / "README.md").read_text("utf-8")
    calls = re.findall(r"curl http://127\.0\.0\.1:8080/(\S+)(.*?)-d '(.*?)'\n```", readme, re.DOTALL)
    assert [path for path, _, _ in calls] == [f"{PREFIX}campaigns/triggers/import_and_start_batch"] * 2 + [
        f"{PREFIX}profiles/get"
    ]
    for path, options, body in calls:
        encoding = "xml" if "application/xml" in options else "json"
        response = await stage.client.post(
            f"/{path}", content=body.encode(), headers={"content-type": HEADERS[encoding]}
        )
        assert "Successful operation" in response.text
        await stage.work()
    assert len(stage.mailbox.arrived) == 4


def test_the_examples_show_every_member_of_an_answer():
    shown = {name for example in examples.EXAMPLES.values() for name in structs.asdict(example.answer)}
    assert shown >= {field.name for operation in OPERATIONS.values() for field in structs.fields(operation.answer)}


def words_of_the_product():
    named = [*vars(triggers).items(), *vars(rules).items(), *vars(passages).items()]
    reasons = [value for name, value in named if name.isupper() and isinstance(value, str)]
    kinds = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, TocsinError)]
    return {*(reason for reason in reasons if reason != triggers.SUBSCRIBED), *get_args(EventType)} | {
        str(kind.code) for kind in kinds
    }


def test_the_glossary_names_every_event_type_skip_reason_and_error_code():
    glossary = (DOCS / "glossary.md").read_text("utf-8")
    assert {word for word in words_of_the_product() if f"| `{word}` |" not in glossary} == set()


def test_the_reference_names_every_skip_reason():
    others = {word for word in words_of_the_product() if word.isdigit()} | set(get_args(EventType))
    assert set(generate.SKIP_REASONS) == words_of_the_product() - others
