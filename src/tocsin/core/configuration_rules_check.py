"""Whether suppression lists, sending policies and what triggers and resources say of them can be used."""

from collections.abc import Iterable, Iterator, Mapping

from tocsin.core.configuration import Database, Resource, Trigger
from tocsin.core.configuration_check import Finding, Known, Path, check_exists
from tocsin.core.configuration_rules import Policy, QuietHours, SuppressionList
from tocsin.core.configuration_workflows import CampaignNode, Workflow
from tocsin.core.quiet_hours import parse_time
from tocsin.core.suppression import parse_value


def check_suppression_list(listed: SuppressionList, known: Known) -> Iterator[Finding]:
    """Its databases exist, and each of its addresses is one."""
    for index, identifier in enumerate(listed.databases):
        yield from check_exists(known, "databases", identifier, ("databases", index))
    for index, address in enumerate(listed.addresses):
        try:
            parse_value(address)
        except ValueError as mistake:
            yield Finding(("addresses", index), str(mistake))


def list_kept_out(
    workflows: Iterable[Workflow], triggers: Mapping[int, Trigger], databases: Mapping[int, Database]
) -> list[str]:
    """A sentence for each workflow that keeps a control group out, though it sends by a trigger that would reach it."""
    return [
        f"workflow {workflow.id} keeps control groups out, so nobody in one gets what trigger {number} sends there, "
        "though that ignores them: say `ignore_control_group: true` of the workflow too if they are to get it"
        for workflow in workflows
        if not workflow.ignore_control_group
        and (workflow.control_group_percent or databases[workflow.database].control_group_percent)
        for number in sorted({node.trigger for node in workflow.nodes if isinstance(node, CampaignNode)})
        if triggers[number].ignore_control_group
    ]


def check_policy(policy: Policy, known: Known) -> Iterator[Finding]:
    """It says something, and it alone is the default."""
    if not policy.limits and policy.quiet_hours is None:
        yield Finding((), "a policy needs limits or quiet_hours")
    if policy.quiet_hours is not None:
        yield from _check_quiet_hours(policy.quiet_hours, ("quiet_hours",))
    for other in known.policies.values():
        if policy.default and other.default and other.id != policy.id:
            yield Finding(("default",), f"policy {other.id} is the default already")


def check_rules_of_trigger(trigger: Trigger, known: Known) -> Iterator[Finding]:
    """Its policy exists and is not ignored at the same time; its quiet hours are times."""
    if trigger.policy is not None:
        yield from check_exists(known, "policies", trigger.policy, ("policy",))
        if trigger.ignore_policies:
            yield Finding(("ignore_policies",), "a trigger either has a policy or ignores all")
    if trigger.quiet_hours is not None:
        yield from _check_quiet_hours(trigger.quiet_hours, ("quiet_hours",))


def check_rules_of_resource(resource: Resource, known: Known) -> Iterator[Finding]:
    """Its policy exists."""
    if resource.policy is not None:
        yield from check_exists(known, "policies", resource.policy, ("policy",))


def _check_quiet_hours(quiet: QuietHours, path: Path) -> Iterator[Finding]:
    for member, text in (("from", quiet.from_time), ("to", quiet.to)):
        try:
            parse_time(text)
        except ValueError:
            yield Finding((*path, member), f"there is no time {text}; expected 00:00 to 23:59")
    if quiet.from_time == quiet.to:
        yield Finding((*path, "to"), "quiet hours that end when they begin are none")
