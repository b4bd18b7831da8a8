"""What tests of scenarios in the console share."""

from typing import Any

from browser import Browser, Page

from cast import Stage


async def read(stage: Stage, workflow_id: int = 12) -> dict[str, Any]:
    """The workflow as it is stored."""
    query = "SELECT spec FROM configuration WHERE kind = 'workflows' AND key = %s AND spec IS NOT NULL"
    ((spec,),) = await stage.rows(query, str(workflow_id))
    found: dict[str, Any] = spec
    return found


async def node_of(stage: Stage, node_id: str, workflow_id: int = 12) -> dict[str, Any]:
    """A node as it is stored."""
    return next(node for node in (await read(stage, workflow_id))["nodes"] if node["id"] == node_id)


async def send_in(stage: Stage, *emails: str) -> None:
    """Profiles that go into workflow 12 and as far as they can."""
    for email in emails:
        answer = await stage.post("workflows/import_and_start", id=12, db_id=1, matching="email", data={"email": email})
        assert answer["error"] == 0, answer
    await stage.work()


async def places(stage: Stage) -> list[str]:
    """At which nodes those inside are."""
    return [node for (node,) in await stage.rows("SELECT node FROM passages WHERE workflow_id = 12 ORDER BY id")]


def labels(page: Page, xpath: str) -> list[str]:
    """The texts of elements, spaces as one."""
    return [" ".join(one.text_content().split()) for one in page.tree.xpath(xpath)]


def form_of(page: Page, action: str) -> dict[str, Any]:
    """What the browser would send of a form; of a name that occurs several times all values."""
    (form, *_) = [form for form in page.tree.xpath("//form[@method='post']") if form.get("action").endswith(action)]
    members: dict[str, list[str]] = {}
    for name, value in form.form_values():
        # As in a browser, the line end behind the tag of a text area is not part of its text.
        members.setdefault(name, []).append(value.removeprefix("\n"))
    return {name: values if len(values) > 1 else values[0] for name, values in members.items()}


async def send(browser: Browser, path: str, changes: dict[str, Any] | None = None) -> Page:
    """Open a page, change what its form says, and send it. None takes a member away."""
    target = path.partition("?")[0]
    members = form_of(await browser.get(path), target) | (changes or {})
    return await browser.post(target, {name: value for name, value in members.items() if value is not None})
