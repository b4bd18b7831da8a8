# noqa: INP001 - a script, not part of a package
"""Writes docs/api/calls.md from the operations table, the structs of the code, and the words and examples below.

`.venv/bin/python docs/generate.py`. tests/house/test_reference.py posts every example and compares every answer.
"""

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from string import Template
from typing import Any
from xml.etree import ElementTree as ET
from xml.sax.saxutils import escape

import msgspec
from call_examples import EXAMPLES, TOKEN
from msgspec import NODEFAULT, UNSET, Struct, inspect, structs

from tocsin.core import errors, launches, rules, triggers
from tocsin.core.errors import TocsinError
from tocsin.core.explaining import Alternative, CheckedRule, LaunchOrigin
from tocsin.core.launches import (
    ItemError,
    ProfileReference,
    Rehearsal,
    RehearsedItem,
    RehearsedMessage,
    SkippedItem,
)
from tocsin.core.matching import MODES
from tocsin.core.subscriptions import STATUSES
from tocsin.core.workflows import passages
from tocsin.web import codec
from tocsin.web.api.copies import SentEmail, SentFile, SentHeader, SentMessageDescription, SentPush, SentSms
from tocsin.web.api.databases import DatabaseDescription, FieldDescription, Group, ListedDatabase
from tocsin.web.api.explaining import ExplainedEvent, ExplainedMessage
from tocsin.web.api.exports import ExportTask
from tocsin.web.api.files import UploadedFile
from tocsin.web.api.history import EventDescription, HistoryEntry, MessageDescription, Waiting
from tocsin.web.api.hooks import HookDescription, HookReplay, ResumedHook, TestedHook
from tocsin.web.api.launches import CancelledLaunch, EventTotal, LaunchDescription, RetriedLaunch
from tocsin.web.api.profile_changes import AddedItem
from tocsin.web.api.resources import ResourceDescription
from tocsin.web.api.suppresses import Entry, ListDescription
from tocsin.web.api.tasks import TaskStatus
from tocsin.web.api.workflows import (
    LeftNode,
    ListedNode,
    ListedWorkflow,
    NodeNumbers,
    SavedWorkflow,
    WorkflowDescription,
    WorkflowGroup,
)
from tocsin.web.envelope import Envelope, Success
from tocsin.web.operations import TABLE, Operation

_HERE = Path(__file__).resolve().parent
PAGE = _HERE / "api" / "calls.md"
# The chapters that people write; `$name` is filled in.
_FRAME = _HERE / "calls-frame.txt"

_WIDTH = 100
# What is in `data` of an answer, and everything that is in answers only.
_PAYLOADS: Mapping[str, type[Struct]] = {
    "file_upload": UploadedFile,
    "profiles/get_all": ExportTask,
    "tasks/status": TaskStatus,
    "databases/get": DatabaseDescription,
    "resources/get": ResourceDescription,
    "workflows/get": WorkflowDescription,
    "workflows/add": SavedWorkflow,
    "workflows/update": SavedWorkflow,
    "profiles/delete": ProfileReference,
    "messages/get": MessageDescription,
    "messages/explain": ExplainedMessage,
    "webver/get": SentMessageDescription,
    "suppresses/get": ListDescription,
    "hooks/get": HookDescription,
    "hooks/resume": ResumedHook,
    "hooks/test": TestedHook,
    "launches/get": LaunchDescription,
    "launches/cancel": CancelledLaunch,
    "launches/retry": RetriedLaunch,
}
_ANSWERED = {
    *_PAYLOADS.values(),
    AddedItem,
    HookReplay,
    ItemError,
    ProfileReference,
    SkippedItem,
    Group,
    ListedDatabase,
    FieldDescription,
    ListedWorkflow,
    ListedNode,
    WorkflowGroup,
    NodeNumbers,
    LeftNode,
    EventDescription,
    EventTotal,
    HistoryEntry,
    Waiting,
    Entry,
    Alternative,
    CheckedRule,
    LaunchOrigin,
    ExplainedEvent,
    Rehearsal,
    RehearsedItem,
    RehearsedMessage,
    SentEmail,
    SentFile,
    SentHeader,
    SentPush,
    SentSms,
}

