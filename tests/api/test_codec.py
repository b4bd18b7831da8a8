import json
import math
import string
from contextlib import suppress
from typing import Annotated, Any
from xml.sax.saxutils import escape

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from lxml import etree
from msgspec import Meta, Struct, field, to_builtins

from tocsin.core.errors import Invalid
from tocsin.core.launches import FLAT_IN_XML
from tocsin.web import codec, markup

Id = Annotated[int, Meta(ge=1, le=2**31 - 1)]


class Timeout(Struct):
    days: int = 0
    hours: int = 0
    minutes: int = 0


class Attachment(Struct):
    name: str
    data: str


class ImportItem(Struct):
    data: Annotated[dict[str, Any], FLAT_IN_XML]
    custom_data: dict[str, Any] = field(default_factory=dict)


class ImportAndStartBatch(Struct):
    data: list[ImportItem]
    trigger_id: Id | None = None
    workflow_id: Id | None = None
    token: str = ""
    format: str = ""
    matching: str = "email"
    field_name: str = ""
    resource_id: Id | None = None
    skip_triggers: bool = False
    detect_geo: bool = False
    timeout: Timeout | None = None
    content: dict[str, Any] = field(default_factory=dict)
    custom_data: dict[str, Any] = field(default_factory=dict)
    attach: list[Attachment] = field(default_factory=list)
    ui_tags: list[str] = field(default_factory=list)
    ratio: Annotated[float, Meta(ge=0, le=1)] = 1.0


class StartItem(Struct):
    email: str | None = None
    phone: str | None = None
    profile_id: str | None = None
    field_value: Any = None
    custom_data: dict[str, Any] = field(default_factory=dict)


class StartBatch(Struct):
    trigger_id: Id
    data: list[StartItem]
    token: str = ""
    format: str = ""
    matching: str = "email"
    field_name: str = ""
    skip_triggers: bool = False


class TaskStatus(Struct):
    task_id: str
    token: str = ""


def batch(body: str | bytes, encoding: codec.Encoding = "json") -> ImportAndStartBatch:
    return codec.decode(body.encode() if isinstance(body, str) else body, encoding, ImportAndStartBatch)


def refusal(body: str | bytes, encoding: codec.Encoding = "json") -> Invalid:
    with pytest.raises(Invalid) as caught:
        batch(body, encoding)
    return caught.value


# The shapes of the seeds' requests.


def test_bulk_import_and_launch_with_subscriptions_is_equal_in_both_encodings():
    json_body = """{"token": "secret", "matching": "email", "data": [
        {"data": {"_fname": "Alice", "_lname": " Archer", "email": "alice@example.com", "phones": "+79000000001",
                  "subscriptions": [{"channel": "email", "email": "a@example.com", "resource_id": "21"},
                                    {"channel": "phone", "phone": "+79000000002", "resource_id": "20"}]}},
        {"data": {"_fname": "Bob", "email": "bob@example.com",
                  "subscriptions": {"channel": "email", "email": "b@example.com", "resource_id": "21"}}}],
        "trigger_id": 96, "timeout": {"days": 0, "hours": 0, "minutes": 5}, "content": {"page": "registration_form"},
        "attach": [{"data": "data:text/csv;base64,SEVMTE8K", "name": "Attach.txt"}]}"""
    xml_body = """<xml>
        <token>secret</token>
        <matching>email</matching>
        <data>
            <_fname>Alice</_fname><_lname> Archer</_lname>
            <email>alice@example.com</email><phones>+79000000001</phones>
            <subscriptions><channel>email</channel><email>a@example.com</email><resource_id>21</resource_id></subscriptions>
            <subscriptions><channel>phone</channel><phone>+79000000002</phone><resource_id>20</resource_id></subscriptions>
        </data>
        <data>
            <_fname>Bob</_fname><email>bob@example.com</email>
            <subscriptions><channel>email</channel><email>b@example.com</email><resource_id>21</resource_id></subscriptions>
        </data>
        <trigger_id>96</trigger_id>
        <timeout><days>0</days><hours>0</hours><minutes>5</minutes></timeout>
        <content><page>registration_form</page></content>
        <attach array='true'><data>data:text/csv;base64,SEVMTE8K</data><name>Attach.txt</name></attach>
    </xml>"""
    request = batch(json_body)
    assert batch(xml_body, "xml") == request
    assert request.data[0].data["subscriptions"][1]["phone"] == "+79000000002"
    assert request.timeout == Timeout(minutes=5)
    assert request.attach == [Attachment(name="Attach.txt", data="data:text/csv;base64,SEVMTE8K")]


