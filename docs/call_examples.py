# noqa: INP001 - beside a script, not part of a package
"""The example of each operation: a call and its answer, on the configuration of demo/tocsin.yaml."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from msgspec import Struct

from tocsin.core import errors, triggers
from tocsin.core.configuration import Database
from tocsin.core.explaining import Alternative, CheckedRule, LaunchOrigin
from tocsin.core.launches import ItemError, ProfileReference, SkippedItem
from tocsin.core.workflows import passages
from tocsin.web.api.copies import SentEmail, SentFile, SentHeader, SentMessageDescription
from tocsin.web.api.databases import (
    MAIN_GROUP,
    DatabaseDescription,
    DatabaseListAnswer,
    FieldsAnswer,
    ListedDatabase,
    describe_fields,
)
from tocsin.web.api.explaining import ExplainedEvent, ExplainedMessage
from tocsin.web.api.exports import ExportTask
from tocsin.web.api.files import UploadedFile
from tocsin.web.api.history import (
    EventDescription,
    HistoryAnswer,
    HistoryEntry,
    MessageDescription,
    MessageListAnswer,
)
from tocsin.web.api.hooks import HookDescription, HookListAnswer, ResumedHook
from tocsin.web.api.launches import (
    CancelledLaunch,
    EventTotal,
    LaunchDescription,
    LaunchListAnswer,
    RetriedLaunch,
)
from tocsin.web.api.launching import ProfileAnswer, TaskAnswer
from tocsin.web.api.profile_changes import AddBatchAnswer, AddedItem, ProfileIdAnswer
from tocsin.web.api.profile_lists import ProfileListAnswer
from tocsin.web.api.profiles import ImportAnswer
from tocsin.web.api.resources import ResourceDescription, ResourceListAnswer
from tocsin.web.api.subscription_changes import UpdatedAnswer
from tocsin.web.api.subscriptions import SubscriptionListAllAnswer, SubscriptionListAnswer
from tocsin.web.api.suppresses import (
    AddAnswer,
    EntriesAnswer,
    Entry,
    ListDescription,
    RemoveAnswer,
    SuppressionListAnswer,
)
from tocsin.web.api.tasks import TaskStatus
from tocsin.web.api.workflows import (
    ListedNode,
    ListedWorkflow,
    NodeNumbers,
    SavedWorkflow,
    WorkflowDescription,
    WorkflowGroup,
    WorkflowListAnswer,
)
from tocsin.web.envelope import SUCCESS, BatchAnswer, DataAnswer, Problem, Success

TOKEN = "abcdefghijklmnqrstuvwxyz"  # noqa: S105 - the development token of demo/tocsin.yaml
ANN, BOB, CARA = "6b00f74e10c7e199e1c46d96", "6b00f74e8143bf8f65e70a00", "6b00f75a4be2c5d1907f3a11"
DAN, EVE = "6b00f7a1c02b9d4418e75f63", "6b00f7a39e5510cb7a24d8f7"
MESSAGE = "6b00f7526d1c8a30b7f41e96"
LAUNCH, OTHER_LAUNCH = "6b00f7523f0d5c81e2a6b40b", "6b00f7525e11a7d3904c2fb8"
BATCH_LAUNCH, IMPORT_LAUNCH = "6b00f752a8e31b0c57d94f12", "6b00f752c40d7a91f3652be7"
TIMED_LAUNCH, TASK_LAUNCH = "6b00f7529b27e6d05c14a83f", "6b00f752b70c5e2fa4d81963"
WORKFLOW_LAUNCH, ENTRY_LAUNCH = "6b00f752d15c3f8840b2e96d", "6b00f752e6a9047b1dc583f4"
AT = "2026-11-21T10:00:00Z"
TASK, OTHER_TASK = "2f0c4f5e-6f7b-4f0e-9a53-1f6f6c1d7a10", "9b1f6a52-0a8e-4b7c-8a55-6d5a5b0c3e21"
WORKFLOW_TASK = "c3e85d04-2f19-4a77-9d0e-51b8a64f7c92"
EXPORT = "4a1f7c62-90be-4d35-8c1b-3e6a2d90f7b4"
FILE = "7d3b2c1a-58e4-4c6f-b1c9-0e2d4f6a8b13"

OTHER_MESSAGE = "6b00f752b2d94f06c3187a55"
SKIP = "6b00f75229172ca81b5a6255"
SENT = EventDescription(
    event_id=MESSAGE,
    smid=MESSAGE,
    type="send",
    at=AT,
    trigger_id=97,
    launch_id=LAUNCH,
    address="ann.private@example.com",
    attempts=1,
    code=250,
    text="2.0.0 ok",
    missing_values=3,
)
KEPT_FROM_BOB = EventDescription(
    event_id=SKIP,
    type="skip",
    at=AT,
    trigger_id=97,
    launch_id=IMPORT_LAUNCH,
    reason=triggers.NO_SUBSCRIPTION,
)
SENT_TO_BOB = EventDescription(
    event_id=OTHER_MESSAGE,
    smid=OTHER_MESSAGE,
    type="send",
    at=AT,
    trigger_id=8,
    launch_id=OTHER_LAUNCH,
    address="bob@example.com",
    attempts=1,
    code=250,
    text="2.0.0 ok",
    missing_values=4,
)

PRIVATELY = {
    "cats": ["news"],
    "email": "ann.private@example.com",
    "status": "subscribed",
    "channel": "email",
    "priority": 0,
    "resource_id": 21,
    "email_data": {
        "email": "ann.private@example.com",
        "domain": "example.com",
        "domain_group": "example.com",
        "md5": "39cdcfe73d59795e32e902260ad3aefc",
    },
    "hash_id": "3570110774935367850",
    "is_delete": False,
}
KEEPERS = Database(2, "Keepers", fields={"CRM_ID": "string"})

LISTED = ListDescription(id=1, name="Global suppress list", is_global=True, description="", dbs_ids=[], total_count=3)


class Example(NamedTuple):
    """A call and its answer. They are in the order of a story: each call finds what those before it made."""

    request: dict[str, Any]
    answer: Struct


ONE = [ProfileReference(ANN)]
NODES = [
    {"id": "start", "type": "start", "next": "pause"},
    {"id": "pause", "type": "delay", "name": "Three days", "for": {"days": 3}, "next": "hello"},
    {"id": "hello", "type": "campaign", "trigger": 8, "next": "done"},
    {"id": "done", "type": "end"},
]
SAVED = DataAnswer(data=SavedWorkflow(14))
CRM = HookDescription(
    id=1,
    name="crm",
    url="http://127.0.0.1:9300/events",
    events=["send", "hbounce"],
    state="inactive",
    waiting=0,
)

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
                "subscriptions": [PRIVATELY],
            }
        ),
    ),
    "profiles/list": Example(
        {
            "db_id": 1,
            "from_id": "",
            "limit": 100,
            "query": {"interests": "tea"},
            "fields": ["_id", "email", "interests", "shoe_size"],
        },
        ProfileListAnswer(
            data=[{"id": ANN, "email": "ann@example.com", "interests": ["tea", "books"]}],
            next_from_id=ANN,
            ignored_fields=["shoe_size"],
        ),
    ),
    "subscriptions/get": Example(
        {"db_id": 1, "profile_id": ANN, "resource_id": 21, "channel": "email", "email": "ann.private@example.com"},
        DataAnswer(data=PRIVATELY),
    ),
    "subscriptions/list": Example({"db_id": 1, "profile_id": ANN}, SubscriptionListAnswer(data=[PRIVATELY])),
    "subscriptions/list_all": Example(
        {"resource_id": 21, "db_id": 1, "channel": "email", "status": "subscribed", "limit": 100},
        SubscriptionListAllAnswer(
            data=[{"profile_id": ANN} | PRIVATELY],
            next_from_id=f"{ANN}.c0b1b2d94576bec7e854b679f751398d",
            total_count=1,
        ),
    ),
    "subscriptions/set": Example(
        {
            "db_id": 1,
            "profile_id": ANN,
            "resource_id": 21,
            "channel": "email",
            "email": "ann.second@example.com",
            "status": "unconfirmed",
            "priority": 5,
            "date": "2026-11-21T09:30:00Z",
            "ip": "192.0.2.7",
        },
        Success(),
    ),
    "subscriptions/delete": Example(
        {"db_id": 1, "profile_id": ANN, "resource_id": 21, "email": "ann.second@example.com"}, Success()
    ),
    "subscriptions/undelete": Example(
        {"db_id": 1, "profile_id": ANN, "resource_id": 21, "email": "ann.second@example.com"}, Success()
    ),
    "subscriptions/suspend_all": Example({"db_id": 1, "resource_id": 21}, UpdatedAnswer(updated=1)),
    "subscriptions/unsuspend_all": Example({"db_id": 1, "resource_id": 21}, UpdatedAnswer(updated=1)),
    "databases/list": Example(
        {"limit": 1},
        DatabaseListAnswer(
            data=[ListedDatabase(1, "Customers", [], [MAIN_GROUP])],
            next_from_id=2,
            total_count=3,
        ),
    ),
    "databases/get": Example({"id": 1}, DataAnswer(data=DatabaseDescription(1, "Customers", "", 0))),
    "databases/fields": Example({"id": 2, "category": "custom"}, FieldsAnswer(data=describe_fields(KEEPERS, "custom"))),
    "resources/list": Example(
        {"from_id": 20, "limit": 1},
        ResourceListAnswer(
            data=[ResourceDescription(20, "Order updates", ["sms"], [1], [])], next_from_id=21, total_count=5
        ),
    ),
    "resources/get": Example(
        {"id": 21}, DataAnswer(data=ResourceDescription(21, "Newsletter", ["email"], [1], ["news", "sales"]))
    ),
    "resources/fields_get": Example({"id": 20, "channel": "sms"}, FieldsAnswer(data=[])),
    "profiles/get_all": Example(
        {
            "source_type": "database",
            "source_id": 1,
            "file_format": "csv",
            "custom_request": {"interests": "tea"},
            "fields": ["id", "email", "interests"],
        },
        DataAnswer(data=ExportTask(EXPORT)),
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
        ProfileAnswer(profile_id=ANN, launch_id=LAUNCH),
    ),
    "campaigns/triggers/start_batch": Example(
        {
            "trigger_id": 8,
            "matching": "custom",
            "field_name": "CRM_ID",
            "data": [{"field_value": "C-1", "custom_data": {"till": 7}}, {"field_value": "C-404"}],
        },
        BatchAnswer(
            result=ONE,
            errors=[ItemError(1, 404, errors.NotFound.text, "data[1]: no profile matches custom")],
            launch_id=BATCH_LAUNCH,
        ),
    ),
    "campaigns/triggers/start_batch_task": Example(
        {"id": 13, "data": [{"email": "ann@example.com"}]}, TaskAnswer(task_id=OTHER_TASK)
    ),
    "campaigns/triggers/import_and_start": Example(
        {
            "trigger_id": 8,
            "timeout": {"days": 0, "hours": 0, "minutes": 5},
            "content": {"order": "A-1042"},
            "data": {"email": "bob@example.com", "_fname": "Bob"},
        },
        ProfileAnswer(profile_id=BOB, launch_id=TIMED_LAUNCH),
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
            launch_id=IMPORT_LAUNCH,
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
    "workflows/add": Example({"name": "Second welcome", "database": 1, "nodes": NODES}, SAVED),
    "workflows/update": Example({"id": 14, "reentry": "once_ever"}, SAVED),
    "workflows/activate": Example({"id": 14, "skip_profiles": True}, DataAnswer(data=None)),
    "workflows/start": Example(
        {"id": 14, "matching": "email", "email": "ann@example.com", "content": {"page": "spring"}},
        ProfileAnswer(profile_id=ANN, launch_id=WORKFLOW_LAUNCH),
    ),
    "workflows/import_and_start": Example(
        {"workflow_id": 14, "data": {"email": "ann@example.com", "_fname": "Ann"}},
        ProfileAnswer(profile_id=ANN, skipped=[SkippedItem(0, ANN, passages.INSIDE)]),
    ),
    "workflows/import_and_start_batch": Example(
        {
            "workflow_id": 14,
            "matching": "email",
            "data": [
                {"data": {"email": "bob@example.com", "_fname": "Bob"}, "custom_data": {"row": 1}},
                {"data": {"email": "ann@example.com"}},
            ],
        },
        BatchAnswer(
            result=[ProfileReference(BOB), ProfileReference(ANN)],
            skipped=[SkippedItem(1, ANN, passages.INSIDE)],
            launch_id=ENTRY_LAUNCH,
        ),
    ),
    "workflows/import_and_start_batch_task": Example(
        {"workflow_id": 14, "matching": "email", "data": [{"data": {"email": "ann@example.com"}}]},
        TaskAnswer(task_id=WORKFLOW_TASK),
    ),
    "workflows/deactivate": Example({"id": 14}, DataAnswer(data=None)),
    "workflows/get": Example(
        {"id": 13},
        DataAnswer(
            data=WorkflowDescription(
                id=13,
                name="Asleep",
                database=1,
                list_id=1,
                active=False,
                is_active=False,
                reentry="while_inside_ignored",
                nodes=[{"type": "start", "id": "start", "next": "done"}, {"type": "end", "id": "done"}],
                numbers=[NodeNumbers("start", 0, 0), NodeNumbers("done", 0, 0)],
            )
        ),
    ),
    "workflows/list": Example(
        {"from_id": 14, "limit": 1},
        WorkflowListAnswer(
            data=[
                ListedWorkflow(
                    id=14,
                    name="Second welcome",
                    list_id=1,
                    is_active=False,
                    ui_tags=[],
                    mode="once_ever",
                    groups=[WorkflowGroup(0, "main")],
                    nodes=[
                        ListedNode(name="", type="start", node_id="start", templates=[]),
                        ListedNode(name="Three days", type="delay", node_id="pause", templates=[]),
                        ListedNode(name="", type="campaign", node_id="hello", templates=[1], campaign_id=8),
                        ListedNode(name="", type="end", node_id="done", templates=[]),
                    ],
                )
            ],
            next_from_id=15,
            total_count=3,
        ),
    ),
    "tasks/status": Example(
        {"task_id": TASK},
        DataAnswer(
            data=TaskStatus(
                "completed",
                100,
                {
                    "error": 0,
                    "error_text": "",
                    "result": [{"profile_id": CARA}, {"profile_id": BOB}],
                    "launch_id": OTHER_LAUNCH,
                },
            )
        ),
    ),
    "profiles/add": Example(
        {"db_id": 1, "data": {"email": "dan@example.com", "_fname": "Dan", "interests": ["tea"]}},
        ImportAnswer(profile_id=DAN),
    ),
    "profiles/add_batch": Example(
        {"db_id": 1, "data": [{"email": "eve@example.com", "CRM_ID": "C-5"}, {"email": "dan@example.com"}]},
        AddBatchAnswer(
            result=[
                AddedItem(0, SUCCESS, profile_id=EVE),
                AddedItem(409, errors.Conflict.text, "data[1].email: another profile has this email"),
            ]
        ),
    ),
    "profiles/merge": Example({"db_id": 1, "profile_ids": [DAN, EVE]}, ProfileIdAnswer(profile_id=DAN)),
    "profiles/delete": Example(
        {"db_id": 1, "matching": "custom", "field_name": "CRM_ID", "field_value": "C-5"},
        DataAnswer(data=ProfileReference(DAN)),
    ),
    "messages/get": Example(
        {"smid": MESSAGE},
        DataAnswer(
            data=MessageDescription(
                smid=MESSAGE,
                profile_id=ANN,
                trigger_id=97,
                launch_id=LAUNCH,
                address="ann.private@example.com",
                events=[SENT],
            )
        ),
    ),
    "webver/get": Example(
        {"send_message_id": MESSAGE, "harmless": True},
        DataAnswer(
            data=SentMessageDescription(
                createtime=AT,
                email=SentEmail(
                    from_email="news@example.com",
                    from_name="",
                    to_email="ann.private@example.com",
                    subject="",
                    html="<p>For ann.private@example.com: </p>",
                    text="For ann.private@example.com: ",
                    headers=[
                        SentHeader("From", "news@example.com"),
                        SentHeader("To", "ann.private@example.com"),
                        SentHeader("Subject", ""),
                        SentHeader("Date", "Sat, 21 Nov 2026 09:00:00 +0000"),
                        SentHeader("Message-ID", f"<{MESSAGE}@example.com>"),
                        SentHeader(
                            "List-Unsubscribe", f"<#>, <mailto:news@example.com?subject=unsubscribe%20{MESSAGE}>"
                        ),
                        SentHeader("MIME-Version", "1.0"),
                        SentHeader("Content-Type", 'multipart/mixed; boundary="=_tocsin_mixed"'),
                    ],
                    attachments=[SentFile("Terms.txt", "text/plain", 9)],
                ),
            )
        ),
    ),
    "messages/explain": Example(
        {"message_id": MESSAGE},
        DataAnswer(
            data=ExplainedMessage(
                smid=MESSAGE,
                profile_id=ANN,
                trigger_id=97,
                trigger_name="Newsletter",
                state="sent",
                launch=LaunchOrigin(LAUNCH, "start", AT),
                address="ann.private@example.com",
                alternatives=[
                    Alternative("ann.private@example.com", "subscribed", 0, is_chosen=True),
                    Alternative("ann.second@example.com", "unconfirmed", 5, is_chosen=False),
                ],
                rules=[
                    CheckedRule("address", "passed"),
                    CheckedRule("control_group", "passed"),
                    CheckedRule("suppressed", "passed"),
                    CheckedRule("quiet_hours", "passed"),
                    CheckedRule("policy", "passed"),
                ],
                events=[
                    ExplainedEvent(
                        type="send",
                        at=AT,
                        attempts=1,
                        code=250,
                        text="2.0.0 ok",
                    )
                ],
            )
        ),
    ),
    "suppresses/add": Example(
        {"id": 1, "emails": ["never@example.com", "+79001234567", "@example.org", "nobody"], "reason": "asked us to"},
        AddAnswer(
            saved_id=1,
            total_count=4,
            total_duplicated=0,
            total_imported=3,
            total_updated=0,
            errors=[
                ItemError(
                    3,
                    400,
                    errors.Invalid.text,
                    "emails[3]: 'nobody' is not a phone number written as +79000000000",
                )
            ],
        ),
    ),
    "suppresses/entries": Example(
        {"emails": ["ann@example.org"]},
        EntriesAnswer(data=[Entry(email="@example.org", id=1, source="api", at=AT, reason="asked us to")]),
    ),
    "suppresses/get": Example({"id": 1}, DataAnswer(data=LISTED)),
    "suppresses/list": Example(
        {"from_id": 1, "limit": 100},
        SuppressionListAnswer(
            data=[LISTED],
            next_from_id=2,
            total_count=2,
        ),
    ),
    "suppresses/remove": Example(
        {"id": 1, "emails": ["@example.org", "other@example.org"]}, RemoveAnswer(total_count=2, total_removed=1)
    ),
    "messages/list": Example(
        {"db_id": 1, "profile_id": BOB, "from_id": "", "limit": 100},
        MessageListAnswer(data=[KEPT_FROM_BOB, SENT_TO_BOB], next_from_id=OTHER_MESSAGE),
    ),
    "subscribers/history_get": Example(
        {"list_id": 1, "matching": "email", "email": "bob@example.com", "date_from": "2026-01-01"},
        HistoryAnswer(
            data=[
                HistoryEntry(
                    profile_id=BOB,
                    list_id=1,
                    action="skip",
                    count=1,
                    datetime=AT,
                    email="",
                    event_id=SKIP,
                    smid="",
                    campaign_id=97,
                    campaign_name="Newsletter",
                    message_id=2,
                    message_name="Newsletter",
                ),
                HistoryEntry(
                    profile_id=BOB,
                    list_id=1,
                    action="send",
                    count=1,
                    datetime=AT,
                    email="bob@example.com",
                    event_id=OTHER_MESSAGE,
                    smid=OTHER_MESSAGE,
                    campaign_id=8,
                    campaign_name="Order received",
                    message_id=1,
                    message_name="Order received",
                ),
            ]
        ),
    ),
    "profiles/message_unsub": Example(
        {"rtoken": "newsletter-21-token", "smid": MESSAGE, "categories": ["sales"]}, ProfileIdAnswer(profile_id=ANN)
    ),
    "tasks/cancel": Example({"task_id": TASK}, Problem(409, errors.Conflict.text, "task_id: the task has ended")),
    "hooks/list": Example({"limit": 100}, HookListAnswer(data=[CRM], next_from_id=2, total_count=1)),
    "hooks/get": Example({"id": 1}, DataAnswer(data=CRM)),
    "hooks/resume": Example({"id": 1, "skip_failing": False}, DataAnswer(data=ResumedHook(0))),
    "hooks/replay": Example(
        {"id": 1, "from_at": "2026-01-31T12:00:00Z"},
        Problem(409, errors.Conflict.text, "id: the hook is not active"),
    ),
    "hooks/test": Example({"id": 1}, Problem(409, errors.Conflict.text, "id: the hook is paused or not active")),
    "launches/get": Example(
        {"id": TIMED_LAUNCH},
        DataAnswer(
            data=LaunchDescription(
                id=TIMED_LAUNCH,
                trigger_id=8,
                created_at=AT,
                source="import_and_start",
                state="running",
                size=1,
                skipped=0,
                waiting=1,
                sent=0,
                undelivered=0,
                bounced=0,
                cancelled=0,
                retried=0,
                totals=[],
            )
        ),
    ),
    "launches/pause": Example({"id": TIMED_LAUNCH}, DataAnswer(data=None)),
    "launches/resume": Example({"id": TIMED_LAUNCH}, DataAnswer(data=None)),
    "launches/cancel": Example({"id": TIMED_LAUNCH}, DataAnswer(data=CancelledLaunch(1, 0))),
    "launches/retry": Example({"id": TIMED_LAUNCH}, DataAnswer(data=RetriedLaunch(1, 0))),
    "launches/list": Example(
        {"trigger_id": 13, "limit": 1},
        LaunchListAnswer(
            data=[
                LaunchDescription(
                    id=TASK_LAUNCH,
                    trigger_id=13,
                    created_at=AT,
                    source="start_batch_task",
                    state="done",
                    size=1,
                    skipped=0,
                    waiting=0,
                    sent=1,
                    undelivered=0,
                    bounced=0,
                    cancelled=0,
                    retried=0,
                    totals=[EventTotal("send", 1)],
                )
            ],
            next_from_id=TASK_LAUNCH,
        ),
    ),
}
