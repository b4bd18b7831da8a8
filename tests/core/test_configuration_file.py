import re
from contextlib import suppress
from hashlib import sha256
from pathlib import Path
from typing import get_args

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import structs

import tocsin
from tocsin.core.configuration import Configuration, Database, Field, Resource, Token, Trigger
from tocsin.core.configuration_file import SECTIONS, Objects, differences, dump, list_objects, parse
from tocsin.core.configuration_members import describe_kind
from tocsin.core.configuration_senders import SmtpSender
from tocsin.core.configuration_templates import EmailTemplate, SmsTemplate, Template
from tocsin.core.configuration_words import FieldType
from tocsin.core.errors import ConfigurationMistakes

ROOT = Path(__file__).parents[2]

DATABASE = Database(id=1, name="Customers", fields={"CRM_ID": Field(type="string", unique=True), "bonus": "int"})
NEWS = Resource(id=21, name="News", databases=(1,), channels=("email",))
RELAY = SmtpSender(id=1, name="relay", channel="email", host="127.0.0.1", port=2525, security="none")
HELLO = Template(id=1, name="Hello", email=EmailTemplate(from_email="shop@example.com", subject="Hello", text="Hello"))
WELCOME = Trigger(id=8, name="Welcome", database=1, template=1, sender=1, resource=21, active=True)
SHOP = Token(name="shop", sha256=sha256(b"abcdefghijklmnqrstuvwxyz").hexdigest())
ALL = Objects(
    databases={1: DATABASE},
    resources={21: NEWS},
    senders={1: RELAY},
    templates={1: HELLO},
    triggers={8: WELCOME},
    tokens={"shop": SHOP},
)

EMAIL = "email: {from_email: shop@example.com, subject: Hello, text: Hello}"

FILE = f"""\
databases:
  - id: 1
    name: Customers
    fields:
      CRM_ID: {{type: string, unique: true}}
      bonus: int
resources:
  - {{id: 21, name: News, databases: [1], channels: [email]}}
senders:
  - {{id: 1, name: relay, channel: email, type: smtp, host: 127.0.0.1, port: 2525, security: none}}
templates:
  - {{id: 1, name: Hello, {EMAIL}}}
triggers:
  - {{id: 8, name: Welcome, database: 1, template: 1, sender: 1, resource: 21, active: true}}
tokens:
  - {{name: shop, token: abcdefghijklmnqrstuvwxyz}}
"""


def mistakes_of(text, environment=None, stored=None, *, prune=False):
    with pytest.raises(ConfigurationMistakes) as caught:
        parse(text, "tocsin.yaml", environment or {}, stored, prune=prune)
    return list(caught.value.mistakes)


def the_mistake_of(text, environment=None, stored=None, *, prune=False):
    [mistake] = mistakes_of(text, environment, stored, prune=prune)
    return mistake


def test_a_file_becomes_objects():
    assert parse(FILE, "tocsin.yaml", {}) == ALL


def test_every_mistake_is_told_at_once_with_its_line_and_member():
    text = FILE.replace("port: 2525", "port: 99999").replace("template: 1, sender: 1", "template: 9, sender: 7")
    assert mistakes_of(text.replace("bonus: int", "bonus: itn")) == [
        f"tocsin.yaml:6: databases[0].fields.bonus: expected {describe_kind(FieldType)}, got 'itn'; did you mean int?",
        "tocsin.yaml:10: senders[0].port: expected a whole number from 1 up to 65535, got 99999",
        "tocsin.yaml:14: triggers[0].sender: there is no sender 7",
        "tocsin.yaml:14: triggers[0].template: there is no template 9",
    ]


def test_the_line_is_that_of_the_member_in_a_block():
    text = "senders:\n  - id: 1\n    name: relay\n    channel: email\n    type: smtp\n    host: h\n\n    port: x\n"
    assert the_mistake_of(text).startswith("tocsin.yaml:8: senders[0].port: expected a whole number")


