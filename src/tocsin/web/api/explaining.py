"""`messages/explain` (ours): why somebody did or did not get a message, or come into a workflow."""

from msgspec import UNSET, Struct, UnsetType, structs

from tocsin.actions import explaining
from tocsin.core import ids
from tocsin.core.errors import Invalid, NotFound
from tocsin.core.explaining import Alternative, CheckedRule, Explanation, LaunchOrigin, instant
from tocsin.core.message_text import Happening
from tocsin.store import profiles as stored_profiles
from tocsin.web.call import Call
from tocsin.web.envelope import DataAnswer, Envelope


class ExplainRequest(Envelope, kw_only=True, omit_defaults=True):
    """A message, by `message_id` or `smid`; the latest that a trigger had for a profile; or its way into a workflow."""

    message_id: str = ""
    smid: str = ""
    profile_id: str = ""
    trigger_id: int | None = None
    workflow_id: int | None = None


class ExplainedEvent(Struct, kw_only=True):
    """Something that happened, with what is known of it: the server's words, the rule that kept the message."""

    type: str
    at: str
    attempts: int | UnsetType = UNSET
    code: int | UnsetType = UNSET
    status: str | UnsetType = UNSET
    text: str | UnsetType = UNSET
    reason: str | UnsetType = UNSET
    rule: str | UnsetType = UNSET


class ExplainedMessage(Struct, kw_only=True, omit_defaults=True):
    """Everything known of a message, of why there is none, or of a way into a workflow. `rules` and `alternatives` are
    as of now.
    """

    profile_id: str
    trigger_id: int = 0
    trigger_name: str = ""
    workflow_id: int = 0
    workflow_name: str = ""
    state: str
    smid: str = ""
    launch: LaunchOrigin | None = None
    address: str = ""
    due_at: str = ""
    attempts: int = 0
    alternatives: list[Alternative]
    rules: list[CheckedRule]
    events: list[ExplainedEvent]


async def explain(call: Call, request: ExplainRequest) -> DataAnswer:
    """Why a profile did or did not get a message, or come into a workflow: launch, address, each rule, each attempt."""
    return DataAnswer(data=_describe(await _explain(call, request)))


async def _explain(call: Call, request: ExplainRequest) -> Explanation:
    said = request.message_id or request.smid
    if said:
        message_id = ids.parse(said)
        if message_id is None:
            raise NotFound("there is no such message", path="message_id")
        return await explaining.explain_message(call.context, call.transaction, call.configuration, message_id)
    if not request.profile_id or (request.trigger_id is None) == (request.workflow_id is None):
        raise Invalid("expected a message, or a profile and a trigger or workflow", path="message_id")
    if request.workflow_id is not None:
        workflow = call.configuration.get_workflow(request.workflow_id)
        profile_id = await _get_profile_id(call, workflow.database, request.profile_id)
        return await explaining.explain_entry(call.transaction, call.configuration, workflow, profile_id)
    trigger = call.configuration.get_trigger(request.trigger_id or 0)
    profile_id = await _get_profile_id(call, trigger.database, request.profile_id)
    return await explaining.explain_launch(call.context, call.transaction, call.configuration, trigger, profile_id)


async def _get_profile_id(call: Call, database_id: int, said: str) -> bytes:
    profile_id = ids.parse(said)
    if profile_id is None or not await stored_profiles.find(call.transaction, database_id, [profile_id]):
        raise NotFound(f"there is no such profile in database {database_id}", path="profile_id")
    return profile_id


def _describe(explanation: Explanation) -> ExplainedMessage:
    members = structs.asdict(explanation)
    return ExplainedMessage(**members | {"events": [_describe_event(event) for event in explanation.events]})


def _describe_event(event: Happening) -> ExplainedEvent:
    told = {name: event.data[name] for name in ExplainedEvent.__struct_fields__ if name in event.data}
    return ExplainedEvent(type=event.type, at=instant(event.at), **told)
