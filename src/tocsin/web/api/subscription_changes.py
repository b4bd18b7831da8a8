"""`subscriptions/…`: setting, deleting, bringing back, suspending (facts, 6.1)."""

from typing import Any

from tocsin.actions import subscriptions
from tocsin.core import subscriptions as core
from tocsin.core.configuration import Database
from tocsin.core.subscriptions import Subscription
from tocsin.store.subscriptions import Selection
from tocsin.web.api.resources import read_channel
from tocsin.web.api.subscriptions import SubscriptionRequest, read_profile_id
from tocsin.web.call import Call
from tocsin.web.envelope import Envelope, Success

_SAID = ("status", "priority", "custom_fields", "cats", "date", "ip", "url")


class SetRequest(SubscriptionRequest, kw_only=True, omit_defaults=True):
    """A subscription as it is to be; what is left out stays, or is as for any new one."""

    status: Any = None
    priority: Any = None
    custom_fields: dict[str, Any] | None = None
    cats: list[str] | None = None
    date: str | None = None
    ip: str | None = None
    url: str | None = None
    skip_triggers: bool = False

    def named(self) -> dict[str, Any]:
        """What core.subscriptions.Reader reads of it."""
        said = {name: getattr(self, name) for name in _SAID}
        return super().named() | {name: value for name, value in said.items() if value is not None}


class SuspendRequest(Envelope, kw_only=True, omit_defaults=True):
    """Which subscriptions of a database: all, or those of a channel, of a resource."""

    db_id: int
    channel: str = ""
    resource_id: int | None = None


class UpdatedAnswer(Success, kw_only=True):
    """`updated`: the number of profiles that have changed."""

    updated: int


async def set_one(call: Call, request: SetRequest) -> Success:
    """Add a subscription to a profile, or change the one that it has with this address."""
    database, said = _read(call, request)
    await subscriptions.set_one(
        call.context,
        call.transaction,
        call.configuration,
        database,
        read_profile_id(request.profile_id),
        said,
        skip_triggers=request.skip_triggers,
    )
    return Success()


async def delete(call: Call, request: SubscriptionRequest) -> Success:
    """Delete a subscription of a profile; `subscriptions/undelete` brings it back."""
    database, said = _read(call, request)
    profile_id = read_profile_id(request.profile_id)
    await subscriptions.delete(call.context, call.transaction, call.configuration, database, profile_id, said)
    return Success()


async def undelete(call: Call, request: SubscriptionRequest) -> Success:
    """Bring a deleted subscription of a profile back as it was."""
    database, said = _read(call, request)
    profile_id = read_profile_id(request.profile_id)
    await subscriptions.undelete(call.context, call.transaction, call.configuration, database, profile_id, said)
    return Success()


async def suspend_all(call: Call, request: SuspendRequest) -> UpdatedAnswer:
    """Suspend every subscribed subscription of a database."""
    return await _change_all(call, request, core.SUBSCRIBED, core.SUSPENDED)


async def unsuspend_all(call: Call, request: SuspendRequest) -> UpdatedAnswer:
    """Subscribe every suspended subscription of a database again."""
    return await _change_all(call, request, core.SUSPENDED, core.SUBSCRIBED)


async def _change_all(call: Call, request: SuspendRequest, before: str, after: str) -> UpdatedAnswer:
    members: Subscription = {"status": before}
    if request.channel:
        members["channel"] = read_channel(request.channel)
    if request.resource_id is not None:
        members["resource_id"] = call.configuration.get_resource(request.resource_id).id
    selection = Selection([call.configuration.get_database(request.db_id).id], members)
    return UpdatedAnswer(updated=await subscriptions.change_all(call.transaction, selection, after))


def _read(call: Call, request: SubscriptionRequest) -> tuple[Database, Subscription]:
    database = call.configuration.get_database(request.db_id)
    call.configuration.get_resource(request.resource_id)
    return database, core.Reader(call.configuration, database).read(request.named())
