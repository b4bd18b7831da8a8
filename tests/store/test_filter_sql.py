"""Filters select the profiles that MongoDB would: against a model of its manual, against mongomock, and by example."""

import mongomock.filtering
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from psycopg import sql
from tests.store import mongo_model

from tocsin.core import mongo
from tocsin.core.configuration import Database, Field
from tocsin.core.identities import Describer
from tocsin.core.profiles import Profile
from tocsin.store import filter_sql, identities, profiles

DATABASE = Database(
    id=1,
    name="Customers",
    fields={
        "CRM_ID": Field("string", unique=True),
        "number": "int",
        "tag": "tags",
        "birthday": "date",
        "seen_at": "datetime",
    },
)
in_savepoints = settings(
    max_examples=150,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


def make_id(number):
    return number.to_bytes(11, "big") + bytes([number])


async def insert(stage, documents):
    """Profiles numbered from 0, as they would be imported; `subscriptions` of a document are those of the profile."""
    made = [
        Profile(
            make_id(number),
            {name: value for name, value in document.items() if name != "subscriptions"},
            document.get("subscriptions", []),
        )
        for number, document in enumerate(documents)
    ]
    await profiles.insert(stage.connection, DATABASE.id, made)
    describe = Describer(DATABASE).describe
    owned = [(one.id, describe(one.fields, ())) for one in made]
    await identities.insert(stage.connection, DATABASE.id, owned)


async def select(stage, query):
    """The numbers of the profiles that a query selects."""
    condition = filter_sql.condition(mongo.parse(query, DATABASE), DATABASE.id)
    statement = sql.SQL("SELECT id, {} FROM profiles").format(condition.sql)
    cursor = await stage.connection.execute(statement, condition.parameters)
    found = {identifier[-1]: fits for identifier, fits in await cursor.fetchall()}
    assert None not in found.values()
    return {number for number, fits in found.items() if fits}


names = st.sampled_from(["a", "a", "b", "0", "1", 'it\'s "it"'])
texts = st.sampled_from(["", "a", "a", "ab", "B", "Ж", "é", "a\nb", "b\n", '"', "\\", "$v0", "😀", "\uffff"])
numbers = st.one_of(
    st.sampled_from([0, 1, 2]),
    st.integers(-5, 5),
    st.sampled_from([0.5, -0.5, 2.0, -7.25, 2**31, 2**53, -(2**63), 2**63 - 1, 1e23, 0.1]),
)
scalars = st.one_of(st.sampled_from([None, True, 1, "a"]), st.none(), st.booleans(), numbers, texts)
trees = st.recursive(
    scalars,
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(names, inner, min_size=1, max_size=3)),
    max_leaves=6,
)
subscriptions = st.lists(st.dictionaries(names, trees, max_size=3), max_size=2)
documents = st.fixed_dictionaries({"a": trees}, optional={"b": trees, "subscriptions": subscriptions})
paths = st.one_of(
    st.sampled_from(["a", "a", "a.a", "a.b", "a.0", "a.0.a", "a.1.0", "subscriptions.a", "subscriptions", "b"]),
    st.lists(names, min_size=1, max_size=4).map(".".join),
)
patterns = st.sampled_from(["^a", "b$", "a.b", "^$", "[^a]", "ж", r"\W", r"a\b", r"^\w+$", "a|B", "^(?:a|b){1,2}$"])
types = st.sampled_from(["int", "long", "double", "number", "string", "bool", "null", "array", "object"])
signs = st.sampled_from(["$gt", "$gte", "$lt", "$lte"])
operators = st.deferred(
    lambda: st.one_of(
        st.dictionaries(signs, scalars, min_size=1, max_size=2),
        st.dictionaries(st.sampled_from(["$eq", "$ne"]), trees, min_size=1),
        st.dictionaries(st.sampled_from(["$in", "$nin", "$all"]), st.lists(trees, max_size=12), min_size=1, max_size=2),
        st.fixed_dictionaries({"$exists": st.booleans()}),
        st.fixed_dictionaries({"$type": st.one_of(types, st.lists(types, min_size=1, max_size=3))}),
        st.fixed_dictionaries({"$size": st.integers(0, 3)}),
        st.fixed_dictionaries({"$mod": st.tuples(st.sampled_from([1, 2, 4, -4]), st.integers(-3, 3)).map(list)}),
        st.fixed_dictionaries({"$regex": patterns}, optional={"$options": st.sampled_from(["", "i", "s", "im"])}),
        st.fixed_dictionaries({"$not": operators}),
        st.fixed_dictionaries({"$elemMatch": st.one_of(operators, queries)}),
        st.fixed_dictionaries({"$all": st.lists(st.fixed_dictionaries({"$elemMatch": operators}), max_size=2)}),
    )
)
queries = st.recursive(
    st.dictionaries(paths, st.one_of(trees, operators, operators), min_size=1, max_size=2),
    lambda inner: st.dictionaries(
        st.sampled_from(["$and", "$or", "$nor"]), st.lists(inner, min_size=1, max_size=2), min_size=1, max_size=2
    ),
    max_leaves=3,
)


