"""Readable plain text of an HTML mail, in one pass over its tags. Never raises, whatever the HTML, and stays linear."""

import re
from collections.abc import Callable
from html import unescape

# A comment, an element whose content nobody reads, a declaration, or a tag: its slash, name and attributes. What is
# never closed ends with the text. Possessive throughout: a `<` that begins nothing is given up without looking back.
# The two letters looked for ahead only spare other tags the comparison without case.
_MARKUP = re.compile(
    r"<(?:!--[^-]*+(?:-(?!->)[^-]*+)*+(?:-->)?"
    r"|(?=[sStT][cCtTiI])(?i:(style|script|title)(?![^\s/>])[^<]*+(?:<(?!/\1(?![^\s/>]))[^<]*+)*+(?:</\1[^<>]*+>?)?)"
    r"|[!?][^<>]*+>"
    r"|(/?)([a-zA-Z][^\s<>/]*+)([^<>\"']*+(?:(?:\"[^\"]*+\"|'[^']*+')[^<>\"']*+)*+)>)"
)
_ATTRIBUTE = re.compile(r"([^\s=/\"'<>]++)(?:\s*+=\s*+(?:\"([^\"]*+)\"|'([^']*+)'|([^\s\"'>]++)))?+")
_ENDLESS_NUMBER = re.compile(r"&#[0-9]{8,}+;?")

_DEEPEST_INDENT = 8
# What mails put after their first words so that an inbox shows nothing else, with the spaces that folding leaves.
_FILLING = " \u00ad\u034f\u200b\u200c\u200d\ufeff"


def text_from_html(html: str) -> str:
    """The text of `html`: links as `text (url)`, lists with their marks, blocks apart by lines, entities decoded,
    whitespace folded. Styles, scripts, comments and the title are left out. Empty, or ended by one newline.
    """
    page = _Page()
    pieces = _MARKUP.split(html)
    page.words.append(_decode(pieces[0]))
    # Four groups, then the text up to the next match; only a tag has a name.
    for closing, name, attributes, text in zip(pieces[2::5], pieces[3::5], pieces[4::5], pieces[5::5], strict=True):
        if name:
            act = _TAGS.get(name.lower())
            if act:
                act(page, attributes, closing)
        if text:
            page.words.append(_decode(text) if "&" in text else text)
    return page.finish()


class _Page:
    """Finished lines, the words of the line at hand, and what is open: one link and the lists with their counters."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.words: list[str] = []
        self.prefix = ""
        self.url = ""
        self.link_start = 0
        self.lists: list[int | None] = []

    def cell(self, _attributes: str, _closing: str) -> None:
        self.words.append(" ")

    def line(self, _attributes: str, _closing: str) -> None:
        self.end_line()

    def block(self, _attributes: str, _closing: str) -> None:
        self.end_block()

    def end_line(self) -> None:
        line = " ".join("".join(self.words).split()).strip(_FILLING)
        if line:
            self.lines.append(self.prefix + line)
            self.prefix = ""
        self.words.clear()
        self.link_start = 0

    def end_block(self) -> None:
        self.end_line()
        if self.lines and self.lines[-1] and not self.lists:
            self.lines.append("")

    def ordered_list(self, _attributes: str, closing: str) -> None:
        self._nest(0, closing=closing)

    def unordered_list(self, _attributes: str, closing: str) -> None:
        self._nest(None, closing=closing)

    def _nest(self, counter: int | None, *, closing: str) -> None:
        if closing and self.lists:
            self.lists.pop()
        self.end_block()
        self.prefix = ""
        if not closing:
            self.lists.append(counter)

    def item(self, _attributes: str, closing: str) -> None:
        self.end_line()
        self.prefix = "" if closing else "  " * min(len(self.lists) - 1, _DEEPEST_INDENT) + self._mark()

    def _mark(self) -> str:
        number = self.lists[-1] if self.lists else None
        if number is None:
            return "- "
        self.lists[-1] = number + 1
        return f"{number + 1}. "

    def line_break(self, _attributes: str, _closing: str) -> None:
        if any(word and not word.isspace() for word in self.words):
            self.end_line()
        else:
            self.end_block()

    def rule(self, _attributes: str, _closing: str) -> None:
        self.end_block()
        self.lines += ["-----", ""]

    def image(self, attributes: str, _closing: str) -> None:
        self.words.append(_attribute(attributes, "alt"))

    def link(self, attributes: str, closing: str) -> None:
        self._end_link()
        if not closing:
            self.url = "".join(_attribute(attributes, "href").split())
            self.link_start = len(self.words)

    def _end_link(self) -> None:
        if not self.url:
            return
        scheme, _, rest = self.url.partition(":")
        label = "".join(self.words[self.link_start :]).strip()
        if rest and scheme.lower() != "javascript" and label not in (self.url, rest, rest.lstrip("/")):
            self.words.append(f" ({self.url})" if label else f" {self.url}")
        self.url = ""

    def finish(self) -> str:
        self._end_link()
        self.end_line()
        return "\n".join(self.lines).rstrip("\n") + "\n" if self.lines else ""


_Act = Callable[[_Page, str, str], None]
_LINES = ("address", "article", "aside", "caption", "center", "dd", "div", "dt", "footer", "form", "header", "main")
_BLOCKS = ("blockquote", "dl", "figure", "h1", "h2", "h3", "h4", "h5", "h6", "p", "pre", "table")
# What a tag does to the page, given its attributes and `/` if it closes; other tags do nothing.
_TAGS: dict[str, _Act] = {
    **dict.fromkeys((*_LINES, "nav", "section", "tr"), _Page.line),
    **dict.fromkeys(_BLOCKS, _Page.block),
    **dict.fromkeys(("td", "th"), _Page.cell),
    "a": _Page.link,
    "br": _Page.line_break,
    "hr": _Page.rule,
    "img": _Page.image,
    "li": _Page.item,
    "ol": _Page.ordered_list,
    "ul": _Page.unordered_list,
}


def _attribute(attributes: str, name: str) -> str:
    """The value of the first attribute of that name, its entities decoded; empty without one."""
    for found in _ATTRIBUTE.finditer(attributes):
        if found[1].lower() == name:
            return _decode(found[2] or found[3] or found[4] or "")
    return ""


def _decode(text: str) -> str:
    try:
        return unescape(text)
    except ValueError:
        # int() refuses thousands of digits.
        return unescape(_ENDLESS_NUMBER.sub("\ufffd", text))
