"""Draws documents and queries, asks mingo (npm) what it selects, and writes cases.json, which tests/store/test_mingo.py
reads. Needs node and npm: `.venv/bin/python tests/store/mingo/renew.py` in the checkout.
"""

import json
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from hypothesis import HealthCheck, given, seed, settings
from hypothesis import strategies as st

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

from tests.store import test_filter_sql as drawn  # noqa: E402 - the path is set first
from tests.store.test_mingo import DEVIATIONS  # noqa: E402 - as above

VERSION = "7.2.6"
EXAMPLES = 2000
EXACT = 2**53


def is_exact(value):
    """Whether JavaScript has every number in it, whole ones as whole."""
    if isinstance(value, dict | list):
        return all(map(is_exact, value.values() if isinstance(value, dict) else value))
    return not isinstance(value, int | float) or abs(value) < EXACT


def draw():
    """Pairs of documents and queries, each query once."""
    found, seen = [], set()

    @seed(1)
    @settings(max_examples=EXAMPLES, database=None, deadline=None, suppress_health_check=list(HealthCheck))
    @given(st.lists(drawn.documents, min_size=3, max_size=5), st.lists(drawn.queries, min_size=3, max_size=3))
    def collect(documents, queries):
        fresh = [query for query in queries if is_exact(query) and json.dumps(query) not in seen]
        seen.update(map(json.dumps, fresh))
        if fresh and is_exact(documents):
            found.append(([{"subscriptions": []} | document for document in documents], fresh))

    collect()
    return found


def ask(asked):
    """What mingo selects, query by query."""
    with TemporaryDirectory() as folder:
        subprocess.run(["npm", "install", "--silent", "--prefix", folder, f"mingo@{VERSION}"], check=True)
        done = subprocess.run(
            ["node", HERE / "ask.mjs"], input=json.dumps(asked), capture_output=True, check=True, text=True, cwd=folder
        )
    return json.loads(done.stdout)


def main():
    pairs = [*draw(), *(([document], [query]) for query, document, _, _ in DEVIATIONS)]
    asked = [{"documents": documents, "query": query} for documents, queries in pairs for query in queries]
    answers = iter(ask(asked))
    cases = [
        {"documents": documents, "queries": [[query, next(answers)] for query in queries]}
        for documents, queries in pairs
    ]
    lines = ",\n".join(json.dumps(case, separators=(",", ":")) for case in cases)
    (HERE / "cases.json").write_text(f'{{"mingo":"{VERSION}","cases":[\n{lines}\n]}}\n', "utf-8")


if __name__ == "__main__":
    main()
