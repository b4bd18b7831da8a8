"""`databases/…`: what is configured of databases and their fields (facts, 5.7 and 6.2)."""

from collections.abc import Mapping

from msgspec import UNSET, Struct, UnsetType

from tocsin.core import fields
from tocsin.core.configuration import Database, Field
from tocsin.core.errors import Invalid
from tocsin.web.call import Call
from tocsin.web.envelope import DataAnswer, Envelope, Success
from tocsin.web.lists import ListAnswer, ListRequest, page_of

NO_LIST = 0
CATEGORIES = ("system", "custom")

TITLES: Mapping[str, str] = {
    "email": "Email",
    "phones": "Phone numbers",
    "_fname": "First name",
    "_lname": "Last name",
    "_bdate": "Date of birth",
    "_sex": "Sex",
    "_status": "Global status",
    "_regdate": "Registered at",
    "_regip": "IP address of the registration",
    "_regcity": "City of the registration",
    "_regcountry": "Country of the registration",
    "_regurl": "Page of the registration",
    "_ip": "IP address",
    "_city": "City",
    "_region": "Region",
    "_country": "Country",
    "_postal_code": "Postal code",
    "_tz": "Time zone",
    "_vendor": "Vendor",
    "_lat": "Latitude",
    "_lon": "Longitude",
}
# What the API calls a type where the configuration has another word for it.
_TYPES: Mapping[str, str] = {"string": "unicode"}


class DatabaseRequest(Envelope, kw_only=True, omit_defaults=True):
    """Which database: by `id`, or by `db_id` as other calls name it."""

    id: int | None = None
    db_id: int | None = None

    def number(self) -> int:
        """The one that is given, or Invalid."""
        number = self.db_id if self.id is None else self.id
        if number is None:
            raise Invalid("expected the number of a database", path="id")
        return number


class DatabaseFieldsRequest(DatabaseRequest, kw_only=True, omit_defaults=True):
    """Which fields of a database."""

    category: str = ""


class Group(Struct):
    """A group of objects. There is one, which holds everything."""

    Id: int
    Name: str


class ListedDatabase(Struct):
    """A database in a list."""

    id: int
    name: str
    ui_tags: list[str]
    Groups: list[Group]


class DatabaseDescription(Struct):
    """A database."""

    id: int
    name: str
    description: str
    suppress_id: int


class FieldDescription(Struct, kw_only=True):
    """A field of profiles, or of subscriptions."""

    category: str
    title: str
    name: str
    type: str
    required: bool = False
    unique: bool = False
    values: list[str] | UnsetType = UNSET


class DatabaseListAnswer(ListAnswer, kw_only=True):
    """A page of databases."""

    data: list[ListedDatabase]


class FieldsAnswer(Success, kw_only=True):
    """Fields, in no order that matters."""

    data: list[FieldDescription]


MAIN_GROUP = Group(0, "main")


async def list_databases(call: Call, request: ListRequest) -> DatabaseListAnswer:
    """The configured databases, in the order of their numbers."""
    databases = call.configuration.databases
    page = page_of(databases, request)
    return DatabaseListAnswer(
        data=[ListedDatabase(database.id, database.name, [], [MAIN_GROUP]) for database in page.objects],
        next_from_id=page.next_from_id,
        total_count=len(databases),
    )


async def get(call: Call, request: DatabaseRequest) -> DataAnswer:
    """One database."""
    database = call.configuration.get_database(request.number())
    return DataAnswer(data=DatabaseDescription(database.id, database.name, database.description, NO_LIST))


async def list_fields(call: Call, request: DatabaseFieldsRequest) -> FieldsAnswer:
    """The fields of a database's profiles: the standard ones, then those that the configuration gives it."""
    if request.category not in ("", *CATEGORIES):
        raise Invalid(f"expected one of {', '.join(CATEGORIES)}", path="category")
    database = call.configuration.get_database(request.number())
    return FieldsAnswer(data=describe_fields(database, request.category))


def describe_fields(database: Database, category: str = "") -> list[FieldDescription]:
    """Every field of the database, or those of a category."""
    standard = [_describe("system", TITLES.get(name, name), name, field) for name, field in fields.STANDARD.items()]
    custom = [_describe("custom", name, name, field) for name, field in database.custom_fields().items()]
    return [field for field in standard + custom if category in ("", field.category)]


def _describe(category: str, title: str, name: str, field: Field) -> FieldDescription:
    return FieldDescription(
        category=category,
        title=title,
        name=name,
        type="phone" if field is fields.STANDARD["phones"] else _TYPES.get(field.type, field.type),
        unique=field.unique,
        values=list(field.values) if field.type == "enum" else UNSET,
    )