# What a member means, by its name, or by `Struct.name` where one name means several things.
MEANINGS: Mapping[str, str] = {
    "token": "Who calls. May also come as `Authorization: Bearer` or as `?token=`.",
    "format": "`json` or `xml`: the encoding of the answer. Without it, that of the call. May also come as `?format=`.",
    "workflow_id": "The workflow to enter. One of `workflow_id` and `id` must be there; `workflow_id` wins.",
    "WorkflowStartRequest.db_id": "The workflow's database, or nothing.",
    "WorkflowImportAndStartRequest.db_id": "The workflow's database, or nothing.",
    "WorkflowImportAndStartBatchRequest.db_id": "The workflow's database, or nothing.",
    "WorkflowStartRequest.subscription_filter": "The address to send to, in place of the choice of triggers.",
    "WorkflowRequest.id": "The workflow.",
    "UpdateWorkflowRequest.id": "The workflow.",
    "AddWorkflowRequest.id": "The number; without it, the next free one.",
    "skip_profiles": "Let those inside leave first.",
    "WorkflowMembers.name": "The name.",
    "database": "The database whose profiles go through. It stays while any are inside.",
    "reentry": "`once_ever`, `while_inside_ignored`, `restart` or `separate`: see [Entering](workflows.md#entering).",
    "active": "Whether profiles may enter and go on.",
    "control_group_percent": "The share of profiles that do not enter: see "
    "[control groups](../sending-rules.md#control-groups).",
    "ignore_control_group": "Whether those enter, too, who are in a control group.",
    "nodes": "A list of [nodes](workflows.md#nodes). In XML each node is one element, with child elements or a text in "
    'JSON; what elements cannot say is a text in JSON, as `<query>{"bonus": {"$gt": 5}}</query>`.',
    "WorkflowDescription.nodes": "The [nodes](workflows.md#nodes). In XML `query`, `when`, `set`, `subscriptions`, "
    "`headers` and `json` are texts in JSON.",
    "ListedWorkflow.nodes": "The nodes.",
    "WorkflowDescription.active": "Whether it is active.",
    "WorkflowDescription.database": "The database.",
    "is_active": "The same as `active`.",
    "ListedWorkflow.is_active": "Whether it is active.",
    "list_id": "The database.",
    "mode": "What becomes of profiles that enter again: see [Entering](workflows.md#entering).",
    "groups": "The groups that it is in.",
    "WorkflowGroup.id": "The number: 0.",
    "WorkflowGroup.name": "The name: `main`.",
    "ListedNode.name": "The name.",
    "ListedNode.type": "What it is: see [nodes](workflows.md#nodes).",
    "node_id": "The id of the node.",
    "templates": "The templates of what a campaign sends.",
    "campaign_id": "The trigger of a campaign. Left out otherwise.",
    "ListedNode.workflow_id": "Where a workflow_jump leads. Left out otherwise.",
    "numbers": "How many are where.",
    "inside": "How many are there now.",
    "through": "How many went on from there, or ended there.",
    "saved_id": "The workflow's number.",
    "left": "Who was at nodes that are gone, and has left. Left out when nobody has.",
    "number": "How many.",
    "trigger_id": "The trigger to launch. One of `trigger_id` and `id` must be there; `trigger_id` wins.",
    "LaunchRequest.id": "The same as `trigger_id`, or as `workflow_id`.",
    "matching": "How profiles are found: see [Matching](#matching). Without it, `email`.",
    "email": "The value searched for with `email` and `email_profile`.",
    "phone": "The value searched for with `phone`.",
    "profile_id": "The value searched for with `profile_id`: 24 hex digits.",
    "field_name": "The custom field searched with `custom`.",
    "field_value": "The value searched for with `custom`. For tags, `tag_1, tag_2` asks for both.",
    "resource_id": "Counts only those subscriptions that belong to this resource when searching.",
    "custom_request": "A query (see [filters](filters.md)) in place of `matching`: everybody who fits. See "
    "[Audiences](#audiences).",
    "ImportItem.custom_request": "A query in place of `matching`: the item is applied to everybody who fits.",
    "StartItem.custom_request": "A query in place of `matching`: everybody who fits.",
    "total_count": "How many profiles fit `custom_request`.",
    "skipped_count": "How many of them get no message.",
    "timeout": "The wait between the call and the launch.",
    "content": "What the template reads as `{apicontent.…}`.",
    "LaunchRequest.custom_data": "Kept with the launch of all messages.",
    "custom_data": "Kept with this item's message and shown in its events.",
    "attach": "Files for the email, 50 at most.",
    "LaunchRequest.dry_run": "Only say what the call would do: see [Dry runs](#dry-runs).",
    "dry_run": "What the call would do. Left out when it was done.",
    "items": "Each item, but those that are wrong.",
    "message": "The first message that would be sent. Left out when there is none.",
    "found": "`matched`: the profile is there. `created`: it would be made.",
    "by": "The value that has found it, or would have.",
    "RehearsedItem.outcome": "`sent`, `entered` into a workflow, or `skipped`.",
    "RehearsedItem.profile_id": "The profile's id. Left out when it would be made.",
    "addresses": "Where its messages would go.",
    "RehearsedItem.due_at": "When they would leave, in UTC.",
    "RehearsedMessage.channel": "On which channel it goes out. What says nothing on it is left out.",
    "RehearsedMessage.address": "To whom.",
    "subject": "The subject of an email.",
    "html": "Its HTML part.",
    "RehearsedMessage.text": "Its text part, or the text of an SMS.",
    "RehearsedMessage.headers": "The headers of an email, a text each.",
    "payload": "What the provider of a push message gets.",
    "RehearsedMessage.error": "Why it cannot be composed. Left out when it can.",
    "rule": "Which rule, in words. Left out when the reason says all.",
    "EventDescription.reason": "Why a rule kept the message: see [Skip reasons](#skip-reasons).",
    "AddRequest.id": "The list. Without it, a new one is made.",
    "emails": "Email addresses, phone numbers, `@domain` for all addresses of a domain, or "
    "[hashes](../sending-rules.md#suppression-lists) of addresses: 10000 at most.",
    "AddRequest.name": "The name of a new list.",
    "AddRequest.description": "What a new list is for.",
    "databases": "The databases that a new list holds for; without any, all.",
    "AddRequest.reason": "Why, for those who look later: 500 characters are kept.",
    "RemoveRequest.id": "The list; 0 for bounces and complaints.",
    "ListNumberRequest.id": "The list; 0 for bounces and complaints.",
    "EntriesRequest.id": "The list, to page through. One of `id` and `emails` must be there.",
    "from_email": "The `next_from_email` of the page before; empty begins.",
    "next_from_email": "The `from_email` of the next page. An empty page has none.",
    "AddAnswer.saved_id": "The list's number.",
    "AddAnswer.total_count": "How many addresses were given.",
    "total_duplicated": "How many of them were given again.",
    "total_imported": "How many are new on the list.",
    "total_updated": "How many were on it; their reason and time are the new ones.",
    "RemoveAnswer.total_count": "How many addresses were given.",
    "total_removed": "How many were on the list. Those that the configuration file names stay.",
    "is_global": "Whether it holds for all databases.",
    "ListDescription.dbs_ids": "The databases that it holds for, when not for all.",
    "ListDescription.total_count": "How many addresses are on it.",
    "EntriesAnswer.data": "The entries.",
    "Entry.email": "The address, phone number or `@domain`, or `md5:` or `sha256:` and the hash of an address.",
    "Entry.id": "The list that it is on.",
    "Entry.source": "`file`, `api`, `bounce` or `complaint`.",
    "Entry.at": "Since when, in UTC.",
    "Entry.reason": "Why.",
    "Entry.smid": "The message that came back, or was complained of. Left out otherwise.",
    "Entry.resource_id": "The only resource that it holds for: that of a complaint. Left out when it holds for all.",
    "ExplainRequest.message_id": "The message: 24 hex digits. Or else `profile_id` with `trigger_id` or `workflow_id`.",
    "ExplainRequest.smid": "The same as `message_id`.",
    "ExplainRequest.profile_id": "The profile: what is told is the latest that the trigger had for it.",
    "ExplainRequest.trigger_id": "The trigger.",
    "ExplainRequest.workflow_id": "The workflow: what is told is whether the profile may enter, and what kept it out.",
    "ExplainedMessage.profile_id": "Whose it is.",
    "ExplainedMessage.trigger_id": "The trigger that it is of.",
    "trigger_name": "The trigger's name.",
    "ExplainedMessage.workflow_id": "The workflow, in place of a trigger.",
    "workflow_name": "The workflow's name.",
    "ExplainedMessage.state": "`waiting`, `sent`, `kept` by a rule, `undelivered`, or `unknown` when nothing is known. "
    "Of a workflow `inside`, `left` when the profile was there before, `kept` or `unknown`.",
    "ExplainedMessage.smid": "The message. Left out when none was made.",
    "ExplainedMessage.launch": "What launched it.",
    "ExplainedMessage.address": "Where it goes.",
    "ExplainedMessage.due_at": "When it is tried next. Left out when it waits no longer.",
    "ExplainedMessage.attempts": "How often it was tried, of one that waits.",
    "alternatives": "The addresses that the trigger could send to now.",
    "ExplainedMessage.rules": "What each rule says now of one more message to this address, or of entering.",
    "ExplainedMessage.events": "What happened, in order.",
    "LaunchOrigin.id": "The launch.",
    "LaunchOrigin.source": "The call that made it, or the event of profiles.",
    "LaunchOrigin.at": "When, in UTC.",
    "Alternative.address": "The address.",
    "Alternative.status": "The status of the subscription.",
    "Alternative.priority": "Its priority; the lowest number comes first.",
    "is_chosen": "Whether the message goes there.",
    "CheckedRule.rule": "`address`, `control_group`, `suppressed`, `quiet_hours` or `policy`; of a workflow `active`, "
    "`control_group` or `reentry`.",
    "CheckedRule.outcome": "`passed`, `kept`, `waits` until quiet hours are over, or `exempt`.",
    "CheckedRule.text": "Why.",
    "ExplainedEvent.type": "What happened: see [event types](../glossary.md#event-types).",
    "ExplainedEvent.at": "When, in UTC.",
    "ExplainedEvent.attempts": "How often it was tried. Left out when nothing is known, as are all that follow.",
    "ExplainedEvent.code": "The reply code of a server.",
    "ExplainedEvent.status": "The enhanced code of what came back.",
    "ExplainedEvent.text": "What the server said, or our reason.",
    "ExplainedEvent.reason": "Why a rule kept the message: see [Skip reasons](#skip-reasons).",
    "send_message_id": "The message: 24 hex digits, the left part of its Message-ID.",
    "harmless": "To be shown to staff: without the pixel that counts opens, tracked links leading where they led at "
    "last, and links of the recipient alone, as the one to unsubscribe, leading nowhere.",
    "createtime": "When it was sent, in UTC.",
    "SentMessageDescription.email": "A mail. Of the three members there is one.",
    "sms": "An SMS.",
    "push": "A push message.",
    "SentEmail.from_email": "The address in its From.",
    "from_name": "The name beside it.",
    "SentSms.from_name": "Whom it came from; empty where the sender has a name of its own.",
    "SentSms.phone": "Where it went.",
    "segments": "How many SMS it took.",
    "to_email": "Where it went.",
    "SentEmail.text": "Its text part.",
    "SentSms.text": "What it said.",
    "SentPush.text": "What stood below the title.",
    "SentPush.title": "Its title.",
    "SentPush.payload": "All of it, a text in JSON; the device that it went to is not in it.",
    "SentEmail.headers": "Its headers in their order, decoded. A DKIM signature is none of them.",
    "SentEmail.attachments": "The files that it carried, as far as they are still kept.",
    "SentHeader.name": "The name.",
    "SentHeader.value": "What it says.",
    "SentFile.name": "The name.",
    "SentFile.type": "The content type.",
    "SentFile.size": "How many bytes.",
    "skip_triggers": "Start nothing that listens to imports, changed fields or subscriptions.",
    "subscription_filter": "The address to send to, in place of the trigger's choice.",
    "SubscriptionFilter.email": "Of a trigger for email: a subscription with this address.",
    "SubscriptionFilter.phone": "Of a trigger for SMS: a subscription with this number.",
    "SubscriptionFilter.provider": "Of a trigger for push: a subscription with this provider,",
    "SubscriptionFilter.subscription_id": "and this id.",
    "not_strict": "When no such subscription is subscribed: true sends as without the filter, false sends nothing.",
    "provider": "Of a push subscription, for `push_sub`.",
    "subscription_id": "As above.",
    "db_id": "The database.",
    "data": "The profile: see [Profiles in calls](#profiles-in-calls).",
    "StartBatchRequest.data": "The profiles to find, 1 to 100000.",
    "ImportAndStartBatchRequest.data": "The profiles, 1 to 100000.",
    "ImportBatchRequest.data": "The profiles, 1 to 100000, each an object of fields.",
    "AddRequest.data": "The profile: see [Profiles in calls](#profiles-in-calls). Without it, the profile is empty.",
    "AddBatchRequest.data": "The profiles, 1 to 100000, each an object of fields; an empty one is an empty profile.",
    "ImportItem.data": "The profile. In XML its members stand directly in the item.",
    "UploadRequest.data": "The file as a data URI, in base64 or percent-encoded.",
    "Attach.data": "The file as a data URI. One of `data` and `file_key` must be there.",
    "skip_invalid_subscriptions": "Leave out subscriptions that are wrong; without it they fail their item.",
    "detect_geo": "Look up where `_ip`, else `_regip`, is: `_city`, `_region`, `_postal_code`, `_country` "
    "(two letters), `_tz`, `_lat`, `_lon`. What the call names wins. Needs the setting `TOCSIN_GEO_DATABASE`.",
    "import_source": "Who imports: `api`, a program by itself; `file`, somebody with a file; `manual`, somebody by "
    "hand. It names the [event](../glossary.md#event-types), as `import_file`; what waits for imports may "
    "wait for some alone.",
    "task_id": "The task, also with `task_` before it.",
    "header": "The file's name, 1 to 255 characters.",
    "Attach.name": "The file's name. Without it, that of the uploaded file, or `attachment-1` and so on.",
    "file_key": "The `file` that [file_upload](#file_upload) answered.",
    "flie_key": "The same as `file_key`; the documented spelling.",
    "mimetype": "The file's type. Without it, that of the data URI or of the name.",
    "days": "Added up with the others, to at most 3650 days.",
    "hours": "As above.",
    "minutes": "As above.",
    "seconds": "As above.",
    "error": "0, or the code of what went wrong.",
    "error_text": "A short constant sentence.",
    "ItemError.error_debug": "What exactly is wrong, and where.",
    "result": "The profiles that the call is about, in the order of the items.",
    "AddBatchAnswer.result": "What became of each item, in order.",
    "AddedItem.error": "0, or the code of what is wrong with the item.",
    "AddedItem.error_debug": "What exactly is wrong, and where. Left out when nothing is.",
    "AddedItem.profile_id": "The new profile's id. Left out when there is none.",
    "MergeRequest.profile_ids": "The profiles to make one of, 2 to 100 together with `to`.",
    "MergeRequest.to": "The profile that stays; it need not be among the others. Without it, the first of them.",
    "MergeRequest.create": "Whether they become a new profile, and none of them stays.",
    "rtoken": "The `token` of the resource: see [the configuration](configuration.md#resources).",
    "smid": "The message: 24 hex digits, the left part of its Message-ID.",
    "MessageUnsubRequest.categories": "All that is left of the subscription. Without any, it is unsubscribed.",
    "ProfileIdAnswer.profile_id": "The profile's id.",
    "MessageListRequest.profile_id": "The profile's id, 24 hex digits.",
    "MessageListRequest.from_id": "The `next_from_id` of the page before, the id of its last event; empty begins.",
    "MessageListAnswer.data": "The page.",
    "HistoryAnswer.data": "The events, 10000 at most.",
    "date_from": "The first day that counts, as `2026-11-21`, in UTC. Without it, from the beginning.",
    "date_to": "The last day that counts, likewise. Without it, until now.",
    "waiting": "How it waits. Left out when it waits no longer.",
    "due_at": "When it is tried next; while a worker has it, until when it is the worker's.",
    "Waiting.attempts": "How often it was tried.",
    "MessageDescription.profile_id": "Whose it is.",
    "MessageDescription.trigger_id": "The trigger that it is of.",
    "MessageDescription.launch_id": "The launch that it is of.",
    "MessageDescription.address": "Where it goes.",
    "MessageDescription.events": "What happened to it, in order.",
    "EventDescription.smid": "The message. Left out when there is none.",
    "EventDescription.type": "What happened: see [event types](../glossary.md#event-types).",
    "EventDescription.at": "When, in UTC.",
    "EventDescription.trigger_id": "The trigger.",
    "EventDescription.launch_id": "The launch.",
    "EventDescription.address": "Where the message went.",
    "EventDescription.attempts": "How often it was tried.",
    "EventDescription.code": "The reply code of a server. Left out when there is none, as are all that follow.",
    "EventDescription.status": "The enhanced code of what came back.",
    "EventDescription.text": "What the server said, or our reason.",
    "EventDescription.missing_values": "How many values the template asked for in vain.",
    "EventDescription.workflow_id": "The workflow that the profile was kept out of.",
    "EventDescription.data": "What else is known of it, as hooks are told it in `event_data`: `ip`, `user_agent`, "
    "`link_url` and so on.",
    "EventDescription.custom_data": "What the item of the call had. In XML a text in JSON.",
    "LaunchIdRequest.id": "The `launch_id` of the launching call's answer: 24 hex digits.",
    "MessageSearchRequest.address": "An email address, a phone number or `provider.subscription`; or its beginning and "
    "a star, `ann@*`, which asks the first 200 addresses that profiles have now.",
    "MessageSearchRequest.profile_id": "The profile's id, 24 hex digits.",
    "MessageSearchRequest.trigger_id": "Only those of this trigger.",
    "MessageSearchRequest.launch_id": "Only those of this launch.",
    "MessageSearchRequest.db_id": "Only those of this database.",
    "MessageSearchRequest.channel": "`email`, `sms` or `push`.",
    "MessageSearchRequest.state": "Only those that have come to this [state](#what-became-of-messages).",
    "MessageSearchRequest.from_at": "An instant, as `2026-11-21T10:00:00Z`: only later ones, or those of it.",
    "MessageSearchRequest.until": "An instant: only earlier ones.",
    "MessageSearchRequest.limit": "The most to answer on a page, 1000 at most.",
    "MessageSearchAnswer.data": "The page.",
    "FoundMessage.smid": "The message. Left out where none was made, since its profile was skipped.",
    "FoundMessage.state": "Its state now.",
    "FoundMessage.at": "When it came to the state that was asked for; of a waiting one when it is tried next.",
    "FoundMessage.channel": "The channel. Left out when it is not known.",
    "FoundMessage.db_id": "The database. Left out when it is not known.",
    "FoundMessage.profile_id": "Whose it is.",
    "FoundMessage.trigger_id": "The trigger.",
    "FoundMessage.launch_id": "The launch; empty where nothing was launched.",
    "FoundMessage.address": "Where it went. Left out where none was chosen.",
    "FoundMessage.attempts": "How often a waiting one was tried.",
    "FoundMessage.code": "The reply code of a server. Left out when there is none.",
    "FoundMessage.text": "What the server said, or our reason. Left out when there is none.",
    "LaunchListRequest.from_id": "The `next_from_id` of the page before, the id of its last launch; empty begins.",
    "LaunchListRequest.limit": "The most to answer on a page, 1000 at most.",
    "LaunchListRequest.trigger_id": "Only those of this trigger.",
    "LaunchListRequest.workflow_id": "Only those of this workflow.",
    "LaunchListAnswer.data": "The page.",
    "LaunchDescription.id": "The launch.",
    "LaunchDescription.trigger_id": "The trigger that it started. Left out when it is a workflow.",
    "LaunchDescription.workflow_id": "The workflow that it started. Left out when it is a trigger.",
    "created_at": "When, in UTC.",
    "source": "The call that made it, as `start_batch`, or the event of profiles, as `api_import`.",
    "LaunchDescription.state": "`running`, `done`, `paused` or `cancelled`: see [states](../states.md#launches).",
    "LaunchDescription.size": "How many messages it has made, those sent again included; of a workflow, how many "
    "profiles have entered.",
    "LaunchDescription.skipped": "How many profiles were skipped when it was made.",
    "LaunchDescription.waiting": "How many messages are in the queue.",
    "LaunchDescription.inside": "How many profiles are in the workflow still. Left out for a trigger.",
    "sent": "How many the next server has accepted.",
    "undelivered": "How many were given up, or reported as not delivered.",
    "bounced": "How many came back, for now or for good.",
    "cancelled": "How many were taken out of the queue.",
    "LaunchDescription.retried": "How many were sent again, as other messages.",
    "totals": "How many events of each type there were.",
    "EventTotal.type": "What happened: see [event types](../glossary.md#event-types).",
    "total": "How often.",
    "CancelledLaunch.waiting": "How many messages were in the queue.",
    "in_hand": "How many of them a worker may have at this moment: they may still be sent.",
    "RetriedLaunch.retried": "How many messages are sent again.",
    "RetriedLaunch.skipped": "How many cannot be: there is no address for them any more.",
    "HookIdRequest.id": "The hook's id.",
    "ResumeRequest.id": "The hook's id.",
    "ResumeRequest.skip_failing": "Forget the batches that it did not take: what comes after them is delivered.",
    "ReplayRequest.id": "The hook's id.",
    "ReplayRequest.from_at": "From when on, as `2026-01-31T12:00:00Z`.",
    "ReplayRequest.from_event_id": "Instead of `from_at`: from the instant of this event on.",
    "ReplayRequest.until": "Until before when; without it, until now.",
    "HookDescription.id": "The hook's id.",
    "HookDescription.name": "The hook's name.",
    "HookDescription.url": "Where it is told.",
    "HookDescription.events": "What it is told of.",
    "HookDescription.state": "`active`, `failing`: something was not taken and is tried again, `paused`: it is told "
    "nothing until it is resumed, or `inactive`.",
    "HookDescription.waiting": "How many events it has still to be told.",
    "HookDescription.oldest_at": "When the oldest of these happened.",
    "HookDescription.delivered_at": "When it last took a batch.",
    "HookDescription.failing_since": "Since when something is tried in vain.",
    "HookDescription.failure": "What it or the network last said to that.",
    "HookDescription.paused_at": "When it was paused.",
    "HookDescription.replay": "Old events that are being queued again.",
    "HookReplay.from_at": "From when on.",
    "HookReplay.until": "Until before when.",
    "HookReplay.total": "How many events are queued again so far.",
    "HookReplay.percent": "How much of the time span has been looked through.",
    "HookListAnswer.data": "Each hook.",
    "ResumedHook.skipped": "How many events were forgotten.",
    "TestedHook.event_id": "The `event_id` of the event, which has `is_test`.",
    "BatchAnswer.launch_id": "What was launched: see [Launches](#launches). Left out when nothing was.",
    "ProfileAnswer.launch_id": "What was launched: see [Launches](#launches). Left out when nothing was.",
    "event_id": "The event's id.",
    "action": "What happened: see [event types](../glossary.md#event-types).",
    "count": "1.",
    "datetime": "When, in UTC.",
    "HistoryEntry.profile_id": "The profile's id.",
    "HistoryEntry.email": "Where the message went.",
    "HistoryEntry.smid": "The message.",
    "HistoryEntry.campaign_id": "The trigger.",
    "HistoryEntry.campaign_name": "The trigger's name.",
    "HistoryEntry.message_id": "The trigger's template.",
    "HistoryEntry.message_name": "The template's name.",
    "errors": "The items that failed. Left out when there are none.",
    "skipped": "Profiles that get no message. Left out when there are none.",
    "ignored_fields": "Fields that the database does not have, by name. Left out when there are none.",
    "ProfileAnswer.profile_id": "The profile's id.",
    "ImportAnswer.profile_id": "The profile's id.",
    "ProfileReference.profile_id": "The profile's id.",
    "SkippedItem.profile_id": "The profile's id.",
    "source_type": "`database`. There are no segments yet.",
    "source_id": "The database.",
    "file_format": "`csv` or `json`: see [Exports](#exports).",
    "ExportRequest.custom_request": "A query (see [filters](filters.md)): who fits. Without it, every profile.",
    "ExportRequest.fields": "Only these of each profile, in this order: fields, `id` (or `_id`), `subscriptions`.",
    "ExportTask.task_id": "What to ask [tasks/status](#tasksstatus) for.",
    "TaskAnswer.task_id": "What to ask [tasks/status](#tasksstatus) for.",
    "DataAnswer.data": "The payload.",
    "warnings": "What could not be done as asked, though the call was. Left out when there is nothing.",
    "limit": "The most to answer on a page.",
    "ListRequest.from_id": "The number to begin with.",
    "from_id": "The `next_from_id` of the page before; empty begins.",
    "next_from_id": "The `from_id` of the next page. An empty page has none.",
    "ListAnswer.total_count": "How many there are in all.",
    "ListAnswer.data": "The page.",
    "FieldsAnswer.data": "The fields.",
    "query": "A query (see [filters](filters.md)) that selects profiles. Without it, all.",
    "ProfileListRequest.fields": "What to answer of each profile: names of fields, `_id`, `db_id`, `subscriptions`. "
    "Without it, everything.",
    "ProfileListAnswer.data": "The page: profiles as [profiles/get](#profilesget) answers them; `_id` is answered as "
    "`id`.",
    "SubscriptionListAnswer.data": "The [subscriptions](#subscriptions-in-answers).",
    "SubscriptionListAllAnswer.data": "The page: [subscriptions](#subscriptions-in-answers), each with its "
    "`profile_id`.",
    "SubscriptionListAllAnswer.total_count": "How many there are in all; with the first page only, and left out when "
    "counting takes longer than 5 s.",
    "ProfileRequest.profile_id": "The profile's id, 24 hex digits.",
    "with_deleted": "Answer deleted ones too.",
    "SubscriptionRequest.resource_id": "The resource of the subscription.",
    "SubscriptionRequest.channel": "The channel. May be left out where the address tells it.",
    "SubscriptionRequest.email": "The address, for email.",
    "email_data": 'The same, as `{"email": …}`.',
    "SubscriptionRequest.phone": "The number, for sms.",
    "phone_data": 'The same, as `{"phone": …}`.',
    "SubscriptionRequest.provider": "For push.",
    "SubscriptionRequest.subscription_id": "For push.",
    "push_data": 'The same, as `{"provider": …, "subscription_id": …}`.',
    "cc_data": 'The address of a messenger: `{"id": …}` for telegram_bot, `{"phone": …}` for the others.',
    "SetRequest.status": "A word or its number; left out or -1, it stays, and a new one is subscribed.",
    "SetRequest.priority": "0 is the highest; left out or -1, it stays, and a new one has 0.",
    "SetRequest.custom_fields": "Merged into what is there; null removes a member.",
    "SetRequest.cats": "Categories of the resource.",
    "SetRequest.date": "When it was made, to be kept as `reg_info`.",
    "SetRequest.ip": "From which address, likewise.",
    "SetRequest.url": "On which page, likewise.",
    "SuspendRequest.channel": "Only those of this channel.",
    "SuspendRequest.resource_id": "Only those of this resource.",
    "updated": "How many profiles have changed.",
    "ListAllRequest.resource_id": "The resource.",
    "ListAllRequest.db_id": "Only those of this database.",
    "ListAllRequest.channel": "Only those of this channel.",
    "ListAllRequest.status": "Only those with this status, a word or its number.",
    "DatabaseRequest.id": "The database. One of `id` and `db_id` must be there.",
    "DatabaseRequest.db_id": "The same as `id`.",
    "ResourceRequest.id": "The resource.",
    "FieldsRequest.channel": "The subscriptions of which channel; the resource must have it.",
    "id": "The number.",
    "name": "The name.",
    "ui_tags": "Tags; there are none.",
    "Groups": "The groups that the database is in.",
    "Id": "The number: 0.",
    "Name": "The name: `main`.",
    "description": "The description.",
    "suppress_id": "The suppression list: 0, none.",
    "channels": "The channels that it takes subscriptions of.",
    "dbs_ids": "The databases whose profiles may subscribe.",
    "categories": "What `cats` of its subscriptions may hold; when empty, anything.",
    "trk_domain": "The tracking domain; there is none.",
    "url": "The address; there is none.",
    "DatabaseFieldsRequest.category": "Only `system` or only `custom` fields.",
    "category": "`system` for standard fields, `custom` for those of the configuration.",
    "title": "The name for people.",
    "FieldDescription.name": "The name in calls.",
    "type": "`unicode`, `phone` (a list of numbers), `int`, `float`, `bool`, `date`, `datetime`, `enum`, `ip`, `tags`, "
    "`object`, `arr_object`, `version`.",
    "required": "Whether it must be given; none must.",
    "unique": "Whether no two profiles may have the same value.",
    "values": "What an enum may be. Left out otherwise.",
    "index": "Which item of `data`, counted from 0.",
    "reason": "See [Skip reasons](#skip-reasons).",
    "file": "The key of the file.",
    "status": "`queued`, `processing`, `completed` or `failed`.",
    "progress": "Percent of the items done. Never goes back; 100 only when the task has ended well.",
    "TaskStatus.result": "Nothing until the task has ended; then `error`, `error_text` and what the same call answers "
    "when it is no task: `result`, `errors`, `skipped`, `ignored_fields`. For a file see [Exports](#exports).",
}