def test_bulk_import_and_launch_by_a_custom_field_is_equal_in_both_encodings():
    json_body = """{"token": "secret", "trigger_id": 455, "format": "json", "skip_triggers": false, "detect_geo": true,
        "matching": "custom", "field_name": "Custom_ID",
        "data": [{"data": {"email": "alice@example.com", "Custom_ID": "0002"}},
                 {"data": {"email": "bob@example.com", "Custom_ID": "0001"}}]}"""
    xml_body = """<xml><token>secret</token><trigger_id>455</trigger_id><format>json</format>
        <skip_triggers>false</skip_triggers><detect_geo>true</detect_geo>
        <matching>custom</matching><field_name>Custom_ID</field_name>
        <data><email>alice@example.com</email><Custom_ID>0002</Custom_ID></data>
        <data><email>bob@example.com</email><Custom_ID>0001</Custom_ID></data></xml>"""
    request = batch(json_body)
    assert batch(xml_body, "xml") == request
    assert (request.detect_geo, request.skip_triggers) == (True, False)
    assert request.data[0].data["Custom_ID"] == "0002"


def test_bulk_import_into_a_workflow_is_equal_in_both_encodings():
    json_body = '{"workflow_id": 12, "matching": "email", "data": [{"data": {"email": "alice@example.com"}}]}'
    xml_body = """<?xml version="1.0" encoding="UTF-8" ?>
        <xml><workflow_id>12</workflow_id><matching>email</matching>
        <data><email>alice@example.com</email></data></xml>"""
    assert batch(xml_body, "xml") == batch(json_body)
    assert batch(json_body).workflow_id == 12


@pytest.mark.parametrize(
    ("item", "element"),
    [
        ({"email": "alice@example.com"}, "<data><email>alice@example.com</email></data>"),
        ({"field_value": "003"}, "<data><field_value>003</field_value></data>"),
    ],
)
def test_bulk_launch_is_equal_in_both_encodings(item, element):
    json_body = json.dumps({"token": "secret", "trigger_id": 8, "data": [item, item]}).encode()
    xml_body = f"<xml><token>secret</token><trigger_id>8</trigger_id>{element * 2}</xml>".encode()
    request = codec.decode(json_body, "json", StartBatch)
    assert codec.decode(xml_body, "xml", StartBatch) == request
    assert to_builtins(request.data[1]).items() >= item.items()


def test_task_status_is_equal_in_both_encodings():
    request = codec.decode(b'{"token": "secret", "task_id": "task_1"}', "json", TaskStatus)
    assert codec.decode(b"<xml><token>secret</token><task_id>task_1</task_id></xml>", "xml", TaskStatus) == request


def test_the_documented_answer_is_written_as_documented():
    answer = {"error": 0, "error_text": "", "result": [{"profile_id": "aa"}, {"profile_id": "bb"}]}
    assert codec.encode(answer, "xml") == (
        b"<xml><error>0</error><error_text/><result><profile_id>aa</profile_id></result>"
        b"<result><profile_id>bb</profile_id></result></xml>"
    )
    assert json.loads(codec.encode(answer, "json")) == answer


@pytest.mark.parametrize(
    ("content_type", "encoding"),
    [
        (None, "json"),
        ("", "json"),
        ("application/json; charset=utf-8", "json"),
        ("text/plain", "json"),
        ("application/xml", "xml"),
        ("Text/XML;charset=UTF-8", "xml"),
        ("application/soap+xml", "xml"),
    ],
)
def test_the_encoding_is_json_unless_the_content_type_says_xml(content_type, encoding):
    assert codec.encoding_of(content_type) == encoding
    assert codec.encoding_of(codec.content_type(encoding)) == encoding


# What is lenient.


@pytest.mark.parametrize("trigger_id", ["8", '"8"', '" 8 "', "8.0"])
def test_ids_may_be_strings(trigger_id):
    assert batch(f'{{"data": [], "trigger_id": {trigger_id}}}').trigger_id == 8


@pytest.mark.parametrize("yes", ["true", '"true"', '"True"', "1", '"1"'])
def test_booleans_may_be_strings_or_digits(yes):
    assert batch(f'{{"data": [], "skip_triggers": {yes}}}').skip_triggers is True


