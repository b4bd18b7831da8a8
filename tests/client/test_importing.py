"""Sending, settling, going on: the client against a server that answers as each test wants."""

import csv
import json
import os
import signal
import threading
from pathlib import Path

import pytest
from tests.client.answering import Answering, accept, answering, as_json
from tests.client.files import profiles, rows_of

from tocsin.client import importing, server
from tocsin.client.options import Options, Target
from tocsin.core.errors import Invalid, NotReady

TOKEN = "a-secret-token"


@pytest.fixture(autouse=True)
def _no_waiting(monkeypatch):
    monkeypatch.setattr(server, "_FIRST_DELAY_SECONDS", 0.01)


def people(path: Path, count: int = 10) -> Path:
    path.write_text("email,_fname\n" + "".join(f"p{number}@example.com,P\n" for number in range(count)))
    return path


def options(file: Path, host: Answering, **given) -> Options:
    target = given.pop("target", Target(1, "email"))
    return Options(**{"file": str(file), "target": target, "url": host.url, "format": "csv", "batch": 3, **given})


def sent(host: Answering) -> list[str]:
    return [item.get("data", item)["email"] for _, _, body in host.calls for item in body["data"]]


def rejected_in(path: Path) -> list[dict[str, str]]:
    return list(csv.DictReader(path.read_text().splitlines()))


def keys(host: Answering) -> list[str]:
    return [headers["Idempotency-Key"] for _, headers, _ in host.calls]


def test_rows_go_out_in_batches_with_a_key_and_a_token(tmp_path, capsys):
    file = people(tmp_path / "people.csv")
    with answering() as host:
        target = Target(1, "custom", field_name="email", resource_id=21, skip_triggers=True)
        assert importing.run(options(file, host, target=target), TOKEN) == importing.DONE
    assert sent(host) == [f"p{number}@example.com" for number in range(10)]
    path, headers, body = host.calls[0]
    assert path == "/api/v1.1/profiles/import_batch"
    assert headers["Authorization"] == f"Bearer {TOKEN}"
    data = body.pop("data")
    assert data[0] == {"email": "p0@example.com", "_fname": "P"}
    said = {"db_id": 1, "matching": "custom", "field_name": "email", "resource_id": 21, "skip_triggers": True}
    assert body == said | {"import_source": "file"}
    assert len(set(keys(host))) == 4
    printed = capsys.readouterr()
    assert "10 rows read, 10 imported, 0 rejected" in printed.out
    assert TOKEN not in printed.out + printed.err
    assert [path.name for path in tmp_path.iterdir()] == ["people.csv"]


@pytest.mark.parametrize(
    ("target", "operation"),
    [
        (Target(1, "email", trigger_id=8, content={"a": 1}), "campaigns/triggers/import_and_start_batch"),
        (Target(1, "email", workflow_id=8, content={"a": 1}), "workflows/import_and_start_batch"),
    ],
)
def test_launches_wrap_each_profile(tmp_path, target, operation):
    with answering() as host:
        importing.run(options(people(tmp_path / "people.csv", 1), host, target=target), TOKEN)
    [(path, _, body)] = host.calls
    assert path == f"/api/v1.1/{operation}"
    assert body["data"] == [{"data": {"email": "p0@example.com", "_fname": "P"}}]
    assert body["content"] == {"a": 1}


def test_a_second_import_of_the_same_file_is_another_import(tmp_path):
    file = people(tmp_path / "people.csv")
    with answering() as host:
        importing.run(options(file, host), TOKEN)
        importing.run(options(file, host), TOKEN)
    assert len(set(keys(host))) == 8


TROUBLES = [
    as_json(503, error=503, error_text="Service is not ready"),
    (502, b"<html>"),
    as_json(429, error=429),
    as_json(500, error=500),
    (0, b""),
]


@pytest.mark.parametrize("trouble", TROUBLES, ids=["not ready", "proxy", "too many", "fault", "hung up"])
def test_what_is_temporary_is_tried_again_under_the_same_key(tmp_path, trouble, capsys):
    answers = [trouble, trouble]
    with answering(lambda body: answers.pop() if answers else accept(body)) as host:
        assert importing.run(options(people(tmp_path / "p.csv", 3), host), TOKEN) == importing.DONE
    assert len(host.calls) == 3
    assert len(set(keys(host))) == 1
    assert capsys.readouterr().err.count("trying again in") == 2


