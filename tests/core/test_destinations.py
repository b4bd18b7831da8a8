"""Domains of recipients: which rule they fall under, and what a server says of them; and how a route chooses."""

import pytest

from tocsin.core.configuration_file import parse
from tocsin.core.configuration_senders import DomainLimit, RouteRule, RouteSender
from tocsin.core.destinations import domain_of, find_limit, fits, judge
from tocsin.core.errors import ConfigurationMistakes
from tocsin.core.routing import choose, list_candidates


def test_the_domain_of_an_address_is_compared_without_case_and_in_punycode():
    assert domain_of("a@Example.COM") == "example.com"
    assert domain_of("a@Bücher.example") == domain_of("b@XN--BCHER-KVA.example") == "xn--bcher-kva.example"


def test_a_form_with_a_star_means_all_below_and_not_the_domain_itself():
    assert fits("example.com", ["example.com"])
    assert not fits("mail.example.com", ["example.com"])
    assert fits("mail.example.com", ["*.example.com"])
    assert not fits("example.com", ["*.example.com"])
    assert not fits("badexample.com", ["*.example.com"])
    assert fits("xn--bcher-kva.example", ["Bücher.example"])
    assert fits("anything.example", ["*"])


def test_the_first_limit_that_fits_counts_and_names_are_shared():
    limits = (
        DomainLimit(("gmail.com", "googlemail.com"), 5),
        DomainLimit(("*.example.org", "example.org"), 3),
        DomainLimit(("*",), 1),
    )
    assert find_limit("googlemail.com", limits) == (0, True)
    assert find_limit("a.example.org", limits) == (1, False)
    assert find_limit("example.org", limits) == (1, True)
    assert find_limit("other.example", limits) == (2, False)
    assert find_limit("other.example", limits[:2]) is None


@pytest.mark.parametrize(
    ("code", "text", "verdict"),
    [
        (452, "4.2.2 Mailbox full", "recipient"),
        (450, "4.1.1 Try this address later", "recipient"),
        (451, "4.7.500 Server busy", "enough"),
        (421, "4.7.28 Our system has detected an unusual rate", "enough"),
        (451, "4.7.1 Greylisting in action", "doubt"),
        (450, "4.7.1 <x@y>: Recipient address rejected: gray-listed", "doubt"),
        (451, "4.3.0 Temporary failure", "doubt"),
        (451, "no enhanced status", "doubt"),
        (451, "4.7.1234 strange", "doubt"),
        (454, "4.7.0 TLS not available", "doubt"),
        (421, "4.3.2 Shutting down", "doubt"),
        (450, "", "doubt"),
    ],
)
def test_what_an_answer_for_now_says(code, text, verdict):
    assert judge(code, text) == verdict


def test_a_route_takes_the_first_rule_that_fits_else_its_own_senders():
    route = RouteSender(
        id=9,
        name="r",
        channel="email",
        senders=(1,),
        rules=(
            RouteRule((2, 3), to_domains=("gmail.com",)),
            RouteRule((4,), from_domains=("*.example.com",), to_domains=("*.org",)),
            RouteRule((5,), from_domains=("shop.example.com",)),
        ),
    )
    assert list_candidates(route, "a@shop.example.com", "b@Gmail.com") == (2, 3)
    assert list_candidates(route, "a@shop.example.com", "b@wiki.org") == (4,)
    assert list_candidates(route, "a@shop.example.com", "b@wiki.net") == (5,)
    assert list_candidates(route, "", "b@wiki.net") == (1,)
    assert list(route.sender_ids()) == [2, 3, 4, 5, 1]


def test_a_doubtful_sender_is_passed_over_unless_all_are():
    assert choose((1, 2, 3), {1}) == 2
    assert choose((1, 2), {1, 2}) == 1
    assert choose((1,), ()) == 1


SENDERS = """
senders:
  - {id: 1, name: a, channel: email, type: smtp, host: x%s}
  - {id: 2, name: b, channel: sms, type: http, url: "https://sms.example/send", json: {to: "{phone}", text: "{text}"}}
  - %s
"""


@pytest.mark.parametrize(
    ("limits", "route", "path", "words"),
    [
        (", domains: [{match: []}]", "", "senders[0].domains[0].match", "expected 1"),
        (", domains: [{match: [a b], connections: 1}]", "", "domains[0].match[0]", "expected a domain as"),
        (
            ", domains: [{match: [a*.com], connections: 1}]",
            "",
            "senders[0].domains[0].match[0]",
            "expected a domain as",
        ),
        (
            "",
            "channel: email, senders: [1], rules: [{from_domains: ['*x'], senders: [1]}]",
            "from_domains[0]",
            "got '*x'",
        ),
        (", domains: [{match: [x.com]}]", "", "senders[0].domains[0]", "connections or messages_per_second is missing"),
        (", domains: [{match: [ü..com], connections: 1}]", "", "senders[0].domains[0].match[0]", "got 'ü..com'"),
        (", domains: [{match: [x.com], connections: -1}]", "", "senders[0].domains[0].connections", "whole number"),
        ("", "channel: email, senders: [1, 7]", "senders[2].senders[1]", "there is no sender 7"),
        ("", "channel: email, senders: []", "senders[2].senders", "expected 1"),
        ("", "channel: email", "senders[2]", "senders is missing"),
        ("", "channel: email, senders: [2]", "senders[2].senders[0]", "sender 2 sends sms, not email"),
        ("", "channel: email, senders: [9]", "senders[2].senders[0]", "sender 9 is a route itself"),
        (
            "",
            "channel: email, senders: [1], rules: [{to_domains: [x.com], senders: [8]}]",
            "senders[2].rules[0].senders[0]",
            "there is no sender 8",
        ),
    ],
)
def test_what_is_wrong_with_limits_and_routes_is_said_where_it_stands(limits, route, path, words):
    entry = f"{{id: 9, name: r, type: route, {route or 'channel: email, senders: [1]'}}}"
    with pytest.raises(ConfigurationMistakes) as caught:
        parse(SENDERS % (limits, entry), "tocsin.yaml", {})
    said = "\n".join(str(one) for one in caught.value.mistakes)
    assert f"{path}: " in said
    assert words in said
