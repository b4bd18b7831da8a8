import time

import pytest
from msgspec.structs import replace
from tests.core.graphs import DATABASE, END, known, mistakes, mistakes_at, node, start, workflow

from tocsin.core.workflows.check import check_workflow
from tocsin.core.workflows.graph import edges, kind, removed_nodes

HOUR = {"hours": 1}


def test_a_graph_of_every_kind_of_node_is_right():
    checked = workflow(
        start("page", events=[{"event": "update", "when": {"fields": ["bonus"]}}]),
        node("page", "content_filter", branches=[{"when": {"page": "cart"}, "next": "quote"}], otherwise="hello"),
        node(
            "quote",
            "api_request",
            method="POST",
            url="http://127.0.0.1:9200/quote?e={lead.email}",
            headers={"Authorization": "Bearer {apicontent.key}"},
            json={"email": "{lead.email}", "lines": [1, None, "{apicontent.page}"]},
            save_as="quote",
            next="hello",
            failed="hello",
        ),
        node("hello", "campaign", trigger=8, next="opened", skipped="done"),
        node("opened", "feedback", events=["open"], within={"days": 3}, next="pause", otherwise="hello"),
        node("pause", "delay", until={"time": "10:00", "weekdays": ["mon"]}, next="birthday"),
        node("birthday", "delay", until={"field": "_bdate", "yearly": True}, next="bought", otherwise="done"),
        node("bought", "condition", query={"bonus": {"$gt": 0}}, yes="tag", no="halves"),
        node("halves", "split", branches=[{"percent": 33.3, "next": "hop"}, {"percent": 66.7, "next": "done"}]),
        node("tag", "update", set={"interests": {"action": "add", "value": ["buyer"]}}, next="done"),
        node("hop", "workflow_jump", workflow=13),
        END,
    )
    assert mistakes(checked, workflow(start("done"), END, number=13)) == []


def test_every_mistake_is_told_at_once_with_its_node():
    found = mistakes(
        workflow(
            start("hello", events=[{"event": "update", "when": {"fields": ["bnus"]}}]),
            node("hello", "campaign", trigger=80, next="don"),
            node("hello", "campaign", trigger=9, next="done"),
            node("lost", "condition", query={"bonus": {"$near": 1}}, yes="done", no="done"),
            node("quote", "api_request", method="GET", url="{lead.x}", json="{if}", next="done", failed="nobody"),
            END,
        )
    )
    assert found == [
        ("nodes.2.id", "node hello: this id is used twice"),
        ("nodes.3", "node lost: nothing leads here from the start"),
        ("nodes.4", "node quote: nothing leads here from the start"),
        ("nodes.5", "node done: nothing leads here from the start"),
        ("nodes.0.events.0.when.fields.0", "node start: database 1 has no field bnus"),
        ("nodes.1.next", "node hello: there is no node don; did you mean done?"),
        ("nodes.1.trigger", "node hello: there is no trigger 80"),
        ("nodes.2.trigger", "node hello: trigger 9 is for database 2"),
        ("nodes.3.query", "node lost: query.bonus.$near: the operator $near is not available here"),
        ("nodes.4.failed", "node quote: there is no node nobody"),
        ("nodes.4.url", "node quote: expected http:// or https:// and a host"),
        ("nodes.4.method", "node quote: a GET carries neither json nor body"),
        ("nodes.4.json", "node quote: line 1, column 1: a value is missing before }"),
    ]


@pytest.mark.parametrize(
    ("nodes", "said"),
    [
        ([END, node("other", "end")], "a workflow has exactly one start; there is none"),
        ([start("done"), start("done") | {"id": "again"}, END], "a workflow has exactly one start; these are start,"),
        ([start("start")], "a workflow has at least two nodes"),
        ([], "a workflow has exactly one start; there is none"),
    ],
)
def test_a_graph_has_one_start_and_leads_somewhere(nodes, said):
    assert any(sentence.startswith(said) for path, sentence in mistakes(workflow(*nodes)) if path == "nodes")


