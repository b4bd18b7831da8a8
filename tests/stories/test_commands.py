"""The commands of `tocsin`, run as an operator runs them."""

import re
from pathlib import Path

import pytest
from product import Product, as_url, own_database, product

from cast import CONFIGURATION, TOKEN


@pytest.fixture(scope="module")
def shop(server: str, tmp_path_factory: pytest.TempPathFactory):
    with (
        own_database(server, "story_commands") as conninfo,
        product(tmp_path_factory.mktemp("commands"), conninfo) as opened,
    ):
        opened.configure()
        yield opened


def test_apply_says_what_it_changes_and_a_dry_run_changes_nothing(shop: Product, tmp_path: Path):
    text = shop.run("export").stdout
    changed = tmp_path / "changed.yaml"
    changed.write_text(text.replace("name: Newsletter", "name: Letters", 1))
    dry = shop.run("apply", str(changed), "--dry-run")
    assert dry.returncode == 0
    assert '"Letters" (name)' in dry.stdout
    assert shop.run("export").stdout == text
    assert '"Letters" (name)' in shop.run("apply", str(changed)).stdout
    assert "created" not in shop.run("apply", str(changed)).stdout
    assert "Letters" in shop.run("export").stdout
    shop.configure()


def test_prune_removes_what_the_file_does_not_have(shop: Product, tmp_path: Path):
    without = tmp_path / "without.yaml"
    lines = [line for line in shop.run("export").stdout.splitlines() if line]
    start = next(place for place, line in enumerate(lines) if line.endswith("id: 455"))
    end = next(place for place in range(start + 1, len(lines)) if re.match(r"\S|- id:", lines[place]))
    without.write_text("\n".join(lines[:start] + lines[end:]))
    assert "removed trigger 455" not in shop.run("apply", str(without)).stdout
    assert "removed trigger 455" in shop.run("apply", str(without), "--prune").stdout
    assert "id: 455" not in shop.run("export").stdout
    shop.configure()


def test_a_mistake_is_named_with_file_and_line_and_changes_nothing(shop: Product, tmp_path: Path):
    before = shop.run("export").stdout
    wrong = tmp_path / "wrong.yaml"
    wrong.write_text(CONFIGURATION.replace("database: 2, template: 1", "database: 7, template: 9"))
    refused = shop.run("apply", str(wrong))
    assert refused.returncode == 1
    assert re.search(r"wrong\.yaml:\d+: triggers\[\d+\]\.database: .*7", refused.stderr)
    assert re.search(r"wrong\.yaml:\d+: triggers\[\d+\]\.template: .*9", refused.stderr)
    assert "Traceback" not in refused.stderr
    assert shop.run("export").stdout == before


def test_an_export_applied_elsewhere_gives_the_same_configuration(shop: Product, server: str, tmp_path: Path):
    exported = shop.run("export").stdout
    file = tmp_path / "exported.yaml"
    file.write_text(exported)
    secret = {"RESOURCE_21_TOKEN": "newsletter-21-token"}
    with own_database(server, "story_exported") as conninfo, product(tmp_path / "other", conninfo, **secret) as other:
        assert other.run("apply", str(file)).returncode == 0
        assert other.run("export").stdout == exported
    assert TOKEN not in exported


def test_a_new_token_is_printed_once_and_may_do_what_it_is_for(shop: Product):
    created = shop.run("token", "create", "crm", "--permission", "profiles.read")
    token = created.stdout.strip()
    assert len(token) >= 32
    assert token not in shop.run("export").stdout
    shop.serve()
    assert shop.post("profiles/get", token=token, db_id=1, email="nobody@example.com")["error"] == 404
    assert shop.post("profiles/import", token=token, db_id=1, data={"email": "a@example.com"})["error"] == 403
    assert shop.stop() == 0
    again = shop.run("token", "create", "crm")
    assert again.returncode == 1
    assert "there is a token named 'crm' already" in again.stderr


def test_migrate_prepares_a_database_and_then_has_nothing_to_do(server: str, tmp_path: Path):
    with own_database(server, "story_migrate") as conninfo, product(tmp_path, conninfo) as fresh:
        first = fresh.run("migrate")
        assert "applied 0001 initial" in first.stdout
        second = fresh.run("migrate")
        assert "applied" not in second.stdout
        assert second.returncode == 0


