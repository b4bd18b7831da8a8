"""tocsin.yaml: its text as checked objects, objects as such a text, and what lies between two states."""

import re
from collections.abc import Iterator, Mapping, Sequence
from hashlib import sha256
from typing import Annotated, Any, Literal, get_args, get_type_hints

import msgspec
from msgspec import Meta, Struct, field, structs

from tocsin import __version__
from tocsin.core import configuration_references as references
from tocsin.core import yaml_document
from tocsin.core.configuration import Configuration, Database, Resource, Token, Trigger
from tocsin.core.configuration_check import (
    Finding,
    Known,
    check_database,
    check_resource,
    check_route,
    check_sender,
    check_template,
    check_token,
    check_trigger,
)
from tocsin.core.configuration_hooks import Hook
from tocsin.core.configuration_hooks_check import check_hook, check_references_of_hook
from tocsin.core.configuration_members import read, suggest
from tocsin.core.configuration_rules import Policy, SuppressionList
from tocsin.core.configuration_rules_check import (
    check_policy,
    check_rules_of_resource,
    check_rules_of_trigger,
    check_suppression_list,
)
from tocsin.core.configuration_senders import RouteSender, Sender
from tocsin.core.configuration_templates import Template
from tocsin.core.configuration_words import Channel, Name, Permission, noun
from tocsin.core.configuration_workflows import Workflow
from tocsin.core.errors import ConfigurationMistakes, MemberMistakes
from tocsin.core.workflows.check import check_workflow
from tocsin.core.yaml_document import BROKEN, Document, Path, describe_path

Key = int | str


class TokenEntry(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """A token in the file: its text, for development, or the SHA-256 of it, as `tocsin export` prints it."""

    name: Name
    token: Annotated[str, Meta(min_length=16, max_length=200)] | None = None
    sha256: Annotated[str, Meta(pattern="^[0-9a-f]{64}$")] | None = None
    permissions: tuple[Permission, ...] = ("*",)


class Objects(Struct, frozen=True):
    """What a file says, by id; tokens by name."""

    databases: dict[int, Database] = field(default_factory=dict)
    resources: dict[int, Resource] = field(default_factory=dict)
    senders: dict[int, Sender] = field(default_factory=dict)
    templates: dict[int, Template] = field(default_factory=dict)
    triggers: dict[int, Trigger] = field(default_factory=dict)
    workflows: dict[int, Workflow] = field(default_factory=dict)
    suppression_lists: dict[int, SuppressionList] = field(default_factory=dict)
    policies: dict[int, Policy] = field(default_factory=dict)
    hooks: dict[int, Hook] = field(default_factory=dict)
    tokens: dict[str, Token] = field(default_factory=dict)


class Change(Struct, frozen=True):
    """What applying does to one object; `members` are those that differ when it is changed."""

    action: Literal["created", "changed", "unchanged", "removed"]
    section: str
    key: Key
    name: str
    members: tuple[str, ...] = ()

    def describe(self) -> str:
        """`changed trigger 8 "Order received" (active, template)`; never a value, which may be secret."""
        key = "" if self.section == "tokens" else f" {self.key}"
        members = f" ({', '.join(self.members)})" if self.members else ""
        return f'{self.action} {noun(self.section)}{key} "{self.name}"{members}'


SECTIONS: Mapping[str, Any] = {
    "databases": Database,
    "resources": Resource,
    "senders": Sender,
    "templates": Template,
    "triggers": Trigger,
    "workflows": Workflow,
    "suppression_lists": SuppressionList,
    "policies": Policy,
    "hooks": Hook,
    "tokens": TokenEntry,
}

_RELEASE = __version__.rpartition(".")[0]
_LATER_VALUES: Mapping[tuple[str, str], tuple[str, ...]] = {
    ("senders", "channel"): get_args(Channel),
    ("senders", "type"): ("smpp",),
    ("triggers", "channel"): get_args(Channel),
    ("triggers", "event"): ("action", "pixel"),
}
_INSTEAD = {"type smpp": "send to the HTTP API of a gateway that speaks it (docs/sms.md)"}
# Members that hold nothing but a secret. Where `${NAME}` may stand within a text is said in configuration_references.
_SECRETS: Mapping[str, tuple[str, ...]] = {
    "resources": ("token",),
    "senders": ("password", "callback_secret"),
    "hooks": ("secret", "previous_secret"),
    "tokens": ("token",),
}
_reference = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}").fullmatch