def test_what_a_workflow_refers_to_must_be_there_and_of_its_database():
    jump = workflow(start("hop"), node("hop", "workflow_jump", workflow=13))
    assert mistakes(jump) == [("nodes.1.workflow", "node hop: there is no workflow 13")]
    elsewhere = workflow(start("done"), END, number=13, database=2)
    assert mistakes(jump, elsewhere) == [("nodes.1.workflow", "node hop: workflow 13 is for database 2")]
    assert mistakes(workflow(start("done"), END, database=7)) == [("database", "there is no database 7")]


ROUND = "node hello: this leads in a circle without a sure wait: hello → it → hello"


@pytest.mark.parametrize(
    ("members", "is_refused"),
    [
        ({"type": "delay", "for": HOUR, "next": "hello"}, False),
        ({"type": "delay", "for": {"hours": 0}, "next": "hello"}, True),
        ({"type": "delay", "until": {"time": "10:00"}, "next": "hello"}, False),
        ({"type": "delay", "until": {"field": "visit"}, "next": "hello"}, True),
        ({"type": "delay", "until": {"field": "visit"}, "next": "hello", "otherwise": "done"}, False),
        ({"type": "delay", "until": {"field": "visit"}, "next": "done", "otherwise": "hello"}, True),
        ({"type": "feedback", "events": ["open"], "within": HOUR, "next": "done", "otherwise": "hello"}, False),
        ({"type": "feedback", "events": ["open"], "within": HOUR, "next": "hello", "otherwise": "done"}, True),
        ({"type": "condition", "query": {"bonus": 1}, "yes": "hello", "no": "done"}, True),
        ({"type": "api_request", "method": "GET", "url": "http://a.b", "next": "done", "failed": "hello"}, True),
    ],
)
def test_a_circle_needs_a_wait_that_is_sure(members, is_refused):
    found = mistakes(
        workflow(start("hello"), node("hello", "campaign", trigger=8, next="it"), {"id": "it"} | members, END)
    )
    found = [mistake for mistake in found if mistake != ("nodes.3", "node done: nothing leads here from the start")]
    assert found == ([("nodes.1", ROUND)] if is_refused else [])


def test_every_circle_is_told_and_a_long_one_shortened():
    nodes = [node(f"n{i}", "condition", query={}, yes=f"n{i}", no=f"n{i + 1}") for i in range(3)]
    ring = [node(f"r{i}", "campaign", trigger=8, next=f"r{(i + 1) % 40}") for i in range(40)]
    said = [
        sentence
        for _, sentence in mistakes(workflow(start("n0"), *nodes, node("n3", "campaign", trigger=8, next="r0"), *ring))
    ]
    assert said[:3] == [f"node n{i}: this leads in a circle without a sure wait: n{i} → n{i}" for i in range(3)]
    assert said[3].endswith("r9 and 30 more and back")


def test_jumps_between_workflows_may_not_lead_in_a_circle_without_a_wait():
    there = workflow(start("hop"), node("hop", "workflow_jump", workflow=13))
    back = workflow(start("hop"), node("hop", "workflow_jump", workflow=12), number=13)
    path, sentence = (
        "nodes.1.workflow",
        "node hop: this leads back to this workflow without a sure wait, again and again",
    )
    assert mistakes(there, back) == [(path, sentence)]
    itself = workflow(start("hop"), node("hop", "workflow_jump", workflow=12))
    assert mistakes(itself) == [(path, sentence)]
    later = workflow(
        start("pause"),
        node("pause", "delay", next="hop", **{"for": HOUR}),
        node("hop", "workflow_jump", workflow=12),
        number=13,
    )
    assert mistakes(there, later) == []


@pytest.mark.parametrize(
    ("members", "found"),
    [
        ({}, [("", "a delay needs either for or until")]),
        ({"for": HOUR, "until": {"time": "10:00"}}, [("", "a delay needs either for or until")]),
        ({"for": {"days": 3651}}, [("for", "expected at most 3650 days in all")]),
        ({"until": {"time": "24:00"}}, [("until.time", "a day ends before 24:00")]),
        ({"until": {}}, [("until", "expected a time, or a field of the profile")]),
        ({"until": {"time": "10:00", "yearly": True}}, [("until", "yearly and offset_days go with a field")]),
        (
            {"until": {"field": "visit", "weekdays": ["mon"]}},
            [("until.weekdays", "weekdays go with a time, not with a field")],
        ),
        ({"until": {"field": "vist"}}, [("until.field", "database 1 has no field vist; did you mean visit?")]),
        ({"until": {"field": "bonus"}}, [("until.field", "bonus is int, not date or datetime")]),
        ({"for": HOUR, "otherwise": "done"}, [("otherwise", "only a delay until the date in a field needs this")]),
    ],
)
def test_a_delay_says_how_long(members, found):
    assert mistakes_at("delay", next="done", **members) == found


