"""Every page of the console on one page: its address, who may see it and who may change something there."""

from collections.abc import Awaitable, Callable, Mapping
from typing import NamedTuple

from starlette.responses import Response

from tocsin.core.users import Right
from tocsin.web.admin import (
    access,
    account,
    audits,
    inbox,
    launches,
    messages,
    overview,
    templates,
    triggers,
    users,
    versions,
)
from tocsin.web.admin.profiles import ends, forms, lists
from tocsin.web.admin.profiles import page as profile
from tocsin.web.admin.settings import objects, tokens, whole
from tocsin.web.admin.visit import Visit
from tocsin.web.admin.workflows import insertions, nodes, removals, traces
from tocsin.web.admin.workflows import versions as workflow_versions
from tocsin.web.admin.workflows import whole as workflows

Handler = Callable[[Visit], Awaitable[Response]]


class Page(NamedTuple):
    """A page. `{name}` in its path is a part of the address. `show` answers GET, `change` a form that is sent there.

    `right`: to see it; `change_right`: to send its form. `is_open`: without being logged in. `nav`: which way it is on.
    """

    path: str
    show: Handler
    change: Handler | None = None
    right: Right = "look"
    change_right: Right = "look"
    is_open: bool = False
    nav: str = ""


TABLE: tuple[Page, ...] = (
    Page("", overview.show, nav="overview"),
    Page("live", overview.show_live, nav="overview"),
    Page("messages", messages.list_messages, nav="messages"),
    Page("messages/{id}", messages.show, nav="messages"),
    Page("messages/{id}/html", messages.show_html, nav="messages"),
    Page("messages/{id}/source", messages.show_source, nav="messages"),
    Page("messages/{id}/files/{place}", messages.show_attachment, nav="messages"),
    Page("inbox", inbox.list_mails, inbox.clear, change_right="write", nav="inbox"),
    Page("inbox/{id}", inbox.show, nav="inbox"),
    Page("inbox/{id}/html", inbox.show_html, nav="inbox"),
    Page("inbox/{id}/source", inbox.show_source, nav="inbox"),
    Page("inbox/{id}/files/{place}", inbox.show_attachment, nav="inbox"),
    Page("launches", launches.list_page, nav="launches"),
    Page("launches/{id}", launches.show, launches.change, change_right="launch", nav="launches"),
    Page("login", access.show_login, access.log_in, is_open=True),
    Page("login/code", access.show_code, access.enter_code, is_open=True),
    Page("logout", access.show_logout, access.log_out, is_open=True),
    Page("welcome/{link}", access.show_welcome, access.welcome, is_open=True),
    Page("account", account.show, account.change),
    Page("account/password", account.show, account.change_password),
    Page("account/codes", account.show_codes, account.change_codes),
    Page("account/sessions", account.show, account.end_sessions),
    Page("triggers", triggers.list_triggers, nav="triggers"),
    Page("triggers/new", triggers.show_new, triggers.create, "write", "write", nav="triggers"),
    Page("triggers/{id}", triggers.show, triggers.change, "look", "write", nav="triggers"),
    Page("triggers/{id}/edit", triggers.show_edit, triggers.save, "write", "write", nav="triggers"),
    Page("triggers/{id}/versions", versions.of("triggers"), nav="triggers"),
    Page("templates", templates.list_templates, nav="templates"),
    Page("templates/new", templates.show_new, templates.create, "write", "write", nav="templates"),
    Page("templates/preview", templates.show_blank, templates.preview, "write", "write", nav="templates"),
    Page("templates/test", templates.list_templates, templates.send_test, "look", "write", nav="templates"),
    Page("templates/{id}", templates.show, templates.change, "look", "write", nav="templates"),
    Page("templates/{id}/edit", templates.show_edit, templates.save, "write", "write", nav="templates"),
    Page("templates/{id}/preview", templates.show_preview, nav="templates"),
    Page("templates/{id}/versions", versions.of("templates"), nav="templates"),
    Page("workflows", workflows.list_workflows, nav="workflows"),
    Page("workflows/new", workflows.show_new, workflows.create, "write", "write", nav="workflows"),
    Page("workflows/{id}", workflows.show, workflows.change, "look", "write", nav="workflows"),
    Page("workflows/{id}/switch", workflows.show, workflows.switch, "look", "write", nav="workflows"),
    Page("workflows/{id}/remove", workflows.show_removal, workflows.remove, "write", "write", nav="workflows"),
    Page("workflows/{id}/numbers", workflows.show_numbers, nav="workflows"),
    Page(
        "workflows/{id}/insert",
        insertions.show,
        insertions.insert,
        "write",
        "write",
        nav="workflows",
    ),
    Page("workflows/{id}/nodes/{node}", nodes.show, nodes.change, "look", "write", nav="workflows"),
    Page(
        "workflows/{id}/nodes/{node}/remove",
        removals.show,
        removals.remove,
        "write",
        "write",
        nav="workflows",
    ),
    Page("workflows/{id}/trace", traces.show, nav="workflows"),
    Page("workflows/{id}/versions", versions.of("workflows", edit="restore", drawn="drawn"), nav="workflows"),
    Page("workflows/{id}/drawn", workflow_versions.show_drawn, nav="workflows"),
    Page(
        "workflows/{id}/restore",
        workflow_versions.show_restoring,
        workflow_versions.restore,
        "write",
        "write",
        nav="workflows",
    ),
    Page("profiles", lists.list_profiles, nav="profiles"),
    Page("profiles/new", forms.show_new, forms.create, "profiles", "profiles", nav="profiles"),
    Page("profiles/export", lists.list_profiles, lists.begin_export, "erase", "erase", nav="profiles"),
    Page("profiles/exports/{task}", lists.show_export, right="erase", nav="profiles"),
    Page("profiles/exports/{task}/file", lists.download, right="erase", nav="profiles"),
    Page("profiles/{id}", profile.show, profile.change, change_right="profiles", nav="profiles"),
    Page("profiles/{id}/edit", forms.show_edit, forms.edit, "profiles", "profiles", nav="profiles"),
    Page("profiles/{id}/suppress", forms.show_suppress, forms.suppress, "suppress", "suppress", nav="profiles"),
    Page("profiles/{id}/launch", ends.show_launch, ends.launch, "launch", "launch", nav="profiles"),
    Page("profiles/{id}/merge", ends.show_merge, ends.merge, "erase", "erase", nav="profiles"),
    Page("profiles/{id}/delete", ends.show_delete, ends.delete, "erase", "erase", nav="profiles"),
    Page("profiles/{id}/export", profile.show_data, right="erase", nav="profiles"),
    Page(
        "profiles/{id}/subscriptions/{mark}",
        forms.show_subscription,
        forms.save_subscription,
        "profiles",
        "profiles",
        nav="profiles",
    ),
    Page("settings", whole.show, nav="settings"),
    Page("settings/export", whole.export, right="settings", nav="settings"),
    Page("settings/apply", whole.show_apply, whole.apply, "users", "users", nav="settings"),
    Page("settings/tokens", tokens.list_tokens, tokens.change, "users", "users", nav="settings"),
    Page("settings/{section}", objects.list_objects, nav="settings"),
    Page("settings/{section}/{id}", objects.show, objects.change, nav="settings"),
    Page("settings/{section}/{id}/versions", objects.show_versions, nav="settings"),
    Page("users", users.list_users, users.invite, "users", "users", nav="users"),
    Page("users/{id}", users.show, users.change, "users", "users", nav="users"),
    Page("audits", audits.list_audits, right="users", nav="audits"),
)

_BY_LENGTH: dict[int, list[tuple[list[str], Page]]] = {}
for _page in TABLE:
    _parts = _page.path.split("/") if _page.path else []
    _BY_LENGTH.setdefault(len(_parts), []).append((_parts, _page))


class Found(NamedTuple):
    """A page, and the parts of the address that it names."""

    page: Page
    path: Mapping[str, str]


def find(path: str) -> Found | None:
    """The page of an address below the console's; the first in the table that fits."""
    given = path.split("/") if path else []
    for parts, page in _BY_LENGTH.get(len(given), []):
        named = {part[1:-1]: value for part, value in zip(parts, given, strict=True) if part.startswith("{")}
        if all(part.startswith("{") or part == value for part, value in zip(parts, given, strict=True)):
            return Found(page, named)
    return None
