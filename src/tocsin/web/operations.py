"""The whole HTTP API on one page. Routes, the OpenAPI document and docs/api are made from this table."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Literal, NamedTuple

from msgspec import Struct

from tocsin.core.configuration_words import Permission
from tocsin.core.errors import NotAllowed, TocsinError, TokenRequired
from tocsin.web import quick_import
from tocsin.web.api import (
    copies,
    databases,
    explaining,
    exports,
    files,
    history,
    hooks,
    launches,
    launching,
    profile_changes,
    profile_lists,
    profiles,
    resources,
    subscription_changes,
    subscriptions,
    suppresses,
    tasks,
    triggers,
    workflow_launches,
    workflows,
)
from tocsin.web.envelope import BatchAnswer, DataAnswer, Envelope, Success
from tocsin.web.lists import ListRequest

PREFIX = "api/v1.1/"
INTEGRATIONS_PREFIX = "api/"

Handler = Callable[..., Awaitable[Struct]]
Read = Callable[[bytes, bytes, str], Envelope]


class Operation(NamedTuple):
    """One method of the API. `limit`: which of the two body limits holds.

    `read`: of an integration, what makes the request of a query, a body and its content type. Integrations take GET
    too, and their HTTP status is the error.
    """

    path: str
    request: type[Envelope]
    answer: type[Struct]
    handler: Handler
    permission: Permission
    writes: bool = True
    limit: Literal["body", "file"] = "body"
    read: Read | None = None

    @property
    def is_integration(self) -> bool:
        """Whether it is called by services that know neither our encodings nor our envelope."""
        return self.read is not None

    @property
    def methods(self) -> tuple[str, ...]:
        """The HTTP methods that it is called by."""
        return ("GET", "POST") if self.is_integration else ("POST",)

    def told(self, error: TocsinError) -> TocsinError:
        """The error as callers get it: integrations know a wrong token as 403 (facts, 1.4)."""
        return NotAllowed(error.debug) if self.is_integration and isinstance(error, TokenRequired) else error

    @property
    def summary(self) -> str:
        """One sentence, from the handler."""
        return (self.handler.__doc__ or "").strip().split("\n")[0]


_TRIGGERS = "campaigns/triggers/"

TABLE = (
    Operation(_TRIGGERS + "start", triggers.StartRequest, launching.ProfileAnswer, triggers.start, "launch"),
    Operation(_TRIGGERS + "start_batch", triggers.StartBatchRequest, BatchAnswer, triggers.start_batch, "launch"),
    Operation(
        _TRIGGERS + "start_batch_task",
        triggers.StartBatchRequest,
        launching.TaskAnswer,
        triggers.start_batch_task,
        "launch",
    ),
    Operation(
        _TRIGGERS + "import_and_start",
        triggers.ImportAndStartRequest,
        launching.ProfileAnswer,
        triggers.import_and_start,
        "launch",
    ),
    Operation(
        _TRIGGERS + "import_and_start_batch",
        triggers.ImportAndStartBatchRequest,
        BatchAnswer,
        triggers.import_and_start_batch,
        "launch",
    ),
    Operation(
        _TRIGGERS + "import_and_start_batch_task",
        triggers.ImportAndStartBatchRequest,
        launching.TaskAnswer,
        triggers.import_and_start_batch_task,
        "launch",
    ),
    Operation(
        "workflows/start",
        workflow_launches.WorkflowStartRequest,
        launching.ProfileAnswer,
        workflow_launches.start,
        "launch",
    ),
    Operation(
        "workflows/import_and_start",
        workflow_launches.WorkflowImportAndStartRequest,
        launching.ProfileAnswer,
        workflow_launches.import_and_start,
        "launch",
    ),
    Operation(
        "workflows/import_and_start_batch",
        workflow_launches.WorkflowImportAndStartBatchRequest,
        BatchAnswer,
        workflow_launches.import_and_start_batch,
        "launch",
    ),
    Operation(
        "workflows/import_and_start_batch_task",
        workflow_launches.WorkflowImportAndStartBatchRequest,
        launching.TaskAnswer,
        workflow_launches.import_and_start_batch_task,
        "launch",
    ),
    Operation(
        "workflows/list",
        ListRequest,
        workflows.WorkflowListAnswer,
        workflows.list_workflows,
        "workflows.read",
        writes=False,
    ),
    Operation("workflows/get", workflows.WorkflowRequest, DataAnswer, workflows.get, "workflows.read", writes=False),
    Operation("workflows/add", workflows.AddWorkflowRequest, DataAnswer, workflows.add, "workflows.write"),
    Operation("workflows/update", workflows.UpdateWorkflowRequest, DataAnswer, workflows.update, "workflows.write"),
    Operation("workflows/activate", workflows.ActivateRequest, DataAnswer, workflows.activate, "workflows.write"),
    Operation("workflows/deactivate", workflows.WorkflowRequest, DataAnswer, workflows.deactivate, "workflows.write"),
    Operation("profiles/import", profiles.ImportRequest, profiles.ImportAnswer, profiles.import_one, "profiles.write"),
    Operation("profiles/update", profiles.ImportRequest, profiles.ImportAnswer, profiles.update_one, "profiles.write"),
    Operation(
        "profiles/import_batch", profiles.ImportBatchRequest, BatchAnswer, profiles.import_batch, "profiles.write"
    ),
    Operation(
        "profiles/update_batch", profiles.ImportBatchRequest, BatchAnswer, profiles.update_batch, "profiles.write"
    ),
    Operation("profiles/add", profile_changes.AddRequest, profiles.ImportAnswer, profile_changes.add, "profiles.write"),
    Operation(
        "profiles/add_batch",
        profile_changes.AddBatchRequest,
        profile_changes.AddBatchAnswer,
        profile_changes.add_batch,
        "profiles.write",
    ),
    Operation("profiles/delete", profiles.MatchRequest, DataAnswer, profile_changes.delete, "profiles.delete"),
    Operation(
        "profiles/merge",
        profile_changes.MergeRequest,
        profile_changes.ProfileIdAnswer,
        profile_changes.merge,
        "profiles.write",
    ),
    Operation(
        "profiles/message_unsub",
        profile_changes.MessageUnsubRequest,
        profile_changes.ProfileIdAnswer,
        profile_changes.message_unsub,
        "profiles.write",
    ),
    Operation("profiles/get", profiles.GetRequest, DataAnswer, profiles.get, "profiles.read", writes=False),
    Operation(
        "profiles/list",
        profile_lists.ProfileListRequest,
        profile_lists.ProfileListAnswer,
        profile_lists.list_profiles,
        "profiles.read",
        writes=False,
    ),
    Operation("hooks/list", ListRequest, hooks.HookListAnswer, hooks.list_hooks, "hooks.read", writes=False),
    Operation("hooks/get", hooks.HookIdRequest, DataAnswer, hooks.get, "hooks.read", writes=False),
    Operation("hooks/resume", hooks.ResumeRequest, DataAnswer, hooks.resume, "hooks.write"),
    Operation("hooks/replay", hooks.ReplayRequest, DataAnswer, hooks.replay, "hooks.write"),
    Operation("hooks/test", hooks.HookIdRequest, DataAnswer, hooks.test, "hooks.write"),
    Operation("launches/get", launches.LaunchIdRequest, DataAnswer, launches.get, "tasks.read", writes=False),
    Operation(
        "launches/list",
        launches.LaunchListRequest,
        launches.LaunchListAnswer,
        launches.list_launches,
        "tasks.read",
        writes=False,
    ),
    Operation("launches/pause", launches.LaunchIdRequest, DataAnswer, launches.pause, "launch"),
    Operation("launches/resume", launches.LaunchIdRequest, DataAnswer, launches.resume, "launch"),
    Operation("launches/cancel", launches.LaunchIdRequest, DataAnswer, launches.cancel, "launch"),
    Operation("launches/retry", launches.LaunchIdRequest, DataAnswer, launches.retry, "launch"),
    Operation("messages/get", history.MessageRequest, DataAnswer, history.get_message, "profiles.read", writes=False),
    Operation(
        "messages/explain",
        explaining.ExplainRequest,
        DataAnswer,
        explaining.explain,
        "profiles.read",
        writes=False,
    ),
    Operation("webver/get", copies.CopyRequest, DataAnswer, copies.get_copy, "profiles.read", writes=False),
    Operation(
        "messages/list",
        history.MessageListRequest,
        history.MessageListAnswer,
        history.list_messages,
        "profiles.read",
        writes=False,
    ),
    Operation(
        "subscribers/history_get",
        history.HistoryRequest,
        history.HistoryAnswer,
        history.get_history,
        "profiles.read",
        writes=False,
    ),
    Operation(
        "subscriptions/get",
        subscriptions.SubscriptionRequest,
        DataAnswer,
        subscriptions.get,
        "profiles.read",
        writes=False,
    ),
    Operation(
        "subscriptions/set",
        subscription_changes.SetRequest,
        Success,
        subscription_changes.set_one,
        "profiles.write",
    ),
    Operation(
        "subscriptions/delete",
        subscriptions.SubscriptionRequest,
        Success,
        subscription_changes.delete,
        "profiles.write",
    ),
    Operation(
        "subscriptions/undelete",
        subscriptions.SubscriptionRequest,
        Success,
        subscription_changes.undelete,
        "profiles.write",
    ),
    Operation(
        "subscriptions/suspend_all",
        subscription_changes.SuspendRequest,
        subscription_changes.UpdatedAnswer,
        subscription_changes.suspend_all,
        "profiles.write",
    ),
    Operation(
        "subscriptions/unsuspend_all",
        subscription_changes.SuspendRequest,
        subscription_changes.UpdatedAnswer,
        subscription_changes.unsuspend_all,
        "profiles.write",
    ),
    Operation(
        "subscriptions/list",
        subscriptions.ProfileSubscriptionsRequest,
        subscriptions.SubscriptionListAnswer,
        subscriptions.list_of_profile,
        "profiles.read",
        writes=False,
    ),
    Operation(
        "subscriptions/list_all",
        subscriptions.ListAllRequest,
        subscriptions.SubscriptionListAllAnswer,
        subscriptions.list_all,
        "profiles.read",
        writes=False,
    ),
    Operation(
        "databases/list",
        ListRequest,
        databases.DatabaseListAnswer,
        databases.list_databases,
        "profiles.read",
        writes=False,
    ),
    Operation("databases/get", databases.DatabaseRequest, DataAnswer, databases.get, "profiles.read", writes=False),
    Operation(
        "databases/fields",
        databases.DatabaseFieldsRequest,
        databases.FieldsAnswer,
        databases.list_fields,
        "profiles.read",
        writes=False,
    ),
    Operation(
        "resources/list",
        ListRequest,
        resources.ResourceListAnswer,
        resources.list_resources,
        "profiles.read",
        writes=False,
    ),
    Operation("resources/get", resources.ResourceRequest, DataAnswer, resources.get, "profiles.read", writes=False),
    Operation(
        "resources/fields_get",
        resources.FieldsRequest,
        databases.FieldsAnswer,
        resources.list_fields,
        "profiles.read",
        writes=False,
    ),
    Operation("suppresses/add", suppresses.AddRequest, suppresses.AddAnswer, suppresses.add, "profiles.write"),
    Operation(
        "suppresses/remove",
        suppresses.RemoveRequest,
        suppresses.RemoveAnswer,
        suppresses.remove,
        "profiles.write",
    ),
    Operation(
        "suppresses/get", suppresses.ListNumberRequest, DataAnswer, suppresses.get, "profiles.read", writes=False
    ),
    Operation(
        "suppresses/list",
        ListRequest,
        suppresses.SuppressionListAnswer,
        suppresses.list_lists,
        "profiles.read",
        writes=False,
    ),
    Operation(
        "suppresses/entries",
        suppresses.EntriesRequest,
        suppresses.EntriesAnswer,
        suppresses.list_entries,
        "profiles.read",
        writes=False,
    ),
    Operation("profiles/get_all", exports.ExportRequest, DataAnswer, exports.get_all, "profiles.read"),
    Operation("tasks/status", tasks.StatusRequest, DataAnswer, tasks.status, "tasks.read", writes=False),
    Operation("tasks/cancel", tasks.StatusRequest, DataAnswer, tasks.cancel, "launch"),
    Operation("file_upload", files.UploadRequest, DataAnswer, files.upload, "files.write", limit="file"),
)

INTEGRATIONS = (
    Operation(
        "integrations/any/profile_import",
        quick_import.QuickImportParameters,
        launching.ProfileAnswer,
        quick_import.import_profile,
        "profiles.write",
        read=quick_import.read_any,
    ),
    Operation(
        "integrations/tilda/profile_import",
        quick_import.QuickImportParameters,
        launching.ProfileAnswer,
        quick_import.import_from_tilda,
        "profiles.write",
        read=quick_import.read_tilda,
    ),
    Operation(
        "integrations/lpgenerator/profile_import",
        quick_import.QuickImportParameters,
        launching.ProfileAnswer,
        quick_import.import_profile,
        "profiles.write",
        read=quick_import.read_lpgenerator,
    ),
)

OPERATIONS: Mapping[str, Operation] = {operation.path: operation for operation in TABLE}

# The documentation has integrations with and without the version.
_PLACES: Mapping[str, Operation] = {
    **{PREFIX + operation.path: operation for operation in TABLE + INTEGRATIONS},
    **{INTEGRATIONS_PREFIX + operation.path: operation for operation in INTEGRATIONS},
}


def find(path: str) -> Operation | None:
    """The operation at a path, which may have doubled and trailing slashes."""
    return _PLACES.get("/".join(part for part in path.split("/") if part))


def permissions() -> list[Any]:
    """Every permission that some operation needs, in the order of the table."""
    return list(dict.fromkeys(operation.permission for operation in TABLE))
