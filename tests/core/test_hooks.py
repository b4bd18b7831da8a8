"""What hooks want, when they are told again, and how they know who tells them."""

from base64 import b64encode
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from standardwebhooks import Webhook, WebhookVerificationError

from tocsin.core import configuration_file, hooks, signing
from tocsin.core.configuration_hooks import Hook
from tocsin.core.errors import ConfigurationMistakes

SECRET, OTHER = ("whsec_" + b64encode(bytes([n]) * 32).decode() for n in (1, 2))
NOW = int(datetime.now(UTC).timestamp())


@given(body=st.binary(max_size=200).map(lambda some: b'{"a": "' + b64encode(some) + b'"}'))
def test_a_signature_is_what_the_library_of_the_specification_verifies(body):
    headers = signing.sign([SECRET], "msg_1", NOW, body)
    assert Webhook(SECRET).verify(body, headers)
    with pytest.raises(WebhookVerificationError):
        Webhook(SECRET).verify(body + b" ", headers)
    with pytest.raises(WebhookVerificationError):
        Webhook(OTHER).verify(body, headers)


def test_while_a_secret_is_changed_either_verifies():
    headers = signing.sign([SECRET, OTHER], "msg_1", NOW, b"{}")
    Webhook(SECRET).verify(b"{}", headers)
    Webhook(OTHER).verify(b"{}", headers)


def test_without_a_secret_there_is_no_signature():
    assert signing.sign([], "msg_1", NOW, b"{}") == {"webhook-id": "msg_1", "webhook-timestamp": str(NOW)}


@pytest.mark.parametrize("secret", ["whsec_", "whsec_aGk=", "whsec_" + "A" * 92, "A" * 32, "whsec_ä" + "A" * 31])
def test_what_is_no_key_is_refused(secret):
    with pytest.raises(ValueError, match=r"base64|padding|ASCII|alphabet|[Nn]on"):
        signing.parse_secret(secret)


def test_attempts_go_on_for_three_days_with_growing_delays():
    delays = [hooks.delay_seconds(attempt, 0.0) for attempt in range(1, 100)]
    assert delays[:4] == [5, 10, 20, 40]
    assert max(delays) == 3600
    assert hooks.delay_seconds(1, 1.0) == 6
    within = [sum(delays[:count]) for count in range(100) if sum(delays[:count]) < timedelta(days=3).total_seconds()]
    assert 75 < len(within) < 85


@pytest.mark.parametrize(
    ("success", "status", "body", "taken"),
    [
        ("", 200, b"", True),
        ("", 204, b"", True),
        ("", 302, b"", False),
        ("", 500, b"", False),
        (".*OK.*", 200, b"all is OK here", True),
        (".*OK.*", 200, b"no", False),
        (".*OK.*", 500, b"OK", False),
        ("OK", 200, b"\xff\xfeOK", True),
        ("OK", 200, b" " * 10_000 + b"OK", False),
    ],
)
def test_what_counts_as_success(success, status, body, taken):
    hook = Hook(id=1, name="a", url="http://a", events=("send",), success=success)
    assert hooks.is_success(hook, status, body) is taken


@pytest.mark.parametrize(
    ("members", "mistake"),
    [
        ('url: "ftp://x"', "url: "),
        ('url: "http://user:word@x"', "url: "),
        ("events: []", "events: there are 0 items"),
        ("events: [snd]", "did you mean send?"),
        ("databases: [9]", "databases[0]: there is no database 9"),
        ("triggers: [9]", "triggers[0]: there is no trigger 9"),
        ("resources: [9]", "resources[0]: there is no resource 9"),
        ("workflows: [9]", "workflows[0]: there is no workflow 9"),
        ("secret: whsec_abc", "secret: expected whsec_ and 24 to 64 bytes in base64"),
        (f"previous_secret: {SECRET}", "previous_secret: there is no secret"),
        ('success: "("', "success: this is no regular expression"),
        ('headers: {"a b": x}', "headers.a b: expected a name"),
        ("headers: {Webhook-Id: x}", "headers.Webhook-Id: this header is ours"),
        ('headers: {A: "${NOT_SET}"}', "the environment variable NOT_SET is not set"),
        ("batch_size: 0", "batch_size: "),
        ("timeout_seconds: 61", "timeout_seconds: "),
        ("secrets: {A: b}", "secrets: there is no such member"),
    ],
)
def test_a_hook_that_cannot_be_used_is_refused_with_its_place(members, mistake):
    given_members = dict(line.split(": ", 1) for line in ['url: "http://x/y"', "events: [send]", "name: a", "id: 1"])
    name, value = members.split(": ", 1)
    text = "{" + ", ".join(f"{key}: {one}" for key, one in (given_members | {name: value}).items()) + "}"
    with pytest.raises(ConfigurationMistakes) as raised:
        configuration_file.parse(f"hooks:\n  - {text}\n", "tocsin.yaml", {})
    (told,) = raised.value.mistakes
    assert told.startswith("tocsin.yaml:2: hooks[0]")
    assert mistake in told


def test_an_exported_hook_shows_no_secret_and_can_be_applied_again():
    text = f"hooks:\n  - {{id: 1, name: a, url: 'http://x', events: [send], secret: {SECRET}}}\n"
    stored = configuration_file.parse(text, "a.yaml", {})
    exported = configuration_file.dump(stored)
    assert "${HOOK_1_SECRET}" in exported
    assert SECRET not in exported
    assert configuration_file.parse(exported, "a.yaml", {}, stored).hooks == stored.hooks
