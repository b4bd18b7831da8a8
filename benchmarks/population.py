"""Profiles of a shop in any number, the same at every run: by COPY, into tables that have no index meanwhile."""

import asyncio
from typing import Any, LiteralString

from tocsin.core import ids
from tocsin.core.configuration import Configuration
from tocsin.core.identities import Describer
from tocsin.core.profiles import Profile
from tocsin.store import identities, profiles
from tocsin.store.database import Database

DATABASE_ID = 1
RESOURCE_ID = 21
CONFIGURATION = """
databases:
  - id: 1
    name: Customers
    fields:
      CRM_ID: {type: string, unique: true}
      bonus: int
      score: float
      plan: {type: enum, values: [free, pro, team], match: false}
      birthday: date
      last_order_at: datetime
      interests: {type: tags, match: false}
      cards: tags
      address: object
resources:
  - {id: 20, name: Order updates, databases: [1], channels: [sms, push]}
  - {id: 21, name: Newsletter, databases: [1], channels: [email]}
senders:
  - {id: 1, name: sink, channel: email, type: smtp, host: 127.0.0.1, port: 2525, security: none, connections: 20}
templates:
  - id: 1
    name: Welcome
    email: {from_email: shop@example.com, subject: "Hello {lead._fname}", html: "<p>{lead._fname}</p>"}
triggers:
  - {id: 8, name: Welcome, database: 1, template: 1, sender: 1, active: true}
tokens:
  - {name: shop, token: abcdefghijklmnqrstuvwxyz}
"""
CITIES = [f"City {number}" for number in range(500)]
INTERESTS = ["tea", "books", "music", "garden", "travel", "bikes", "films", "chess", "wine", "cats"]
FIRST_NAMES = ["Ann", "Bob", "Cleo", "Dmitry", "Eve", "Farid", "Grace", "Hugo", "Inès", "Жанна"]

_CHUNK = 10_000
_FIRST_SECOND = 1_700_000_000
_TABLES = {
    "profiles": "PRIMARY KEY (bucket, id)",
    "identities": "PRIMARY KEY (value, database_id, kind, resource_id, profile_id)",
}


def scattered(number: int) -> int:
    """64 bits that look drawn by lot (the finishing steps of splitmix64)."""
    mixed = (number + 1) * 0x9E3779B97F4A7C15 & 0xFFFFFFFFFFFFFFFF
    mixed = (mixed ^ mixed >> 30) * 0xBF58476D1CE4E5B9 & 0xFFFFFFFFFFFFFFFF
    mixed = (mixed ^ mixed >> 27) * 0x94D049BB133111EB & 0xFFFFFFFFFFFFFFFF
    return mixed ^ mixed >> 31


def profile_id(number: int) -> bytes:
    """Ten a second, in any bucket."""
    return ids.make(_FIRST_SECOND + number // 10, scattered(number).to_bytes(8, "big"))


def profile(number: int) -> Profile:
    """One customer, with an email subscription and half of the time another by SMS or push."""
    lot = scattered(number)
    values: dict[str, Any] = {
        "_fname": FIRST_NAMES[lot % 10],
        "_lname": f"Person {lot % 9973}",
        "email": f"person{number}@example.com",
        "phones": [f"+7900{number:07}"],
        "CRM_ID": f"C{number:08}",
        "bonus": (lot >> 8) % 1000,
        "score": (lot >> 20) % 10_000 / 100,
        "plan": ("free", "free", "free", "pro", "team")[(lot >> 12) % 5],
        "birthday": f"{1950 + (lot >> 16) % 55}-{1 + (lot >> 24) % 12:02}-{1 + (lot >> 28) % 28:02}",
        "last_order_at": f"2026-{1 + (lot >> 32) % 10:02}-{1 + (lot >> 36) % 28:02}T10:{(lot >> 44) % 60:02}:00Z",
        "interests": sorted({INTERESTS[(lot >> shift) % 10] for shift in (3, 7, 11)}),
        "cards": [f"card {number}", shop(number)],
        "address": {"city": CITIES[(lot >> 40) % 500], "zip": f"{(lot >> 48) % 100_000:05}", "country": "RU"},
    }
    if lot % 7 == 0:
        del values["birthday"]
    return Profile(profile_id(number), values, _subscriptions(number, lot))


def _subscriptions(number: int, lot: int) -> list[dict[str, Any]]:
    status = "unsubscribed" if lot % 10 == 3 else "subscribed"
    news = {"resource_id": 21, "channel": "email", "email": f"private{number}@example.org", "status": status}
    found = [news | {"priority": 0, "custom_fields": {"member": f"M{number}"}}]
    orders = {"resource_id": 20, "status": "subscribed", "priority": lot % 3}
    if lot % 4 == 1:
        found.append(orders | {"channel": "sms", "phone": f"+7901{number:07}"})
    if lot % 4 == 3:
        found.append(orders | {"channel": "push", "provider": "android-firebase", "subscription_id": token(number)})
    return found


def token(number: int) -> str:
    """A device, if the profile has one."""
    return f"{number}:{scattered(-number):032x}"


def shop(number: int) -> str:
    """A tag that a profile shares with fifty others, of a million."""
    return f"shop {scattered(number) % 20_000}"


async def add(database: Database, configuration: Configuration, first: int, last: int) -> None:
    """Profiles numbered from first to before last, through the product's own COPY; then fresh indexes and statistics.

    Two at once, so that the server works while the next profiles are being made.
    """
    describe = Describer(configuration.get_database(DATABASE_ID)).describe
    chunks = iter(range(first, last, _CHUNK))

    async def work() -> None:
        for start in chunks:
            async with database.transaction() as transaction:
                made = [profile(number) for number in range(start, min(start + _CHUNK, last))]
                await profiles.insert(transaction, DATABASE_ID, made)
                owned = [(one.id, describe(one.fields, one.subscriptions)) for one in made]
                await identities.insert(transaction, DATABASE_ID, owned)

    for table in _TABLES:
        await _execute(database, f"ALTER TABLE {table} DROP CONSTRAINT {table}_pkey")
    await asyncio.gather(work(), work())
    for table, key in _TABLES.items():
        await _execute(database, f"ALTER TABLE {table} ADD {key}")
        await _execute(database, f"ANALYZE {table}")


async def _execute(database: Database, statement: LiteralString) -> None:
    async with database.transaction() as transaction:
        await transaction.execute(statement)
