"""Templates ready to be rendered: compiled once, kept by the caller, rendered by any thread."""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple
from urllib.parse import quote

from minijinja import Environment

from tocsin.core.errors import Invalid
from tocsin.core.templates import allowance
from tocsin.core.templates.language import GLOBALS, SYNTAX, Translation, translate

# minijinja writes / of escaped values so, which is the same to a browser but not to who reads or rewrites links.
_ESCAPED_SLASH = "&#x2f;"


class Rendered(NamedTuple):
    """The text, and how many values that it shows were missing."""

    text: str
    missing: int


class Template:
    """A compiled template; made by `compile_template`."""

    def __init__(self, source: str, translation: Translation, *, escape: bool, is_url: bool) -> None:
        self._uses = translation.uses
        self._constant = None if translation.text is None else Rendered(translation.text, 0)
        self._has_slashes = escape and _ESCAPED_SLASH not in source
        self._name = "template.html" if escape else "template.txt"
        self._environment = _environment(self._name, translation, _percent_encoded if is_url else None)

    @property
    def uses(self) -> frozenset[str]:
        """The members of the context that the template looks at, as `lead` or `subscriptions`."""
        return self._uses

    @property
    def is_static(self) -> bool:
        """Whether it renders to the same text always."""
        return self._constant is not None

    def render(self, context: Mapping[str, Any]) -> Rendered:
        """The text for one recipient.

        `context` holds what `uses` names, as decoded JSON: `lead`, `subscription`, `apicontent` and `json` objects,
        `unsubscribe` and `globalunsubscribe` texts, `subscriptions` a list of objects with `resource_id`, `channel`,
        `priority` and the members of the address. What is not there is missing. Raises Invalid when the text gets
        longer than allowance.LIMIT, or a value is nested beyond what Python can follow; nothing else is an error.
        """
        if self._constant is not None:
            return self._constant
        allowance.start()
        text = self._rendered({name: context.get(name) for name in self._uses})
        if len(text) > allowance.LIMIT:
            raise Invalid(f"the message has more than {allowance.LIMIT:,} characters")
        return Rendered(text, allowance.missing())

    def _rendered(self, values: Mapping[str, Any]) -> str:
        try:
            text = self._environment.render_template(self._name, **values)
        except (RecursionError, ValueError) as problem:
            raise Invalid(f"a value of the message is too deep or too long: {problem}") from None
        return text.replace(_ESCAPED_SLASH, "/") if self._has_slashes else text


def compile_template(source: str, *, escape: bool, is_url: bool = False) -> Template:
    """The template of an author's text; with `escape` values are made safe for HTML, in a URL they are percent-encoded.

    Raises TemplateMistake with line and column in `source`.
    """
    return Template(source, translate(source), escape=escape, is_url=is_url)


def _percent_encoded(value: Any) -> str:
    return quote(str(value), safe="", errors="replace")


def _environment(name: str, translation: Translation, finalizer: Callable[[Any], Any] | None) -> Environment:
    environment = Environment(
        globals=GLOBALS | translation.constants,
        undefined_behavior="chainable",
        keep_trailing_newline=True,
        debug=False,
        pycompat=False,
        finalizer=finalizer,
        **SYNTAX,
    )
    environment.add_template(name, translation.code)
    return environment