def test_a_fault_that_stays_and_a_server_that_stays_away_end_the_import(tmp_path, capsys):
    file = people(tmp_path / "people.csv", 3)
    with answering(lambda _: as_json(500, error=500, error_text="Internal error")) as host:
        assert importing.run(options(file, host), TOKEN) == importing.NOT_ALL
    assert "the server failed: 500 Internal error" in capsys.readouterr().err
    assert importing.run(options(file, host, restart=True, patience_seconds=0), TOKEN) == importing.NOT_ALL
    told = capsys.readouterr().err
    assert "cannot be reached" in told
    assert "the same command goes on from there" in told


def test_a_call_that_is_refused_ends_the_import_and_says_why(tmp_path, capsys):
    refusal = as_json(error=404, error_text="Object not found", error_debug="db_id: there is no database 7")
    with answering(lambda _: refusal) as host:
        assert importing.run(options(people(tmp_path / "p.csv"), host), TOKEN) == importing.NOT_ALL
    assert len(host.calls) == 1
    told = "the server refused rows 1 to 3: 404 Object not found: db_id: there is no database 7"
    assert told in capsys.readouterr().err
    # Nothing was begun that other options could not begin too.
    assert [path.name for path in tmp_path.iterdir()] == ["p.csv"]


def test_an_answer_that_is_not_of_tocsin_is_told(tmp_path, capsys):
    with answering(lambda _: (200, b"<html>welcome")) as host:
        assert importing.run(options(people(tmp_path / "p.csv"), host), TOKEN) == importing.NOT_ALL
    assert "is --url right?" in capsys.readouterr().err


def test_an_answer_that_does_not_account_for_every_row_is_not_believed(tmp_path, capsys):
    with answering(lambda _: as_json(error=0, result=[])) as host:
        assert importing.run(options(people(tmp_path / "p.csv"), host), TOKEN) == importing.NOT_ALL
    assert "the answer tells of 0 rows, 3 were sent" in capsys.readouterr().err


def test_a_row_that_spoils_its_call_is_found_and_the_others_go_through(tmp_path):
    def spoilt(body):
        for index, item in enumerate(body["data"]):
            if item["email"] in ("p4@example.com", "p9@example.com"):
                return as_json(error=400, error_text="Invalid request", error_debug=f"data[{index}].email: no")
        return accept(body)

    file = people(tmp_path / "people.csv", 12)
    with answering(spoilt) as host:
        assert importing.run(options(file, host, batch=12), TOKEN) == importing.NOT_ALL
    rejected = rejected_in(tmp_path / "people.csv.rejected.csv")
    assert [row["rejected:row"] for row in rejected] == ["5", "10"]
    assert (rejected[0]["email"], rejected[0]["rejected:reason"]) == ("p4@example.com", "email: no")


def test_a_body_too_large_for_the_server_is_sent_in_parts(tmp_path):
    def small(body):
        return accept(body) if len(body["data"]) < 3 else (413, b"too large")

    with answering(small) as host:
        assert importing.run(options(people(tmp_path / "p.csv", 8), host, batch=8), TOKEN) == importing.DONE
    assert [len(body["data"]) for _, _, body in host.calls] == [8, 4, 2, 2, 4, 2, 2]