def test_free_values_are_not_guessed_at():
    free = {"a": "8", "b": "true", "c": "null", "d": " 8 ", "e": ["1"], "f": {"g": "2"}, "h": None, "i": ""}
    request = batch(json.dumps({"data": [{"data": free}], "content": free, "trigger_id": "8", "timeout": None}))
    assert request.content == free
    assert request.data[0].data == free


@pytest.mark.parametrize("nothing", ["null", '""', '" "'])
def test_nothing_for_a_member_with_a_default_is_as_if_it_were_absent(nothing):
    names = ["trigger_id", "resource_id", "skip_triggers", "timeout", "content", "custom_data", "attach"]
    body = (
        "{" + ", ".join(f'"{name}": {nothing}' for name in names) + f', "data": [{{"data": {{"email": {nothing}}}}}]}}'
    )
    request = batch(body)
    assert request.data[0].data == {"email": json.loads(nothing)}
    assert request == ImportAndStartBatch(data=request.data)


def test_null_for_text_with_a_default_is_as_if_it_were_absent():
    request = batch('{"data": [{"data": {}, "custom_data": null}], "matching": null, "ui_tags": null}')
    assert request == ImportAndStartBatch(data=[ImportItem(data={})])


def test_empty_elements_are_what_the_member_wants():
    request = batch(
        "<xml><data/><trigger_id/><matching></matching><skip_triggers/><timeout/><content> </content>"
        "<attach/><ui_tags/></xml>",
        "xml",
    )
    assert request == ImportAndStartBatch(data=[], matching="")


def test_an_empty_element_that_is_marked_as_a_list_is_an_empty_list_unless_its_items_are_text():
    request = batch("<xml><data array='true'/><attach array='true'> </attach><ui_tags array='true'/></xml>", "xml")
    assert request == ImportAndStartBatch(data=[], ui_tags=[""])


def test_space_around_numbers_of_xml_is_left_out_but_not_that_of_text():
    request = batch("<xml><trigger_id>\n 9\n</trigger_id><matching> a </matching><data/></xml>", "xml")
    assert (request.trigger_id, request.matching) == (9, " a ")


def test_unknown_members_are_left_out():
    assert batch('{"data": [], "_bdate": {"x": [1]}}') == ImportAndStartBatch(data=[])
    assert batch("<xml><data/><_bdate><x/></_bdate></xml>", "xml") == ImportAndStartBatch(data=[])


def test_the_last_of_equal_names_wins():
    assert batch('{"data": [], "matching": "a", "matching": "b"}').matching == "b"


def test_a_byte_order_mark_is_accepted():
    assert batch(b'\xef\xbb\xbf{"data": []}') == ImportAndStartBatch(data=[])
    assert batch(b"\xef\xbb\xbf<xml><data/></xml>", "xml") == ImportAndStartBatch(data=[])


# XML.


def xml_content(inner: str) -> dict[str, Any]:
    return batch(f"<xml><data/><content>{inner}</content></xml>", "xml").content


def test_free_xml_becomes_objects_lists_and_text():
    content = xml_content(
        "<n>1</n><yes>true</yes><empty/><o><p>x</p></o><l>1</l><l>2</l><one array='true'>1</one>"
        "<ones array='true'><p>x</p></ones><rest array='true'>1</rest><rest array='true'>2</rest>"
        "<not array='false'>1</not>"
    )
    assert content == {
        "n": "1",
        "yes": "true",
        "empty": "",
        "o": {"p": "x"},
        "l": ["1", "2"],
        "one": ["1"],
        "ones": [{"p": "x"}],
        "rest": ["1", "2"],
        "not": "1",
    }


def test_text_between_child_elements_is_left_out():
    assert xml_content("<a>one<b>two</b>three</a>") == {"a": {"b": "two"}}


def test_comments_cdata_and_references_are_text_as_they_should_be():
    assert xml_content("<a>x<!-- y -->&lt;&#x416;<![CDATA[<!DOCTYPE html><b>]]></a>") == {"a": "x<Ж<!DOCTYPE html><b>"}


def test_prefixes_and_other_attributes_are_left_out():
    body = (
        "<s:xml xmlns:s='urn:x'><s:data><s:email kind='work'>a@b.c</s:email></s:data><xml:token>t</xml:token></s:xml>"
    )
    assert batch(body, "xml") == ImportAndStartBatch(data=[ImportItem(data={"email": "a@b.c"})], token="t")