SKIP_REASONS: Mapping[str, str] = {
    triggers.NO_ADDRESS: "the trigger sends to the profile's own address, and it has none",
    triggers.NO_SUBSCRIPTION: "the profile has no fitting subscription at the trigger's resource",
    triggers.NOT_SUBSCRIBED: "it has one, but its status, or the profile's `_status`, is not subscribed",
    triggers.DELETED: "the profile was deleted after it was found",
    triggers.TOO_MANY_CONFIRMATIONS: "the address was asked to [confirm](../unsubscribing.md#double-opt-in) often "
    "enough today",
    rules.SUPPRESSED: "the address is on a [suppression list](../sending-rules.md#suppression-lists)",
    rules.CONTROL_GROUP: "the profile is in a [control group](../sending-rules.md#control-groups)",
    rules.QUIET_HOURS: "it is [quiet](../sending-rules.md#quiet-hours) where the profile is, and it may not wait",
    rules.POLICY: "a [sending policy](../sending-rules.md#sending-policies) has had enough",
    passages.INSIDE: "the profile is in the workflow already, and may not enter again meanwhile",
    passages.ENTERED_BEFORE: "the profile was in the workflow before, and may enter only once",
    passages.TOO_DEEP: "more than ten workflows have led to one another",
    passages.NOT_ACTIVE: "the workflow was switched off or removed while the call was under way",
}