TEXT = "expected text of 1 to 200 characters, got"
TOKEN = "expected text of 16 to 200 characters, got"
PORT = "10: senders[0].port: expected a whole number from 1 up to 65535, got"
CHANNEL = "expected one of email, notify, push, sms, telegram_bot, viber, whatsapp, got"
RESOURCE_TOKEN = "expected 16 to 200 ASCII letters, digits and signs, without spaces"
SHOP_TOKEN = "token: abcdefghijklmnqrstuvwxyz"


@pytest.mark.parametrize(
    ("old", "new", "mistake"),
    [
        ("port: 2525", "prt: 2525", "10: senders[0].prt: there is no such member; did you mean port?"),
        ("port: 2525", "quux: 1", "10: senders[0].quux: there is no such member"),
        ("host: 127.0.0.1, ", "", "10: senders[0]: host is missing"),
        ("triggers:", "trigers:", "13: trigers: there is no such section; did you mean triggers?"),
        ("port: 2525", "port: '2525'", f"{PORT} '2525'; write 2525 without quotes"),
        ("port: 2525", "port: 0o31", f"{PORT} '0o31'"),
        ("port: 2525", "port: 2525.0", f"{PORT} 2525.0"),
        ("port: 2525", "timeout_seconds: 1_0.5", "10: senders[0].timeout_seconds: YAML reads 1_0.5 as a number of"),
        ("port: 2525", "timeout_seconds: .inf", "10: senders[0].timeout_seconds: YAML reads .inf as a number of"),
        ("port: 2525", "port: 025", "10: senders[0].port: YAML reads 025 as a number of its own kind"),
        ("port: 2525", "port: 2525, port: 25", "10: senders[0].port: this is given twice, first in line 10"),
        ("active: true", "active: 1", "14: triggers[0].active: expected true or false, got 1"),
        ("name: News", "name: 2024", f'8: resources[0].name: {TEXT} 2024; write it in quotes: "2024"'),
        ("name: News", "name: no", f'8: resources[0].name: {TEXT} false; write it in quotes: "no"'),
        ("name: News", "name: 1.50", f'8: resources[0].name: {TEXT} 1.5; write it in quotes: "1.50"'),
        ("name: News", "name: 12:30:00", "8: resources[0].name: YAML reads 12:30:00 as a number of its own kind"),
        ("name: News", "name: ", f'8: resources[0].name: {TEXT} nothing; leave the member out, or write ""'),
        ("databases: [1]", "databases: ", "8: resources[0].databases: expected a list of: a whole number from 1 up to"),
        ("bonus: int", "2024: int", '6: databases[0].fields: YAML does not read the name 2024 as text; write "2024"'),
        (
            "subject: Hello",
            "subject: {lead._fname}",
            "12: templates[0].email.subject: expected text, got a mapping; text that begins with { or [",
        ),
        (
            "subject: Hello",
            "subject: !!binary x",
            "12: templates[0].email.subject: the tag !!binary is not allowed here",
        ),
        ("[email]", "email", f"8: resources[0].channels: expected a list of: {CHANNEL[9:]} 'email'"),
        ("[email]", "[e-mail]", f"8: resources[0].channels[0]: {CHANNEL} 'e-mail'; did you mean email?"),
        ("bonus: int", "bonus: enum", "6: databases[0].fields.bonus.values: an enum needs values"),
        (
            "bonus: int",
            "bonus: {type: enum, values: [a, a]}",
            "6: databases[0].fields.bonus.values: each value must be given once and not be empty",
        ),
        (
            "bonus: int",
            "bonus: {type: int, values: [a]}",
            "6: databases[0].fields.bonus.values: only an enum has values, this is int",
        ),
        (
            "bonus: int",
            "bonus: {type: date, unique: true}",
            "6: databases[0].fields.bonus.unique: date cannot be unique; only enum, int, ip, string, tags can",
        ),
        ("databases: [1]", "databases: [1, 3]", "8: resources[0].databases[1]: there is no database 3"),
        ("resource: 21", "resource: 22", "14: triggers[0].resource: there is no resource 22"),
        ("[email]", "[sms]", "14: triggers[0].resource: resource 21 has no channel email"),
        ("[email]", "[email], token: too-short", f"8: resources[0].token: {RESOURCE_TOKEN}"),
        ("[email]", "[email], token: sixteen or more letters", f"8: resources[0].token: {RESOURCE_TOKEN}"),
        ("[email]", f"[email], token: {'é' * 16}", f"8: resources[0].token: {RESOURCE_TOKEN}"),
        (EMAIL, "sms: {text: Hello}", "14: triggers[0].template: template 1 has no email"),
        (f", {EMAIL}", "", "12: templates[0]: a template needs an email, an sms or a push"),
        (", text: Hello", "", "12: templates[0].email: html or text is missing"),
        ("subject: Hello", "subject: ' '", "12: templates[0].email.subject: the subject must not be empty"),
        ("subject: Hello", 'subject: "a\\nb"', "12: templates[0].email.subject: this must be one line"),
        ("port: 2525", "username: me", "10: senders[0].password: a username needs a password"),
        ("port: 2525", "password: secret word", "10: senders[0].username: a password needs a username"),
        ("token: abc", "tokn: abc", "16: tokens[0].tokn: there is no such member; did you mean token?"),
        (SHOP_TOKEN, "token: short", f"16: tokens[0].token: {TOKEN} another text"),
        (SHOP_TOKEN, "token: 1234567890123456", f"16: tokens[0].token: {TOKEN} a number; put it in quotes"),
        (SHOP_TOKEN, "token: abcdefgh ijklmnop", "16: tokens[0].token: a token is made of ASCII letters, digits and"),
        (f", {SHOP_TOKEN}", "", "16: tokens[0]: a token needs either token or sha256"),
        (SHOP_TOKEN, "token: ", "16: tokens[0]: a token needs either token or sha256"),
        (SHOP_TOKEN, f"{SHOP_TOKEN}, sha256: {'0' * 64}", "16: tokens[0]: a token needs either token or sha256"),
        (SHOP_TOKEN, "sha256: abc", "16: tokens[0].sha256: expected text of the form ^[0-9a-f]{64}$, got another text"),
    ],
)
def test_a_mistake_has_its_sentence(old, new, mistake):
    assert old in FILE
    told = mistakes_of(FILE.replace(old, new, 1))
    assert any(sentence.startswith(f"tocsin.yaml:{mistake}") for sentence in told), told