def parse(
    text: str, file_name: str, environment: Mapping[str, str], stored: Objects | None = None, *, prune: bool = False
) -> Objects:
    """The objects of the file. With `prune` nothing of `stored` stays beside them, without it references may go there.

    A secret (a sender's password, a token) may be `${NAME}`, the variable of `environment`; so may parts of what an
    `http` sender sends. ConfigurationMistakes with
    every mistake, in the order of lines: `tocsin.yaml:12: triggers[1].template: there is no template 9`.
    """
    reading = _Reading(yaml_document.read(text), environment, stored or Objects())
    reading.read_sections()
    reading.check(prune=prune)
    mistakes = sorted(reading.document.mistakes, key=lambda mistake: mistake.line)
    if mistakes:
        raise ConfigurationMistakes([mistake.describe(file_name) for mistake in mistakes])
    return Objects(**reading.objects)


def revise(stored: Objects, section: str, entry: Mapping[str, Any]) -> Objects:
    """The one object that an entry of a section makes, checked beside all that is stored.

    `${NAME}` stands only for what is stored under it. MemberMistakes with every mistake, by the member's path in the
    entry; those that others would have by it are under the empty path.
    """
    document = Document()
    document.value = {section: [dict(entry)]}
    reading = _Reading(document, {}, stored)
    reading.read_sections()
    reading.check(prune=False)
    _raise_mistakes(document)
    return Objects(**reading.objects)


def check_without(stored: Objects, section: str, key: Key) -> None:
    """MemberMistakes, under the empty path, when something stored needs this object."""
    kept = {name: value for name, value in getattr(stored, section).items() if name != key}
    document = Document()
    document.value = {section: []}
    reading = _Reading(document, {}, structs.replace(stored, **{section: kept}))
    reading.check(prune=False)
    _raise_mistakes(document)


def _raise_mistakes(document: Document) -> None:
    if document.mistakes:
        # The first two steps of a path lead to the entry.
        raise MemberMistakes([(describe_path(mistake.path[2:]), mistake.sentence) for mistake in document.mistakes])


