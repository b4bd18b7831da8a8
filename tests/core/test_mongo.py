"""What a filter is refused for, and by which name; what it selects is asked of PostgreSQL in tests/store."""

import pytest

from tocsin.core import mongo, mongo_regex
from tocsin.core.configuration import Database
from tocsin.core.errors import Invalid
from tocsin.core.identities import Kind
from tocsin.core.mongo_tree import All, At, Equal, HasId, Identified, Not, OneOf, Ordered

DATABASE = Database(
    id=1,
    name="Customers",
    fields={"birthday": "date", "seen_at": "datetime", "CRM_ID": "string", "bonus": "int", "score": "float"},
)


def nest(depth):
    query = {"a": 1}
    for _ in range(depth):
        query = {"$and": [query]}
    return query


REFUSED = [
    ({"$where": "sleep(1000)"}, "$where", "$where"),
    ({"$expr": {"$function": {}}}, "$expr", "$expr"),
    ({"$text": {"$search": "a"}}, "$text", "$text"),
    ({"$not": {"a": 1}}, "$not", "$not"),
    ({"a": {"$function": "f"}}, "a.$function", "$function"),
    ({"a": {"$near": [1, 2]}}, "a.$near", "$near"),
    ({"a": {"$geoWithin": {}}}, "a.$geoWithin", "$geoWithin"),
    ({"a": {"$gt": 1, "b": 2}}, "a.b", "mixed"),
    ({"a": {"b": 2, "$gt": 1}}, "a.$gt", "inside a value"),
    ({"a": [{"$where": 1}]}, "a.$where", "inside a value"),
    ({"a": {"$elemMatch": {"$where": "1"}}}, "a.$elemMatch.$where", "$where"),
    ({"a.$b": 1}, "a.$b", "$"),
    ({"a..b": 1}, "a..b", "empty"),
    ({"": 1}, "", "empty"),
    ({"a.0.1.2.3.4": 1}, "a.0.1.2.3.4", "numbers"),
    ({"$and": []}, "$and", "list"),
    ({"$or": {"a": 1}}, "$or", "list"),
    ({"$nor": [1]}, "$nor", "list"),
    ({"a": {"$in": "b"}}, "a.$in", "list"),
    ({"a": {"$nin": {}}}, "a.$nin", "list"),
    ({"a": {"$all": 1}}, "a.$all", "list"),
    ({"a": {"$all": [{"$elemMatch": {}}, 1]}}, "a.$all", "mixed"),
    ({"a": {"$in": [{"$regex": "a"}]}}, "a.$in.$regex", "inside a value"),
    ({"a": {"$gt": [1]}}, "a.$gt", "number"),
    ({"a": {"$lt": {}}}, "a.$lt", "number"),
    ({"a": {"$not": 5}}, "a.$not", "operators"),
    ({"a": {"$not": {}}}, "a.$not", "operators"),
    ({"a": {"$exists": "yes"}}, "a.$exists", "true"),
    ({"a": {"$type": "text"}}, "a.$type", "type"),
    ({"a": {"$type": 99}}, "a.$type", "type"),
    ({"a": {"$type": []}}, "a.$type", "type"),
    ({"a": {"$size": -1}}, "a.$size", "0"),
    ({"a": {"$size": "1"}}, "a.$size", "whole"),
    ({"a": {"$size": 1.5}}, "a.$size", "whole"),
    ({"a": {"$mod": [2]}}, "a.$mod", "divisor"),
    ({"a": {"$mod": [0, 1]}}, "a.$mod", "0"),
    ({"a": {"$mod": ["2", 1]}}, "a.$mod", "whole"),
    ({"a": {"$elemMatch": 1}}, "a.$elemMatch", "object"),
    ({"a": {"$regex": 1}}, "a.$regex", "text"),
    ({"a": {"$regex": "a", "$options": 1}}, "a.$regex", "$options"),
    ({"a": {"$regex": "a", "$options": "g"}}, "a.$regex", "'g'"),
    ({"a": {"$options": "i"}}, "a.$options", "$regex"),
    ({"a": {"$date": "2026-11-21"}}, "a.$date", "date"),
    ({"birthday": "soon"}, "birthday", "date"),
    ({"birthday": {"$gt": ""}}, "birthday.$gt", "date"),
    ({"seen_at": {"$lt": {"$date": 10**18}}}, "seen_at.$lt.$date", "date"),
    ({"seen_at": {"$lt": {"$date": "2026-11-21", "b": 1}}}, "seen_at.$lt.$date", "alone"),
    ({"_id": "abc"}, "_id", "24"),
    ({"_id": {"$in": [{"$oid": 5}]}}, "_id.$in.$oid", "24"),
    ({"a": {"$oid": "0" * 24}}, "a.$oid", "_id"),
    ({"a": "b\0"}, "", "NUL"),
    ({"a\0": 1}, "", "NUL"),
    ({"a": {"$in": ["\0"]}}, "$in", "NUL"),
    ({"a": "\ud800"}, "", "surrogate"),
    ({"a": float("nan")}, "", "finite"),
    ({"a": 2**63}, "", "64 bits"),
    (nest(200), "", "levels"),
    ({"$or": [{"a": n} for n in range(1001)]}, "", "members"),
    ({"a": {"$in": list(range(10_001))}}, "$in", "10000"),
    ({"a": {"$all": list(range(1001))}}, "", "members"),
]


@pytest.mark.parametrize(("query", "where", "what"), REFUSED)
def test_what_cannot_be_is_refused_by_name(query, where, what):
    with pytest.raises(Invalid) as refusal:
        mongo.parse(query, DATABASE)
    path = refusal.value.path.removeprefix("custom_request").removeprefix(".")
    assert where in path or not path
    assert what in refusal.value.describe()