@given(st.lists(documents, min_size=4, max_size=8), st.lists(queries, min_size=2, max_size=6))
@in_savepoints
async def test_a_filter_selects_what_the_manual_says(stage, written, asked):
    async with stage.connection.transaction(force_rollback=True):
        await insert(stage, written)
        for query in asked:
            expected = {
                number
                for number, document in enumerate(written)
                if mongo_model.matches(query, {"subscriptions": []} | document)
            }
            assert await select(stage, query) == expected, query


# What mongomock does as MongoDB does: no booleans (True is 1 in Python), null only by itself, one operator a field,
# paths of two parts at most through objects or lists of objects that have the member.
words = st.sampled_from(["a", "b", "ab", "B"])
plain = st.one_of(st.integers(-3, 3), st.sampled_from([0.5, 2.0]), words)
inner = st.fixed_dictionaries({"x": plain, "y": st.lists(plain, max_size=2)})
plain_documents = st.fixed_dictionaries(
    {"o": inner, "l": st.lists(inner, min_size=1, max_size=3)},
    optional={"s": st.one_of(plain, st.none()), "t": st.lists(plain, max_size=3)},
)
plain_operators = st.one_of(
    st.dictionaries(signs, plain, min_size=1, max_size=1),
    st.fixed_dictionaries({"$eq": plain}),
    st.fixed_dictionaries({"$in": st.lists(plain, max_size=12)}),
    st.fixed_dictionaries({"$exists": st.booleans()}),
    st.fixed_dictionaries({"$type": st.sampled_from(["string", "number", "object", "array"])}),
    st.fixed_dictionaries({"$regex": st.sampled_from(["^a", "b$", "^[ab]+$", "(?i)^B"])}),
)
plain_conditions = st.one_of(
    st.tuples(st.sampled_from(["s", "t", "o.x", "o.y", "l.x", "o.z"]), st.one_of(plain, plain_operators)),
    st.tuples(st.sampled_from(["s", "t", "o.x"]), st.one_of(st.none(), st.fixed_dictionaries({"$ne": plain}))),
    st.tuples(st.sampled_from(["s", "t", "o.x"]), st.fixed_dictionaries({"$nin": st.lists(plain, max_size=12)})),
    st.tuples(st.sampled_from(["s", "t", "o.x"]), st.fixed_dictionaries({"$not": plain_operators})),
    st.tuples(st.sampled_from(["t", "o.y"]), st.fixed_dictionaries({"$size": st.integers(0, 3)})),
    st.tuples(st.sampled_from(["t", "o.y"]), st.fixed_dictionaries({"$all": st.lists(plain, min_size=1, max_size=2)})),
    st.tuples(st.just("l"), st.fixed_dictionaries({"$elemMatch": st.dictionaries(st.just("x"), plain_operators)})),
    st.tuples(st.just("t"), st.fixed_dictionaries({"$elemMatch": st.dictionaries(signs, plain, min_size=1)})),
)
plain_queries = st.recursive(
    plain_conditions.map(lambda pair: dict([pair])),
    lambda parts: st.dictionaries(
        st.sampled_from(["$and", "$or", "$nor"]), st.lists(parts, min_size=1, max_size=3), min_size=1, max_size=1
    ),
    max_leaves=4,
)


