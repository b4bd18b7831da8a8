"""Settings: what forms save is what the file would, mistakes stand at their field, and nothing is lost."""

import pytest
from browser import Browser

from cast import Stage
from tocsin.actions import configuration
from tocsin.core import configuration_file
from tocsin.core.configuration import Configuration
from tocsin.web.admin.settings.sections import SECTIONS


async def read(stage: Stage) -> Configuration:
    return await stage.context.configuration(stage.connection)


@pytest.mark.parametrize("section", SECTIONS)
async def test_saving_a_form_as_it_is_changes_nothing(stage: Stage, owner: Browser, section):
    more = """
policies:
  - {id: 1, name: Gentle, limits: [{messages: 3, days: 7}], quiet_hours: {from: "22:00", to: "08:00"}}
senders:
  - {id: 3, name: sms, channel: sms, type: http, url: "https://sms.example.com", json: {to: "{phone}", t: "{text}"}}
  - {id: 4, name: route, channel: email, type: route, senders: [2, 1], rules: [{senders: [1], to_domains: [a.org]}]}
hooks:
  - {id: 2, name: shop, url: "https://shop.example.com/hook", events: [send],
     secret: "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
     headers: {x-a: b}, triggers: [8]}
suppression_lists:
  - {id: 5, name: Never, databases: [1], addresses: [never@example.com]}
"""
    await configuration.apply(stage.context, more, "more.yaml", {})
    before = getattr(await read(stage), section)
    for number, known in before.items():
        page = await owner.send(f"settings/{section}/{number}")
        assert page.status == 200, page.text
        assert getattr(await read(stage), section)[number] == known


async def test_a_database_is_made_with_its_fields_and_can_be_imported_into(stage: Stage, owner: Browser):
    page = await owner.send(
        "settings/databases/new",
        {
            "name": "Readers",
            "column.0.name": "ticket",
            "column.0.type": "string",
            "column.0.unique": "on",
            "column.1.name": "plan",
            "column.1.type": "enum",
            "column.1.values": "free, pro",
        },
    )
    assert page.path == "/admin/settings/databases/4"
    assert "Saved." in page.text
    fields = (await read(stage)).databases[4].custom_fields()
    assert (fields["ticket"].unique, fields["plan"].values) == (True, ("free", "pro"))
    await stage.add(db_id=4, email="ann@example.com", ticket="A1", plan="pro")


@pytest.mark.parametrize(
    ("place", "form", "field", "sentence"),
    [
        ("senders/1", {"port": "70000"}, "port", "from 1 up to 65535"),
        ("senders/1", {"port": "many"}, "port", "expected a number"),
        ("senders/1", {"dkim": "{domain: x"}, "dkim", "this is not YAML"),
        ("senders/1", {"dkim": "{domain: x}"}, "dkim", "selector is missing"),
        ("databases/1", {"timezone": "Mars/Olympus"}, "timezone", "there is no time zone"),
        ("databases/1", {"column.0.type": "colour"}, "fields", "colour"),
        ("hooks/1", {"url": "ftp://x"}, "url", "https?://"),
        ("senders/1", {"name": ""}, "name", "name is missing"),
    ],
)
async def test_a_mistake_stands_at_its_field_and_what_was_typed_stays(
    stage: Stage, owner: Browser, place, form, field, sentence
):
    before = configuration_file.list_objects(await read(stage))
    page = await owner.send(f"settings/{place}", form)
    assert page.status == 422
    said = [one.text_content() for one in page.tree.xpath(f"//p[@id='{field}-mistake']")] or [page.text]
    assert sentence in said[0], said
    for name, value in form.items():
        assert value in (page.form(place)[name], "colour")
    assert configuration_file.list_objects(await read(stage)) == before


async def test_a_secret_is_kept_unless_it_is_typed_and_never_shown(stage: Stage, owner: Browser):
    secret = "hunter2 is not a good one"
    await owner.send("settings/senders/1", {"username": "me", "password": secret})
    assert secret not in (await owner.get("settings/senders/1")).html
    await owner.send("settings/senders/1", {"port": "2526"})
    sender = (await read(stage)).senders[1]
    assert (sender.password, sender.port) == (secret, 2526)  # type: ignore[union-attr]  # It is an SMTP sender.
    await owner.send("settings/senders/1", {"username": "", "password": "-"})
    assert (await read(stage)).senders[1].password == ""  # type: ignore[union-attr]  # As above.
    assert secret not in str(await stage.rows("SELECT details FROM audits"))


