"""The template language on generated templates and data."""

import html
import json
import re
from contextlib import suppress

from hypothesis import assume, given, settings
from hypothesis import strategies as st

from tocsin.core.errors import TemplateMistake
from tocsin.core.templates.template import compile_template

NAMES = st.sampled_from(["a", "b", "items", "0", "x-y", "_n"])
SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-3, 200),
    st.sampled_from([0.5, 1.0, -2.25, "", "a", "ab", "1", "true", "0.5"]),
    st.text(max_size=5),
)
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=3), max_leaves=8
)
OBJECTS = st.dictionaries(NAMES, VALUES, max_size=5)

FOREIGN = ["{{ x }}", "{% raw %}", "{#", "#}", "{%- if -%}", "%}", "}}", "{", "}", "\ufdd0", "\ufdd0{", "}\ufdd0"]
FOREIGN += ["\ufdd0%", "%\ufdd0", "\ufdd0#", "\r\n", "\n", "\0", " ", "&#x2f;", "a{b:c}", "-", "+", "{ lead.x }", "\\"]
FORMS = ["{lead.a}", "{lead.items.0}", "{if ", "{if lead.a}", "{elif lead.b}", "{else}", "{end}", "{for x in lead.a}"]
FORMS += [
    "{for x y in lead}",
    "{x}",
    "{x.a}",
    "{loop.index}",
    "{literal}",
    "{lead",
    ".a",
    "}",
    "(",
    ")",
    " and ",
    " or ",
]
FORMS += [
    " equal ",
    " in ",
    " contains ",
    "lead.b",
    '"',
    "'",
    '"t"',
    " 12",
    "{unsubscribe}",
    "{jsonpath(lead ",
    " default ",
]
FORMS += ['"$..a" "array")', '{subscription_field("sms" "phone")}', "{laed.x}", "{endif}", " true"]


@settings(max_examples=60, deadline=None)
@given(st.lists(st.sampled_from(FOREIGN) | st.text(max_size=6), max_size=12).map("".join), st.booleans())
def test_text_without_a_form_renders_to_itself(text, escape):
    assume(not re.search(r"\{[^\W\d]", text.replace("{b:c}", "")))
    assert compile_template(text, escape=escape).render({}).text == text
    mixed = compile_template(f"{text} {{lead.a}} {text}", escape=escape)
    assert mixed.render({"lead": {"a": "5"}}) == (f"{text} 5 {text}", 0)


@settings(max_examples=120, deadline=None)
@given(st.lists(st.sampled_from(FORMS) | st.sampled_from(FOREIGN), max_size=14).map("".join), OBJECTS, st.booleans())
def test_a_template_renders_or_is_refused_and_nothing_else_happens(source, lead, escape):
    problem = None
    try:
        template = compile_template(source, escape=escape)
    except TemplateMistake as mistake:
        problem = mistake
    if problem is None:
        assert template.render({"lead": lead}).missing >= 0
    else:
        assert source.split("\n")[problem.line - 1][problem.column - 1] == "{"


@settings(max_examples=60, deadline=None)
@given(st.text())
def test_any_text_compiles_or_is_refused(source):
    with suppress(TemplateMistake):
        compile_template(source, escape=True)


@settings(max_examples=60, deadline=None)
@given(OBJECTS, st.text())
def test_escaped_data_never_opens_a_tag_and_is_the_same_text_to_a_reader(lead, text):
    source = (
        "{lead.a}{lead.b.a}{lead.a default lead.b}{lead}{for x in lead}{x}{end}{for k v in lead.a}{k}{v}{end}"
        '{jsonpath(lead "$..*" "array")}{unsubscribe}'
    )
    context = {"lead": {**lead, "b": text}, "unsubscribe": f'<a href="{text}">'}
    escaped = compile_template(source, escape=True).render(context)
    plain = compile_template(source, escape=False).render(context)
    assert not set("<>\"'") & set(escaped.text)
    assert escaped.text == html.escape(plain.text)
    assert escaped.missing == plain.missing


@settings(max_examples=60, deadline=None)
@given(SCALARS)
def test_a_single_value_is_shown_as_json_shows_it(value):
    shown = compile_template("{lead.a}", escape=False).render({"lead": {"a": value}})
    if value is None:
        assert shown == ("", 1)
    elif isinstance(value, str):
        assert shown == (value, 0)
    else:
        assert shown == (json.dumps(value).removesuffix(".0"), 0)


OPERANDS = st.one_of(
    NAMES.map(lambda name: ("path", name)),
    st.sampled_from(["", "a", "1", "true", "0.5"]).map(lambda text: ("value", text)),
    st.sampled_from([0, 1, 12, 0.5, True, False]).map(lambda value: ("value", value)),
)
CONDITIONS = st.recursive(
    OPERANDS | st.tuples(st.sampled_from(["equal", "contains", "in"]), OPERANDS, OPERANDS),
    lambda inner: st.tuples(
        st.just("chain"), inner, st.lists(st.tuples(st.sampled_from(["and", "or"]), inner), min_size=1, max_size=4)
    ),
    max_leaves=8,
)


def written(condition):
    kind, first, *rest = condition
    if kind == "path":
        return f"lead.{first}"
    if kind == "value":
        return json.dumps(first)
    if kind == "chain":
        return f"({written(first)}{''.join(f' {joiner} {written(part)}' for joiner, part in rest[0])})"
    return f"{written(first)} {kind} {written(rest[0])}"


def evaluated(condition, lead):
    kind, first, *rest = condition
    if kind in ("path", "value"):
        value = lead.get(first) if kind == "path" else first
        return value is not None and value is not False and value not in ("", [], {})
    if kind == "chain":
        result = evaluated(first, lead)
        for joiner, part in rest[0]:
            other = evaluated(part, lead)
            result = (result and other) if joiner == "and" else (result or other)
        return result
    left, right = (lead.get(name) if kind == "path" else name for kind, name in (first, rest[0]))
    if kind == "equal":
        return same(left, right)
    whole, part = (left, right) if kind == "contains" else (right, left)
    if isinstance(whole, list):
        return any(same(item, part) for item in whole)
    return isinstance(whole, str | dict) and is_single(part) and as_text(part) in whole


def is_single(value):
    return isinstance(value, str | int | float)


def as_text(value):
    return value if isinstance(value, str) else json.dumps(value).removesuffix(".0")


def same(left, right):
    if isinstance(left, str) or isinstance(right, str):
        return is_single(left) and is_single(right) and as_text(left) == as_text(right)
    if isinstance(left, bool) or isinstance(right, bool):
        return left is right
    return left is not None and left == right


@settings(max_examples=120, deadline=None)
@given(CONDITIONS, OBJECTS)
def test_a_condition_means_what_a_plain_evaluator_says(condition, lead):
    template = compile_template(f"{{if {written(condition)}}}yes{{else}}no{{end}}", escape=False)
    assert template.render({"lead": lead}).text == ("yes" if evaluated(condition, lead) else "no")


@settings(max_examples=60, deadline=None)
@given(st.lists(st.lists(SCALARS, max_size=4), max_size=4))
def test_nested_loops_visit_every_element_in_order(rows):
    source = "{for row in lead.rows}{for x in row}{loop.index}{if loop.last}.{end}{end}|{end}"
    expected = "".join("".join(f"{n + 1}" for n in range(len(row))) + ("." if row else "") + "|" for row in rows)
    assert compile_template(source, escape=False).render({"lead": {"rows": rows}}).text == expected
