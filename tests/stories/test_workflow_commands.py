"""`tocsin workflow show` and `trace`, run as an operator runs them."""

from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from product import Product, own_database, product

from cast import CONFIGURATION


@pytest.fixture(scope="module")
def shop(server: str, tmp_path_factory: pytest.TempPathFactory):
    """A shop in which Ann is in workflow 12, at its start or beyond."""
    with (
        own_database(server, "story_workflow_commands") as conninfo,
        product(tmp_path_factory.mktemp("commands"), conninfo) as opened,
    ):
        opened.configure()
        opened.serve("--roles", "api")
        data = {"email": "ann@example.com", "phones": "+79000000001"}
        opened.post("workflows/import_and_start", workflow_id=12, data=data)
        opened.post("profiles/import", db_id=1, data={"email": "bob@example.com"})
        assert opened.stop() == 0
        opened.rows("UPDATE passages SET node = 'pause' RETURNING 1")
        opened.rows("INSERT INTO step_totals VALUES (12, 'start', 'hello', 41) RETURNING 1")
        opened.rows(
            "INSERT INTO steps SELECT bucket, profile_id, id, 1, now(), 12, 'start', 'hello', 'entered' FROM passages"
            " RETURNING 1"
        )
        yield opened


def test_show_draws_the_workflow_with_its_numbers(shop: Product):
    shown = shop.run("workflow", "show", "12")
    assert shown.returncode == 0, shown.stderr
    lines = shown.stdout.splitlines()
    assert lines[0] == 'workflow 12 "Welcome", active, database 1, 1 inside'
    assert [line.split()[-2:] for line in lines if " pause  delay" in line] == [["1", "0"]]
    assert [line.split()[-1] for line in lines if "→ hello" in line] == ["41"]
    assert max(map(len, lines)) <= 100


def test_show_draws_a_picture_into_a_file(shop: Product, tmp_path: Path):
    path = tmp_path / "welcome.svg"
    shown = shop.run("workflow", "show", "12", "--svg", str(path))
    assert (shown.returncode, shown.stdout) == (0, f"workflow 12 is drawn in {path}\n")
    assert ET.parse(path).getroot().tag.endswith("svg")  # noqa: S314 - our own picture
    refused = shop.run("workflow", "show", "12", "--svg", str(tmp_path / "no" / "folder.svg"))
    assert (refused.returncode, "No such file or directory" in refused.stderr) == (1, True)
    assert "Traceback" not in refused.stderr


@pytest.mark.parametrize("named", ["id", "ANN@example.com", "+79000000001"])
def test_trace_tells_what_happened_to_a_profile(shop: Product, named: str):
    ((profile_id,),) = shop.rows("SELECT encode(profile_id, 'hex') FROM passages")
    traced = shop.run("workflow", "trace", "12", profile_id if named == "id" else named)
    assert traced.returncode == 0, traced.stderr
    assert f'profile {profile_id} in workflow 12 "Welcome"' in traced.stdout
    assert "start  → hello  entered" in traced.stdout
    assert "now at pause (delay) since " in traced.stdout


def test_trace_says_clearly_that_a_profile_never_entered(shop: Product):
    traced = shop.run("workflow", "trace", "12", "bob@example.com")
    assert traced.returncode == 0
    assert "has never entered: workflow 12" in traced.stdout


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("show", "99"), "there is no workflow 99"),
        (("trace", "99", "ann@example.com"), "there is no workflow 99"),
        (("trace", "12", "nobody@example.com"), "no profile matches email"),
        (("trace", "12", "0" * 24), f"there is no profile {'0' * 24} in database 1"),
        (("trace", "12", "nonsense"), "phone"),
    ],
)
def test_what_is_not_there_is_one_sentence(shop: Product, arguments: tuple[str, ...], sentence: str):
    refused = shop.run("workflow", *arguments)
    assert refused.returncode == 1
    assert sentence in refused.stderr
    assert len(refused.stderr.strip().splitlines()) == 1


def test_apply_says_who_left_because_their_node_is_gone(shop: Product, tmp_path: Path):
    text = "\n".join(line for line in CONFIGURATION.split("\n") if "id: pause," not in line)
    changed = tmp_path / "changed.yaml"
    changed.write_text(text.replace("trigger: 8, next: pause", "trigger: 8, next: bought"))
    applied = shop.run("apply", str(changed))
    assert applied.returncode == 0, applied.stderr
    assert "workflow 12: 1 profiles left, their node pause is gone" in applied.stdout
    assert shop.rows("SELECT count(*) FROM passages") == [(0,)]
