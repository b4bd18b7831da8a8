"""The SQL files as they are loaded; what the queries must be like is a house rule (tests/house/test_queries.py)."""

from tocsin.store import queries


def test_queries_are_loaded_by_name_with_their_description():
    loaded = queries.load("messages")
    assert {"claim", "delete", "postpone", "count"} <= loaded.keys()
    assert loaded["postpone"].startswith("-- Messages to be tried again, each at its own time.\nUPDATE messages")
    assert loaded["postpone"].endswith(";")


def test_a_query_ends_where_the_next_begins():
    assert not [name for noun in queries.nouns() for name, text in queries.load(noun).items() if "-- name:" in text]
