"""The template language: what is a form, what it shows, what is refused and where."""

import hashlib
import threading

import pytest

from tocsin.core.errors import Invalid, TemplateMistake
from tocsin.core.templates import allowance
from tocsin.core.templates.template import Rendered, compile_template


def render(source, escape=False, **context):
    return compile_template(source, escape=escape).render(context)


def shown(source, **context):
    return render(source, **context).text


def refuse(source):
    with pytest.raises(TemplateMistake) as caught:
        compile_template(source, escape=True)
    return caught.value


def test_values_are_put_in_and_the_roots_in_use_are_known():
    template = compile_template("Thank you, {lead._fname}, order {apicontent.order}", escape=False)
    assert template.uses == {"lead", "apicontent"}
    assert not template.is_static
    context = {"lead": {"_fname": "Ann"}, "apicontent": {"order": 7}, "subscription": {}}
    assert template.render(context) == Rendered("Thank you, Ann, order 7", 0)


def test_a_template_without_forms_is_static_and_uses_nothing():
    template = compile_template("a { color: red } {literal}{lead.x}{end}", escape=True)
    assert (template.is_static, template.uses) == (True, frozenset())
    assert template.render({}) == Rendered("a { color: red } {lead.x}", 0)


@pytest.mark.parametrize(
    ("source", "root"),
    [
        ("{unsubscribe}", "unsubscribe"),
        ("{globalunsubscribe}", "globalunsubscribe"),
        ("{if json.x}{end}", "json"),
        ('{subscription_field("email" "email")}', "subscriptions"),
        ('{jsonpath(apicontent "$.x" "item")}', "apicontent"),
        ("{for x in lead.y}{end}", "lead"),
    ],
)
def test_every_form_tells_what_it_uses(source, root):
    assert compile_template(source, escape=False).uses == {root}


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (True, "true"),
        (False, "false"),
        (120, "120"),
        (120.0, "120"),
        (-1.5, "-1.5"),
        (2**70, str(2**70)),
        (1e22, "1e+22"),
        ("", ""),
        ([1, "a", None, True, {"b": 1.0}, [2, 3]], '1, a, true, {"b":1.0}, [2,3]'),
        ({"ключ": [None, "x y"]}, '{"ключ":[null,"x y"]}'),
        ([], ""),
    ],
)
def test_values_look_as_in_json_without_quotes(value, text):
    assert render("{apicontent.x}", apicontent={"x": value}) == Rendered(text, 0)
    assert render("{for x in apicontent.x}{x}|{end}", apicontent={"x": [value]}) == Rendered(f"{text}|", 0)


@pytest.mark.parametrize(
    "name", ["items", "keys", "get", "values", "pop", "append", "index", "if", "in", "and", "none"]
)
def test_a_name_is_a_key_of_the_data_and_never_anything_else(name):
    source = f"{{apicontent.{name}}}|{{apicontent.{name}.{name}}}|{{apicontent.list.{name}}}"
    assert render(source, apicontent={"list": []}) == Rendered("||", 3)
    assert shown(f"{{apicontent.{name}}}", apicontent={name: "mine"}) == "mine"


def test_names_may_hold_hyphens_digits_and_letters_of_any_script():
    lead = {"CRM-ID": 1, "2nd": 2, "имя": 3, "a": {"0": 4}, "b": [[5, 6]]}
    assert shown("{lead.CRM-ID}{lead.2nd}{lead.имя}{lead.a.0}{lead.b.0.1}", lead=lead) == "12346"


@pytest.mark.parametrize(
    "path", ["x", "x.y.z", "none.y", "text.y", "text.0", "list.5", "list.-1", "list.y", "number.y"]
)
def test_a_missing_value_is_empty_and_counted(path):
    lead = {"none": None, "text": "abc", "list": [1], "number": 5}
    assert render(f"a{{lead.{path}}}b{{lead.{path}}}", lead=lead) == Rendered("ab", 2)
    assert render(f"a{{lead.{path}}}b") == Rendered("ab", 1)


def test_only_what_is_shown_is_counted():
    source = "{if lead.x}{lead.x}{lead.y}{else}{lead.z}{end}{for i in lead.w}{i}{end}{lead.x default 1}"
    assert render(source, lead={}) == Rendered("1", 1)