def test_any_root_name_will_do():
    assert batch("<request><data/></request>", "xml") == ImportAndStartBatch(data=[])
    assert batch("<xml><data/></xml>", "xml") == ImportAndStartBatch(data=[])


def test_custom_data_of_a_flat_item_belongs_to_the_item():
    request = batch("<xml><data><email>a@b.c</email><custom_data><k>v</k></custom_data></data></xml>", "xml")
    assert request.data == [ImportItem(data={"email": "a@b.c"}, custom_data={"k": "v"})]


def test_wrapped_items_are_accepted_in_xml():
    body = "<xml><data><data><email>a@b.c</email></data><custom_data><k>v</k></custom_data></data></xml>"
    assert batch(body, "xml").data == [ImportItem(data={"email": "a@b.c"}, custom_data={"k": "v"})]


def test_a_profile_field_called_data_is_a_field():
    assert batch("<xml><data><data>x</data></data></xml>", "xml").data == [ImportItem(data={"data": "x"})]


def test_items_beyond_one_slice_of_the_reader_are_all_there_in_order():
    emails = [f"{'é' * (number % 7)}{number}@example.com" for number in range(9000)]
    items = "".join(f"<data><email>{email}</email></data>" for email in emails)
    request = batch(f"<xml>{items}<trigger_id>8</trigger_id></xml>", "xml")
    assert [item.data["email"] for item in request.data] == emails
    assert request.trigger_id == 8


# What is refused, and what is said.


@pytest.mark.parametrize(
    ("body", "path", "debug"),
    [
        ('{"data": [{"data": {}}, {"data": 5}]}', "data[1].data", "expected an object, got a whole number"),
        ('{"data": [], "trigger_id": "x"}', "trigger_id", "expected a whole number or null, got text"),
        ('{"data": [], "trigger_id": 0}', "trigger_id", "expected a whole number >= 1"),
        ('{"data": [], "trigger_id": true}', "trigger_id", "expected a whole number or null, got true or false"),
        ('{"data": [], "matching": 5}', "matching", "expected text, got a whole number"),
        ('{"data": [{}]}', "data[0].data", "this member is required"),
        ("{}", "data", "this member is required"),
        ("[]", "", "expected an object, got an array"),
        ("5", "", "expected an object, got a whole number"),
        ("", "", "the body is empty"),
        (" \n", "", "the body is empty"),
        ('{"data": [],\n "x" 1}', "", "not well-formed JSON: expected ':', line 2, column 6"),
        ('{"data": ', "", "not well-formed JSON: the body ends too early"),
        ('{"data": [], "content": {"x": NaN}}', "", "not well-formed JSON: invalid character, line 1, column 31"),
        ('{"data": [], "content": {"x": 1e999}}', "content[...]", "number out of range"),
        (
            '{"data": [], "content": {"x": [12345678901234567890]}}',
            "content.x[0]",
            "the whole number does not fit into 64 bits",
        ),
        ('{"data": [{"data": {"a": "x\\u0000"}}]}', "data[0].data.a", "the text has a NUL character"),
        ('{"data": [], "content": {"x": {"a\\u0000": 1}}}', "content.x", "the name of a member has a NUL character"),
    ],
)
def test_a_refusal_of_json_says_what_and_where(body, path, debug):
    mistake = refusal(body)
    assert (mistake.path, mistake.debug) == (path, debug)


@pytest.mark.parametrize(
    ("body", "path", "debug"),
    [
        ("<xml><data>5</data></xml>", "data[0]", "expected an object, got text"),
        ("<xml><data/><trigger_id>x</trigger_id></xml>", "trigger_id", "expected a whole number or null, got text"),
        ("<xml><data/><matching>a</matching><matching>b</matching></xml>", "matching", "expected text, got an array"),
        ("<xml/>", "data", "this member is required"),
        ("<xml>text</xml>", "", "expected an object, got text"),
        ("", "", "the body is empty"),
        ("<xml>\n<data></xml>", "", "not well-formed XML: mismatched tag, line 2, column 9"),
        ("<xml><data/>", "", "not well-formed XML: no element found, line 1, column 13"),
        ("<xml><data/>&secret;</xml>", "", "not well-formed XML: undefined entity, line 1, column 13"),
        ("<xml><data/></xml><xml/>", "", "not well-formed XML: junk after document element, line 1, column 19"),
        ("<a:xml><data/></a:xml>", "", "not well-formed XML: unbound prefix, line 1, column 1"),
    ],
)
def test_a_refusal_of_xml_says_what_and_where(body, path, debug):
    mistake = refusal(body, "xml")
    assert (mistake.path, mistake.debug) == (path, debug)