def test_a_wrong_address_is_named():
    mistake = the_mistake_of(FILE.replace("shop@example.com", "shop"))
    assert mistake.startswith("tocsin.yaml:12: templates[0].email.from_email: 'shop' is not an email address")


def test_an_address_with_a_template_form_is_left_to_sending():
    text = FILE.replace("shop@example.com", '"{apicontent.from}"')
    assert parse(text, "tocsin.yaml", {}).templates[1].email.from_email == "{apicontent.from}"


def test_a_mistake_inside_a_template_has_its_own_line_and_column():
    text = """\
templates:
  - id: 1
    name: Hello
    email:
      from_email: shop@example.com
      subject: Hello
      html: |
        <p>Hello</p>
        <p>{if lead._fname}yes</p>
"""
    pattern = r"tocsin\.yaml:7: templates\[0\]\.email\.html: line \d+, column \d+: .+"
    assert re.fullmatch(pattern, the_mistake_of(text))


def test_field_names_are_checked():
    mistake = the_mistake_of(FILE.replace("bonus: int", "email: int"))
    assert mistake.startswith("tocsin.yaml:4: databases[0].fields: ")


def test_an_id_is_used_once_in_a_section():
    text = FILE.replace("tokens:", "  - {id: 8, name: Again, database: 1, template: 1, sender: 1}\ntokens:")
    assert the_mistake_of(text) == "tocsin.yaml:15: triggers[1].id: the id 8 is used twice, first in line 14"


def test_a_token_has_one_name_and_a_name_one_token():
    again = FILE + "  - {name: shop, token: abcdefghijklmnqrstuvwxyz}\n"
    assert the_mistake_of(again) == "tocsin.yaml:17: tokens[1].name: the name shop is used twice, first in line 16"
    other = FILE + "  - {name: till, token: abcdefghijklmnqrstuvwxyz}\n"
    assert mistakes_of(other) == [
        "tocsin.yaml:16: tokens[0]: the token till has the same text",
        "tocsin.yaml:17: tokens[1]: the token shop has the same text",
    ]


