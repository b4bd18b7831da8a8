"""A filter in plain words, for each operator, in both languages."""

import pytest

from tocsin.core import mongo, mongo_text
from tocsin.core.configuration import Database, Field

FIELDS = {"bonus": "int", "city": "string", "birthday": Field("date"), "tags": "tags"}
DATABASE = Database(1, "Customers", fields=FIELDS)

TOLD = [
    ({}, "every profile", "любой профиль"),
    ({"bonus": 5}, "bonus is 5", "bonus — 5"),
    ({"city": {"$eq": "Riga"}}, "city is Riga", "city — Riga"),
    ({"city": None}, "city is empty or missing", "city пусто или отсутствует"),
    ({"city": {"$ne": "Riga"}}, "city is not Riga", "city — не Riga"),
    ({"city": {"$ne": None}}, "city is not empty", "city не пусто"),
    ({"bonus": {"$gt": 0}}, "bonus is above 0", "bonus больше 0"),
    ({"bonus": {"$gte": 1.5}}, "bonus is at least 1.5", "bonus не меньше 1.5"),
    ({"bonus": {"$lt": 0}}, "bonus is below 0", "bonus меньше 0"),
    ({"bonus": {"$lte": 0}}, "bonus is at most 0", "bonus не больше 0"),
    ({"birthday": {"$lt": {"$date": "2000-01-01"}}}, "birthday is below 2000-01-01", "birthday меньше 2000-01-01"),
    ({"city": {"$in": ["Riga", "New York"]}}, "city is Riga or “New York”", "city — Riga или «New York»"),
    ({"city": {"$in": ["a", "b", None]}}, "city is a, b or empty", "city — a, b или пусто"),
    ({"city": {"$in": []}}, "city is one of no values, which nothing is", None),
    ({"city": {"$nin": ["a", "b"]}}, "city is neither a nor b", "city — не a и не b"),
    ({"city": {"$nin": ["a"]}}, "city is not a", "city — не a"),
    ({"city": {"$nin": []}}, "city is anything", "city — что угодно"),
    ({"city": {"$exists": True}}, "city is there", "city есть"),
    ({"city": {"$exists": False}}, "city is missing", "city отсутствует"),
    ({"city": {"$type": ["string", "int"]}}, "city is of type string or int", "city имеет тип string или int"),
    ({"city": {"$regex": "^ri", "$options": "i"}}, "city fits the pattern /^ri/i", "city подходит под шаблон /^ri/i"),
    ({"tags": {"$all": ["a", "b"]}}, "tags has a and b", "tags содержит a и b"),
    ({"tags": {"$all": []}}, "tags is one of no values, which nothing is", None),
    ({"tags": {"$size": 3}}, "tags has so many elements: 3", "tags содержит элементов: 3"),
    ({"bonus": {"$mod": [4, 1]}}, "bonus divided by 4 leaves 1", "bonus при делении на 4 даёт остаток 1"),
    (
        {"subscriptions": {"$elemMatch": {"resource_id": 21, "status": "subscribed"}}},
        "subscriptions has an element of which (resource_id is 21 and status is subscribed)",
        "в subscriptions есть элемент, у которого (resource_id — 21 и status — subscribed)",
    ),
    (
        {"tags": {"$elemMatch": {"$gt": "a", "$lt": "c"}}},
        "tags has an element of which (the element is above a and the element is below c)",
        "в tags есть элемент, у которого (сам элемент больше a и сам элемент меньше c)",
    ),
    (
        {"tags": {"$all": [{"$elemMatch": {"x": 1}}, {"$elemMatch": {"x": 2}}]}},
        "tags has an element of which (x is 1) and tags has an element of which (x is 2)",
        "в tags есть элемент, у которого (x — 1) и в tags есть элемент, у которого (x — 2)",
    ),
    ({"bonus": {"$not": {"$gt": 5}}}, "it is not so that (bonus is above 5)", "неверно, что (bonus больше 5)"),
    ({"$and": [{"bonus": 1}, {"city": "a"}]}, "bonus is 1 and city is a", "bonus — 1 и city — a"),
    (
        {"bonus": {"$gt": 0}, "$or": [{"city": "Riga"}, {"city": "Tallinn"}]},
        "bonus is above 0 and (city is Riga or city is Tallinn)",
        "bonus больше 0 и (city — Riga или city — Tallinn)",
    ),
    (
        {"$nor": [{"bonus": 1}, {"city": "a"}]},
        "it is not so that (bonus is 1 or city is a)",
        "неверно, что (bonus — 1 или city — a)",
    ),
    (
        {"bonus": {"$gt": 0}, "city": {"$in": ["Riga", "Tallinn"]}},
        "bonus is above 0 and city is Riga or Tallinn",
        "bonus больше 0 и city — Riga или Tallinn",
    ),
]


@pytest.mark.parametrize(("query", "english", "russian"), TOLD)
def test_a_filter_is_told_in_plain_words(query, english, russian):
    mongo.parse(query, DATABASE)
    assert mongo_text.describe(query, "en") == english
    told = mongo_text.describe(query, "ru")
    assert told == russian if russian else told


def test_every_operator_that_is_understood_is_told():
    told = str([query for query, _, _ in TOLD])
    operators = [*mongo._OPERATORS, *mongo._LOGICAL, "$regex"]  # noqa: SLF001 - the list that must be complete
    assert [name for name in operators if f"'{name}'" not in told] == []


def test_long_lists_and_values_are_cut():
    told = mongo_text.describe({"city": {"$in": [f"town{n}" for n in range(1000)]}}, "en")
    assert told.endswith("town9 or 990 more")
    assert len(mongo_text.describe({"city": "x" * 5000}, "en")) < 100


def test_a_value_is_never_taken_for_a_place_of_the_sentence():
    assert mongo_text.describe({"{v}": "{f}"}, "en") == "{v} is “{f}”"
