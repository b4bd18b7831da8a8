"""Who is left out on purpose, so that the effect of messages can be told: always the same profiles."""

from hashlib import blake2b

from tocsin.core.configuration import Database, Trigger
from tocsin.core.configuration_workflows import Workflow

_PARTS = 2**64


def is_in_share(profile_id: bytes, group: str, percent: float) -> bool:
    """Whether a profile is in the first `percent` of a group; each group has an order of its own, which never changes.

    So whoever is in a share stays in it when it grows, and shares of two groups have nothing to do with each other.
    """
    if not percent:
        return False
    place = int.from_bytes(blake2b(profile_id, digest_size=8, key=group.encode()).digest())
    return place * 100 < percent * _PARTS


def find_group(target: Trigger | Workflow, database: Database, profile_id: bytes) -> str:
    """The control group that keeps a profile from a trigger's messages, or out of a workflow, in words; empty when none
    does.
    """
    if target.ignore_control_group:
        return ""
    if is_in_share(profile_id, f"database {database.id}", database.control_group_percent):
        return f"control group of database {database.id}, {database.control_group_percent:g} %"
    named = f"{'trigger' if isinstance(target, Trigger) else 'workflow'} {target.id}"
    if is_in_share(profile_id, named, target.control_group_percent):
        return f"control group of {named}, {target.control_group_percent:g} %"
    return ""