def test_what_refers_to_a_broken_object_is_not_told_that_there_is_none():
    text = FILE.replace("name: Hello", "name: 5").replace("name: relay", "name: 5")
    assert [mistake[:30] for mistake in mistakes_of(text, stored=ALL)] == [
        "tocsin.yaml:10: senders[0].nam",
        "tocsin.yaml:12: templates[0].n",
    ]


@pytest.mark.parametrize(
    ("section", "entry", "what"),
    [
        ("senders", "{id: 2, name: gateway, channel: viber, type: http, url: x}", "channel: channel viber"),
        ("triggers", "{id: 9, name: Text, database: 1, channel: notify, sender: 2}", "channel: channel notify"),
        ("triggers", "{id: 9, name: Import, database: 1, event: pixel, sms: 1}", "event: event pixel"),
        ("templates", "{id: 2, name: Chat, whatsapp: {text: Hello}}", "whatsapp: whatsapp"),
    ],
)
def test_objects_of_later_versions_are_one_mistake(section, entry, what):
    member, _, words = what.partition(": ")
    expected = f"tocsin.yaml:2: {section}[0].{member}: {words} is not available in version 0.1"
    assert the_mistake_of(f"{section}:\n  - {entry}\n") == expected


def test_smpp_is_refused_with_what_to_do_instead():
    expected = "senders[0].type: type smpp is not available in version 0.1; send to the HTTP API of a gateway"
    for more in ("host: x}", "host: x, port: 2775, system_id: me, password: 5}"):
        text = f"senders:\n  - {{id: 2, name: gateway, channel: sms, type: smpp, {more}\n"
        assert the_mistake_of(text).startswith(f"tocsin.yaml:2: {expected}")


def test_the_version_in_messages_is_that_of_the_program():
    assert tocsin.__version__.startswith("0.1.")


@pytest.mark.parametrize(
    ("text", "mistake"),
    [
        ("", "1: the file is empty"),
        ("# nothing but a comment\n", "1: the file is empty"),
        ("[1, 2]", "1: the file holds no sections"),
        ("triggers: {8: {}}", "1: triggers: YAML does not read the name 8 as text"),
        ("triggers: {}", "1: triggers: expected a list"),
        ("triggers:\n  - 5\n", "2: triggers[0]: expected a mapping, got 5"),
    ],
)
def test_what_is_no_configuration_is_refused_in_one_sentence(text, mistake):
    assert mistakes_of(text)[0].startswith(f"tocsin.yaml:{mistake}")


def test_aliases_stand_for_whole_values():
    text = FILE.replace("databases: [1]", "databases: &all [1]") + "resources: []\n"
    assert the_mistake_of(text) == "tocsin.yaml:17: resources: this is given twice, first in line 7"
    text = FILE.replace("databases: [1]", "databases: &all [1]").replace(
        "senders:", "  - {id: 22, name: Sale, databases: *all}\nsenders:"
    )
    assert parse(text, "tocsin.yaml", {}).resources[22].databases == (1,)


def test_a_text_that_looks_like_a_date_stays_text():
    assert parse(FILE.replace("name: News", "name: 2024-12-31"), "tocsin.yaml", {}).resources[21].name == "2024-12-31"


def test_a_broken_object_is_not_replaced_by_what_is_stored():
    stored = structs.replace(ALL, resources={21: structs.replace(NEWS, channels=("sms",))})
    assert the_mistake_of(FILE.replace("name: News", "name: 5"), stored=stored).startswith(
        "tocsin.yaml:8: resources[0]."
    )


def test_one_member_can_be_wrong_in_two_ways():
    assert mistakes_of(FILE.replace("databases: [1], channels: [email]", "databases: [2], channels: [sms]")) == [
        "tocsin.yaml:8: resources[0].databases[0]: there is no database 2",
        "tocsin.yaml:14: triggers[0].resource: resource 21 does not serve database 1",
        "tocsin.yaml:14: triggers[0].resource: resource 21 has no channel email",
    ]


def test_a_section_may_be_empty():
    assert parse("triggers:\ntokens: []\n", "tocsin.yaml", {}) == Objects()


