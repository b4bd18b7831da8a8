"""Importing and launching 10,000 profiles with two subscriptions each in one call, against the floor of the same run.

The floor decodes the same body and COPYs the same rows into the same bare tables: what no such server can avoid.
"""

import sys

import httpx
import msgspec
import psycopg
import uvloop
from floor import ITEMS, call, configured, json_body, postgres, profile, timed, xml_body
from lxml import etree

from tocsin.main import collect_garbage_less_often
from tocsin.web.app import Limits, create_app

MEGABYTE = 1024 * 1024
TABLES = ("profiles", "identities", "launches", "messages")
ROUNDS = 3


async def floor(connection: psycopg.AsyncConnection, body: bytes, encoding: str, rows: dict[str, bytes]) -> float:
    """Decode, and COPY every table's rows as they were, in one transaction."""

    async def work() -> None:
        if encoding == "json":
            msgspec.json.decode(body)
        else:
            etree.fromstring(body)
        async with connection.transaction():
            for table, lines in rows.items():
                async with connection.cursor().copy(f"COPY {table} FROM STDIN") as copy:
                    await copy.write(lines)

    seconds, _ = await timed(work)
    return seconds


async def dump(connection: psycopg.AsyncConnection) -> dict[str, bytes]:
    """The rows of every table that a call writes, as COPY has them."""
    rows = {}
    for table in TABLES:
        async with connection.cursor().copy(f"COPY {table} TO STDOUT") as copy:
            rows[table] = b"".join([bytes(piece) async for piece in copy])
    return rows


async def empty(connection: psycopg.AsyncConnection) -> None:
    await connection.execute(f"TRUNCATE {', '.join(TABLES)}")
    await connection.execute("CHECKPOINT")


async def post(client: httpx.AsyncClient, body: bytes, encoding: str) -> float:
    """One call; every item must succeed."""
    seconds, response = await timed(
        lambda: client.post(
            "/api/v1.1/campaigns/triggers/import_and_start_batch",
            content=body,
            headers={"content-type": f"application/{encoding}"},
            timeout=60,
        )
    )
    succeeded = response.content.count(b'"profile_id"') + response.content.count(b"<profile_id>")
    assert succeeded == ITEMS, response.content[:500]
    return seconds


async def main() -> None:
    collect_garbage_less_often()
    new = call([profile(number) for number in range(ITEMS)])
    changed = call([profile(number, "Brooklyn") for number in range(ITEMS)])
    with postgres() as conninfo:
        async with (
            configured(conninfo) as context,
            await psycopg.AsyncConnection.connect(conninfo, autocommit=True) as connection,
        ):
            app = create_app(context, Limits(10 * MEGABYTE, 100 * MEGABYTE))
            async with httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://bench") as client:
                for encoding, encode in (("json", json_body), ("xml", xml_body)):
                    body_new, body_changed = encode(new), encode(changed)
                    best = {"floor": 9e9, "new": 9e9, "update": 9e9}
                    for _ in range(ROUNDS):
                        await empty(connection)
                        best["new"] = min(best["new"], await post(client, body_new, encoding))
                        rows = await dump(connection)
                        await connection.execute("TRUNCATE messages, launches")
                        best["update"] = min(best["update"], await post(client, body_changed, encoding))
                        await empty(connection)
                        best["floor"] = min(best["floor"], await floor(connection, body_new, encoding, rows))
                    for kind in ("new", "update"):
                        seconds = best[kind]
                        print(
                            f"import {encoding} {kind}: {seconds:.3f} s, {ITEMS / seconds:,.0f} profiles/s, "
                            f"{seconds / best['floor']:.2f} x the floor of {best['floor']:.3f} s"
                        )
                        sys.stdout.flush()


if __name__ == "__main__":
    uvloop.run(main())
