"""`resources/…`: what is configured of resources and their subscriptions (facts, 6.1 and 6.2)."""

from collections.abc import Mapping
from typing import get_args

from msgspec import Struct

from tocsin.core.configuration import Configuration, Resource
from tocsin.core.configuration_words import Channel
from tocsin.core.errors import Invalid
from tocsin.web.api.databases import FieldDescription, FieldsAnswer
from tocsin.web.call import Call
from tocsin.web.envelope import DataAnswer, Envelope
from tocsin.web.lists import ListAnswer, ListRequest, page_of

CHANNELS: tuple[str, ...] = get_args(Channel)

# What apps and browsers say of a device in the custom fields of its push subscription; title and type.
_OF_DEVICES: Mapping[str, tuple[str, str]] = {
    "_device_type": ("Kind of device", "unicode"),
    "_device_model": ("Model of the device", "unicode"),
    "_device_name": ("Name of the device", "unicode"),
    "_os": ("Operating system", "unicode"),
    "_os_ver": ("Version of the operating system", "version"),
    "_os_tz": ("Time zone of the device", "unicode"),
    "_os_language": ("Language of the device", "unicode"),
    "_browser_name": ("Browser", "unicode"),
    "_ad_track": ("Advertising may be measured", "bool"),
    "_ad_id": ("Advertising id", "unicode"),
    "_app_id": ("App", "unicode"),
    "_app_iid": ("Installation of the app", "unicode"),
    "_app_ver": ("Version of the app", "version"),
}


class ResourceRequest(Envelope, kw_only=True, omit_defaults=True):
    """Which resource."""

    id: int


class FieldsRequest(ResourceRequest, kw_only=True, omit_defaults=True):
    """The subscriptions of which channel of a resource."""

    channel: str


class ResourceDescription(Struct):
    """A resource."""

    id: int
    name: str
    channels: list[str]
    dbs_ids: list[int]
    categories: list[str]
    trk_domain: str = ""
    url: str = ""


class ResourceListAnswer(ListAnswer, kw_only=True):
    """A page of resources."""

    data: list[ResourceDescription]


async def list_resources(call: Call, request: ListRequest) -> ResourceListAnswer:
    """The configured resources, in the order of their numbers."""
    resources = call.configuration.resources
    page = page_of(resources, request)
    return ResourceListAnswer(
        data=[describe(resource, call.configuration) for resource in page.objects],
        next_from_id=page.next_from_id,
        total_count=len(resources),
    )


async def get(call: Call, request: ResourceRequest) -> DataAnswer:
    """One resource."""
    return DataAnswer(data=describe(call.configuration.get_resource(request.id), call.configuration))


async def list_fields(call: Call, request: FieldsRequest) -> FieldsAnswer:
    """The documented custom fields of a resource's subscriptions on a channel; others may be given too."""
    resource = call.configuration.get_resource(request.id)
    if read_channel(request.channel) not in (resource.channels or CHANNELS):
        raise Invalid(f"resource {resource.id} has no channel {request.channel}", path="channel")
    documented = _OF_DEVICES if request.channel == "push" else {}
    return FieldsAnswer(
        data=[
            FieldDescription(category="system", title=title, name=name, type=kind)
            for name, (title, kind) in documented.items()
        ]
    )


def read_channel(said: str) -> str:
    """The channel of a call, `phone` being `sms`; or Invalid."""
    channel = "sms" if said == "phone" else said
    if channel not in CHANNELS:
        raise Invalid(f"expected one of {', '.join(CHANNELS)}", path="channel")
    return channel


def describe(resource: Resource, configuration: Configuration) -> ResourceDescription:
    """A resource as the API shows it: where the configuration names no channels or databases, it has all."""
    return ResourceDescription(
        id=resource.id,
        name=resource.name,
        channels=list(resource.channels or CHANNELS),
        dbs_ids=list(resource.databases or sorted(configuration.databases)),
        categories=list(resource.categories),
    )