def ask_mongomock(written, query):
    return {at for at, document in enumerate(written) if mongomock.filtering.filter_applies(query, document)}


@given(st.lists(plain_documents, min_size=4, max_size=8), st.lists(plain_queries, min_size=2, max_size=6))
@in_savepoints
async def test_a_filter_selects_what_mongomock_does(stage, written, asked):
    async with stage.connection.transaction(force_rollback=True):
        await insert(stage, written)
        for query in asked:
            assert await select(stage, query) == ask_mongomock(written, query), query


RULES = [
    ({"a.0.b": None}, {"a": [5]}, False),
    ({"a.0.b": None}, {"a": [{}]}, True),
    ({"a.b": None}, {"a": [1, 2]}, False),
    ({"a.b": None}, {"a": []}, False),
    ({"a.b": None}, {"a": [{"b": 1}, {}]}, True),
    ({"a.0": 1}, {"a": [[1, 2]]}, False),
    ({"a.0.0": 1}, {"a": [[1, 2]]}, True),
    ({"a.b": 1}, {"a": [[{"b": 1}]]}, False),
    ({"a.0.b": 1}, {"a": [[{"b": 1}]]}, True),
    ({"a.b.c": 1}, {"a": [{"b": [{"c": [1]}]}]}, True),
    ({"a": 1}, {"a": [[1]]}, False),
    ({"a": {"$gt": 0}}, {"a": [[1]]}, False),
    ({"a": {"$mod": [2, 1]}}, {"a": [[1]]}, False),
    ({"a": {"$in": [1, None]}}, {"a": [[1]]}, False),
    ({"a": {"$in": list(range(20))}}, {"a": [[1]]}, False),
    ({"a": {"$not": {"$in": list(range(20))}}}, {}, True),
    ({"a": [1]}, {"a": [[1], 2]}, True),
    ({"a": {"b": [1, {"c": None}]}}, {"a": {"b": [1, {"c": None}]}}, True),
    ({"a": {"b": [1, {"c": None}]}}, {"a": {"b": [1, {}]}}, False),
    ({"a": {}}, {"a": {"b": 1}}, False),
    ({"a": {"$elemMatch": {"b": {"$not": {"$gt": 1}}}}}, {"a": [{"b": "x"}]}, True),
    ({"a": {"$elemMatch": {"$nor": [{"b": 1}, {"c.d": 1}]}}}, {"a": [{"b": "x"}]}, True),
    ({"a": {"$elemMatch": {"$not": {"$gt": 1}}}}, {"a": [[5]]}, True),
    ({"a": {"$elemMatch": {"$ne": "x"}}}, {"a": [1]}, True),
    ({"a": {"$elemMatch": {"$nin": ["x", 2]}}}, {"a": [True]}, True),
    ({"a": {"$elemMatch": {"$exists": False}}}, {"a": [None]}, False),
    ({"a": {"$elemMatch": {"$elemMatch": {"$gt": 1}}}}, {"a": [[2]]}, True),
    ({"a": {"$gt": 1, "$lt": 2}}, {"a": [0, 3]}, True),
    ({"a": {"$type": "array"}}, {"a": []}, True),
    ({"a": {"$all": []}}, {"a": []}, False),
    ({"a": {"$lte": None}}, {}, True),
    ({"a": {"$gt": None}}, {"a": None}, False),
    ({}, {}, True),
]