ONLY_MESSAGES = "line 1, column 1: %s is known in messages only"
UPDATES = "this field takes only set, unset, incr"


@pytest.mark.parametrize(
    ("members", "found"),
    [
        ({}, [("", "an update needs set or subscriptions")]),
        ({"set": {"bnus": 1}}, [("set.bnus", "database 1 has no field bnus; did you mean bonus?")]),
        ({"set": {"profile_id": "x"}}, [("set.profile_id", "database 1 has no field profile_id")]),
        ({"set": {"bonus": "x"}}, [("set.bonus", "bonus: expected a whole number of 64 bits, got 'x'")]),
        ({"set": {"bonus": {"action": "add", "value": 1}}}, [("set.bonus", f"bonus.action: {UPDATES}")]),
        ({"set": {"bonus": "{lead.x"}}, [("set.bonus", "line 1, column 1: this is never closed: a } is missing")]),
        ({"set": {"plan": "{subscription.email}"}}, [("set.plan", ONLY_MESSAGES % "subscription")]),
        ({"subscriptions": [{"resource_id": 4, "channel": "email", "email": "a@b.cd"}]},
         [("subscriptions.0", "subscriptions[0].resource_id: there is no resource 4")]),
        ({"set": {"bonus": "{apicontent.bonus}"}}, []),
        ({"subscriptions": [{"resource_id": 21, "channel": "email", "email": "{lead.email}", "status": 1}]}, []),
    ],
)  # fmt: skip
def test_an_update_is_checked_against_the_fields(members, found):
    assert mistakes_at("update", next="done", **members) == found


def test_an_update_may_name_any_field_that_the_database_keeps():
    keeping = known()._replace(databases={1: replace(DATABASE, unknown_fields="keep")})
    nodes = (start("it"), node("it", "update", set={"any": 1}, next="done"), END)
    assert list(check_workflow(workflow(*nodes), keeping)) == []


OF_CONNECTION = "this header is set by the connection"
HOST = "expected a host, perhaps with a port, and no user name: credentials go into a header"


@pytest.mark.parametrize(
    ("members", "found"),
    [
        ({"url": "ftp://a.b"}, [("url", "expected http:// or https:// and a host")]),
        ({"url": "https://{lead.host}/x"}, [("url", "the host must be written out; forms may stand behind it")]),
        ({"url": "https://a.b.{lead.tld}"}, [("url", "the host must be written out; forms may stand behind it")]),
        ({"url": "https://a:b@c.de/"}, [("url", HOST)]),
        ({"url": "https://a.b:99999/"}, [("url", HOST)]),
        ({"url": "https://a.b\\@c.d/"}, [("url", HOST)]),
        ({"url": "https://a .b/"}, [("url", HOST)]),
        ({"headers": {"Host": "a"}}, [("headers.Host", OF_CONNECTION)]),
        ({"headers": {"Proxy-Authorization": "a"}}, [("headers.Proxy-Authorization", OF_CONNECTION)]),
        ({"headers": {"A b": "a"}}, [("headers.A b", "this is no name of a header")]),
        ({"headers": {"X-A": "a", "x-a": "b"}}, [("headers.x-a", "this header is given twice")]),
        ({"headers": {"X": "a\r\nY: b"}}, [("headers.X", "expected ASCII text on one line, at most 8000 characters")]),
        ({"headers": {"X": "{lead.}"}}, [("headers.X", "line 1, column 1: . is not expected here")]),
        ({"json": {"a": [{"b": "{unsubscribe}"}]}}, [("json.a.0.b", ONLY_MESSAGES % "unsubscribe")]),
        ({"json": 1, "body": "x"}, [("body", "json and body cannot both be given")]),
        ({"json": {"a": "b\0"}}, [("json", "text may not hold a NUL character, as does 'b\\x00'")]),
    ],
)  # fmt: skip
def test_a_request_is_checked(members, found):
    whole = {"method": "POST", "url": "https://a.b/", "next": "done", "failed": "done"} | members
    assert mistakes_at("api_request", **whole) == found