SEARCHED: Mapping[str, str] = {
    "email": "`email` of the profile and of its email subscriptions",
    "email_profile": "`email` of the profile only",
    "email_sub": "`email` of its email subscriptions only",
    "phone": "`phones` of the profile and of its sms subscriptions",
    "phone_sub": "`phone` of its sms subscriptions only",
    "profile_id": "the profile's id; creates none",
    "push_sub": "`provider` and `subscription_id` of its push subscriptions",
    "custom": "the custom field `field_name`; of a field of tags all those of `tag_1, tag_2`",
    "custom_sub": "the custom field `field_name` of its subscriptions, or, by a channel's name, a messenger's address",
    "email_phone": "`email` or `phones` of the profile",
    "email_phone_sub": "`email` or `phone` of its subscriptions",
}


def page() -> str:
    """The whole of docs/api/calls.md."""
    return Template(_FRAME.read_text("utf-8")).substitute(
        calls="\n".join(_line(operation) for operation in TABLE),
        envelope=_table(Envelope),
        success=_answer_table(Success),
        codes="\n".join(f"| {kind.code} | {kind.text} | {_said(kind)} |" for kind in _kinds()),
        modes="\n".join(f"| `{mode}` | {SEARCHED[mode]} |" for mode in MODES),
        statuses=", ".join(f"`{word}` {number}" for number, word in enumerate(STATUSES)),
        reasons="\n".join(f"| `{reason}` | {meaning} |" for reason, meaning in SKIP_REASONS.items()),
        operations="\n".join(_operation(operation) for operation in TABLE),
        objects="\n".join(_object(kind) for kind in _objects()),
    )