async def test_rules_of_the_manual_at_their_edges(stage):
    for query, document, expected in RULES:
        async with stage.connection.transaction(force_rollback=True):
            await insert(stage, [document])
            assert (await select(stage, query) == {0}) is expected, (query, document)
            assert mongo_model.matches(query, {"subscriptions": []} | document) is expected, (query, document)


# Where mongomock 4.3 is known to answer otherwise than MongoDB's manual says: what we and the manual say, and the rule.
DEVIATIONS = [
    ({"a": 1}, {"a": True}, False, "booleans and numbers are types of their own"),
    ({"a.b": None}, {"a": 5}, True, "null also matches what is missing, below a scalar too"),
    ({"a": {"$size": 1}}, {"a": "x"}, False, "$size matches lists only"),
    ({"a": {"$size": 1}}, {"a": {"b": 1}}, False, "$size matches lists only"),
    ({"a.0": 1}, {"a": [{"0": 1}]}, True, "a number is also a name, in the objects of a list"),
    ({"a": {"$in": [[1, 2]]}}, {"a": [1, 2]}, True, "$in compares whole lists too"),
    ({"a": {"$all": [[1, 2]]}}, {"a": [1, 2]}, True, "$all: [[1, 2]] is equality with [1, 2]"),
    ({"a": {"$gte": None}}, {}, True, "$gte: null holds for what is missing"),
]


@pytest.mark.parametrize(("query", "document", "expected", "rule"), DEVIATIONS)
async def test_the_manual_decides_where_mongomock_errs(stage, query, document, expected, rule):
    await insert(stage, [document])
    assert (await select(stage, query) == {0}) is expected, rule
    assert mongo_model.matches(query, document) is expected
    assert (ask_mongomock([document], query) == {0}) is not expected, "mongomock has mended this"


async def test_emails_are_equal_without_case_but_ordered_and_searched_exactly(stage):
    await insert(stage, [{"email": "Ann@example.com"}, {"email": "bob@bücher.example"}, {}])
    assert await select(stage, {"email": "aNN@EXAMPLE.com"}) == {0}
    assert await select(stage, {"email": {"$in": ["ann@example.com", "BOB@xn--bcher-kva.example", "no address"]}}) == {
        0,
        1,
    }
    assert await select(stage, {"email": {"$ne": "ann@example.com"}}) == {1, 2}
    assert await select(stage, {"email": {"$nin": ["ann@example.com", None]}}) == {1}
    assert await select(stage, {"email": {"$regex": "^ann"}}) == set()
    assert await select(stage, {"email": {"$gte": "b"}}) == {1}
    assert await select(stage, {"email": None}) == {2}


async def test_phones_and_custom_fields_are_equal_exactly(stage):
    long = "x" * 300
    await insert(stage, [{"phones": ["+79000000001", "+79000000002"], "CRM_ID": "A1"}, {"CRM_ID": long}, {"number": 5}])
    assert await select(stage, {"phones": "+79000000002"}) == {0}
    assert await select(stage, {"phones": {"$all": ["+79000000001", "+79000000002"]}}) == {0}
    assert await select(stage, {"phones": {"$in": ["+79000000009", None]}}) == {1, 2}
    assert await select(stage, {"CRM_ID": "a1"}) == set()
    assert await select(stage, {"CRM_ID": {"$in": [long, "A1", ""]}}) == {0, 1}
    assert await select(stage, {"CRM_ID": {"$ne": long}}) == {0, 2}
    assert await select(stage, {"number": 5.0}) == {2}
    assert await select(stage, {"number": {"$in": [5, "5", True]}}) == {2}
    assert await select(stage, {"number": "5"}) == set()


