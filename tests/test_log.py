import json
import logging
import re

import msgspec
import pytest

from tocsin import log


class Server(msgspec.Struct):
    host: str
    password: str


@pytest.fixture(autouse=True)
def _loggers_as_they_were():
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)


def connect(url):
    raise ValueError(f"cannot reach {url}")


def lines_of(capsys):
    return [json.loads(line) for line in capsys.readouterr().err.splitlines()]


def test_an_event_is_one_json_object(capsys):
    log.configure("info", "json")
    log.get("tocsin.web").info("request.answered", operation="tasks.status", seconds=0.25, code=200, error=None)
    [line] = lines_of(capsys)
    at = line.pop("at")
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", at)
    assert line == {
        "level": "info",
        "event": "request.answered",
        "logger": "tocsin.web",
        "operation": "tasks.status",
        "seconds": 0.25,
        "code": 200,
        "error": None,
    }


def test_only_the_level_and_worse_is_written(capsys):
    log.configure("warning", "json")
    logger = log.get("tocsin.worker")
    logger.debug("batch.claimed")
    logger.info("message.sent")
    logger.warning("message.retried")
    logger.error("message.failed")
    assert [(line["level"], line["event"]) for line in lines_of(capsys)] == [
        ("warning", "message.retried"),
        ("error", "message.failed"),
    ]
    log.configure("debug", "json")
    logger.debug("batch.claimed")
    assert [line["level"] for line in lines_of(capsys)] == ["debug"]


def test_configuring_again_does_not_write_twice(capsys):
    log.configure("info", "json")
    log.configure("info", "json")
    log.get("tocsin").info("server.started")
    assert len(lines_of(capsys)) == 1


def test_text_is_for_people(capsys):
    log.configure("info", "text")
    log.get("tocsin.web").info("request.answered", operation="tasks.status", debug="two words", ids=[1, 2], to="a\nb")
    line = capsys.readouterr().err
    pattern = (
        r'[\d:.]{12}Z info    request\.answered operation=tasks\.status debug="two words" ids=\[1, 2\] to="a\\nb"\n'
    )
    assert re.fullmatch(pattern, line)


@pytest.mark.parametrize(
    ("members", "shown"),
    [
        ({"token": "hunter2"}, {"token": "[redacted]"}),
        ({"smtp_password": "hunter2", "token_name": "shop"}, {"smtp_password": "[redacted]", "token_name": "shop"}),
        ({"headers": {"Authorization": "Bearer hunter2"}}, {"headers": {"Authorization": "[redacted]"}}),
        ({"hooks": [{"secret": "hunter2", "id": 1}]}, {"hooks": [{"secret": "[redacted]", "id": 1}]}),
        ({"sender": Server("h", "hunter2")}, {"sender": {"host": "h", "password": "[redacted]"}}),
        ({"url": "postgresql://me:hunter2@db/x"}, {"url": "postgresql://me:[redacted]@db/x"}),
        ({"url": "http://h/api?token=hunter2&format=json"}, {"url": "http://h/api?token=[redacted]&format=json"}),
        ({"said": "Authorization: Bearer hunter2, x"}, {"said": "Authorization: Bearer [redacted], x"}),
        ({"said": str({"token": "hunter2 x", "id": 1})}, {"said": "{'token': [redacted], 'id': 1}"}),
        ({"said": repr(Server("h", "hunter2"))}, {"said": "Server(host='h', password=[redacted])"}),
    ],
)
def test_secrets_are_never_written(capsys, members, shown):
    log.configure("info", "json")
    log.get("tocsin").info("something.happened", **members)
    [line] = lines_of(capsys)
    assert {name: line[name] for name in members} == shown


def test_an_exception_is_one_member_with_its_traceback_and_no_secret(capsys):
    log.configure("info", "json")
    with pytest.raises(ValueError, match="cannot reach") as caught:
        connect("postgresql://me:hunter2@db/x")
    log.get("tocsin.worker").failure("batch.failed", caught.value, batch=3)
    [line] = lines_of(capsys)
    assert (line["event"], line["level"], line["batch"]) == ("batch.failed", "error", 3)
    assert line["exception"].startswith("Traceback (most recent call last):")
    assert line["exception"].endswith("ValueError: cannot reach postgresql://me:[redacted]@db/x")


def test_an_exception_in_text_stands_below_its_line(capsys):
    log.configure("info", "text")
    log.get("tocsin").failure("batch.failed", ValueError("no\nway"), batch=3)
    first, *rest = capsys.readouterr().err.splitlines()
    assert first.endswith("error   batch.failed batch=3")
    assert rest == ["ValueError: no", "way"]


def test_whatever_a_member_is_a_line_comes_out(capsys):
    log.configure("info", "json")
    log.get("tocsin").info("a.b", id=b"\xff", nan=float("nan"), names={"a"}, lone="\ud800", at="x", level="y", k={1: 2})
    [line] = lines_of(capsys)
    assert line["id"] == "b'\\xff'"
    assert line["nan"] == "nan"
    assert line["names"] == ["a"]
    assert line["level"] == "info"
    assert line["k"] == {"1": 2}


def test_libraries_and_uvicorn_write_the_same_lines(capsys):
    uvicorn = logging.getLogger("uvicorn.error")
    uvicorn.addHandler(logging.StreamHandler())
    log.configure("info", "json")
    uvicorn.info("Started server process [%d]", 7)
    logging.getLogger("psycopg").warning("error connecting: password=hunter2")
    request = ("127.0.0.1:5000", "GET", "/api/v1.1/x?token=hunter2", "1.1", 200)
    logging.getLogger("uvicorn.access").info('%s - "%s %s HTTP/%s" %d', *request)
    started, warned, answered = lines_of(capsys)
    assert (started["event"], started["logger"]) == ("library.said", "uvicorn.error")
    assert started["message"] == "Started server process [7]"
    assert warned["message"] == "error connecting: password=[redacted]"
    assert answered["event"] == "request.answered"
    assert (answered["method"], answered["path"], answered["status"]) == ("GET", "/api/v1.1/x", 200)
    assert "hunter2" not in str(answered)