@pytest.mark.parametrize("query", [None, [], "a", 5])
def test_a_query_is_an_object(query):
    with pytest.raises(Invalid, match="object"):
        mongo.parse(query, DATABASE)


def test_ten_thousand_operands_and_thirty_levels_are_taken():
    mongo.parse({"a": {"$in": list(range(10_000))}}, DATABASE)
    mongo.parse(nest(15), DATABASE)


def test_equality_goes_through_the_identity_table_where_it_can():
    assert mongo.parse({"email": "Ann@Example.com"}, DATABASE) == Identified(Kind.PROFILE_EMAIL, ("ann@example.com",))
    assert mongo.parse({"phones": {"$in": ["+7900", "+7901"]}}, DATABASE) == Identified(
        Kind.PROFILE_PHONE, ("+7900", "+7901")
    )
    assert mongo.parse({"_id": {"$ne": "0" * 24}}, DATABASE) == Not(HasId((bytes(12),)))
    assert mongo.parse({"CRM_ID": "A"}, DATABASE) == All(
        (Identified(Kind.CUSTOM_FIELD, ("CRM_ID.A",)), At(("CRM_ID",), Equal("A")))
    )
    assert mongo.parse({"bonus": 5.0}, DATABASE) == All(
        (Identified(Kind.CUSTOM_FIELD, ("bonus.5",)), At(("bonus",), Equal(5.0)))
    )


def test_equality_that_the_identity_table_knows_nothing_of_is_asked_of_the_document():
    for name, value in (
        ("CRM_ID", ""),
        ("CRM_ID", 5),
        ("bonus", "5"),
        ("bonus", True),
        ("score", 1.5),
        ("email", None),
    ):
        assert mongo.parse({name: value}, DATABASE) == At((name,), Equal(value))
    assert mongo.parse({"CRM_ID": {"$in": ["A", None]}}, DATABASE) == At(("CRM_ID",), OneOf(("A", None)))
    assert mongo.parse({"a": {"$elemMatch": {"email": "x@y.z"}}}, DATABASE).test.filter == At(
        ("email",), Equal("x@y.z")
    )


def test_dates_become_the_stored_text():
    def operand(name, value):
        return mongo.parse({name: {"$gt": value}}, DATABASE).test

    assert operand("birthday", "2026-11-21T00:00:00+00:00") == Ordered(">", "2026-11-21")
    assert operand("birthday", "2026-11-21T01:00:00+00:30") == Ordered(">", "2026-11-21T00:30:00Z")
    assert operand("seen_at", "2026-11-21") == Ordered(">", "2026-11-21T00:00:00Z", is_instant=True)
    assert operand("seen_at", {"$date": 500}) == Ordered(">", "1970-01-01T00:00:00.5Z", is_instant=True)
    assert operand("seen_at", 500) == Ordered(">", 500)


REFUSED_EXPRESSIONS = {
    "(": "closed",
    ")": "closes nothing",
    "[a": "closed",
    "[b-a]": "out of order",
    "*a": "nothing to repeat",
    "a**": "nothing to repeat",
    "a{2}{3}": "nothing to repeat",
    "^*": "nothing to repeat",
    "(?=a)+": "nothing to repeat",
    "a++": "possessive",
    "a{3,2}": "out of order",
    "a{256}": "255",
    "(?:a{99}){99}": "too large",
    "(" * 33 + ")" * 33: "levels",
    "a" * 1001: "characters",
    "(?<=a)b": "not available",
    "(?<!a)b": "not available",
    "(?>a)": "not available",
    "a(?i)b": "not available",
    "(*UCP)a": "not available",
    r"(a)\1": "not available",
    r"\p{L}": "not available",
    r"\Qa\E": "not available",
    "a\\": "not available",
    r"\x{D800}": "no character",
    r"\x00": "no character",
    "[[:foo:]]": "no class",
    "[[=a=]]": "no class",
}


@pytest.mark.parametrize("expression", REFUSED_EXPRESSIONS)
def test_a_regular_expression_without_an_equal_is_refused(expression):
    with pytest.raises(Invalid, match=REFUSED_EXPRESSIONS[expression]) as refusal:
        mongo.parse({"a": {"$regex": expression}}, DATABASE)
    assert refusal.value.path == "custom_request.a.$regex"


@pytest.mark.parametrize(
    ("expression", "options", "written"),
    [
        ("ab", "", "ab"),
        ("a b # c", "x", "ab"),
        ("k", "i", "[Kk\\u212A]"),
        ("[a-c]", "i", "[a-cABC]"),
        ("(?i)a", "", "[Aa]"),
        ("(?P<name>a)??", "", "(?:a)?"),
        ("[]a-]", "", "[\\u005Da\\u002D]"),
        ("[[:upper:]]", "i", "[A-Za-z]"),
        ("a{,2}", "", "a\\u007B\\u002C2\\u007D"),
        ("^a$", "m", "(?:\\A|^(?=.))a$"),
        (".", "s", "."),
        ("a$|b", "", "a\\n?\\Z|b"),
        ("(?:a$|b)c|$(?=b)", "", "(?:a(?=\\n?\\Z)|b)c|(?=\\n?\\Z)(?=b)"),
        (r"\x{1F600}\t", "", "\\U0001F600\\u0009"),
    ],
)
def test_a_regular_expression_is_spelt_out(expression, options, written):
    assert mongo_regex.translate(expression, options) == written
