# noqa: INP001 - beside a script, not part of a package
"""The example of each operation: a call and its answer, on the configuration of demo/tocsin.yaml."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from msgspec import Struct

from tocsin.core import errors, triggers
from tocsin.core.launches import ItemError, ProfileReference, SkippedItem
from tocsin.web.api.files import UploadedFile
from tocsin.web.api.profiles import ImportAnswer
from tocsin.web.api.tasks import TaskStatus
from tocsin.web.api.triggers import ProfileAnswer, TaskAnswer
from tocsin.web.envelope import BatchAnswer, DataAnswer

TOKEN = "abcdefghijklmnqrstuvwxyz"  # noqa: S105 - the development token of demo/tocsin.yaml
ANN, BOB, CARA = "6b00f74e10c7e199e1c46d96", "6b00f74e8143bf8f65e70a00", "6b00f75a4be2c5d1907f3a11"
TASK, OTHER_TASK = "2f0c4f5e-6f7b-4f0e-9a53-1f6f6c1d7a10", "9b1f6a52-0a8e-4b7c-8a55-6d5a5b0c3e21"
FILE = "7d3b2c1a-58e4-4c6f-b1c9-0e2d4f6a8b13"


class Example(NamedTuple):
    """A call and its answer. They are in the order of a story: each call finds what those before it made."""

    request: dict[str, Any]
    answer: Struct


ONE = [ProfileReference(ANN)]
EXAMPLES: Mapping[str, Example] = {
    "profiles/import": Example(
        {
            "db_id": 1,
            "matching": "custom",
            "field_name": "CRM_ID",
            "data": {
                "CRM_ID": "C-1",
                "email": "ann@example.com",
                "_fname": "Ann",
                "phones": ["+79000000001"],
                "interests": ["tea", "books"],
                "subscriptions": [
                    {"channel": "email", "resource_id": 21, "email": "ann.private@example.com", "cats": ["news"]}
                ],
                "shoe_size": 38,
            },
        },
        ImportAnswer(profile_id=ANN, ignored_fields=["shoe_size"]),
    ),
    "profiles/update": Example(
        {"db_id": 1, "matching": "email", "email": "ann@example.com", "data": {"_fname": "Ann"}},
        ImportAnswer(profile_id=ANN),
    ),
    "profiles/import_batch": Example(
        {"db_id": 1, "matching": "email", "data": [{"email": "ann@example.com", "_fname": "Ann"}]},
        BatchAnswer(result=ONE),
    ),
    "profiles/update_batch": Example(
        {
            "db_id": 1,
            "matching": "custom",
            "field_name": "CRM_ID",
            "data": [{"CRM_ID": "C-1", "_fname": "Ann"}, {"CRM_ID": "C-404", "_fname": "Nobody"}],
        },
        BatchAnswer(
            result=ONE,
            errors=[
                ItemError(
                    1,
                    404,
                    errors.NotFound.text,
                    "data[1]: there is no such profile, and none can be created from this value",
                )
            ],
        ),
    ),
    "profiles/get": Example(
        {"db_id": 1, "matching": "email", "email": "ann@example.com"},
        DataAnswer(
            data={
                "id": ANN,
                "db_id": 1,
                "email": "ann@example.com",
                "CRM_ID": "C-1",
                "_fname": "Ann",
                "phones": ["+79000000001"],
                "interests": ["tea", "books"],
                "subscriptions": [
                    {
                        "cats": ["news"],
                        "email": "ann.private@example.com",
                        "status": "subscribed",
                        "channel": "email",
                        "priority": 0,
                        "resource_id": 21,
                        "email_data": {"email": "ann.private@example.com", "domain": "example.com"},
                    }
                ],
            }
        ),
    ),
    "file_upload": Example(
        {"header": "terms.txt", "data": "data:text/plain;base64,QmUga2luZC4K"}, DataAnswer(data=UploadedFile(FILE))
    ),
    "campaigns/triggers/start": Example(
        {
            "id": 97,
            "matching": "email",
            "email": "ann@example.com",
            "subscription_filter": {"email": "ann.private@example.com", "not_strict": True},
            "content": {"page": "spring"},
            "attach": [{"name": "Terms.txt", "file_key": FILE}],
        },
        ProfileAnswer(profile_id=ANN),
    ),
    "campaigns/triggers/start_batch": Example(
        {
            "trigger_id": 8,
            "matching": "custom",
            "field_name": "CRM_ID",
            "data": [{"field_value": "C-1", "custom_data": {"till": 7}}, {"field_value": "C-404"}],
        },
        BatchAnswer(result=ONE, errors=[ItemError(1, 404, errors.NotFound.text, "data[1]: no profile matches custom")]),
    ),
    "campaigns/triggers/start_batch_task": Example(
        {"id": 8, "data": [{"email": "ann@example.com"}]}, TaskAnswer(task_id=OTHER_TASK)
    ),
    "campaigns/triggers/import_and_start": Example(
        {
            "trigger_id": 8,
            "timeout": {"days": 0, "hours": 0, "minutes": 5},
            "content": {"order": "A-1042"},
            "data": {"email": "bob@example.com", "_fname": "Bob"},
        },
        ProfileAnswer(profile_id=BOB),
    ),
    "campaigns/triggers/import_and_start_batch": Example(
        {
            "trigger_id": 97,
            "matching": "email",
            "content": {"page": "spring"},
            "data": [
                {"data": {"email": "ann@example.com", "_fname": "Anna"}},
                {"data": {"email": "bob@example.com"}},
                {"data": {"email": "no address"}},
            ],
        },
        BatchAnswer(
            result=[ProfileReference(ANN), ProfileReference(BOB)],
            errors=[
                ItemError(
                    2,
                    400,
                    errors.Invalid.text,
                    "data[2].email: 'no address' is not an email address: An email address must have an @-sign.",
                )
            ],
            skipped=[SkippedItem(1, BOB, triggers.NO_SUBSCRIPTION)],
        ),
    ),
    "campaigns/triggers/import_and_start_batch_task": Example(
        {
            "trigger_id": 8,
            "matching": "email",
            "custom_data": {"sent_by": "shop"},
            "attach": [{"name": "Hello.txt", "data": "data:text/plain;base64,SGVsbG8K"}],
            "data": [
                {"data": {"email": "cara@example.com", "_fname": "Cara"}, "custom_data": {"row": 1}},
                {"data": {"email": "bob@example.com", "phones": "+79000000002"}},
            ],
        },
        TaskAnswer(task_id=TASK),
    ),
    "tasks/status": Example(
        {"task_id": TASK},
        DataAnswer(
            data=TaskStatus(
                "completed",
                100,
                {"error": 0, "error_text": "", "result": [{"profile_id": CARA}, {"profile_id": BOB}]},
            )
        ),
    ),
}
