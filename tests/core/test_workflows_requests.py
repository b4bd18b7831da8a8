import hashlib
import json
from datetime import timedelta

import pytest
from tests.core.graphs import read_nodes

from tocsin.core.errors import Invalid
from tocsin.core.workflows import texts
from tocsin.core.workflows.requests import RequestTemplate, retry_after
from tocsin.core.workflows.texts import UpdateTemplate, node_context

CONTEXT = node_context(
    bytes.fromhex("65a1b2c3d4e5f60718293a4b"),
    {"email": "Ann+1@example.com", "_fname": 'Ann "A" & Ko', "bonus": 120, "interests": ["tea", "books"]},
    [{"resource_id": 21, "channel": "sms", "priority": 0, "phone": "+37120000001"}],
    {"page": "cart", "key": "abc", "note": "one\r\ntwo", "id": "../admin?x=1#y", "count": 3},
)


def template(**members):
    whole = {
        "id": "it",
        "type": "api_request",
        "method": "POST",
        "url": "https://a.b/",
        "next": "n",
        "failed": "n",
    } | members
    return RequestTemplate(*read_nodes(whole))


def request(**members):
    return template(**members).render(CONTEXT)


def test_a_request_is_made_of_the_profile_and_its_content():
    made = request(
        url="https://api.example.com:8443/p/{lead._id}?email={lead.email}",
        headers={"Authorization": "Bearer {apicontent.key}"},
        json={"name": "{lead._fname}", "lines": [1, None, True, {"page": "{apicontent.page}", "{k}": 2.5}]},
        timeout_seconds=3,
    )
    assert made.method == "POST"
    assert made.url == "https://api.example.com:8443/p/65a1b2c3d4e5f60718293a4b?email=Ann%2B1%40example.com"
    assert made.headers == {"Authorization": "Bearer abc", "Content-Type": "application/json"}
    assert json.loads(made.body) == {"name": 'Ann "A" & Ko', "lines": [1, None, True, {"page": "cart", "{k}": 2.5}]}
    assert made.timeout_seconds == 3


def test_the_context_is_that_of_a_message_apart_from_its_subscription():
    said = '{lead._md5} {lead.bonus} {lead.interests} {subscription_field("sms" "phone")} {lead.none default "no"}'
    md5_of_email = hashlib.md5(b"ann+1@example.com", usedforsecurity=False).hexdigest()
    assert request(body=said).body.decode() == f"{md5_of_email} 120 tea, books +37120000001 no"


@pytest.mark.parametrize(
    "url", ["https://a.b/u/{apicontent.id}/x", "https://a.b/u/{if lead.bonus}{apicontent.id}{end}/x"]
)
def test_a_value_cannot_leave_its_place_in_the_url(url):
    assert request(url=url).url == "https://a.b/u/..%2Fadmin%3Fx%3D1%23y/x"


def test_numbers_lists_and_defaults_are_percent_encoded_too():
    url = 'https://a.b/?n={apicontent.count}&l={lead.interests}&d={lead.none default "a b"}&m={lead.none}'
    assert request(url=url).url == "https://a.b/?n=3&l=tea%2C%20books&d=a%20b&m="


def test_conditions_in_a_url_see_the_values_as_they_are():
    assert request(url='https://a.b/{if lead.email equal "Ann+1@example.com"}yes{else}no{end}').url == "https://a.b/yes"


@pytest.mark.parametrize(
    ("members", "mistake"),
    [
        ({"headers": {"X": "{apicontent.note}"}}, "headers.X: the value must be ASCII text on one line"),
        ({"headers": {"X": "é{lead.bonus}"}}, "headers.X: the value must be ASCII text on one line"),
        ({"url": "https://a.b/a b/{lead.bonus}"}, "url: the URL must have at most 8000 characters, no spaces"),
        ({"url": "https://a.b/" + "{lead.email}" * 600}, "url: the URL must have at most 8000 characters, no spaces"),
    ],
)
def test_a_value_that_no_request_can_carry_is_an_error(members, mistake):
    with pytest.raises(Invalid) as caught:
        request(**members)
    assert caught.value.describe().startswith(mistake)


def test_a_request_cannot_grow_without_bound():
    long = node_context(b"\0" * 12, {"plan": "x" * 100_000}, [], {})
    with pytest.raises(Invalid, match="more than 1,000,000 characters"):
        template(json=["{lead.plan}"] * 11).render(long)


@pytest.mark.parametrize(
    ("members", "headers", "body"),
    [
        ({"method": "GET"}, {}, None),
        ({"body": "a={lead.bonus}"}, {"Content-Type": "text/plain; charset=utf-8"}, b"a=120"),
        ({"body": "a=1", "headers": {"content-type": "x/y"}}, {"content-type": "x/y"}, b"a=1"),
        ({"json": [], "headers": {"Content-Type": "x/y"}}, {"Content-Type": "x/y"}, b"[]"),
        ({"body": ""}, {"Content-Type": "text/plain; charset=utf-8"}, b""),
    ],
)
def test_the_body_says_what_it_is(members, headers, body):
    made = request(**members)
    assert (made.headers, made.body) == (headers, body)


def test_retries_come_later_and_later():
    assert [retry_after(attempts) for attempts in (1, 2, 3)] == [
        timedelta(seconds=seconds) for seconds in (10, 40, 160)
    ]


def update(**members):
    return UpdateTemplate(*read_nodes({"id": "it", "type": "update", "next": "n", **members}))


def test_an_update_is_an_item_of_an_import():
    made = update(
        set={"bonus": "{apicontent.count}", "interests": {"action": "add", "value": ["{apicontent.page}", "x"]}},
        subscriptions=[{"resource_id": 21, "channel": "email", "email": "{lead.email}"}],
    )
    assert not made.is_static
    assert made.render(CONTEXT) == {
        "bonus": "3",
        "interests": {"action": "add", "value": ["cart", "x"]},
        "subscriptions": [{"resource_id": 21, "channel": "email", "email": "Ann+1@example.com"}],
    }


def test_an_update_without_forms_says_the_same_of_everybody():
    made = update(set={"bonus": 5, "interests": {"action": "delete", "value": ["x"]}})
    assert made.is_static
    assert made.render({}) == {"bonus": 5, "interests": {"action": "delete", "value": ["x"]}}


def test_texts_are_found_wherever_they_stand():
    value = {"a": ["x", {"b": "{lead.c}"}], "{d}": 1, "e": ("{f}",)}
    assert sorted(texts.list_texts(value)) == [(("a", 1, "b"), "{lead.c}"), (("e", 0), "{f}")]
