"""The words and numbers that a configuration is made of: ids, names, channels, events, permissions."""

from typing import Annotated, Literal

from msgspec import Meta

Channel = Literal["email", "sms", "push", "telegram_bot", "whatsapp", "viber", "notify"]
FieldType = Literal["string", "int", "float", "bool", "date", "datetime", "enum", "ip", "tags", "object", "arr_object"]
Permission = Literal[
    "*", "launch", "profiles.read", "profiles.write", "profiles.delete", "workflows.read", "workflows.write",
    "tasks.read", "files.write", "hooks.read", "hooks.write",
]  # fmt: skip


def noun(section: str) -> str:
    """What one object of a section is called: `policy` of `policies`."""
    return {"policies": "policy"}.get(section, section.removesuffix("s")).replace("_", " ")


# What may happen to a profile: an import, whoever made it, a change of fields, a change of subscriptions.
ProfileEvent = Literal["api_import", "update", "subscribe"]
# Who imports: a program by itself, somebody with a file, somebody by hand (facts, 4.2).
ImportSource = Literal["api", "file", "manual"]
Occasion = Literal["created", "updated", "new_subscription", "new_channel", "new_contact", "new_status"]
Status = Literal["subscribed", "unsubscribed", "complained", "hardbounced", "unconfirmed", "suspended", "invalid"]

Id = Annotated[int, Meta(ge=1, le=2**31 - 1)]
Name = Annotated[str, Meta(min_length=1, max_length=200)]
Label = Annotated[str, Meta(max_length=200)]
Port = Annotated[int, Meta(ge=1, le=65535)]
TimeOfDay = Annotated[str, Meta(pattern="^[0-2][0-9]:[0-5][0-9]$")]
Weekday = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
Count = Annotated[int, Meta(ge=0, le=10**9)]
DomainName = Annotated[str, Meta(pattern=r"\A[A-Za-z0-9._-]+\Z", max_length=253)]
NodeId = Annotated[str, Meta(pattern="^[A-Za-z0-9_-]{1,60}$")]
# What a workflow does with a profile that enters again (facts, 4.2).
Reentry = Literal["once_ever", "while_inside_ignored", "restart", "separate"]
# What may happen to a message, in the API's names (facts, 8).
MessageEvent = Literal[
    "send", "deliv", "undeliv", "sbounce", "hbounce", "suppress",
    "open", "uopen", "click", "uclick", "read", "skimmed", "glanced", "reply",
    "confirm", "confirmsub", "unsub", "complain",
    "send_sms", "deliv_sms", "undeliv_sms", "click_sms", "uclick_sms", "unsub_sms",
    "send_push", "deliv_push", "undeliv_push", "open_push", "uopen_push", "click_push", "uclick_push",
]  # fmt: skip