async def test_profiles_are_found_by_id(stage):
    await insert(stage, [{}, {}, {}])
    one, two = make_id(1).hex(), make_id(2).hex()
    assert await select(stage, {"_id": one}) == {1}
    assert await select(stage, {"_id": {"$in": [{"$oid": one.upper()}, two]}}) == {1, 2}
    assert await select(stage, {"_id": {"$gt": one}}) == {2}
    assert await select(stage, {"_id": {"$ne": one}}) == {0, 2}
    assert await select(stage, {"_id": {"$exists": True, "$type": "objectId"}}) == {0, 1, 2}
    assert await select(stage, {"_id": {"$type": "string"}}) == set()
    assert await select(stage, {"_id": None}) == set()


async def test_dates_are_compared_as_days_of_utc(stage):
    await insert(stage, [{"birthday": f"2001-12-{day}"} for day in (30, 31)] + [{}])
    assert await select(stage, {"birthday": "2001-12-31"}) == {1}
    assert await select(stage, {"birthday": {"$date": "2001-12-31T00:00:00Z"}}) == {1}
    assert await select(stage, {"birthday": {"$gt": {"$date": "2001-12-30T23:00:00-01:00"}}}) == set()
    assert await select(stage, {"birthday": {"$gte": {"$date": "2001-12-30T23:00:00-01:00"}}}) == {1}
    assert await select(stage, {"birthday": {"$gt": "2001-12-30T10:00:00Z"}}) == {1}
    assert await select(stage, {"birthday": {"$lt": "2001-12-30T10:00:00Z"}}) == {0}
    assert await select(stage, {"birthday": {"$type": "date"}}) == {0, 1}
    assert await select(stage, {"birthday": {"$gt": 5}}) == set()


INSTANTS = [f"2026-11-21T10:00:0{rest}Z" for rest in ("0", "0.05", "0.5", "0.51", "0.512345", "0.6", "1", "1.5")]


@pytest.mark.parametrize("sign", ["$lt", "$lte", "$gt", "$gte", "$eq"])
async def test_instants_are_compared_by_time_whatever_their_fractions(stage, sign):
    await insert(stage, [{"seen_at": instant} for instant in INSTANTS])
    holds = {"$lt": int.__lt__, "$lte": int.__le__, "$gt": int.__gt__, "$gte": int.__ge__, "$eq": int.__eq__}[sign]
    for place, instant in enumerate(INSTANTS):
        expected = {number for number in range(len(INSTANTS)) if holds(number, place)}
        assert await select(stage, {"seen_at": {sign: instant}}) == expected
        assert await select(stage, {"seen_at": {"$not": {sign: instant}}}) == set(range(len(INSTANTS))) - expected
    assert await select(stage, {"seen_at": {sign: {"$date": 1795255200500}}}) == {n for n in range(8) if holds(n, 2)}


async def test_subscriptions_are_filtered_as_they_are_stored(stage):
    news = {"resource_id": 21, "channel": "email", "email": "ann@example.com", "status": "subscribed", "priority": 0}
    left = news | {"status": "unsubscribed"}
    await insert(stage, [{"subscriptions": [news]}, {"subscriptions": [left, news | {"resource_id": 22}]}, {}])
    asked = {"resource_id": 21, "status": "subscribed"}
    assert await select(stage, {"subscriptions": {"$elemMatch": asked}}) == {0}
    assert await select(stage, {f"subscriptions.{name}": value for name, value in asked.items()}) == {0, 1}
    assert await select(stage, {"subscriptions": {"$size": 0}}) == {2}
    assert await select(stage, {"subscriptions": {"$not": {"$elemMatch": asked}}}) == {1, 2}
    assert await select(stage, {"subscriptions.0.status": {"$ne": "subscribed"}}) == {1, 2}


MANY_TEXTS = [*"0123456789", "true", "", '["1"]']
MANY_PLAIN = [*range(10), True, "x", 0.5]
WRITTEN = [1, "1", ["1"], [1], [["1"]], '["1"]', "", [], True, ["x", 0.5], 1.0, None, {"1": 1}, "true"]


