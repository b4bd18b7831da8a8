"""Texts of nodes that are templates, wherever in a value they stand, and what these templates see."""

from collections.abc import Iterator, Mapping, Sequence
from hashlib import md5
from typing import Any

from tocsin.core.configuration_workflows import UpdateNode
from tocsin.core.errors import Invalid, TemplateMistake
from tocsin.core.subscriptions import Subscription
from tocsin.core.templates.template import Template, compile_template

# All that a node says of one profile, in characters.
LIMIT = 1_000_000
_ROOTS = frozenset({"lead", "apicontent", "subscriptions"})
Path = tuple[str | int, ...]


def node_context(
    profile_id: bytes, fields: Mapping[str, Any], subscriptions: Sequence[Subscription], content: Mapping[str, Any]
) -> dict[str, Any]:
    """What the templates of a node see: `lead`, `apicontent`, `subscriptions`, as those of a message do."""
    email = str(fields.get("email", "")).lower().encode(errors="replace")
    email_md5 = md5(email, usedforsecurity=False).hexdigest() if email else ""
    lead = {"_id": profile_id.hex(), "_md5": email_md5, **fields}
    return {"lead": lead, "apicontent": content, "subscriptions": subscriptions}


def has_forms(text: str) -> bool:
    """Whether a text may be more than itself."""
    return "{" in text


def compile_text(source: str, *, is_url: bool = False) -> Template:
    """The template of a node's text; in a URL values are percent-encoded. TemplateMistake also for what only a message
    knows, as its subscription.
    """
    template = compile_template(source, escape=False, is_url=is_url)
    strange = sorted(template.uses - _ROOTS)
    if strange:
        raise TemplateMistake(f"{strange[0]} is known in messages only", 1, 1)
    return template


def list_texts(value: Any, path: Path = ()) -> Iterator[tuple[Path, str]]:
    """Every text in a tree of plain values that may hold forms, with its place; in no order, however deep the tree."""
    ahead = [(path, value)]
    while ahead:
        place, found = ahead.pop()
        if isinstance(found, str):
            if has_forms(found):
                yield place, found
        elif isinstance(found, dict):
            ahead.extend(((*place, name), member) for name, member in found.items())
        elif isinstance(found, list | tuple):
            ahead.extend(((*place, index), item) for index, item in enumerate(found))


class Tree:
    """A value in which every text is a template. Other values, and the names of members, stay as they are."""

    def __init__(self, value: Any) -> None:
        """Raises TemplateMistake."""
        self._value = value
        self._templates = {path: compile_text(text) for path, text in list_texts(value)}

    @property
    def is_static(self) -> bool:
        """Whether it is the same for every profile."""
        return not self._templates

    def render(self, context: Mapping[str, Any]) -> Any:
        """The value for one profile. Invalid when its texts get longer than LIMIT, or cannot be rendered."""
        if not self._templates:
            return self._value
        texts: dict[Path, str] = {}
        size = 0
        for path, template in self._templates.items():
            texts[path] = template.render(context).text
            size += len(texts[path])
            if size > LIMIT:
                raise Invalid(f"the texts have more than {LIMIT:,} characters")
        return _filled(self._value, (), texts)


def _filled(value: Any, path: Path, texts: Mapping[Path, str]) -> Any:
    if isinstance(value, dict):
        return {name: _filled(member, (*path, name), texts) for name, member in value.items()}
    if isinstance(value, list | tuple):
        return [_filled(item, (*path, place), texts) for place, item in enumerate(value)]
    return texts.get(path, value) if isinstance(value, str) else value


class UpdateTemplate:
    """What an update node says of a profile."""

    def __init__(self, node: UpdateNode) -> None:
        """Raises TemplateMistake."""
        said = {**node.set, **({"subscriptions": node.subscriptions} if node.subscriptions else {})}
        self._tree = Tree({name: list(one) if isinstance(one, tuple) else one for name, one in said.items()})

    @property
    def is_static(self) -> bool:
        """Whether it says the same of every profile, so that it can be read once."""
        return self._tree.is_static

    def render(self, context: Mapping[str, Any]) -> dict[str, Any]:
        """What `core.profiles.Reader.read` takes. Raises Invalid."""
        rendered: dict[str, Any] = self._tree.render(context)
        return rendered