def request_json(path: str) -> str:
    """The body of an example call."""
    return as_json({"token": TOKEN} | EXAMPLES[path].request)


def request_xml(operation: Operation) -> str:
    """The same call in XML: a list of one is marked, the members of an imported item stand directly in it."""
    return (
        "<xml>\n"
        + "".join(
            _element(name, value, "  ", is_flat=_is_flat(operation) and name == "data")
            for name, value in ({"token": TOKEN} | EXAMPLES[operation.path].request).items()
        )
        + "</xml>"
    )


def as_json(value: Any, indent: str = "") -> str:
    """JSON in which what fits a line stands on one."""
    short = json.dumps(value, ensure_ascii=False)
    if len(indent) + len(short) <= _WIDTH - 20 or not isinstance(value, dict | list):
        return short
    deeper = indent + "  "
    if isinstance(value, dict):
        parts = [f"{json.dumps(name)}: {as_json(member, deeper)}" for name, member in value.items()]
    else:
        parts = [as_json(item, deeper) for item in value]
    opening, closing = "{}" if isinstance(value, dict) else "[]"
    inner = ",\n".join(deeper + part for part in parts)
    return f"{opening}\n{inner}\n{indent}{closing}"


def meaning(kind: type[Struct], name: str) -> str:
    """What a member of a struct means; KeyError when nobody has said it."""
    return MEANINGS[_meaning_key(kind, name)]


