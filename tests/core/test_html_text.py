"""Text from HTML: readable, never an error, linear."""

from time import process_time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tocsin.core.html_text import text_from_html


@pytest.mark.parametrize(
    ("html", "text"),
    [
        ("", ""),
        (" \n ", ""),
        ("plain", "plain\n"),
        ("<p>One</p><p>Two</p>", "One\n\nTwo\n"),
        ("<h1>Head</h1>text", "Head\n\ntext\n"),
        ("a\n  b\t<b> c</b>d", "a b cd\n"),
        ("a<br>b<br/>c<br><br>d", "a\nb\nc\n\nd\n"),
        ("<div>a<div>b</div></div>c", "a\nb\nc\n"),
        ("Fish &amp; chips &lt;now&gt;&nbsp;5&#8364; &eacute; &bogus;", "Fish & chips <now> 5€ é &bogus;\n"),
        ("<table><tr><td>a</td><td>b</td></tr><tr><td>c<td>d</table>", "a b\nc d\n"),
        ("a<hr>b", "a\n\n-----\n\nb\n"),
        ("1 < 2 and 3 > 2, <3", "1 < 2 and 3 > 2, <3\n"),
        ("<P CLASS=x>Loud</P>", "Loud\n"),
        ("Sale today<div>&#847;&zwnj;&nbsp;&#847;&zwnj;&nbsp;</div>", "Sale today\n"),
    ],
)
def test_blocks_and_entities_read_as_text(html, text):
    assert text_from_html(html) == text


@pytest.mark.parametrize(
    ("html", "text"),
    [
        ('See <a href="https://x.y/?a=1&amp;b=2">the order</a>.', "See the order (https://x.y/?a=1&b=2).\n"),
        ("<a class=b title='a > b' href='https://x.y'>go</a>", "go (https://x.y)\n"),
        ("<a href=https://x.y>go</a>", "go (https://x.y)\n"),
        ('<a href="https://x.y">https://x.y</a>', "https://x.y\n"),
        ('<a href="https://x.y">x.y</a>', "x.y\n"),
        ('<a href="mailto:a@b.c">a@b.c</a>', "a@b.c\n"),
        ('<a href="https://x.y"><img src="logo.png" alt="Logo"></a>', "Logo (https://x.y)\n"),
        ('<a href="https://x.y"><img src="logo.png"></a>', "https://x.y\n"),
        ('<a href="#top">up</a> <a name="top">here</a>', "up here\n"),
        ('<a href="javascript:alert(1)">press</a>', "press\n"),
        ('<a data-href="no" href = "https://x.y">go</a>', "go (https://x.y)\n"),
        ('<a href="https://x.y">never closed', "never closed (https://x.y)\n"),
        ('<a href="https://x.y"><p>inside</p></a>', "inside\n\nhttps://x.y\n"),
        ('<a href="https://x.y\r\n ">go</a>', "go (https://x.y)\n"),
    ],
)
def test_links_show_where_they_lead(html, text):
    assert text_from_html(html) == text


@pytest.mark.parametrize(
    ("html", "text"),
    [
        ("<ul><li>a</li><li>b</li></ul>c", "- a\n- b\n\nc\n"),
        ("before<ol><li>a<li>b</ol>", "before\n\n1. a\n2. b\n"),
        ("<ul><li>a<ol><li>b</li><li><p>c</p></li></ol></li><li>d</li></ul>", "- a\n  1. b\n  2. c\n- d\n"),
        ("<li>stray</li></ul></ol>", "- stray\n"),
        ("<ol><li></li><li>b</li></ol>", "2. b\n"),
    ],
)
def test_lists_have_marks(html, text):
    assert text_from_html(html) == text


@pytest.mark.parametrize(
    "unread",
    [
        "<style>p > a {color: red}</style>",
        "<STYLE type='text/css'>a<b</STYLE >",
        "<script>if (a < b) document.write('</b>')</script>",
        "<head><title>Title</title></head>",
        "<!-- comment > <b>still</b> -->",
        "<!--[if mso]><table><tr><td>Outlook</td></tr></table><![endif]-->",
        "<!DOCTYPE html>",
        "<?xml version='1.0'?>",
        "<!---->",
    ],
)
def test_what_nobody_reads_is_left_out(unread):
    assert text_from_html(f"a{unread}b") == "ab\n"


@pytest.mark.parametrize("unclosed", ["<style>x", "<!-- x", "<script>x", "<title>x</titlex>"])
def test_what_is_never_closed_ends_with_the_text(unclosed):
    assert text_from_html("a" + unclosed) == "a\n"


def test_a_header_element_is_not_a_head():
    assert text_from_html("<header>a</header><styled>b</styled>") == "a\nb\n"


MARKUP = [
    "<",
    ">",
    "</",
    "<a ",
    "<a href=",
    '"',
    "'",
    "<!--",
    "-->",
    "<style>",
    "</style>",
    "<ul>",
    "<li>",
    "</ol>",
    "<br>",
]
MARKUP += [
    "&",
    "&#",
    "&#x",
    ";",
    "&#99999999999;",
    "&#xd800;",
    "=",
    "<td>",
    "<p>",
    "\0",
    "\ud800",
    "\x1f",
    "<!",
    "<?",
    "/>",
]


@settings(max_examples=150, deadline=None)
@given(st.lists(st.one_of(st.sampled_from(MARKUP), st.text(max_size=5))).map("".join))
def test_any_html_at_all_gives_folded_lines(html):
    text = text_from_html(html)
    assert text == "" or text.endswith("\n")
    assert "\n\n\n" not in text
    assert all(line == line.rstrip() for line in text.split("\n"))


def test_an_entity_of_thousands_of_digits_is_one_unknown_character():
    assert text_from_html("a&#" + "1" * 5000 + ";b") == "a\ufffdb\n"


NASTY = [
    "<",
    "<a ",
    '<a "',
    "<a '\"",
    "<!",
    "<!--",
    "<!---",
    "<style ",
    "<style></style",
    "</",
    "<a aaaa",
    "<a x=",
    "&#",
]
NASTY += [
    "x</a>",
    "<a href=h:x>",
    "<ul><li>",
    "<ul><li>x",
    "x<br>",
    " <br>",
    "a<p>",
    "</ol>",
    "<td>",
    '<a href="h:x">y',
    "<?",
]


@pytest.mark.parametrize("nasty", [*(piece * (120_000 // len(piece)) for piece in NASTY), "<a " + "x" * 120_000 + ">"])
def test_time_grows_with_length_only(nasty):
    started = process_time()
    text_from_html(nasty)
    # A tenth of that when linear, minutes when quadratic.
    assert process_time() - started < 2
