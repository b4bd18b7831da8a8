"""Return paths that name their message."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tocsin.core.return_paths import ReturnPaths

PATHS = ReturnPaths("bounces.example.com", "sixteen-or-more-characters")
MESSAGE = bytes.fromhex("6b00f7526d1c8a30b7f41e96")


@given(st.binary(min_size=12, max_size=12))
def test_a_return_path_leads_back_to_its_message(message_id: bytes):
    made = PATHS.make(message_id)
    assert len(made.partition("@")[0]) <= 64
    for said in (made, made.upper(), f" {made} "):
        assert PATHS.find_message(said) == message_id


@pytest.mark.parametrize(
    "address",
    [
        "",
        "@",
        "b-@bounces.example.com",
        PATHS.make(MESSAGE).replace("bounces.", "other."),
        PATHS.make(MESSAGE).replace("b-6b", "b-6c"),
        PATHS.make(MESSAGE)[2:],
        PATHS.make(MESSAGE).replace("@", "a@"),
        PATHS.make(MESSAGE).replace("@", "\n@"),
        ReturnPaths(PATHS.domain, "another secret of theirs").make(MESSAGE),
        f"b-{MESSAGE.hex()}-aaaaaaaaaaaaaaaa@{PATHS.domain}",
    ],
)
def test_an_address_that_was_not_made_here_leads_nowhere(address: str):
    assert PATHS.find_message(address) is None