@pytest.mark.parametrize("operands", [MANY_TEXTS, MANY_PLAIN, [*MANY_TEXTS, None], [*MANY_PLAIN, ["1"], {"1": 1}]])
async def test_many_operands_are_looked_up_as_each_would_be_compared(stage, operands):
    documents = [*({"a": value} for value in WRITTEN), {}]
    await insert(stage, documents)
    for query in ({"a": {"$in": operands}}, {"a": {"$nin": operands}}):
        expected = {at for at, one in enumerate(documents) if mongo_model.matches(query, one)}
        assert await select(stage, query) == expected


# What subscriptions hold as plain values, asked together and alone: containment answers for the exact expression.
statuses = st.sampled_from(["subscribed", "unsubscribed"])
stored_subscriptions = st.lists(
    st.fixed_dictionaries(
        {"resource_id": st.integers(20, 22), "status": statuses, "priority": st.integers(0, 1)},
        optional={"email": st.sampled_from(["a@x.org", "b@x.org"]), "custom_fields": trees},
    ),
    max_size=3,
)
asked_members = st.dictionaries(
    st.sampled_from(["resource_id", "status", "priority", "email", "custom_fields.a", "cats"]),
    st.one_of(st.integers(20, 22), statuses, st.sampled_from([0, 1.0, 21.0, True, "a@x.org", None, {"$gt": 20}])),
    min_size=1,
    max_size=3,
)
asked_subscriptions = st.one_of(
    asked_members.map(lambda asked: {"subscriptions": {"$elemMatch": asked}}),
    asked_members.map(lambda asked: {"subscriptions": {"$not": {"$elemMatch": asked}}}),
    asked_members.map(lambda asked: {"subscriptions": {"$elemMatch": {"$or": [asked, {"priority": 1}]}}}),
    st.lists(asked_members, min_size=2, max_size=2).map(lambda two: {"subscriptions": {"$elemMatch": {"$and": two}}}),
    asked_members.map(lambda asked: {f"subscriptions.{name}": value for name, value in asked.items()}),
)


@given(st.lists(stored_subscriptions, min_size=4, max_size=8), st.lists(asked_subscriptions, min_size=3, max_size=6))
@in_savepoints
async def test_a_filter_of_subscriptions_selects_what_the_manual_says(stage, held, asked):
    async with stage.connection.transaction(force_rollback=True):
        await insert(stage, [{"subscriptions": one} for one in held])
        for query in asked:
            expected = {at for at, one in enumerate(held) if mongo_model.matches(query, {"subscriptions": one})}
            assert await select(stage, query) == expected, query


@given(st.text(st.characters(exclude_characters="\0.", exclude_categories=["Cs"]), min_size=1), st.text())
@in_savepoints
async def test_names_and_values_are_data_whatever_they_hold(stage, name, value):
    if name.startswith("$") or "\0" in value or not value.isprintable():
        return
    async with stage.connection.transaction(force_rollback=True):
        await insert(stage, [{name: value}, {name: {"x": value}}, {}] if name not in ("email", "phones") else [])
        if name in ("email", "phones", "_id", "_bdate", "_regdate", "subscriptions"):
            return
        assert await select(stage, {name: value}) == {0}
        assert await select(stage, {f"{name}.x": {"$in": [value, 1]}}) == {1}
        assert await select(stage, {"outer": {"$elemMatch": {name: value}}}) == set()
        assert await select(stage, {name: {"$in": [value, *range(10)]}}) == {0}


