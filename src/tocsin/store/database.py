"""The connection to PostgreSQL: a pool, transactions, and how whole columns travel."""

import re
from collections import Counter
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from itertools import accumulate, islice
from operator import itemgetter
from struct import Struct
from typing import Any, LiteralString

import psycopg
from psycopg import sql
from psycopg.adapt import Dumper
from psycopg.errors import QueryCanceled
from psycopg.pq import Format
from psycopg_pool import AsyncConnectionPool, PoolTimeout

from tocsin.core.errors import NotReady

Row = tuple[Any, ...]
Transaction = psycopg.AsyncConnection[Row]

OPEN_TIMEOUT_SECONDS = 10.0
# For people who wait for a page.
SEARCH_SECONDS = 10

# Advisory locks are named by two integers; the first says what is locked.
LOCK_MIGRATE, LOCK_KEYS, LOCK_BUCKETS, LOCK_USERS, LOCK_GRAPHS = 7001, 7002, 7003, 7004, 7005

# One write per this many lines: the server parses one piece while the next is being formatted.
_COPY_LINES = 1000
_has_escapes = re.compile(r"[\\\n\r\t]").search
_COPY_ESCAPES = str.maketrans({"\\": "\\\\", "\n": "\\n", "\r": "\\r", "\t": "\\t"})

_last_byte = itemgetter(-1)

_LENGTH = Struct(">i").pack
_SMALLINT = Struct(">ih").pack
_INTEGER = Struct(">ii").pack
_HEADER = Struct(">iiIii").pack
_OID_BYTEA, _OID_INT2, _OID_INT4, _OID_TEXT = 17, 21, 23, 25
_OIDS_OF_ARRAYS = {_OID_BYTEA: 1001, _OID_INT2: 1005, _OID_INT4: 1007, _OID_TEXT: 1009}


class Database:
    """A pool of connections. Actions open transactions here; store functions are given one."""

    def __init__(self, conninfo: str, *, connections: int) -> None:
        """`conninfo` as libpq takes it; the pool grows to `connections`."""
        self._pool = AsyncConnectionPool(
            conninfo,
            min_size=1,
            max_size=connections,
            open=False,
            configure=_configure,
            check=AsyncConnectionPool.check_connection,
            kwargs={"autocommit": True},
        )

    async def open(self) -> None:
        """Connect, or NotReady."""
        try:
            await self._pool.open(wait=True, timeout=OPEN_TIMEOUT_SECONDS)
        except PoolTimeout as timeout:
            raise NotReady(
                "the database does not answer: check TOCSIN_DATABASE_URL and that PostgreSQL is up"
            ) from timeout

    async def check(self) -> None:
        """NotReady unless the server answers within a second."""
        async with self._connection(1.0) as connection:
            await connection.execute("SELECT 1")

    async def close(self) -> None:
        """Give the connections back."""
        await self._pool.close()

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Transaction]:
        """One transaction: committed at the end of the block, rolled back on any error."""
        async with self._connection() as connection, connection.transaction():
            yield connection

    @asynccontextmanager
    async def _connection(self, timeout_seconds: float = OPEN_TIMEOUT_SECONDS) -> AsyncIterator[Transaction]:
        try:
            async with self._pool.connection(timeout_seconds) as connection:
                yield connection
        except (PoolTimeout, psycopg.OperationalError) as trouble:
            raise NotReady(f"the database is not available: {type(trouble).__name__}") from trouble


async def copy(transaction: Transaction, table: str, columns: Sequence[str], lines: Iterable[str]) -> None:
    """COPY rows in text format, each line complete with its line end."""
    statement = sql.SQL("COPY {} ({}) FROM STDIN").format(
        sql.Identifier(table), sql.SQL(", ").join(map(sql.Identifier, columns))
    )
    rest = iter(lines)
    async with transaction.cursor().copy(statement) as target:
        while piece := "".join(islice(rest, _COPY_LINES)):
            await target.write(piece.encode())


def copy_text(value: str) -> str:
    """A value as COPY's text format has it."""
    return value.translate(_COPY_ESCAPES) if _has_escapes(value) else value