def test_secrets_come_from_the_environment():
    text = FILE.replace("port: 2525", 'username: me, password: "${RELAY_PASSWORD}"')
    text = text.replace("token: abcdefghijklmnqrstuvwxyz", 'token: "${SHOP_TOKEN}"')
    found = parse(text, "tocsin.yaml", {"RELAY_PASSWORD": "open sesame", "SHOP_TOKEN": "abcdefghijklmnqrstuvwxyz"})
    assert found.senders[1].password == "open sesame"
    assert found.tokens == {"shop": SHOP}
    assert mistakes_of(text) == [
        "tocsin.yaml:10: senders[0].password: the environment variable RELAY_PASSWORD is not set",
        "tocsin.yaml:16: tokens[0].token: the environment variable SHOP_TOKEN is not set",
    ]


def test_a_secret_is_in_no_message():
    text = FILE.replace("port: 2525", 'username: me, password: "${P}"').replace("token: abc", "token: -abc")
    wrong = text.replace("abcdefghijklmnqrstuvwxyz", "hunter2 hunter2 hunter2")
    assert "hunter2" not in str(mistakes_of(wrong, {"P": "hunter2"}))
    assert "12345" not in str(mistakes_of(text.replace('"${P}"', "12345")))


def test_references_may_go_to_stored_objects_unless_they_are_pruned():
    text = "triggers:\n  - {id: 9, name: Later, database: 1, template: 1, sender: 1, resource: 21}\n"
    assert parse(text, "tocsin.yaml", {}, ALL).triggers.keys() == {9}
    assert mistakes_of(text, stored=ALL, prune=True) == [
        "tocsin.yaml:2: triggers[0].database: there is no database 1",
        "tocsin.yaml:2: triggers[0].sender: there is no sender 1",
        "tocsin.yaml:2: triggers[0].template: there is no template 1",
        "tocsin.yaml:2: triggers[0].resource: there is no resource 21",
    ]


def test_a_file_cannot_take_away_what_a_stored_trigger_needs():
    text = "templates:\n  - {id: 1, name: Hello, sms: {text: Hello}}\n"
    assert the_mistake_of(text, stored=ALL) == "tocsin.yaml:1: stored trigger 8: template 1 has no email"
    assert parse(text, "tocsin.yaml", {}, ALL, prune=True).templates.keys() == {1}


def test_a_token_of_the_file_may_not_be_a_stored_one_under_another_name():
    text = "tokens:\n  - {name: till, token: abcdefghijklmnqrstuvwxyz}\n"
    assert mistakes_of(text, stored=ALL) == [
        "tocsin.yaml:1: stored token shop: the token till has the same text",
        "tocsin.yaml:2: tokens[0]: the token shop has the same text",
    ]
    assert parse(text, "tocsin.yaml", {}, ALL, prune=True).tokens.keys() == {"till"}


def test_an_export_says_the_same():
    assert parse(dump(ALL), "export.yaml", {}) == ALL
    assert parse(dump(Objects()), "export.yaml", {}) == Objects()


def test_an_export_is_readable():
    html = "<h1>Привет, {lead._fname} 👋</h1>\n<p>Your order is on its way.</p>\n"
    email = EmailTemplate(from_email="shop@example.com", subject="Привет", html=html)
    assert dump(Objects(templates={1: Template(id=1, name="no", email=email)})) == (
        "templates:\n"
        "- id: 1\n"
        "  name: 'no'\n"
        "  email:\n"
        "    from_email: shop@example.com\n"
        "    subject: Привет\n"
        "    html: |\n"
        "      <h1>Привет, {lead._fname} 👋</h1>\n"
        "      <p>Your order is on its way.</p>\n"
    )


def test_an_export_is_in_the_order_of_ids():
    senders = {number: structs.replace(RELAY, id=number) for number in (30, 4, 100)}
    assert re.findall(r"id: (\d+)", dump(Objects(senders=senders))) == ["4", "30", "100"]