async def test_a_secret_within_a_structure_is_kept_unless_it_is_typed_and_never_shown(stage: Stage, owner: Browser):
    more = """
hooks:
  - id: 2
    name: shop
    url: "https://shop.example.com/hook"
    events: [send]
    oauth2: {token_url: "https://login.example.com/token", client_id: shop, client_secret: "hunter2-${CRM}"}
"""
    await configuration.apply(stage.context, more, "more.yaml", {"CRM": "the rest of it"})
    page = await owner.get("settings/hooks/2")
    assert "hunter2" not in page.html
    assert "the rest of it" not in page.html
    said = page.form("hooks/2")["oauth2"]
    await owner.send("settings/hooks/2", {"oauth2": said.replace("client_id: shop", "client_id: store")})
    hook = (await read(stage)).hooks[2]
    assert hook.oauth2
    assert (hook.oauth2.client_id, hook.oauth2.client_secret) == ("store", "hunter2-${CRM}")
    assert hook.secrets == {"CRM": "the rest of it"}
    page = await owner.send("settings/hooks/2", {"oauth2": "{client_secret: 'typed ${CRM}'}"})
    assert page.status == 422
    assert "token_url is missing" in page.text
    assert "typed $" not in page.html
    await owner.send("settings/hooks/2", {"oauth2": said.replace("••••••••", "${CRM}")})
    page = await owner.get("settings/hooks/2")
    assert "${CRM}" in page.form("hooks/2")["oauth2"]
    assert "the rest of it" not in page.html + (await owner.get("settings/export")).html
    assert "hunter2" not in str(await stage.rows("SELECT details FROM audits"))


async def test_what_somebody_else_saved_meanwhile_is_not_overwritten(stage: Stage, owner: Browser):
    old = (await owner.get("settings/senders/1")).form("senders/1")
    await owner.send("settings/senders/1", {"port": "2526"})
    page = await owner.post("settings/senders/1", old | {"port": "2527"})
    assert page.status == 422
    assert "changed this in the meantime" in page.text
    assert (await read(stage)).senders[1].port == 2526  # type: ignore[union-attr]  # It is an SMTP sender.


async def test_what_others_need_is_not_removed_and_what_nobody_needs_is(stage: Stage, owner: Browser):
    page = await owner.send("settings/senders/1", {"do": "remove"})
    assert page.status == 422
    assert "trigger 8: there is no sender 1" in page.text
    page = await owner.send("settings/hooks/1", {"do": "remove"})
    assert page.path == "/admin/settings/hooks"
    assert (await read(stage)).hooks == {}
    assert await stage.rows("SELECT action, name FROM audits WHERE section = 'hooks' ORDER BY id DESC LIMIT 1") == [
        ("removed", "crm")
    ]


async def test_a_sender_is_tried_with_a_mail_that_arrives(stage: Stage, owner: Browser):
    page = await owner.send("settings/senders/1", {"do": "try", "to": "ann@example.com", "from": "shop@example.com"})
    assert "It works" in page.text
    assert stage.mailbox.mails()["ann@example.com"]["Subject"] == "Tocsin can send by relay"
    stage.mailbox.answers["bob@example.com"] = ("refused", 550, "5.1.1 no such user")
    page = await owner.send("settings/senders/1", {"do": "try", "to": "bob@example.com", "from": "shop@example.com"})
    assert "550 5.1.1 no such user" in page.text
    page = await owner.send("settings/senders/1", {"do": "try", "to": "nobody", "from": "shop@example.com"})
    assert page.status == 422


async def test_addresses_go_on_a_list_and_off_it(stage: Stage, owner: Browser, enter):
    await owner.send("settings/suppression_lists/new", {"name": "Asked us"})
    number = max((await read(stage)).suppression_lists)
    place = f"settings/suppression_lists/{number}"
    support = await enter("support")
    page = await support.send(
        place, {"do": "add", "addresses": "ann@example.com\nnobody\n@example.org", "reason": "<b>"}
    )
    assert "nobody" in page.text
    page = await support.get(place)
    assert "ann@example.com" in page.text
    assert '<td class="long"><b>' not in page.html
    await support.send(place, {"do": "take", "address": "ann@example.com"})
    assert await stage.rows("SELECT value FROM suppressions WHERE list_id = %s", number) == [("@example.org",)]


