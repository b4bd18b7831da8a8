"""What templates owe to their recipients: a way to unsubscribe, and to confirm where a confirmation is asked for."""

from collections.abc import Iterator, Mapping

from tocsin.core.configuration import Trigger
from tocsin.core.configuration_templates import EmailTemplate, Template
from tocsin.core.errors import TemplateMistake
from tocsin.core.templates.template import compile_template

_ENDS = frozenset({"unsubscribe", "globalunsubscribe"})
_LINKS = "{unsubscribe} or {globalunsubscribe}"


def check_marketing(template: Template) -> Iterator[tuple[tuple[str, ...], str]]:
    """Members and mistakes of a template that says it is marketing (facts, section 7)."""
    if template.email is not None and template.transactional is False:
        for member in _parts_without(template.email, _ENDS):
            yield ("email", member), f"marketing needs a way to unsubscribe: {_LINKS}"


def check_confirmation(trigger: Trigger, template: Template | None) -> Iterator[tuple[tuple[str, ...], str]]:
    """Members and mistakes of a trigger that asks for confirmations."""
    if not trigger.for_confirm:
        return
    if trigger.channel != "email":
        yield ("channel",), "confirmations are asked for by email"
    if trigger.resource is None:
        yield ("resource",), "a subscription is confirmed, so it needs a resource"
    if template is not None and template.email is not None:
        for member in _parts_without(template.email, frozenset({"confirm"})):
            yield ("template",), f"the {member} of template {template.id} has no {{confirm}} to confirm by"


def list_warnings(triggers: Mapping[int, Trigger], templates: Mapping[int, Template]) -> list[str]:
    """A sentence for each trigger that sends to subscribers what shows them no way to end it, though nobody said that
    it need not.
    """
    return [
        f"template {template.id} has no {_LINKS}, and trigger {trigger.id} sends it to subscribers of resource "
        f"{trigger.resource}: add the link, or say `transactional: true` if it is no marketing"
        for trigger in triggers.values()
        if trigger.channel == "email" and trigger.resource is not None and not trigger.for_confirm
        if (template := templates.get(trigger.template)) is not None
        and template.email is not None
        and template.transactional is None
        and any(_parts_without(template.email, _ENDS))
    ]


def _parts_without(email: EmailTemplate, names: frozenset[str]) -> Iterator[str]:
    """The parts that are there and hold none of these forms. A text that is made of the page holds what that does."""
    for member in ("html", "text"):
        source = getattr(email, member)
        if source and names.isdisjoint(_uses(source)):
            yield member


def _uses(source: str) -> frozenset[str]:
    try:
        return compile_template(source, escape=False).uses
    except TemplateMistake:
        return _ENDS | {"confirm"}  # It is said of the template itself.
