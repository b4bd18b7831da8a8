"""A field that begins to be unique."""

import pytest

from cast import Stage
from tocsin.actions import configuration
from tocsin.core.errors import Conflict

FILE = """
databases:
  - {id: 2, name: Keepers, fields: {CRM_ID: {type: string, unique: true}}, unknown_fields: keep}
"""


async def test_a_field_whose_values_are_shared_cannot_become_unique(stage: Stage):
    for name, key in (("a", "1"), ("b", "2"), ("c", "2")):
        await stage.add(db_id=2, email=f"{name}@example.com", CRM_ID=key)
    with pytest.raises(Conflict, match="database 2: field CRM_ID cannot be unique: 1 of its values belong to several"):
        await configuration.apply(stage.context, FILE, "file.yaml", {})
    await stage.post("profiles/update", db_id=2, email="c@example.com", data={"CRM_ID": "3"})
    await configuration.apply(stage.context, FILE, "file.yaml", {})
    answer = await stage.post("profiles/import", db_id=2, data={"email": "d@example.com", "CRM_ID": "3"})
    assert (answer["error"], answer["error_debug"].partition(":")[0]) == (409, "data.CRM_ID")