@pytest.mark.parametrize("bad", [b"\xff", b"\xc3", b"\xed\xa0\x80", b"\x00"])
def test_text_that_is_not_utf_8_is_refused(bad):
    refusal(b'{"data": [], "matching": "' + bad + b'"}')
    refusal(b"<xml><data/><matching>" + bad + b"</matching></xml>", "xml")


def test_where_the_text_is_not_utf_8_is_said():
    assert refusal(b'{"data": [],\n"matching": "\xff"}').debug == "the body is not UTF-8 at line 2, column 14"


@pytest.mark.parametrize("surrogate", ["\\ud800", "\\ud800x", "\\udc00"])
def test_lone_surrogates_are_refused(surrogate):
    refusal(f'{{"data": [], "matching": "{surrogate}"}}')
    refusal("<xml><data/><matching>&#xD800;</matching></xml>", "xml")


@pytest.mark.parametrize("encoding", ["utf-16", "utf-32", "utf-7"])
def test_xml_is_utf_8_whatever_its_declaration_says(encoding):
    text = f"<?xml version='1.0' encoding='{encoding}'?><xml><data/><matching>Ж</matching></xml>"
    refusal(text.encode(encoding) if encoding != "utf-7" else text.encode("cp1251"), "xml")
    assert batch(text.encode(), "xml").matching == "Ж"


@pytest.mark.parametrize(
    "doctype",
    [
        "<!DOCTYPE xml>",
        '<!DOCTYPE xml [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;"><!ENTITY c "&b;&b;&b;&b;&b;">]>',
        '<!DOCTYPE xml [<!ENTITY secret SYSTEM "file:///etc/hostname">]>',
        '<!DOCTYPE xml SYSTEM "http://127.0.0.1:9/x.dtd">',
    ],
)
@pytest.mark.parametrize("prolog", ["", "\ufeff", "<?xml version='1.0'?>\n", "<!-- > --><?a <b> ?>\n<!--?>-->"])
def test_a_doctype_is_refused_wherever_it_stands(doctype, prolog):
    assert refusal(f"{prolog}{doctype}<xml><data/></xml>", "xml").debug == "XML with a DOCTYPE is not accepted"


