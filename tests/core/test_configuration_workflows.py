import time

import pytest

from tocsin.core.configuration_file import differences, dump, parse
from tocsin.core.errors import ConfigurationMistakes

FILE = """\
databases:
  - {id: 1, name: Customers, timezone: Europe/Riga, fields: {bonus: int, interests: tags}}
senders:
  - {id: 1, name: relay, channel: email, type: smtp, host: 127.0.0.1}
templates:
  - {id: 1, name: Hello, email: {from_email: shop@example.com, subject: Hello, text: Hello}}
triggers:
  - {id: 8, name: Hello, database: 1, template: 1, sender: 1, active: true}
workflows:
  - id: 12
    name: Abandoned cart
    database: 1
    active: true
    nodes:
      - {id: start, type: start, next: page}
      - {id: page, type: content_filter, branches: [{when: {page: cart}, next: quote}], otherwise: hello}
      - {id: quote, type: api_request, method: POST, url: "http://a.b/", json: {email: "{lead.email}"}, next: hello, failed: hello}
      - {id: hello, type: campaign, trigger: 8, next: pause}
      - {id: pause, type: delay, for: {hours: 2}, next: bought}
      - {id: bought, type: condition, query: {bonus: {$gt: 0}}, yes: tag, no: done}
      - {id: tag, type: update, set: {interests: {action: add, value: [buyer]}}, next: done}
      - {id: done, type: end}
"""  # noqa: E501 - a line for each node


def mistakes_of(text):
    with pytest.raises(ConfigurationMistakes) as caught:
        parse(text, "tocsin.yaml", {})
    return [mistake.removeprefix("tocsin.yaml:") for mistake in caught.value.mistakes]


def test_a_workflow_is_read_and_survives_an_export():
    read = parse(FILE, "tocsin.yaml", {})
    nodes = {node.id: node for node in read.workflows[12].nodes}
    assert (nodes["bought"].yes, nodes["bought"].no) == ("tag", "done")
    assert nodes["pause"].duration.total_seconds == 7200
    assert nodes["quote"].retries == 2
    assert read.databases[1].timezone == "Europe/Riga"
    assert parse(dump(read), "export.yaml", {}) == read


def test_what_changed_is_told_by_member():
    before, after = parse(FILE, "f", {}), parse(FILE.replace("hours: 2", "hours: 3"), "f", {})
    [change] = [one for one in differences(before, after, prune=False) if one.action != "unchanged"]
    assert change.describe() == 'changed workflow 12 "Abandoned cart" (nodes)'


TYPES = (
    "expected one of start, campaign, delay, condition, content_filter, api_request, update, split, feedback, "
    "workflow_jump, end"
)


@pytest.mark.parametrize(
    ("old", "new", "mistake"),
    [
        ("delay", "dely", f"19: workflows[0].nodes[4].type: {TYPES}, got 'dely' in 'pause'; did"),
        ("type: delay", "type: 5", f"19: workflows[0].nodes[4].type: {TYPES}, got 5 in 'pause'"),
        ("type: delay, ", "", f"19: workflows[0].nodes[4]: type is missing in 'pause'; {TYPES}"),
        ("{id: done, type: end}", "done", "22: workflows[0].nodes[7]: expected a mapping, got 'done'"),
        ("for: {hours", "fro: {hours", "19: workflows[0].nodes[4].fro: there is no such member; did you mean for?"),
        ("hours: 2", "hours: -2", "19: workflows[0].nodes[4].for.hours: expected a whole number from 0 up"),
        ("hours: 2", "hours: 0x10", "19: workflows[0].nodes[4].for.hours: YAML reads 0x10 as a number of"),
        ("$gt: 0", "$gt: 0x10", "20: workflows[0].nodes[5].query.bonus.$gt: YAML reads 0x10 as a number of"),
        ("yes: tag, ", "", "20: workflows[0].nodes[5]: yes is missing"),
        ("id: pause", "id: a pause", "19: workflows[0].nodes[4].id: expected text of the form ^[A-Za-z0-9_-]{1,60}$"),
        ("branches: [{when: {page: cart}, next: quote}]", "branches: []",
         "16: workflows[0].nodes[1].branches: there are 0 items; expected 1 to 100"),
        ("yes: tag", "yes: tga", "20: workflows[0].nodes[5].yes: node bought: there is no node tga; did you mean tag?"),
        ("{lead.email}", "{lead.email", "17: workflows[0].nodes[2].json.email: node quote: line 1, column 1: this is"),
        ("Europe/Riga", "Europe/Rigga", "2: databases[0].timezone: there is no time zone 'Europe/Rigga'; expected one"),
        ("trigger: 8", "trigger: 9", "18: workflows[0].nodes[3].trigger: node hello: there is no trigger 9"),
        ("active: true\n    nodes", "reentry: never\n    nodes", "13: workflows[0].reentry: expected one of"),
    ],
)  # fmt: skip
def test_a_mistake_in_a_node_has_its_line_and_node(old, new, mistake):
    assert old in FILE
    assert mistakes_of(FILE.replace(old, new, 1))[0].startswith(mistake)


def test_a_value_that_cannot_be_read_is_told_once():
    assert len(mistakes_of(FILE.replace("$gt: 0", "$gt: 0x10"))) == 1


def test_ten_thousand_nodes_are_refused_quickly():
    many = "".join(
        f"      - {{id: n{number}, type: delay, for: {{hours: 1}}, next: done}}\n" for number in range(10_000)
    )
    before = time.process_time()
    assert mistakes_of(FILE + many) == ["14: workflows[0].nodes: there are 10008 items; expected 0 to 1000"]
    assert time.process_time() - before < 10
