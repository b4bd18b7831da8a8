"""`messages/explain` (ours): why somebody did or did not get a message."""

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
    """A message, by `message_id` or `smid`; or the latest that a trigger had for a profile."""

    message_id: str = ""
    smid: str = ""
    profile_id: str = ""
    trigger_id: int | None = None


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
    """Everything known of a message, or of why there is none. `rules` and `alternatives` are as of now."""

    profile_id: str
    trigger_id: int
    trigger_name: str
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
    """Why a profile did or did not get a message: its launch, its address, each rule, each attempt."""
    return DataAnswer(data=_describe(await _explain(call, request)))


async def _explain(call: Call, request: ExplainRequest) -> Explanation:
    said = request.message_id or request.smid
    if said:
        message_id = ids.parse(said)
        if message_id is None:
            raise NotFound("there is no such message", path="message_id")
        return await explaining.explain_message(call.context, call.transaction, call.configuration, message_id)
    if request.trigger_id is None or not request.profile_id:
        raise Invalid("expected a message, or a profile and a trigger", path="message_id")
    trigger = call.configuration.get_trigger(request.trigger_id)
    profile_id = ids.parse(request.profile_id)
    if profile_id is None or not await stored_profiles.find(call.transaction, trigger.database, [profile_id]):
        raise NotFound(f"there is no such profile in database {trigger.database}", path="profile_id")
    return await explaining.explain_launch(call.context, call.transaction, call.configuration, trigger, profile_id)


def _describe(explanation: Explanation) -> ExplainedMessage:
    members = structs.asdict(explanation)
    return ExplainedMessage(**members | {"events": [_describe_event(event) for event in explanation.events]})


def _describe_event(event: Happening) -> ExplainedEvent:
    told = {name: event.data[name] for name in ExplainedEvent.__struct_fields__ if name in event.data}
    return ExplainedEvent(type=event.type, at=instant(event.at), **told)