def test_an_export_holds_no_secret_and_can_be_applied_where_it_came_from():
    sender = structs.replace(RELAY, username="me", password="open sesame")
    objects = structs.replace(ALL, senders={1: sender})
    text = dump(objects)
    assert "open sesame" not in text
    assert "password: ${SENDER_1_PASSWORD}" in text
    assert "abcdefghijklmnqrstuvwxyz" not in text
    assert parse(text, "export.yaml", {}, objects) == objects
    assert parse(text, "export.yaml", {}, objects, prune=True) == objects
    assert parse(text, "export.yaml", {"SENDER_1_PASSWORD": "open sesame"}) == objects
    moved = parse(text, "export.yaml", {"SENDER_1_PASSWORD": "new word"}, objects)
    assert moved.senders[1].password == "new word"
    assert "the environment variable SENDER_1_PASSWORD is not set" in the_mistake_of(text)
    other = structs.replace(objects, senders={1: structs.replace(sender, username="", password="")})
    assert "the environment variable SENDER_1_PASSWORD is not set" in the_mistake_of(text, stored=other)


_names = st.text(min_size=1, max_size=30).filter(lambda text: "\0" not in text)
_templates = st.builds(
    Template,
    id=st.integers(1, 2**31 - 1),
    name=_names,
    sms=st.builds(
        SmsTemplate, text=st.text(alphabet=st.sampled_from(" \n\t\r\x85\u2028\ufeff-:#'\"&*!|>%@`,?a\x7fé👋"))
    ),
)


@settings(max_examples=60, deadline=None)
@given(_templates, _names)
def test_any_text_survives_an_export(template, name):
    objects = Objects(
        templates={template.id: structs.replace(template, sms=SmsTemplate(text=f"x{template.sms.text}"))},
        tokens={name: structs.replace(SHOP, name=name)},
    )
    assert parse(dump(objects), "export.yaml", {}) == objects


@settings(max_examples=60, deadline=None)
@given(st.text(alphabet=st.sampled_from("\n\n  -:[]{},&a*b!'\"#%|>?~0.yes"), max_size=80))
def test_whatever_the_text_the_answer_is_objects_or_mistakes(text):
    with suppress(ConfigurationMistakes):
        assert isinstance(parse(text, "tocsin.yaml", {}), Objects)


_kinds = [kind for section in SECTIONS.values() for kind in get_args(section) or (section,)]
_members = sorted({field.name for kind in _kinds for field in structs.fields(kind)})
_plain = st.sampled_from([None, True, 0, 1, 1.5, "", "a", "email", "smtp", "enum", "${X}"])
_values = _plain | st.lists(_plain, max_size=2) | st.dictionaries(st.sampled_from(_members), _plain, max_size=3)
_entries = st.dictionaries(st.sampled_from(_members), _values, max_size=8)


@settings(max_examples=40, deadline=None)
@given(st.dictionaries(st.sampled_from(list(SECTIONS)), st.lists(_entries, max_size=2), max_size=3))
def test_whatever_the_members_the_answer_is_objects_or_mistakes(sections):
    with suppress(ConfigurationMistakes):
        assert isinstance(parse(yaml.safe_dump(sections), "tocsin.yaml", {}, ALL), Objects)


def test_a_resources_token_is_not_printed_and_kept():
    objects = structs.replace(ALL, resources={21: structs.replace(NEWS, token="sixteen-or-more-letters")})
    text = dump(objects)
    assert "token: ${RESOURCE_21_TOKEN}" in text
    assert "sixteen" not in text
    assert parse(text, "export.yaml", {}, objects) == objects
    moved = parse(text, "export.yaml", {"RESOURCE_21_TOKEN": "another-token-of-it"}, objects)
    assert moved.resources[21].token == "another-token-of-it"
    assert "the environment variable RESOURCE_21_TOKEN is not set" in the_mistake_of(text)


def test_two_resources_have_different_tokens():
    text = FILE.replace("[email]}", "[email], token: sixteen-or-more-letters}")
    stored = structs.replace(ALL, resources={22: Resource(22, "Other", token="sixteen-or-more-letters")})
    assert mistakes_of(text, stored=stored) == [
        "tocsin.yaml:1: stored resource 22: resource 21 has the same token",
        "tocsin.yaml:8: resources[0].token: resource 22 has the same token",
    ]