class _Reading:
    """One file on its way: the objects read so far, where in the file each stands, and those that have mistakes."""

    def __init__(self, document: Document, environment: Mapping[str, str], stored: Objects) -> None:
        self.document = document
        self.objects: dict[str, dict[Any, Any]] = {section: {} for section in SECTIONS}
        self._environment = environment
        self._stored = stored
        self._places: dict[tuple[str, Key], Path] = {}

    def read_sections(self) -> None:
        sections = self.document.value
        if sections is BROKEN:
            return
        if not isinstance(sections, dict):
            what = "is empty" if sections is None else "holds no sections"
            self.document.add((), f"the file {what}; it begins with one of: {', '.join(SECTIONS)}")
            return
        for section, entries in sections.items():
            if section not in SECTIONS:
                self.document.add((section,), f"there is no such section{suggest(section, SECTIONS)}")
            elif isinstance(entries, list):
                self._read_entries(section, entries)
            elif entries is not None and entries is not BROKEN:
                self.document.add((section,), "expected a list")

    def _refuse_later(self, path: Path, what: str) -> None:
        instead = f"; {_INSTEAD[what]}" if what in _INSTEAD else ""
        self.document.add(path, f"{what} is not available in version {_RELEASE}{instead}")

    def _read_entries(self, section: str, entries: list[Any]) -> None:
        for index, entry in enumerate(entries):
            path = (section, index)
            key = _declared_key(section, entry)
            if key is not None and not self._place(section, key, path):
                continue
            if not self._is_later(section, entry, path):
                found = self._read_entry(section, entry, path)
                if found is not BROKEN:
                    self.objects[section][key] = found

    def _place(self, section: str, key: Key, path: Path) -> bool:
        first = self._places.setdefault((section, key), path)
        if first != path:
            member = "name" if section == "tokens" else "id"
            line = self.document.line(first)
            self.document.add((*path, member), f"the {member} {key} is used twice, first in line {line}")
        return first == path

    def _is_later(self, section: str, entry: Any, path: Path) -> bool:
        """Whether the entry is of a kind that a later version brings, in which case that is its only mistake."""
        if not isinstance(entry, dict):
            return False
        for (of_section, member), words in _LATER_VALUES.items():
            if of_section != section:
                continue
            word = entry.get(member)
            if word in words and word not in _list_words(section, member):
                self._refuse_later((*path, member), f"{member} {word}")
                return True
        for word in set(get_args(Channel)) & entry.keys() if section == "templates" else ():
            if word not in get_type_hints(SECTIONS[section]):
                self._refuse_later((*path, word), word)
                return True
        return False

    def _read_entry(self, section: str, entry: Any, path: Path) -> Any:
        if isinstance(entry, dict):
            secret = [member for member in _SECRETS.get(section, ()) if isinstance(entry.get(member), str)]
            entry = entry | {member: self._fill_secret(section, entry, member, (*path, member)) for member in secret}
            if section in references.SECTIONS:
                entry = self._fill_references(section, entry, path)
        found = read(self.document, entry, SECTIONS[section], path)
        return self._read_token(found, entry, path) if isinstance(found, TokenEntry) else found

    def _fill_references(self, section: str, entry: dict[str, Any], path: Path) -> dict[str, Any]:
        """The entry of a sender or a hook with the secrets that its texts refer to, which no file may hold."""
        if references.SECRETS in entry:
            self.document.add((*path, references.SECRETS), "there is no such member")
        stored = getattr(self._stored, section).get(entry.get("id", 0)) if type(entry.get("id")) is int else None
        kept = getattr(stored, references.SECRETS, {})
        filled: dict[str, str] = {}
        for place, name in references.list_references(entry):
            if name in self._environment or name in kept:
                filled[name] = self._environment.get(name, kept.get(name, ""))
            else:
                self.document.add((*path, *place), f"the environment variable {name} is not set")
        rest = {member: value for member, value in entry.items() if member != references.SECRETS}
        return rest | {references.SECRETS: filled} if filled else rest

    def _fill_secret(self, section: str, entry: Mapping[str, Any], member: str, path: Path) -> Any:
        reference = _reference(entry[member])
        if reference is None:
            return entry[member]
        name = reference[1]
        if name in self._environment:
            return self._environment[name]
        key = _declared_key(section, entry)
        kept = getattr(getattr(self._stored, section).get(key), member, "")
        if kept and name == _secret_variable(section, key, member):
            return kept
        self.document.add(path, f"the environment variable {name} is not set")
        return BROKEN

    def _read_token(self, entry: TokenEntry, given: Mapping[str, Any], path: Path) -> Any:
        if (given.get("token") is None) == (given.get("sha256") is None):
            self.document.add(path, "a token needs either token or sha256")
        elif entry.token is not None and not re.fullmatch("[!-~]+", entry.token):
            self.document.add((*path, "token"), "a token is made of ASCII letters, digits and signs, without spaces")
        elif entry.token is not None or entry.sha256 is not None:
            digest = entry.sha256 or sha256((entry.token or "").encode()).hexdigest()
            return Token(name=entry.name, sha256=digest, permissions=entry.permissions)
        return BROKEN

    def check(self, *, prune: bool) -> None:
        """Whether the objects fit together, with each other and with those that are stored and stay."""
        known = self._know(prune=prune)
        reported = {path[:length] for _, path, _ in self.document.mistakes for length in range(len(path) + 1)}
        for section, key, found in _list_objects(known):
            place = self._places.get((section, key))
            if place is None:
                for _, sentence in _check_references(found, known):
                    self.document.add((), f"stored {_name(section, key)}: {sentence}")
                continue
            for path, sentence in (*_check_content(found), *_check_references(found, known)):
                # Where a part is broken, what is said of the whole may not be so.
                if (*place, *path) not in reported:
                    self.document.add((*place, *path), sentence)

    def _know(self, *, prune: bool) -> Known:
        broken = frozenset(place for place in self._places if place[1] not in self.objects[place[0]])
        merged: dict[str, dict[Any, Any]] = {}
        for section, objects in self.objects.items():
            kept = {} if prune else getattr(self._stored, section)
            merged[section] = {key: old for key, old in kept.items() if (section, key) not in broken} | objects
        return Known(**merged, broken=broken)


def _list_words(section: str, member: str) -> set[str]:
    """The words that this version knows for a member, in any of the kinds of the section."""
    kinds: Sequence[Any] = get_args(SECTIONS[section]) or (SECTIONS[section],)
    named = {kind.__struct_config__.tag for kind in kinds if kind.__struct_config__.tag_field == member}
    hints = [get_type_hints(kind).get(member) for kind in kinds]
    return named | {word for hint in hints for word in get_args(hint)}