def _meaning_key(kind: type[Struct], name: str) -> str:
    owned = (f"{owner.__name__}.{name}" for owner in kind.__mro__)
    return next((key for key in owned if key in MEANINGS), name)


def _operation(operation: Operation) -> str:
    example = EXAMPLES[operation.path]
    answer = as_json(msgspec.to_builtins(example.answer))
    return _OPERATION.format(
        path=operation.path,
        summary=operation.summary,
        permission=operation.permission,
        members=_table(operation.request, without=Envelope),
        answer_members=_answer_table(operation.answer, without=Success, payload=_PAYLOADS.get(operation.path)),
        json=request_json(operation.path),
        xml=request_xml(operation),
        answer=answer,
        answer_xml=_indented(codec.encode(example.answer, "xml")),
    )


def _object(kind: type[Struct]) -> str:
    members = _answer_table(kind) if kind in _ANSWERED else _table(kind)
    return f"### {kind.__name__}\n\n{_said(kind)}\n\n{members}\n"


def _objects() -> list[type[Struct]]:
    found: dict[type[Struct], None] = {}
    for operation in TABLE:
        for kind in (operation.request, operation.answer, _PAYLOADS.get(operation.path)):
            if kind:
                found.update(dict.fromkeys(_inner_structs(kind)))
    return sorted({*found, *_PAYLOADS.values()}, key=lambda kind: kind.__name__)