async def test_a_token_is_shown_once_works_and_ends(stage: Stage, owner: Browser):
    page = await owner.send("settings/tokens", {"name": "crm", "permissions": "profiles.read"})
    (text,) = [one.text_content() for one in page.tree.xpath("//code")]
    answer = await stage.client.post("/api/v1.1/databases/list", json={"token": text})
    assert answer.json()["error"] == 0
    assert text not in (await owner.get("settings/tokens")).html
    page = await owner.send("settings/tokens", {"name": "crm", "do": "remove"})
    answer = await stage.client.post("/api/v1.1/databases/list", json={"token": text})
    assert answer.json()["error"] == 401


async def test_only_owners_see_tokens_and_the_export_has_no_secrets(owner: Browser, enter):
    await owner.send("settings/senders/1", {"password": "a secret of ours"})
    editor = await enter("editor")
    assert (await editor.get("settings/tokens")).status == 403
    page = await editor.get("settings/export")
    assert page.response.headers["content-disposition"] == 'attachment; filename="tocsin.yaml"'
    assert "name: relay" in page.html
    assert "a secret of ours" not in page.html


async def test_a_file_is_shown_first_and_then_applied_and_marks_what_it_manages(stage: Stage, owner: Browser):
    text = "resources: [{id: 77, name: Events}]"
    page = await owner.send("settings/apply", {"text": text, "do": "try"})
    assert 'created resource 77 "Events"' in page.text
    assert 77 not in (await read(stage)).resources
    page = await owner.send("settings/apply", {"text": text, "do": "apply"})
    assert "The file is applied" in page.text
    page = await owner.get("settings/resources/77")
    assert "tocsin.yaml manages this" in page.text
    page = await owner.send("settings/apply", {"text": "resources: [{id: 0}]", "do": "apply"})
    assert page.status == 422
    assert "tocsin.yaml:1: resources[0]" in page.text


async def test_the_page_says_what_a_file_manages(owner: Browser):
    assert "cast.yaml manages this" in (await owner.get("settings/databases/1")).text


async def test_a_viewer_sees_everything_and_changes_nothing(stage: Stage, enter):
    viewer = await enter("viewer")
    before = configuration_file.list_objects(await read(stage))
    page = await viewer.get("settings/senders/1")
    assert page.status == 200
    assert "Save" not in page.text
    for form in ({"_sent": "on", "name": "x"}, {"do": "remove"}, {"do": "try"}):
        csrf = (await viewer.get("account")).form("/admin/account")["csrf"]
        page = await viewer.post("settings/senders/1", form | {"csrf": csrf})
        assert page.status == 403
    assert configuration_file.list_objects(await read(stage)) == before


async def test_names_of_strangers_do_not_become_html(owner: Browser):
    evil = '"><img src=x>'
    await owner.send("settings/resources/new", {"name": evil, "categories": evil, "description": evil})
    for path in ("settings", "settings/resources", "settings/resources/25", "settings/hooks/new", "audits"):
        assert "<img src=x>" not in (await owner.get(path)).html, path


async def test_pages_of_unknown_objects_say_so(owner: Browser):
    for path in ("settings/planets", "settings/senders/99", "settings/senders/x", "settings/senders/new?type=x"):
        assert (await owner.get(path)).status == 404, path


async def test_an_earlier_version_fills_the_form_and_is_saved_as_a_new_one(stage: Stage, owner: Browser):
    await owner.send("settings/resources/21", {"name": "Letters", "categories": "news"})
    page = await owner.get("settings/resources/21/versions")
    assert "Letters" in page.text
    (first,) = await stage.rows(
        "SELECT min(version) FROM configuration_history WHERE kind = 'resources' AND key = '21'"
    )
    await owner.send(f"settings/resources/21?version={first[0]}")
    resource = (await read(stage)).resources[21]
    assert (resource.name, resource.categories) == ("Newsletter", ("news", "sales"))
    assert (await owner.get("settings/resources/21?version=999999")).status == 404
