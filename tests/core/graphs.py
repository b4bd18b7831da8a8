"""Workflows for tests, made of plain values as a file or call has them."""

import msgspec

from tocsin.core.configuration import Database, Resource, Trigger
from tocsin.core.configuration_check import Known
from tocsin.core.configuration_senders import SmtpSender
from tocsin.core.configuration_templates import EmailTemplate, Template
from tocsin.core.configuration_workflows import Node, Workflow
from tocsin.core.workflows.check import check_workflow
from tocsin.core.workflows.graph import Graph

DATABASE = Database(
    id=1,
    name="Customers",
    fields={"bonus": "int", "interests": "tags", "visit": "datetime", "start": "date", "plan": "string"},
    timezone="Europe/Riga",
)
OTHER = Database(id=2, name="Others")
RELAY = SmtpSender(id=1, name="relay", channel="email", host="127.0.0.1")
HELLO = Template(id=1, name="Hello", email=EmailTemplate(from_email="shop@example.com", subject="Hi", text="Hi"))
TRIGGERS = {
    8: Trigger(id=8, name="Hello", database=1, template=1, sender=1, active=True),
    9: Trigger(id=9, name="Elsewhere", database=2, template=1, sender=1),
}
NEWS = Resource(id=21, name="News", databases=(1,), channels=("email",))
END = {"id": "done", "type": "end"}


def start(next_id, **members):
    return {"id": "start", "type": "start", "next": next_id, **members}


def node(node_id, kind, **members):
    return {"id": node_id, "type": kind, **members}


def read_nodes(*nodes):
    return msgspec.convert(nodes, tuple[Node, ...])


def workflow(*nodes, number=12, database=1, **members):
    return Workflow(id=number, name="Test", database=database, nodes=read_nodes(*nodes), **members)


def known(*workflows):
    return Known(
        databases={1: DATABASE, 2: OTHER},
        resources={21: NEWS},
        senders={1: RELAY},
        templates={1: HELLO},
        triggers=TRIGGERS,
        workflows={one.id: one for one in workflows},
        tokens={},
        suppression_lists={},
        policies={},
        hooks={},
        broken=frozenset(),
    )


def mistakes(checked, *others):
    """What is wrong: paths as text, with the sentences."""
    return [
        (".".join(map(str, finding.path)), finding.sentence)
        for finding in check_workflow(checked, known(checked, *others))
    ]


def mistakes_at(kind, **members):
    """What is wrong with one node between the start and the end, without the words that name it."""
    found = mistakes(workflow(start("it"), node("it", kind, **members), END))
    prefix = "node it: "
    assert all(path.startswith("nodes.1") and said.startswith(prefix) for path, said in found), found
    return [(path.removeprefix("nodes.1").removeprefix("."), said.removeprefix(prefix)) for path, said in found]


def graph(*nodes):
    checked = workflow(*nodes)
    assert mistakes(checked) == []
    return Graph(checked, DATABASE)


def graph_of(kind, **members):
    """A graph of one node, `it`, between the start and ends called a, b and c."""
    ends = [node(name, "end") for name in "abc"]
    return Graph(workflow(start("it"), node("it", kind, **members), *ends), DATABASE)