def test_rejected_rows_are_kept_with_reason_line_and_text_and_can_be_imported_again(tmp_path, capsys):
    file = tmp_path / "people.csv"
    file.write_bytes(
        b'email,_fname\na@example.com,A\nb@example.com\nc@example.com,"C\xff"\nd@example.com,"D, Dr"\n'
        b'e@example.com,E\nf@example.com,"open\n'
    )

    def without_d(body):
        index = next((place for place, item in enumerate(body["data"]) if item["email"][0] == "d"), None)
        if index is None:
            return accept(body)
        problem = {"index": index, "error": 409, "error_text": "Conflict", "error_debug": f"data[{index}].email: taken"}
        return as_json(error=0, result=[{}] * (len(body["data"]) - 1), errors=[problem], ignored_fields=["_fname"])

    with answering(without_d) as host:
        assert importing.run(options(file, host, batch=100), TOKEN) == importing.NOT_ALL
    assert sent(host) == ["a@example.com", "d@example.com", "e@example.com"]
    kept = (tmp_path / "people.csv.rejected.csv").read_bytes().split(b"\n")
    assert kept == [
        b"rejected:row,rejected:line,rejected:error,rejected:reason,email,_fname",
        b'2,3,400,"expected 2 cells as in the first row, got 1",b@example.com',
        b'3,4,400,the text is not in the encoding of the file,c@example.com,"C\xff"',
        b'4,5,409,email: taken,d@example.com,"D, Dr"',
        b'6,7,400,a quotation mark is not closed,"f@example.com,""open"',
        b"",
    ]
    printed = capsys.readouterr().out
    assert "6 rows read, 2 imported, 4 rejected" in printed
    assert "Invalid row (3), Conflict (1)" in printed
    assert "no such fields: _fname" in printed
    again = profiles(list(rows_of(tmp_path / "people.csv.rejected.csv")))
    assert again == [{"email": "d@example.com", "_fname": "D, Dr"}]


def test_rejected_json_is_kept_as_json(tmp_path):
    file = tmp_path / "people.json"
    file.write_text('[{"email": "a@example.com"},\n 7,\n{"email": nul}]')

    def nobody(_):
        return as_json(error=0, result=[], errors=[{"index": 0, "error": 404, "error_text": "Object not found"}])

    with answering(nobody) as host:
        assert importing.run(options(file, host, format="json"), TOKEN) == importing.NOT_ALL
    kept = [json.loads(line) for line in (tmp_path / "people.json.rejected.ndjson").read_text().splitlines()]
    assert kept[0] == {
        "number": 1, "line": 1, "error": 404, "reason": "Object not found", "row": {"email": "a@example.com"},
    }  # fmt: skip
    assert [(one["number"], one["line"], one["row"]) for one in kept[1:]] == [(2, 2, "7"), (3, 3, '{"email": nul}')]