def test_threads_count_for_themselves():
    template = compile_template("{for x in apicontent.x}{x}{lead.nothing}{end}", escape=False)
    results = {}

    def work(size):
        found = [template.render({"apicontent": {"x": [1] * size}}).missing for _ in range(50)]
        results[size] = set(found)

    threads = [threading.Thread(target=work, args=(size,)) for size in (1, 7, 40)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == {1: {1}, 7: {7}, 40: {40}}


def test_escaped_values_keep_their_slashes_and_the_author_keeps_his_text():
    url = "https://x.example/?a=1&b='\"<"
    assert render("<a href='{unsubscribe}'>", escape=True, unsubscribe=url).text == (
        "<a href='https://x.example/?a=1&amp;b=&#x27;&quot;&lt;'>"
    )
    assert render("&#x2f;{lead.x}", escape=True, lead={"x": "&#x2f;"}).text == "&#x2f;&amp;#x2f;"
    assert shown("{unsubscribe}", unsubscribe=url) == url


@pytest.mark.parametrize(
    ("condition", "result"),
    [
        ('lead.n equal "5"', True),
        ("lead.n equal 5.0", True),
        ("lead.one equal true", False),
        ('lead.yes equal "true"', True),
        ('lead.list equal "a, b"', False),
        ("lead.list equal lead.list", True),
        ("lead.nothing equal lead.nothing", False),
        ("lead.nothing in lead.list", False),
        ('"a" in lead.list', True),
        ("5 in lead.text", True),
        ("lead.list in lead.text", False),
        ("lead.n contains 5", False),
        ('lead.object contains "k"', True),
        ("lead.zero", True),
        ("lead.no or lead.empty or lead.none or lead.object.k", False),
        ("(lead.n and (lead.yes)) and ((lead.one))", True),
    ],
)
def test_conditions_compare_without_ever_failing(condition, result):
    lead = {"n": 5, "one": 1, "yes": True, "no": False, "list": ["a", "b"], "text": "a5", "object": {"k": []}}
    lead |= {"zero": 0, "empty": "", "none": None}
    assert shown(f"{{if {condition}}}yes{{else}}no{{end}}", lead=lead) == ("yes" if result else "no")


@pytest.mark.parametrize("value", [5, True, None, "text", 1.5])
def test_a_loop_over_no_list_goes_round_no_times(value):
    assert shown("{for a in lead.x}a{end}{for a b in lead.x}b{end}", lead={"x": value}) == ""


def test_a_loop_variable_ends_with_its_loop_and_hides_an_outer_one():
    source = "{for x in lead.a}{x}{for x in lead.b}{x}{end}{x}{end}{x}"
    assert shown(source, lead={"a": [1], "b": [2]}) == "121{x}"


def test_a_subscription_field_comes_from_the_first_in_priority():
    subscriptions = [
        {"channel": "email", "resource_id": 1, "priority": 3, "email": "old@a.example"},
        {"channel": "email", "resource_id": 2, "priority": 1, "email": "new@b.example", "domain_group": "b"},
        {"channel": "phone", "resource_id": 1, "phone": "+1"},
    ]
    source = (
        '{subscription_field("email" "email")} {subscription_field("email" "email" 1)} '
        '{subscription_field("email" "domain_group")} {subscription_field("email" "domain")} '
        '{subscription_field("sms" "phone")} {subscription_field("sms" "md5")}'
        '{subscription_field("push" "provider")}{subscription_field("email" "email" 3)}'
    )
    md5 = hashlib.md5(b"+1", usedforsecurity=False).hexdigest()
    expected = f"new@b.example old@a.example b b.example +1 {md5}"
    assert render(source, subscriptions=subscriptions) == Rendered(expected, 2)


MISTAKES = {
    "{laed.x}": (1, 1, "nothing called laed; did you mean lead?"),
    "\n\n  {item.x}": (3, 3, "nothing called item"),
    "{for item in lead.x}{itm.y}{end}": (1, 21, "did you mean item?"),
    "{if lead.x}a\n{for y in lead.z}b": (2, 1, "{for} is never closed"),
    "{if lead.x}": (1, 1, "{if} is never closed"),
    "a{end}": (1, 2, "{end} closes nothing"),
    "{else}": (1, 1, "{else} stands in no {if}"),
    "{for x in lead.y}{else}{end}": (1, 18, "{else} stands in no {if}"),
    "{if lead.x}{else}{else}{end}": (1, 18, "behind the {else}"),
    "{if lead.x}{else}{elif lead.y}{end}": (1, 18, "behind the {else}"),
    "{if}{end}": (1, 1, "a value is missing"),
    "{if lead.x and}{end}": (1, 1, "a value is missing"),
    "{if lead.x equal}{end}": (1, 1, "a value is missing"),
    "{if and lead.x}{end}": (1, 1, "a value is expected before and"),
    "{if lead.x lead.y}{end}": (1, 1, "instead of lead.y"),
    "{if lead.x == 1}{end}": (1, 1, "= is not expected"),
    "{if (lead.x and lead.y}{end}": (1, 1, "a ) is missing"),
    "{if lead.x)}{end}": (1, 1, "instead of )"),
    "{if foo}{end}": (1, 1, "nothing called foo"),
    "{if foo(lead.x)}{end}": (1, 1, "no function foo"),
    '{if lead.x equal "a}{end}\n"': (1, 1, 'a " is missing'),
    "{lead.x": (1, 1, "a } is missing"),
    "{lead.}": (1, 1, ". is not expected"),
    "{lead.x defualt 1}": (1, 1, "did you mean default?"),
    "{literal}{lead.x}": (1, 1, "{literal} is never closed"),
    "{endif}": (1, 1, "write {end}"),
    "{else if lead.x}": (1, 1, "write {elif"),
    "{unsubscibe}": (1, 1, "did you mean unsubscribe?"),
    "{for lead in lead.x}{end}": (1, 1, "a name of its own instead of lead"),
    "{for x of lead.x}{end}": (1, 1, "a loop is written"),
    "{for x in lead.y}{loop.size}{end}": (1, 18, "no loop.size"),
    '{jsonpth(lead "$" "item")}': (1, 1, "did you mean jsonpath?"),
    '{jsonpath(lead "a" "item")}': (1, 1, "must begin with $"),
    '{jsonpath(lead "$.a[" "item")}': (1, 1, "cannot be read from '['"),
    '{jsonpath(lead "$.a" "all")}': (1, 1, '"item" or "array"'),
    '{jsonpath(lead "$.a" "item"}': (1, 1, "a ) is missing"),
    '{jsonpath("lead" "$.a" "item")}': (1, 1, "needs a variable first"),
    '{subscription_field("fax" "number")}': (1, 1, '"email", "sms" or "push"'),
    '{subscription_field("sms" "email")}': (1, 1, "md5, phone"),
    '{subscription_field("sms" "phone" "10")}': (1, 1, "number of a resource"),
    '{products("a == 1" 10)}': (1, 1, "no catalogue"),
    "a\ud800": (1, 2, "half a character"),
    "{lead" + ".a" * 65 + "}": (1, 1, "at most 64"),
    "{if lead.x}" * 65 + "{end}" * 65: (1, 705, "more than 64 deep"),
    "{if " + "(" * 40 + "lead.x" + ")" * 40 + "}{end}": (1, 1, "at most 32"),
    "{if " + "lead.x or " * 500 + "lead.x}{end}": (1, 1, "at most 500"),
    "a" * 1_000_001: (1, 1, "at most 1,000,000"),
}


@pytest.mark.parametrize("source", MISTAKES, ids=[source[:40] for source in MISTAKES])
def test_a_mistake_is_refused_with_its_place(source):
    problem = refuse(source)
    line, column, words = MISTAKES[source]
    assert (problem.line, problem.column) == (line, column)
    assert words in problem.message


@pytest.mark.parametrize(
    "text",
    [
        "@media x{a{color:red}b{margin:0 auto}}",
        '{"lead": {"x": [1]}, "if": {"end": 1}}',
        "function(){if(a){b.c()}else{d=1}for(;;){alert('x')}}",
        "{{ lead }} {% if x %} {# c #} {{ lead }x}",
        "{name} {orders} {orders(1)} {0} {} { end } {if(lead.x)} {ends} {a.b: c}",
        "{\r\n\tcolor: red\r\n}\n",
    ],
)
def test_braces_that_open_no_form_are_text(text):
    for escape in (True, False):
        template = compile_template(text, escape=escape)
        assert template.is_static
        assert template.render({}).text == text
        assert compile_template(text + "{lead.x}", escape=escape).render({}).text == text


def test_the_deepest_and_longest_that_is_allowed_renders():
    condition = "(lead.x and " * 31 + "lead" + ".0" * 64 + " or lead.x" + ")" * 31
    nested = "{if lead.x}" * 63 + f"{{if {condition}}}yes{{end}}" + "{end}" * 63
    assert shown(nested, lead={"x": 1}) == "yes"
    chain = " and ".join(["lead.x"] * 500)
    assert shown("{if lead.y}" + f"{{elif {chain}}}yes" * 63 + "{end}", lead={"x": 1}) == "yes"


@pytest.mark.parametrize(
    "body", ["", "{a}", "{lead.big}", "text" * 100, "{if lead.x contains 1001}{end}", '{jsonpath(lead "$..*" "item")}']
)
def test_loops_that_run_away_are_stopped(body, monkeypatch):
    monkeypatch.setattr(allowance, "LIMIT", 400_000)
    source = "{for a in lead.x}{for b in lead.x}{for c in lead.x}" + body + "{end}{end}{end}"
    with pytest.raises(Invalid, match="400,000"):
        render(source, lead={"x": list(range(1000)), "big": "b" * 1000})


def test_a_message_that_is_too_long_is_refused():
    lead = {"x": "x" * (allowance.LIMIT // 2)}
    assert len(shown("{lead.x}{lead.x}", lead=lead)) == allowance.LIMIT
    with pytest.raises(Invalid, match="16,000,000"):
        render("{lead.x}{lead.x}!", lead=lead)


def test_a_value_nested_beyond_measure_is_refused():
    value = []
    for _ in range(100_000):
        value = [value]
    with pytest.raises(Invalid, match="too deep"):
        render("{lead.x}", lead={"x": value})