FILL = """
INSERT INTO profiles (bucket, id, database_id, fields, subscriptions)
SELECT n % 256, int8send(n) || decode(lpad(to_hex(n % 256), 8, '0'), 'hex'), 1,
    jsonb_build_object('email', n || '@example.com', 'phones', jsonb_build_array('+7' || n), 'CRM_ID', 'C' || n), '[]'
FROM generate_series(1::bigint, 20000) AS n;
INSERT INTO identities (value, database_id, resource_id, kind, profile_id)
SELECT owned.value, 1, 0, owned.kind, id
FROM profiles, LATERAL (VALUES
    (fields ->> 'email', 1), (fields #>> '{phones,0}', 2), ('CRM_ID.' || (fields ->> 'CRM_ID'), 5)
) AS owned (value, kind);
ANALYZE profiles, identities;
"""
SOME_IDS = [(n.to_bytes(8, "big") + bytes([0, 0, 0, n % 256])).hex() for n in range(1, 101)]
INDEXED = {
    "email": [f"{n}@EXAMPLE.com" for n in range(1, 101)],
    "phones": [f"+7{n}" for n in range(1, 101)],
    "CRM_ID": [f"C{n}" for n in range(1, 101)],
    "_id": SOME_IDS,
}


async def test_equality_and_in_on_addresses_ids_and_unique_fields_use_an_index(stage):
    await stage.connection.execute(FILL)
    for name, values in INDEXED.items():
        for query, count in (({name: values[0]}, 1), ({name: {"$in": values}}, 100)):
            narrowed = query | {"email": {"$exists": True}} if name != "email" else {"$and": [query, {"x": None}]}
            condition = filter_sql.condition(mongo.parse(narrowed, DATABASE), DATABASE.id)
            statement = sql.SQL("SELECT id FROM profiles WHERE database_id = 1 AND {}").format(condition.sql)
            cursor = await stage.connection.execute(statement, condition.parameters)
            assert len(await cursor.fetchall()) == count
            explain = sql.SQL("EXPLAIN {}").format(statement)
            cursor = await stage.connection.execute(explain, condition.parameters)
            plan = "\n".join(line for (line,) in await cursor.fetchall())
            assert "Seq Scan" not in plan, plan
            assert "Index" in plan


# A regular expression is found in a text if Python finds it; of what PCRE and Python read alike.
atoms = st.sampled_from(
    [*"aAbK\n", ".", r"\d", r"\W", r"\s", "[ab]", "[^a]", "[a-k]", r"[^\W]", "ж", r"\.", r"\x41", "{", "\u212a"]
)
edges = st.sampled_from(["^", "$", r"\b", r"\B", r"\A"])
expressions = st.recursive(
    st.one_of(atoms, atoms, edges),
    lambda inner: st.one_of(
        st.lists(inner, min_size=1, max_size=4).map("".join),
        st.lists(inner, min_size=1, max_size=3).map(lambda parts: f"({'|'.join(parts)})"),
        st.tuples(atoms, st.sampled_from(["*", "+?", "?", "{2}", "{1,3}?", "{0,}"])).map("".join),
        st.tuples(inner, st.sampled_from(["*", "+", "??", "{2}"])).map(lambda pair: f"(?:{pair[0]}){pair[1]}"),
        st.tuples(st.sampled_from(["(?=", "(?!"]), inner).map(lambda pair: f"{pair[0]}{pair[1]})"),
    ),
    max_leaves=6,
)
subjects = st.text(st.sampled_from("aAbBkK\u212aжЖ1_. \n{"), max_size=5)


@given(expressions, st.sets(st.sampled_from("is")), st.lists(subjects, min_size=4, max_size=8))
@in_savepoints
async def test_a_regular_expression_is_found_where_python_finds_it(stage, expression, options, texts):
    flags = sum(mongo_model.CODES[option] for option in options)
    async with stage.connection.transaction(force_rollback=True):
        await insert(stage, [{"a": text} for text in texts])
        expected = {at for at, text in enumerate(texts) if mongo_model.finds(expression, flags, text)}
        assert await select(stage, {"a": {"$regex": expression, "$options": "".join(options)}}) == expected