def test_an_interrupted_import_goes_on_where_it_stopped_with_the_same_keys(tmp_path, capsys):
    file = people(tmp_path / "people.csv", 20)
    file.write_text(file.read_text().replace("p1@example.com,P", "p1@example.com").replace("p10@example.com,P", "x"))

    def until_ten(body):
        return (
            as_json(503, error=503)
            if any(item["email"] == "p11@example.com" for item in body["data"])
            else accept(body)
        )

    with answering(until_ten) as host:
        assert importing.run(options(file, host, patience_seconds=0), TOKEN) == importing.NOT_ALL
        before, host.calls = host.calls, []
        rejected = tmp_path / "people.csv.rejected.csv"
        # What was written after the last note is as if it had not been.
        rejected.write_bytes(rejected.read_bytes() + b"torn")
        with (tmp_path / "people.csv.progress").open("ab") as journal:
            journal.write(b'{"rows":99')
        host.answer = accept
        assert importing.run(options(file, host), TOKEN) == importing.NOT_ALL
    assert "going on after row 9 (line 10)" in capsys.readouterr().err
    assert sent(host) == [f"p{number}@example.com" for number in (9, *range(11, 20))]
    assert keys(host)[0] == before[-1][1]["Idempotency-Key"]
    assert host.calls[0][2] == before[-1][2]
    assert [row["rejected:row"] for row in rejected_in(rejected)] == ["2", "11"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["people.csv", "people.csv.rejected.csv"]


def interrupted(file: Path, host: Answering) -> None:
    """An import that could not end."""
    accepting, host.answer = host.answer, lambda _: as_json(503, error=503)
    importing.run(options(file, host, patience_seconds=0), TOKEN)
    host.answer = accepting
    host.calls.clear()


def test_a_changed_file_other_options_and_another_journal_are_refused(tmp_path):
    file = people(tmp_path / "people.csv")
    with answering() as host:
        interrupted(file, host)
        with pytest.raises(Invalid, match="batch was 3 and is 4"):
            importing.run(options(file, host, batch=4), TOKEN)
        with pytest.raises(Invalid, match="trigger_id was null and is 8"):
            importing.run(options(file, host, target=Target(1, "email", trigger_id=8)), TOKEN)
        with pytest.raises(Invalid, match="this is no journal of an import"):
            importing.run(options(file, host, progress=str(people(tmp_path / "other.csv"))), TOKEN)
        people(file, 11)
        with pytest.raises(Invalid, match=r"the file has changed.*--restart"):
            importing.run(options(file, host), TOKEN)
        assert host.calls == []
        assert importing.run(options(file, host, restart=True), TOKEN) == importing.DONE
    assert len(sent(host)) == 11


def test_two_imports_of_one_file_at_once_are_refused(tmp_path):
    file = people(tmp_path / "people.csv", 3)
    refused = []

    def import_again(body):
        with pytest.raises(NotReady, match="another import of this file is running") as caught:
            importing.run(options(file, host), TOKEN)
        refused.append(caught.value)
        return accept(body)

    with answering(import_again) as host:
        assert importing.run(options(file, host), TOKEN) == importing.DONE
    assert len(refused) == 1


def test_a_file_for_rejected_rows_that_is_there_is_not_written_over(tmp_path):
    other = people(tmp_path / "other.csv")
    with answering() as host, pytest.raises(Invalid, match="this file is there already"):
        importing.run(options(people(tmp_path / "people.csv"), host, rejected=str(other)), TOKEN)
    assert host.calls == []
    assert sorted(path.name for path in tmp_path.iterdir()) == ["other.csv", "people.csv"]


def test_of_an_import_that_could_not_begin_nothing_stays(tmp_path):
    file = tmp_path / "people.csv"
    file.write_text("email,email\na@example.com,b@example.com\n")
    with answering() as host:
        with pytest.raises(Invalid, match="two columns are both 'email'"):
            importing.run(options(file, host), TOKEN)
        assert [path.name for path in tmp_path.iterdir()] == ["people.csv"]
        assert importing.run(options(people(file), host), TOKEN) == importing.DONE


def test_ctrl_c_settles_nothing_half_and_the_import_goes_on(tmp_path, capsys):
    file = people(tmp_path / "people.csv", 12)

    def interrupt(body):
        if body["data"][0]["email"] == "p6@example.com":
            host.answer = accept
            os.kill(os.getpid(), signal.SIGINT)
        return accept(body)

    with answering(interrupt) as host:
        assert importing.run(options(file, host), TOKEN) == importing.NOT_ALL
        assert "interrupted" in capsys.readouterr().err
        first = {(headers["Idempotency-Key"], body["data"][0]["email"]) for _, headers, body in host.calls}
        assert importing.run(options(file, host), TOKEN) == importing.DONE
    everything = {(headers["Idempotency-Key"], body["data"][0]["email"]) for _, headers, body in host.calls}
    assert first < everything
    assert sorted(email for _, email in everything) == [f"p{number}@example.com" for number in (0, 3, 6, 9)]


def test_calls_at_once_are_settled_in_order(tmp_path):
    arrived = threading.Barrier(3, timeout=10)

    def together(body):
        if body["data"][0]["email"] in ("p0@example.com", "p3@example.com", "p6@example.com"):
            arrived.wait()
        return accept(body)

    with answering(together) as host:
        assert importing.run(options(people(tmp_path / "p.csv", 12), host, at_once=3), TOKEN) == importing.DONE
    assert sorted(sent(host)) == sorted(f"p{number}@example.com" for number in range(12))


def test_rows_before_a_damage_of_the_file_are_imported(tmp_path, capsys):
    file = tmp_path / "people.json"
    file.write_text('[{"email": "a@example.com"}, {"email": "b@example.com"')
    with answering() as host:
        assert importing.run(options(file, host, format="json"), TOKEN) == importing.NOT_ALL
    assert sent(host) == ["a@example.com"]
    assert "the file ends within the element" in capsys.readouterr().err


def test_rows_of_eight_megabytes_are_cut_by_bytes(tmp_path):
    file = tmp_path / "people.ndjson"
    file.write_text(
        "".join(json.dumps({"email": f"p{n}@example.com", "note": "x" * 900_000}) + "\n" for n in range(12))
    )
    with answering() as host:
        assert importing.run(options(file, host, format="ndjson", batch=1000), TOKEN) == importing.DONE
    assert [len(body["data"]) for _, _, body in host.calls] == [8, 4]