def test_a_password_is_kept_for_nobody_whose_id_is_no_number():
    text = FILE.replace("{id: 1, name: relay,", '{id: [1], name: relay, password: "${SENDER_1_PASSWORD}",')
    assert "tocsin.yaml:10: senders[0].password: the environment variable SENDER_1_PASSWORD is not set" in mistakes_of(
        text, stored=structs.replace(ALL, senders={1: structs.replace(RELAY, username="me", password="x")})
    )


def test_broken_tokens_are_not_taken_for_the_same_one():
    assert len(mistakes_of("tokens:\n  - {name: a, token: short}\n  - {name: b, token: brief}\n")) == 2


def test_differences_say_what_applying_does():
    new = Objects(
        senders={1: RELAY, 2: structs.replace(RELAY, id=2, name="spare")},
        triggers={8: structs.replace(WELCOME, name="Hello", active=False)},
    )
    assert [change.describe() for change in differences(ALL, new, prune=False)] == [
        'unchanged sender 1 "relay"',
        'created sender 2 "spare"',
        'changed trigger 8 "Hello" (name, active)',
    ]


def test_only_pruning_removes_and_never_the_tokens_of_a_file_without_any():
    new = Objects(databases={1: DATABASE})
    assert [change.describe() for change in differences(ALL, new, prune=True)] == [
        'unchanged database 1 "Customers"',
        'removed resource 21 "News"',
        'removed sender 1 "relay"',
        'removed template 1 "Hello"',
        'removed trigger 8 "Welcome"',
    ]
    till = {"till": structs.replace(SHOP, name="till")}
    changes = differences(ALL, structs.replace(ALL, tokens=till), prune=True)
    assert [change.describe() for change in changes][-2:] == ['removed token "shop"', 'created token "till"']
    assert {change.action for change in differences(ALL, ALL, prune=True)} == {"unchanged"}


def test_what_is_configured_is_listed_as_a_file_has_it():
    configured = Configuration(version=3, databases={1: DATABASE}, tokens={SHOP.sha256: SHOP})
    assert list_objects(configured) == Objects(databases={1: DATABASE}, tokens={"shop": SHOP})


GATEWAY = """
  - id: 2
    name: gateway
    channel: sms
    type: http
    url: "https://sms.example.com/v1/${ACCOUNT}/send"
    headers: {Authorization: "Bearer ${KEY}"}
    json: {to: "{phone}", messages: [{text: "{text}", from: "{from}"}]}
"""
SECRETS = {"ACCOUNT": "me", "KEY": "k"}


def gateway(old="", new="", add="", environment=SECRETS, stored=None):
    text = FILE.replace("senders:\n", f"senders:{GATEWAY.replace(old, new) if old else GATEWAY}{add}", 1)
    return parse(text, "tocsin.yaml", environment, stored).senders[2]


def test_references_within_the_texts_of_a_sender_are_kept_apart_from_what_they_stand_for():
    sender = gateway()
    assert sender.secrets == SECRETS
    assert sender.headers == {"Authorization": "Bearer ${KEY}"}
    stored = structs.replace(ALL, senders={2: sender, **ALL.senders})
    assert "Bearer ${KEY}" in dump(stored)
    assert "secrets" not in dump(stored)
    assert gateway(environment={}, stored=stored) == sender
    assert gateway(environment={"KEY": "new"}, stored=stored).secrets == {"ACCOUNT": "me", "KEY": "new"}
    with pytest.raises(ConfigurationMistakes) as caught:
        gateway(environment={"KEY": "k"})
    assert str(caught.value) == "tocsin.yaml:14: senders[0].url: the environment variable ACCOUNT is not set"