def _inner_structs(kind: type[Struct]) -> Iterator[type[Struct]]:
    for field in structs.fields(kind):
        yield from _structs(inspect.type_info(field.type))


def _structs(info: inspect.Type) -> Iterator[type[Struct]]:
    match info:
        case inspect.StructType():
            yield info.cls
            yield from _inner_structs(info.cls)
        case inspect.ListType():
            yield from _structs(info.item_type)
        case inspect.Metadata():
            yield from _structs(info.type)
        case inspect.UnionType():
            for one in info.types:
                yield from _structs(one)


def _table(kind: type[Struct], *, without: type[Struct] | None = None) -> str:
    """The members of a request, or of an object in one."""
    rows = [
        f"| `{field.name}` | {_describe(inspect.type_info(field.type))} | {_default(field)} "
        f"| {meaning(kind, field.name)} |"
        for field in _fields(kind, without)
    ]
    head = ["| member | type | default | meaning |", "|---|---|---|---|"]
    return "\n".join(head + rows) if rows else "No members of its own."


def _answer_table(
    kind: type[Struct], *, without: type[Struct] | None = None, payload: type[Struct] | None = None
) -> str:
    """The members of an answer, or of an object in one; `payload` is what is in its `data`."""
    rows = [
        f"| `{field.name}` | {_describe(inspect.type_info(payload or field.type))} | {meaning(kind, field.name)} |"
        for field in _fields(kind, without)
    ]
    return "\n".join(["| member | type | meaning |", "|---|---|---|", *rows])