def test_check_tells_which_sender_cannot_be_used(shop: Product):
    good = shop.run("check")
    assert good.returncode == 0, good.stdout
    assert "database: usable" in good.stdout
    shop.inbox.stop()
    bad = shop.run("check")
    assert bad.returncode == 1
    assert "sender 1 'relay': NOT usable: " in bad.stdout
    shop.open_another_inbox()


def test_a_launch_is_listed_changed_and_shown(shop: Product):
    launch_id = "6b00f7529b27e6d05c14a83f"
    shop.rows(
        "INSERT INTO launches (bucket, id, trigger_id, content, custom_data, attachments, created_at, source, size) "
        f"VALUES (63, '\\x{launch_id}', 8, '{{}}', '{{}}', '[]', '2026-11-21 10:00+00', 'start_batch', 2) RETURNING 1"
    )
    listed = shop.run("launch", "list", "--trigger", "8")
    assert listed.stdout == (
        f"{launch_id}  2026-11-21 10:00:00  done       trigger 8  begun 2, waiting 0, sent 0, undelivered 0\n"
    )
    assert shop.run("launch", "cancel", launch_id).stdout == (
        "cancelled: 0 messages waited, 0 of them may be with a worker\n"
    )
    shown = shop.run("launch", "show", launch_id)
    assert shown.stdout.splitlines() == [
        f"launch {launch_id}: cancelled; times are UTC",
        "trigger 8, 2026-11-21 10:00:00, by start_batch",
        "begun 2, skipped 0, waiting 0",
    ]
    resumed = shop.run("launch", "resume", launch_id)
    assert (resumed.returncode, resumed.stderr) == (1, "tocsin: id: the launch is cancelled\n")


@pytest.mark.parametrize(
    ("variable", "value", "sentence"),
    [
        ("TOCSIN_LISTEN", "nowhere", "TOCSIN_LISTEN: expected HOST:PORT"),
        ("TOCSIN_LISTN", "127.0.0.1:1", "did you mean TOCSIN_LISTEN?"),
        ("TOCSIN_DATABASE_URL", "mysql://secret@x", "TOCSIN_DATABASE_URL: expected postgresql://"),
    ],
)
def test_a_wrong_setting_stops_the_start_with_one_sentence(tmp_path: Path, variable: str, value: str, sentence: str):
    with product(tmp_path, None, **{variable: value}) as unset:
        refused = unset.run("serve")
    assert refused.returncode == 1
    assert sentence in refused.stderr
    assert len(refused.stderr.strip().splitlines()) == 1
    assert "secret" not in refused.stderr


def test_a_database_that_is_not_there_is_one_sentence(tmp_path: Path):
    with product(tmp_path, None, TOCSIN_DATABASE_URL="postgresql:///x?host=/nonexistent") as lonely:
        refused = lonely.run("export")
    assert refused.returncode == 1
    assert "check TOCSIN_DATABASE_URL" in refused.stderr
    assert "Traceback" not in refused.stderr


def test_a_server_with_a_schema_too_old_says_to_migrate(server: str, tmp_path: Path):
    with own_database(server, "story_old") as conninfo, product(tmp_path, conninfo) as old:
        old.run("migrate")
        old.rows("INSERT INTO schema_migrations (version, name) VALUES (9999, 'later') RETURNING 1")
        refused = old.run("serve")
        assert refused.returncode == 1
        assert "newer than this Tocsin" in refused.stderr
    assert as_url(conninfo).startswith("postgresql:///story_old?")


def test_who_is_locked_out_of_the_console_gets_back_in_by_a_link(shop: Product):
    invited = shop.run("user", "invite", "olga@example.com", "--role", "owner", "--name", "Olga")
    assert re.search(r"/admin/welcome/[0-9a-f]{48}\n", invited.stdout)
    assert shop.run("user", "list").stdout == "olga@example.com  owner  invited\n"
    again = shop.run("user", "link", "OLGA@example.com", "--end-codes")
    assert re.search(r"/admin/welcome/[0-9a-f]{48}\n", again.stdout)
    assert again.stdout != invited.stdout
    unknown = shop.run("user", "link", "nobody@example.com")
    assert (unknown.returncode, "Traceback" in unknown.stderr) == (1, False)
    assert "there is no user nobody@example.com" in unknown.stderr