@pytest.mark.parametrize(
    ("members", "found"),
    [
        ({"within": {"days": 0}}, [("within", "expected a second or more")]),
        ({"within": {"days": 9999}}, [("within", "expected at most 3650 days in all")]),
        ({"of": "hell"}, [("of", "there is no campaign hell; did you mean hello?")]),
        ({"of": "start"}, [("of", "there is no campaign start")]),
        ({"of": "hello"}, []),
    ],
)
def test_feedback_is_of_a_campaign(members, found):
    waiting = {"events": ["open"], "within": HOUR, "next": "done", "otherwise": "done"} | members
    checked = workflow(
        start("hello"), node("hello", "campaign", trigger=8, next="it"), node("it", "feedback", **waiting), END
    )
    assert mistakes(checked) == [(f"nodes.2.{path}", f"node it: {said}") for path, said in found]


def test_feedback_needs_a_campaign():
    waiting = {"events": ["open"], "within": HOUR, "next": "done", "otherwise": "done"}
    assert mistakes_at("feedback", **waiting) == [
        ("", "there is no node that sends a message, so there is nothing to wait for")
    ]


@pytest.mark.parametrize(("percents", "is_right"), [((50, 50), True), ((33.3, 33.3, 33.4), True), ((50, 49), False)])
def test_shares_add_up_to_a_hundred(percents, is_right):
    found = mistakes_at("split", branches=[{"percent": percent, "next": "done"} for percent in percents])
    assert found == ([] if is_right else [("branches", "the percents add up to 99, not 100")])


def test_a_huge_graph_is_refused_quickly():
    nodes = [node(f"n{i}", "campaign", trigger=8, next=f"n{i + 1}") for i in range(10_000)]
    huge = workflow(start("n0"), *nodes)
    before = time.perf_counter()
    assert mistakes(huge) == [("nodes", "there are 10001 nodes; a workflow has at most 1000")]
    assert time.perf_counter() - before < 0.1


def test_too_many_templates_are_refused_before_they_are_translated():
    busy = workflow(start("it"), node("it", "update", set={"interests": ["{lead.plan}"] * 2001}, next="done"), END)
    assert mistakes(busy) == [("nodes", "a workflow has at most 2000 texts with forms")]


def test_the_largest_graph_is_checked_without_going_deep():
    nodes = [node(f"n{i}", "condition", query={"bonus": i}, yes=f"n{i + 1}", no=f"n{i + 1}") for i in range(998)]
    long = workflow(start("n0"), *nodes, node("n998", "end"))
    assert mistakes(long) == []
    ring = workflow(start("n0"), *nodes, node("n998", "campaign", trigger=8, next="n0"))
    assert len(mistakes(ring)) == 1


def test_edges_name_the_members_that_lead_on():
    checked = workflow(
        start("a"),
        node("a", "campaign", trigger=8, next="b"),
        node("b", "split", branches=[{"percent": 12.5, "next": "c"}, {"percent": 87.5, "next": "d"}]),
        node("c", "condition", query={}, yes="d", no="d"),
        node("d", "end"),
    )
    shown = {one.id: [(edge.label, edge.target) for edge in edges(one)] for one in checked.nodes}
    assert shown == {
        "start": [("next", "a")],
        "a": [("next", "b")],
        "b": [("12.5%", "c"), ("87.5%", "d")],
        "c": [("yes", "d"), ("no", "d")],
        "d": [],
    }
    assert [kind(one) for one in checked.nodes] == ["start", "campaign", "split", "condition", "end"]


def test_nodes_that_a_change_removes_are_those_whose_id_is_gone():
    old = workflow(start("a"), node("a", "campaign", trigger=8, next="done"), END)
    new = workflow(start("b"), node("b", "campaign", trigger=8, next="done"), END)
    assert removed_nodes(old, new) == {"a"}
    assert removed_nodes(old, old) == set()
