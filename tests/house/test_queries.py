"""Every named query fits the schema, is described, is used by its noun's module, and says which bucket it means."""

import ast
import re

import psycopg
import pytest
from tests.house.sources import SOURCE, Module, modules
from tests.house.test_floors import reads

from tocsin.store import queries

NAMED = {(noun, name): query for noun in queries.nouns() for name, query in queries.load(noun).items()}

# Tables that grow with profiles and are spread over hosts by bucket. A statement that does not say which bucket asks
# all hosts; those that may are here, each with its reason.
SPREAD_TABLES = ("profiles", "launches", "messages", "events", "copies")
ACROSS_ALL_BUCKETS = {
    ("launches", "list_ids"): "a page of the newest, for people",
    ("launches", "list_unsettled"): "the few that are being resumed or cancelled, by an index of theirs alone",
    ("files", "delete_old"): "which files launches name, by an index of those that have any; now and then",
    ("message_log", "list_databases"): "in which databases anything happened, for people, a look at an index for each",
    ("message_log", "list_of_databases"): "a page of the newest, for people, by an index",
    ("message_log", "list_of_triggers"): "likewise",
    ("message_log", "list_of_launch"): "likewise",
    ("message_log", "list_of_addresses"): "likewise: whose an address was is not known any more",
    ("message_log", "list_waiting_of"): "what of a launch or some triggers waits, for people; there is no index",
    ("statistics", "list_reasons_of_trigger"): "the latest skips, for people, by an index",
    ("statistics", "list_reasons_of_launch"): "likewise",
    ("profiles", "list_newest"): "a page of the newest of a database, for people, by an index",
    ("messages", "count_of_launches"): "how many messages of a launch wait, for people",
    ("profiles", "list_all"): "every profile that a filter selects, read once through a cursor",
    ("profiles", "list_ids"): "whom a query in a batch means, 100,000 at most",
    ("messages", "count"): "how long the queue is, for metrics only, as far as it is short",
    ("messages", "estimate"): "how long the queue is, for metrics only, from a sample",
    ("messages", "list_oldest_due"): "which sender is behind, for metrics only, from the head of the queue",
    ("subscriptions", "count"): "how many a resource has, for the first page of a list only",
}

NAMES_SPREAD_TABLE = re.compile(rf"\b(?:FROM|JOIN|INTO|UPDATE|USING)\s+(?:ONLY\s+)?(?:{'|'.join(SPREAD_TABLES)})\b")
SAYS_BUCKET = re.compile(r"\bbucket (?:=|BETWEEN) |\bbucket, \w+\.id\) >|\bINSERT INTO \w+ \(bucket,")
WRITES = re.compile(r"\b(?:INSERT|UPDATE|DELETE|MERGE|TRUNCATE|LOCK|CREATE|DROP|ALTER)\b")


def statement(query: str) -> str:
    """The query without its comments."""
    return "\n".join(line for line in query.splitlines() if not line.startswith("--"))


def numbered(query: str) -> str:
    """The query with the parameters as PREPARE has them."""
    names = list(dict.fromkeys(re.findall(r"%\((\w+)\)s", query)))
    return re.sub(r"%\((\w+)\)s", lambda match: f"${names.index(match[1]) + 1}", query).replace("%%", "%")


def module_of(noun: str) -> Module:
    return next(module for module in modules() if module.path == SOURCE / "store" / f"{noun}.py")


def used_queries(tree: ast.AST) -> set[str]:
    """The names in `_SQL["name"]`."""
    return {
        node.slice.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Subscript)
        and isinstance(node.value, ast.Name)
        and node.value.id == "_SQL"
        and isinstance(node.slice, ast.Constant)
    }


async def test_every_query_fits_the_schema(prepared):
    broken = {}
    async with await psycopg.AsyncConnection.connect(prepared, autocommit=True) as connection:
        for (noun, name), query in NAMED.items():
            try:
                await connection.execute(f"PREPARE {noun}_{name} AS {numbered(query)}")
            except psycopg.Error as mistake:
                broken[f"{noun}.{name}"] = str(mistake)
    assert broken == {}


@pytest.mark.parametrize("noun", queries.nouns())
def test_the_module_of_a_noun_uses_exactly_the_queries_of_the_noun(noun):
    assert used_queries(module_of(noun).tree) == set(queries.load(noun))


def test_queries_are_loaded_by_the_module_of_their_noun_only():
    loads = [
        (module.path.stem, ast.literal_eval(node.args[0]))
        for module in modules()
        for node in ast.walk(module.tree)
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "queries.load"
    ]
    assert sorted(loads) == [(noun, noun) for noun in queries.nouns()]


def test_every_query_has_a_name_of_its_own():
    texts = {noun: (SOURCE / "store" / "queries" / f"{noun}.sql").read_text("utf-8") for noun in queries.nouns()}
    names = {noun: re.findall(r"^-- name: (.*)$", text, re.MULTILINE) for noun, text in texts.items()}
    assert names == {noun: list(queries.load(noun)) for noun in queries.nouns()}
    assert [noun for noun, text in texts.items() if not text.startswith("-- name: ")] == []


@pytest.mark.parametrize(("noun", "name"), NAMED)
def test_a_query_is_one_statement_described_in_a_sentence(noun, name):
    query = NAMED[noun, name]
    described = query.removesuffix(statement(query)).rstrip()
    assert re.fullmatch(r"(-- .+\n)*-- .+[.?]", described), query
    assert statement(query).count(";") == 1
    assert statement(query).endswith(";")


def test_a_query_of_a_spread_table_names_the_bucket():
    without = {
        key
        for key, query in NAMED.items()
        if NAMES_SPREAD_TABLE.search(statement(query)) and not SAYS_BUCKET.search(statement(query))
    }
    assert without == ACROSS_ALL_BUCKETS.keys()


@pytest.mark.parametrize("noun", queries.nouns())
def test_a_function_with_a_reading_verb_only_reads(noun):
    functions = {
        node.name: node
        for node in module_of(noun).tree.body
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    }
    writing = [
        f"{name} runs {query}"
        for name in functions
        if reads(name)
        for query in queries_run_by(name, functions)
        if WRITES.search(statement(NAMED[noun, query]))
    ]
    assert writing == []


def queries_run_by(name: str, functions: dict[str, ast.AST]) -> set[str]:
    """The queries of a function and of those that it calls in its module."""
    reached: set[str] = set()
    ahead = {name}
    while ahead:
        reached |= ahead
        called = {node.id for one in ahead for node in ast.walk(functions[one]) if isinstance(node, ast.Name)}
        ahead = (called & functions.keys()) - reached
    return {query for one in reached for query in used_queries(functions[one])}
