import re
from hashlib import sha256
from pathlib import Path
from typing import get_args

import pytest
from lxml.html import fromstring
from msgspec import NODEFAULT, Struct, structs

from tocsin.core import (
    configuration,
    configuration_file,
    configuration_hooks,
    configuration_rules,
    configuration_senders,
    configuration_templates,
    configuration_tracking,
    configuration_workflows,
)
from tocsin.core.configuration import Database, Field, Resource, Trigger
from tocsin.core.configuration_file import SECTIONS, dump, parse
from tocsin.core.configuration_members import describe_kind
from tocsin.core.configuration_senders import SmtpSender
from tocsin.core.configuration_templates import EmailTemplate, SmsTemplate, Template
from tocsin.core.errors import ConfigurationMistakes
from tocsin.core.templates.template import compile_template

ROOT = Path(__file__).parents[2]

SEEDS_TRIGGERS = {8, 13, 85, 96, 455}


def the_demo():
    path = ROOT / "demo" / "tocsin.yaml"
    return parse(path.read_text(encoding="utf-8"), str(path), {})


def test_the_demo_has_what_the_documented_requests_name():
    demo = the_demo()
    assert demo.tokens["shop"].sha256 == sha256(b"abcdefghijklmnqrstuvwxyz").hexdigest()
    assert demo.triggers.keys() >= SEEDS_TRIGGERS
    assert all(demo.triggers[number].active for number in SEEDS_TRIGGERS)
    assert demo.resources.keys() >= {20, 21, 24}
    fields = demo.databases[1].custom_fields()
    for name in ("CRM_ID", "Custom_ID", "Custom_id", "New_field_1", "New_field_7"):
        assert fields[name].type == "string"
        assert fields[name].is_matchable


def test_the_demo_survives_an_export():
    demo = the_demo()
    assert parse(dump(demo), "export.yaml", {}, demo) == demo


@pytest.mark.parametrize(
    "content", [{}, {"order": "A-9", "lines": [{"name": "Tea & cake", "price": "€ 5"}], "page": "x"}]
)
def test_the_letters_of_the_demo_are_whole_whatever_the_call_holds(content):
    for template in the_demo().templates.values():
        html = compile_template(template.email.html, escape=True).render(
            {"lead": {"_fname": "<Ann>"}, "apicontent": content}
        )
        assert "{" not in html.text
        assert "<Ann>" not in html.text
        page = fromstring(html.text)
        assert page.xpath("//body//*[contains(text(), '<Ann>')]")
        assert bool(page.xpath("//td[text() = 'Tea & cake']")) == (template.id == 1 and bool(content))


DOCUMENTED = {
    "databases": Database,
    "Fields of a database": Field,
    "resources": Resource,
    "senders": SmtpSender,
    "The DKIM key of a sender": configuration_senders.Dkim,
    "Limits for domains": configuration_senders.DomainLimit,
    "A choice among senders": configuration_senders.RouteSender,
    "The rule of a route": configuration_senders.RouteRule,
    "SMS over HTTP": configuration_senders.HttpSender,
    "The alphabets of an SMS provider": configuration_senders.SmsAlphabets,
    "The answer of an SMS provider": configuration_senders.SmsAnswer,
    "The reports of an SMS provider": configuration_senders.SmsReceipts,
    "Firebase Cloud Messaging": configuration_senders.FcmSender,
    "Apple Push Notification service": configuration_senders.ApnsSender,
    "Web Push": configuration_senders.WebpushSender,
    "templates": Template,
    "The email of a template": EmailTemplate,
    "The SMS of a template": SmsTemplate,
    "The push message of a template": configuration_templates.PushTemplate,
    "A button of a push message": configuration_templates.PushButton,
    "triggers": Trigger,
    "The tracking of a trigger": configuration_tracking.Tracking,
    "The UTM parameters of a trigger": configuration_tracking.Utm,
    "When a trigger is started by an event": configuration_workflows.When,
    "workflows": configuration_workflows.Workflow,
    "suppression_lists": configuration_rules.SuppressionList,
    "policies": configuration_rules.Policy,
    "The limit of a policy": configuration_rules.Limit,
    "Quiet hours": configuration_rules.QuietHours,
    "hooks": configuration_hooks.Hook,
    "The access token of a hook": configuration_hooks.OAuth2,
    "tokens": configuration_file.TokenEntry,
}