@pytest.mark.parametrize(
    ("old", "new", "mistake"),
    [
        ("https://", "ftp://", "url: expected http:// or https:// and a host"),
        ("sms.example.com", "{phone}.example.com", "url: the host must be written out"),
        ("{from}", "{form}", "json.messages[0].from: there is no {form}; expected one of {phone}"),
        ("{text}", "Hello", "{text} stands nowhere in what is sent"),
        ("{phone}", "me", "neither {phone} nor {digits} stands in what is sent"),
        ("headers:", "alphabets: {gsm7: '0'}\n    headers:", "alphabets: {alphabet} stands nowhere in what is sent"),
        ("headers:", "alphabets: {gsm7: 0}\n    headers:", "alphabets.gsm7: expected text"),
        ("headers:", "alphabets: {ucs-2: x}\n    headers:", "alphabets.ucs-2: there is no such member"),
        ("json:", "form: {a: b}\n    json:", "form: json and form cannot all be given"),
        ("headers:", "method: GET\n    headers:", "method: a GET carries no json"),
        ("Authorization", "Content-Length", "headers.Content-Length: this header is set by the connection"),
        ("headers:", "secrets: {KEY: x}\n    headers:", "secrets: there is no such member"),
        ("headers:", "callback_secret: x\n    headers:", "callback_secret: expected 16 to 200 letters"),
        ("headers:", "answer: {accepted: '('}\n    headers:", "answer.accepted: this is no regular expression"),
        ("headers:", "answer: {message_id: abc}\n    headers:", "answer.message_id: expected a JSONPath"),
        ("headers:", "answer: {message_id: '$['}\n    headers:", "answer.message_id: the path cannot be read"),
        ("headers:", "answer: {refused_status: [200]}\n    headers:", "answer.refused_status: 200 cannot be both"),
        ("headers:", "answer: {accepted_status: []}\n    headers:", "answer.accepted_status: expected at least one"),
        ("headers:", "receipts: {status: s}\n    headers:", "callback_secret: receipts need a secret"),
        ("headers:", "receipts: {status: s}\n    headers:", "receipts: message_id or provider_id must say"),
        ("headers:", "receipts: {status: s}\n    headers:", "receipts: delivered and failed must say"),
        ("headers:", "receipts: {provider_id: s}\n    headers:", "receipts.provider_id: answer.message_id must say"),
        ("headers:", "receipts: {phone: s}\n    headers:", "receipts: phone and text belong together"),
        ("headers:", "receipts: {status: '$['}\n    headers:", "receipts.status: the path cannot be read"),
        ("channel: sms", "channel: email", "channel: expected sms, got 'email'"),
    ],
)
def test_what_cannot_be_right_about_a_sender_of_sms_is_told(old, new, mistake):
    with pytest.raises(ConfigurationMistakes) as caught:
        gateway(old, new)
    assert f"senders[0].{mistake}" in str(caught.value) or f"senders[0]: {mistake}" in str(caught.value)


@pytest.mark.parametrize(
    ("triggers", "mistake"),
    [
        ("channel: sms, template: 1, sender: 2", "triggers[0].template: template 1 has no sms"),
        ("channel: sms, template: 2, sender: 1", "triggers[0].sender: sender 1 sends email, not sms"),
        ("channel: email, template: 1, sender: 2", "triggers[0].sender: sender 2 sends sms, not email"),
        ("channel: push, template: 2, sender: 2", "triggers[0].resource: push goes to subscriptions"),
    ],
)
def test_template_sender_and_trigger_are_of_one_channel(triggers, mistake):
    text = f"""senders:{GATEWAY}
  - {{id: 1, name: relay, channel: email, type: smtp, host: 127.0.0.1}}
databases: [{{id: 1, name: Customers}}]
templates:
  - {{id: 1, name: Mail, email: {{from_email: a@example.com, subject: x, text: x}}}}
  - {{id: 2, name: Both, sms: {{text: x}}, push: {{title: x}}}}
triggers:
  - {{id: 9, name: Text, database: 1, {triggers}}}
"""
    with pytest.raises(ConfigurationMistakes) as caught:
        parse(text, "tocsin.yaml", SECRETS)
    assert mistake in str(caught.value)


def test_a_text_that_is_longer_than_its_template_allows_is_told_when_it_is_applied():
    long = FILE.replace(
        "templates:\n", "templates:\n  - {id: 2, name: Long, sms: {text: %s, max_segments: 2}}\n" % ("й" * 135), 1
    )
    assert the_mistake_of(long).endswith("sms.text: the text takes 3 SMS in UCS-2; max_segments is 2")