def test_a_prolog_that_never_ends_is_refused_in_time():
    for piece in (b"<?a?>", b"<!---->", b"<?a", b"<!--", b" "):
        refusal(piece * (10**6 // len(piece)) + b"<!DOCTYP", "xml")


@pytest.mark.parametrize("levels", [61, 62, 63, 1000, 500_000])
def test_nesting_is_limited_to_64_levels_in_both_encodings(levels):
    bodies: list[tuple[codec.Encoding, str]] = [
        ("json", '{"data": [], "content": {"x":' + "[" * levels + "]" * levels + "}}"),
        ("json", '{"data": [], "other":' + '{"[":' * (levels + 1) + '"]}\\"]\\\\"' + "}" * (levels + 1) + "}"),
        ("xml", f"<xml><data/><content>{'<a>' * (levels + 1)}{'</a>' * (levels + 1)}</content></xml>"),
    ]
    for encoding, body in bodies:
        if levels <= 62:
            batch(body, encoding)
        else:
            assert refusal(body, encoding).debug == "the body is nested deeper than 64 levels"


def test_brackets_in_text_are_no_nesting():
    text = "[{" * 100 + '"\\' * 9 + "\n"
    assert batch(json.dumps({"data": [], "content": {text: text}})).content == {text: text}


def test_elements_that_are_never_closed_are_refused_before_they_fill_the_memory():
    assert "nested deeper" in refusal(b"<a>" * 3_000_000, "xml").debug


def test_whole_numbers_that_the_database_can_hold_are_kept():
    content = {"least": -(2**63), "most": 2**63 - 1, "text": "9" * 40}
    assert batch(json.dumps({"data": [], "content": content})).content == content


@pytest.mark.parametrize("number", [str(2**63), str(-(2**63) - 1), "9" * 400, "1" + "0" * 5000])
def test_whole_numbers_that_it_cannot_hold_are_refused(number):
    refusal(f'{{"data": [], "content": {{"x": {number}}}}}')
    refusal(f'{{"data": [], "timeout": {{"days": "{number}"}}}}')
    refusal(f"<xml><data/><timeout><days>{number}</days></timeout></xml>", "xml")


@pytest.mark.parametrize("number", ["nan", "inf", "-Infinity", "NaN"])
def test_numbers_that_are_none_are_refused(number):
    assert refusal(f'{{"data": [], "ratio": "{number}"}}').path == "ratio"
    assert refusal(f"<xml><data/><ratio>{number}</ratio></xml>", "xml").path == "ratio"


def test_refusals_do_not_echo_long_input():
    long = "x" * 5000
    bodies: list[tuple[codec.Encoding, str]] = [
        ("json", f'{{"data": [], "content": {{"{long}": {{"{long}": "\\u0000"}}}}}}'),
        ("json", f'{{"data": [], "trigger_id": "{long}"}}'),
        ("json", f'{{"data": [], "ratio": "{long}"}}'),
        ("xml", f"<xml><{long}></xml>"),
        ("xml", f"<xml>&{long};</xml>"),
        ("xml", f"<xml><data/><ratio>{long}</ratio></xml>"),
    ]
    for encoding, body in bodies:
        assert len(refusal(body, encoding).describe()) < 160


# Whatever comes.


def decode_or_refuse(body: bytes) -> None:
    for encoding in ("json", "xml"):
        for into in (ImportAndStartBatch, StartBatch, TaskStatus):
            with suppress(Invalid):
                codec.decode(body, encoding, into)


PIECES = [
    *(
        b'{"data":[',
        b'{"data":{',
        b'"a":',
        b'"\\u0000"',
        b'"\\ud83d"',
        b"1e400",
        b"-0",
        b"9" * 30,
        b"null",
        b"true",
        b'""',
    ),
    *(
        b"]",
        b"}",
        b",",
        b":",
        b'"',
        b"\\",
        b" ",
        b"\xef\xbb\xbf",
        b"\xff",
        b"\xd0\x96",
        b"\x00",
        b"NaN",
        b'"trigger_id":"8"',
    ),
    *(
        b"<xml>",
        b"</xml>",
        b"<data>",
        b"</data>",
        b"<data/>",
        b"<a array='true'>",
        b"</a>",
        b"<![CDATA[",
        b"]]>",
        b"<!--",
    ),
    *(
        b"-->",
        b"<?xml version='1.0' encoding='rot13'?>",
        b"<!DOCTYPE a>",
        b"&lt;",
        b"&#0;",
        b"&x;",
        b"<x:y xmlns:x='u'/>",
    ),
    *(b"<xml:z/>", b"<trigger_id>8</trigger_id>", b"<content>", b"</content>", b"text"),
]


@settings(max_examples=120, deadline=None)
@given(st.one_of(st.binary(max_size=80), st.lists(st.sampled_from(PIECES), max_size=14).map(b"".join)))
def test_arbitrary_bytes_are_decoded_or_refused(body):
    decode_or_refuse(body)


@settings(max_examples=60, deadline=None)
@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
        lambda inner: (
            st.lists(inner)
            | st.dictionaries(
                st.text() | st.sampled_from(["data", "trigger_id", "timeout", "attach", "custom_data"]), inner
            )
        ),
        max_leaves=12,
    )
)
def test_arbitrary_json_is_decoded_or_refused(value):
    decode_or_refuse(json.dumps(value).encode())


NAMES = st.text(string.ascii_letters + "_", min_size=1, max_size=8).filter(
    lambda name: name not in {"data", "custom_data"}
)
XML_TEXT = st.text("aZ0 <&>\"'\n\t\r;Жé😀]", max_size=8)
TEXT_TREES = st.recursive(
    XML_TEXT,
    lambda inner: st.dictionaries(NAMES, inner | st.lists(inner, min_size=1, max_size=3), min_size=1, max_size=3),
    max_leaves=4,
)
OBJECTS = st.dictionaries(NAMES, TEXT_TREES | st.lists(TEXT_TREES, min_size=1, max_size=3), max_size=4)
REQUESTS = st.fixed_dictionaries(
    {"data": st.lists(st.fixed_dictionaries({"data": OBJECTS}, optional={"custom_data": OBJECTS}), max_size=4)},
    optional={
        "trigger_id": st.integers(1, 2**31 - 1) | st.integers(1, 99).map(str),
        "matching": XML_TEXT,
        "skip_triggers": st.sampled_from([True, False, "true", "0", 1]),
        "timeout": st.fixed_dictionaries({"minutes": st.integers(-(2**63), 2**63 - 1)}),
        "content": OBJECTS,
        "attach": st.lists(st.fixed_dictionaries({"name": XML_TEXT, "data": XML_TEXT}), max_size=3),
        "ui_tags": st.lists(XML_TEXT.filter(str.strip), max_size=3),
        "unknown": OBJECTS,
    },
)