# In docs/api/workflows.md; what all nodes have is described once.
NODES = {
    "start": configuration_workflows.StartNode,
    "An event that brings profiles in": configuration_workflows.Entry,
    "campaign": configuration_workflows.CampaignNode,
    "delay": configuration_workflows.DelayNode,
    "A length of time": configuration_workflows.Duration,
    "A moment to wait for": configuration_workflows.Until,
    "condition": configuration_workflows.ConditionNode,
    "content_filter": configuration_workflows.ContentFilterNode,
    "A branch of a content filter": configuration_workflows.ContentBranch,
    "api_request": configuration_workflows.ApiRequestNode,
    "update": configuration_workflows.UpdateNode,
    "split": configuration_workflows.SplitNode,
    "A branch of a split": configuration_workflows.Share,
    "feedback": configuration_workflows.FeedbackNode,
    "workflow_jump": configuration_workflows.WorkflowJumpNode,
    "end": configuration_workflows.EndNode,
}


def show_default(field):
    if field.required:
        return "required"
    default = field.default_factory() if field.default is NODEFAULT else field.default
    if default in ("", None) or default in ((), {}):
        return "none"
    if isinstance(default, bool):
        return f"`{str(default).lower()}`"
    return f"`{default[0] if isinstance(default, tuple) else default}`"


def documented_members(page, heading):
    text = (ROOT / "docs" / "api" / page).read_text(encoding="utf-8")
    chapter = re.search(rf"^##+ {re.escape(heading)}\n(.*?)(?=^##|\Z)", text, re.DOTALL | re.MULTILINE)
    assert chapter, f"docs/api/{page} has no chapter {heading}"
    return re.findall(r"^\| `([a-z0-9_]+)` \| ([^|]+) \| ([^|]+) \| \S", chapter[1], re.MULTILINE)


def members(shape):
    return [(field.encode_name, describe_kind(field.type), show_default(field)) for field in structs.fields(shape)]


@pytest.mark.parametrize("heading", DOCUMENTED)
def test_each_member_is_documented_with_its_type_and_default(heading):
    assert documented_members("configuration.md", heading) == members(DOCUMENTED[heading])


@pytest.mark.parametrize("heading", NODES)
def test_each_member_of_a_node_is_documented_with_its_type_and_default(heading):
    own = [member for member in members(NODES[heading]) if member[0] not in ("id", "name")]
    assert documented_members("workflows.md", heading) == own


def test_what_all_nodes_have_is_documented_once():
    of_end = dict(zip(("id", "name"), members(configuration_workflows.EndNode), strict=True))
    assert documented_members("workflows.md", "Nodes") == list(of_end.values())


def test_the_example_of_workflows_can_be_applied():
    configured = (ROOT / "docs" / "api" / "configuration.md").read_text(encoding="utf-8")
    workflows = (ROOT / "docs" / "api" / "workflows.md").read_text(encoding="utf-8")
    parts = [re.search(r"```yaml\n(.*?)```", text, re.DOTALL)[1] for text in (configured, workflows)]
    [example] = parse("".join(parts), "tocsin.yaml", {"RELAY_PASSWORD": "x"}).workflows.values()
    tags = {type(node) for node in example.nodes}
    assert tags == {shape for shape in NODES.values() if shape.__struct_config__.tag}


def test_each_struct_of_the_file_is_documented():
    kinds = {kind for section in SECTIONS.values() for kind in get_args(section) or (section,)}
    assert kinds <= set(DOCUMENTED.values())
    modules = (
        configuration,
        configuration_hooks,
        configuration_senders,
        configuration_templates,
        configuration_workflows,
    )
    named = [found for module in modules for found in vars(module).values()]
    shapes = {found for found in named if isinstance(found, type) and issubclass(found, Struct)}
    shapes -= {Struct, configuration.Configuration, configuration.Token}
    assert shapes <= {*DOCUMENTED.values(), *NODES.values()}


def test_the_example_of_the_reference_is_a_whole_file_and_its_mistakes_are_as_printed():
    text = (ROOT / "docs" / "api" / "configuration.md").read_text(encoding="utf-8")
    example = re.search(r"```yaml\n(.*?)```", text, re.DOTALL)[1]
    assert parse(example, "tocsin.yaml", {"RELAY_PASSWORD": "x"}).triggers
    with pytest.raises(ConfigurationMistakes) as caught:
        parse(example.replace("port: 587", "prt: 587").replace("template: 1", "template: 9"), "tocsin.yaml", {})
    assert f"```\n{caught.value}\n```" in text
