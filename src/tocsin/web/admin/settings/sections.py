"""Which sections settings have, and what an object of each is made of."""

from collections.abc import Mapping
from typing import Any, Final, NamedTuple, get_args

from msgspec import Struct

from tocsin.core.configuration import Configuration, Database, Resource
from tocsin.core.configuration_hooks import Hook
from tocsin.core.configuration_rules import Policy, SuppressionList
from tocsin.core.configuration_senders import Sender
from tocsin.core.errors import NotFound
from tocsin.core.users import Right


class Section(NamedTuple):
    """A section of the configuration file. `kinds`: the structs of its objects by `type`, "" where all are alike."""

    name: str
    kinds: Mapping[str, type[Struct]]
    right: Right = "settings"

    @property
    def types(self) -> list[str]:
        """The types to choose from for a new object; none where all are of one kind."""
        return [kind for kind in self.kinds if kind]

    def struct(self, kind: str) -> type[Struct]:
        """The struct of a type, or NotFound."""
        if kind not in self.kinds:
            raise NotFound(f"there is no type {kind[:100]}")
        return self.kinds[kind]


_SENDERS: Mapping[str, type[Struct]] = {str(kind.__struct_config__.tag): kind for kind in get_args(Sender)}

SECTIONS: Final[Mapping[str, Section]] = {
    section.name: section
    for section in (
        Section("databases", {"": Database}),
        Section("resources", {"": Resource}),
        Section("senders", _SENDERS),
        Section("policies", {"": Policy}),
        Section("suppression_lists", {"": SuppressionList}),
        Section("hooks", {"": Hook}),
    )
}


def get_section(name: str) -> Section:
    """A section by its name in the address, or NotFound."""
    if name not in SECTIONS:
        raise NotFound(f"there are no settings {name[:100]}")
    return SECTIONS[name]


def references(configuration: Configuration) -> dict[str, list[tuple[str, str]]]:
    """What members may refer to: numbers and names, by section."""
    return {
        section: [(str(one.id), one.name) for one in getattr(configuration, section).values()]
        for section in (
            "databases", "resources", "triggers", "workflows", "policies", "templates", "senders",
        )
    }  # fmt: skip


def type_of(members: Mapping[str, Any]) -> str:
    """The type of a stored object, "" where all are of one kind."""
    return str(members.get("type", ""))