def element(name: str, value: Any, mark: str = "") -> str:
    """The request's own XML, written here and not by the codec: lists of one marked."""
    if isinstance(value, list) and value:
        return "".join(element(name, item, " array='true'" if len(value) == 1 else "") for item in value)
    inner = "".join(element(*member) for member in value.items()) if isinstance(value, dict) else None
    text = "" if value == [] else str(value).lower() if isinstance(value, bool) else str(value)
    return f"<{name}{mark}>{escape(text, {chr(13): '&#13;'}) if inner is None else inner}</{name}>"


@settings(max_examples=30, deadline=None)
@given(REQUESTS, st.booleans())
@example({"data": [{"data": {}}]}, True)
def test_a_request_is_the_same_struct_from_json_and_from_xml(request_values, is_wrapped):
    from_json = batch(json.dumps(request_values))
    items = [
        item if is_wrapped and item["data"] else item["data"] | {k: v for k, v in item.items() if k != "data"}
        for item in request_values["data"]
    ]
    if items == [{}]:
        return  # One empty element is an empty list.
    from_xml = batch(element("xml", request_values | {"data": items}), "xml")
    assert blank_as_empty(from_xml) == blank_as_empty(from_json)


def blank_as_empty(request_struct: ImportAndStartBatch) -> Any:
    """An empty object has no form of its own in free XML."""
    return json.loads(codec.encode(request_struct, "json"), object_hook=lambda members: members or "")


@settings(max_examples=30, deadline=None)
@given(REQUESTS)
def test_a_struct_goes_to_json_and_back_unchanged(request_values):
    request = batch(json.dumps(request_values))
    assert batch(codec.encode(request, "json")) == request


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers(-(10**20), 10**20) | st.floats() | XML_TEXT,
        lambda inner: st.dictionaries(NAMES, inner, max_size=3) | st.lists(inner, max_size=3),
        max_leaves=12,
    )
)
def test_an_answer_goes_to_xml_and_back(answer):
    assert markup.read(codec.encode(answer, "xml")) == as_read(
        {"item": answer} if isinstance(answer, list) else answer, at_root=True
    )


def as_read(value: Any, *, at_root: bool = False) -> Any:
    if isinstance(value, dict):
        return {name: as_read(member) for name, member in value.items()} or ""
    if isinstance(value, list):
        items = [as_read({"item": item}) if isinstance(item, list) else as_read(item) for item in value]
        return "" if not items else items[0] if len(items) == 1 else items
    if value is None or (isinstance(value, float) and not math.isfinite(value)):
        return ""
    text = str(value).lower() if isinstance(value, bool) else str(value)
    return text.strip() if at_root else text


@given(st.dictionaries(st.text(max_size=6), st.text(max_size=12), max_size=4))
def test_every_answer_is_well_formed_for_other_readers(answer):
    root = etree.fromstring(codec.encode(answer, "xml"))
    assert len(root) == len(answer)
    assert json.loads(codec.encode({"n": None}, "json")) == {"n": None}


def test_what_xml_cannot_hold_is_made_safe():
    answer = {"a b": 1, "7up": 2, "": 3, "ключ": "\x00x\ufffe\ud800", "-": "a\rb]]>"}
    assert codec.encode(answer, "xml").decode() == (
        "<xml><a_b>1</a_b><_7up>2</_7up><_>3</_><ключ>\ufffdx\ufffd\ufffd</ключ><_->a&#13;b]]&gt;</_-></xml>"
    )


def test_structs_and_lists_within_lists_are_written():
    assert codec.encode(Timeout(days=1), "xml") == b"<xml><days>1</days><hours>0</hours><minutes>0</minutes></xml>"
    assert codec.encode([1, [2, [], 3]], "xml") == (
        b"<xml><item>1</item><item><item>2</item><item><item/></item><item>3</item></item></xml>"
    )
    assert codec.encode({1: True, "x": []}, "xml") == b"<xml><_1>true</_1><x/></xml>"