def copy_json(document: bytes) -> str:
    """A compact JSON document as COPY's text format has it; it holds no raw control characters."""
    text = document.decode()
    return text.replace("\\", "\\\\") if "\\" in text else text


class Column:
    """A whole column as one parameter: a PostgreSQL array, made in binary without a call per element."""

    __slots__ = ("array_oid", "payload")

    def __init__(self, element_oid: int, count: int, elements: bytes) -> None:
        """`elements` are `count` lengths and values as the binary array format has them."""
        self.array_oid = _OIDS_OF_ARRAYS[element_oid]
        self.payload = (
            _HEADER(1, 0, element_oid, count, 1) if count else _HEADER(0, 0, element_oid, 0, 0)[:12]
        ) + elements


def bytea_column(values: Sequence[bytes]) -> Column:
    """`bytea[]`."""
    return Column(_OID_BYTEA, len(values), b"".join([_LENGTH(len(value)) + value for value in values]))


def text_column(values: Sequence[bytes]) -> Column:
    """`text[]` from UTF-8 texts."""
    return Column(_OID_TEXT, len(values), b"".join([_LENGTH(len(value)) + value for value in values]))


def smallint_column(values: Sequence[int]) -> Column:
    """`smallint[]`."""
    return Column(_OID_INT2, len(values), b"".join([_SMALLINT(2, value) for value in values]))


def integer_column(values: Sequence[int]) -> Column:
    """`integer[]`."""
    return Column(_OID_INT4, len(values), b"".join([_INTEGER(4, value) for value in values]))


def id_columns(identifiers: Sequence[bytes]) -> dict[str, object]:
    """The parameters `buckets` and `ids` of statements about rows by id."""
    return {
        "buckets": smallint_column([identifier[-1] for identifier in identifiers]),
        "ids": bytea_column(identifiers),
    }


def bucket_columns(identifiers: Sequence[bytes]) -> dict[str, object]:
    """The parameters of statements that look up together what is in one bucket: of `ids` those from the `firsts` to the
    `lasts` are in the `buckets`. Half the work of a look-up for each.
    """
    ordered = sorted(identifiers, key=_last_byte)
    counts = Counter(map(_last_byte, ordered))
    lasts = list(accumulate(counts.values()))
    return {
        "buckets": smallint_column(list(counts)),
        "firsts": integer_column([1, *(last + 1 for last in lasts[:-1])]),
        "lasts": integer_column(lasts),
        "ids": bytea_column(ordered),
    }


class _ColumnDumper(Dumper):
    format = Format.BINARY

    def get_key(self, obj: Column, _format: Any) -> Any:
        return (self.cls, obj.array_oid)

    def upgrade(self, obj: Column, _format: Any) -> "Dumper":
        dumper = _ColumnDumper(self.cls)
        dumper.oid = obj.array_oid
        return dumper

    def dump(self, obj: Column) -> bytes:
        return obj.payload


async def _configure(connection: Transaction) -> None:
    connection.adapters.register_dumper(Column, _ColumnDumper)


async def lock_stripes(transaction: Transaction, kind: int, stripes: Iterable[int]) -> None:
    """Advisory locks until the end of the transaction, taken in sorted order so that nobody waits in a circle."""
    await transaction.execute(
        "SELECT pg_advisory_xact_lock(%(kind)s::integer, stripe) FROM unnest(%(stripes)s::integer[]) AS stripe",
        {"kind": kind, "stripes": integer_column(sorted(set(stripes)))},
    )


@asynccontextmanager
async def time_limit(transaction: Transaction, seconds: int) -> AsyncIterator[None]:
    """A block of which each statement may take so long; else what the block did is undone, and TimeoutError."""
    query = "SELECT set_config('statement_timeout', %(limit)s::text, true)"
    try:
        async with transaction.transaction():
            await transaction.execute(query, {"limit": f"{seconds}s"})
            yield
            await transaction.execute(query, {"limit": "0"})
    except QueryCanceled:
        raise TimeoutError(f"a statement took longer than {seconds} s") from None


async def fetch(transaction: Transaction, query: LiteralString, **parameters: Any) -> list[Row]:
    """Every row of a query, columns in binary where that is quicker."""
    cursor = transaction.cursor(binary=True)
    await cursor.execute(query, parameters)
    return await cursor.fetchall()