def _declared_key(section: str, entry: Any) -> Key | None:
    if not isinstance(entry, dict):
        return None
    key = entry.get("name" if section == "tokens" else "id")
    return key if type(key) is (str if section == "tokens" else int) else None


def _list_objects(objects: Known | Objects) -> Iterator[tuple[str, Key, Any]]:
    for section in SECTIONS:
        for key, found in sorted(getattr(objects, section).items()):
            yield section, key, found


def _check_content(found: Any) -> Iterator[Finding]:
    if isinstance(found, Database):
        yield from check_database(found)
    elif isinstance(found, Sender):
        yield from check_sender(found)
    elif isinstance(found, Template):
        yield from check_template(found)
    elif isinstance(found, Hook):
        yield from check_hook(found)


def _check_references(found: Any, known: Known) -> Iterator[Finding]:
    if isinstance(found, Resource):
        yield from check_resource(found, known)
        yield from check_rules_of_resource(found, known)
    elif isinstance(found, RouteSender):
        yield from check_route(found, known)
    elif isinstance(found, Trigger):
        yield from check_trigger(found, known)
        yield from check_rules_of_trigger(found, known)
    elif isinstance(found, Workflow):
        yield from check_workflow(found, known)
    elif isinstance(found, SuppressionList):
        yield from check_suppression_list(found, known)
    elif isinstance(found, Policy):
        yield from check_policy(found, known)
    elif isinstance(found, Hook):
        yield from check_references_of_hook(found, known)
    elif isinstance(found, Token):
        yield from check_token(found, known)


def _name(section: str, key: Key) -> str:
    return f"{noun(section)} {key}"


def list_objects(configuration: Configuration) -> Objects:
    """What is configured, in the form of a file: tokens by name."""
    tokens = {token.name: token for token in configuration.tokens.values()}
    return Objects(**{section: dict(getattr(configuration, section)) for section in SECTIONS} | {"tokens": tokens})


def differences(old: Objects, new: Objects, *, prune: bool) -> tuple[Change, ...]:
    """What applying `new` to `old` does to each object, in the order of sections and ids.

    Only with `prune` are objects removed; tokens, which are also made by `tocsin token create`, only if `new` has some.
    """
    return tuple(change for section in SECTIONS for change in _compare(section, old, new, prune=prune))


def _compare(section: str, old: Objects, new: Objects, *, prune: bool) -> Iterator[Change]:
    before, after = getattr(old, section), getattr(new, section)
    is_pruned = prune and (section != "tokens" or bool(after))
    for key in sorted(before.keys() | after.keys() if is_pruned else after):
        if key not in after:
            yield Change("removed", section, key, before[key].name)
        elif key not in before:
            yield Change("created", section, key, after[key].name)
        else:
            members = tuple(name for name in after[key].__struct_fields__ if _differ(before[key], after[key], name))
            yield Change("changed" if members else "unchanged", section, key, after[key].name, members)


def _differ(before: Struct, after: Struct, member: str) -> bool:
    return bool(getattr(before, member) != getattr(after, member))


def dump(objects: Objects) -> str:
    """A file that says the same, in the order of ids.

    Secrets are not printed: `${SENDER_1_PASSWORD}` stands for that of sender 1. `parse` takes the variable of that
    name, or, when it is not set, what is stored for the sender.
    """
    sections: dict[str, list[Any]] = {}
    for section, key, found in _list_objects(objects):
        entry = msgspec.to_builtins(found)
        for member in entry.keys() & set(_SECRETS.get(section, ())):
            entry[member] = f"${{{_secret_variable(section, key, member)}}}"
        if section in references.SECTIONS:
            entry.pop(references.SECRETS, None)
        sections.setdefault(section, []).append(entry)
    return yaml_document.write(sections)


def secret_members(section: str) -> tuple[str, ...]:
    """The members of a section's objects that hold nothing but a secret."""
    return (*_SECRETS.get(section, ()), "sha256") if section == "tokens" else _SECRETS.get(section, ())


def _secret_variable(section: str, key: Key | None, member: str) -> str:
    return f"{section.removesuffix('s')}_{key}_{member}".upper()