def _fields(kind: type[Struct], without: type[Struct] | None) -> list[structs.FieldInfo]:
    shared = {field.name for field in structs.fields(without)} if without else set()
    return [field for field in structs.fields(kind) if field.name not in shared]


def _default(field: structs.FieldInfo) -> str:
    if field.required:
        return "required"
    value = field.default_factory() if field.default is NODEFAULT else field.default
    if value is UNSET or value in ("", None, {}, []) or isinstance(value, Struct):
        return "none"
    return f"`{json.dumps(value)}`"


def _describe(info: inspect.Type) -> str:
    match info:
        case inspect.Metadata():
            return _describe(info.type)
        case inspect.UnionType():
            kinds = [one for one in info.types if not isinstance(one, inspect.NoneType)]
            return " or ".join(_describe(one) for one in kinds)
        case inspect.StructType():
            return f"[{info.cls.__name__}](#{info.cls.__name__.lower()})"
        case inspect.ListType():
            return f"a list of: {_describe(info.item_type)}"
        case inspect.IntType():
            return "a whole number" if info.ge is None else f"a whole number from {info.ge} up to {info.le}"
        case _:
            return _PLAIN[type(info)]


_PLAIN: Mapping[type[inspect.Type], str] = {
    inspect.StrType: "text",
    inspect.BoolType: "true or false",
    inspect.FloatType: "a number",
    inspect.DictType: "an object",
    inspect.AnyType: "any value",
    inspect.LiteralType: "text",
}


def _line(operation: Operation) -> str:
    anchor = operation.path.replace("/", "").lower()
    return f"| [{operation.path}](#{anchor}) | {operation.summary} |"


def _kinds() -> list[type[TocsinError]]:
    kinds = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, TocsinError)]
    return sorted(kinds, key=lambda kind: kind.code)


def _said(kind: type[Any]) -> str:
    """The first line of a docstring, without its references."""
    if kind is TocsinError:
        return "A fault of ours."
    return re.sub(r" \((?:design|facts|seeds?)[^)]*\)", "", (kind.__doc__ or "").strip().split("\n")[0])


def _is_flat(operation: Operation) -> bool:
    fields = {field.name: field.type for field in structs.fields(operation.request)}
    return fields.get("data") == list[launches.ImportItem]


def _element(name: str, value: Any, indent: str, *, is_flat: bool = False) -> str:
    if isinstance(value, list):
        mark = " array='true'" if len(value) == 1 else ""
        flattened = [
            item["data"] | {n: v for n, v in item.items() if n != "data"} if is_flat else item for item in value
        ]
        return "".join(_one_element(name, mark, item, indent) for item in flattened)
    return _one_element(name, "", value, indent)


def _one_element(name: str, mark: str, value: Any, indent: str) -> str:
    if not isinstance(value, dict):
        text = json.dumps(value) if isinstance(value, bool) else str(value)
        return f"{indent}<{name}{mark}>{escape(text)}</{name}>\n"
    inner = "".join(_element(member, part, indent + "  ") for member, part in value.items())
    return f"{indent}<{name}{mark}>\n{inner}{indent}</{name}>\n"


def _indented(xml: bytes) -> str:
    root = ET.fromstring(xml)  # noqa: S314 - our own answer
    ET.indent(root)
    return ET.tostring(root, "unicode", short_empty_elements=True).replace(" />", "/>")


_OPERATION = """## {path}

{summary} Permission: `{permission}`.

{members}

The answer:

{answer_members}

In JSON:

```json
{json}
```

```json
{answer}
```

In XML:

```xml
{xml}
```

```xml
{answer_xml}
```
"""


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
