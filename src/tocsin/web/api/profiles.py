"""`profiles/…`: importing and reading profiles (facts, section 5)."""

from typing import Any

from msgspec import UNSET, UnsetType

from tocsin.actions import profiles
from tocsin.core.configuration import Database
from tocsin.core.configuration_words import ImportSource
from tocsin.core.launches import ImportItem, ItemError, ItemFailed
from tocsin.core.matching import Matching
from tocsin.core.profiles import Profile
from tocsin.web.api import subscriptions
from tocsin.web.call import Call
from tocsin.web.envelope import BatchAnswer, DataAnswer, SearchEnvelope, Success


class MatchRequest(SearchEnvelope, kw_only=True, omit_defaults=True):
    """What finds one profile."""

    db_id: int


class ImportRequest(MatchRequest, kw_only=True, omit_defaults=True):
    """Create or update one profile."""

    data: dict[str, Any]
    skip_triggers: bool = False
    skip_invalid_subscriptions: bool = False
    detect_geo: bool = False
    import_source: ImportSource = "api"


class ImportBatchRequest(SearchEnvelope, kw_only=True, omit_defaults=True):
    """Create or update profiles, each item a profile's fields (facts, 5.3)."""

    db_id: int
    data: list[dict[str, Any]]
    skip_triggers: bool = False
    skip_invalid_subscriptions: bool = False
    detect_geo: bool = False
    import_source: ImportSource = "api"


class GetRequest(MatchRequest, kw_only=True, omit_defaults=True):
    """Read one profile."""


class ImportAnswer(Success, kw_only=True):
    """The profile that was created or updated."""

    profile_id: str
    ignored_fields: list[str] | UnsetType = UNSET
    warnings: list[str] | UnsetType = UNSET


async def import_one(call: Call, request: ImportRequest) -> ImportAnswer:
    """Create or update one profile."""
    return await _import_one(call, request, may_create=True)


async def update_one(call: Call, request: ImportRequest) -> ImportAnswer:
    """Update one profile, which must be there."""
    return await _import_one(call, request, may_create=False)


async def import_batch(call: Call, request: ImportBatchRequest) -> BatchAnswer:
    """Create or update profiles."""
    return await _import_batch(call, request, may_create=True)


async def update_batch(call: Call, request: ImportBatchRequest) -> BatchAnswer:
    """Update profiles; those that are not there are errors of their items."""
    return await _import_batch(call, request, may_create=False)


async def _import_one(call: Call, request: ImportRequest, *, may_create: bool) -> ImportAnswer:
    job = _import(call, request, is_single=True, may_create=may_create)
    found = await profiles.import_items(call.context, call.transaction, job, [ImportItem(request.data)])
    outcome = found.outcomes[0]
    if isinstance(outcome, ItemError):
        raise ItemFailed(outcome)
    return ImportAnswer(
        profile_id=outcome.hex(),
        ignored_fields=list(found.ignored_fields) or UNSET,
        warnings=list(found.warnings) or UNSET,
    )


async def _import_batch(call: Call, request: ImportBatchRequest, *, may_create: bool) -> BatchAnswer:
    profiles.check_count(request.data)
    job = _import(call, request, is_single=False, may_create=may_create)
    items = [ImportItem(data) for data in request.data]
    return BatchAnswer.of(profiles.outcome(await profiles.import_items(call.context, call.transaction, job, items)))


def _import(
    call: Call, request: ImportRequest | ImportBatchRequest, *, is_single: bool, may_create: bool
) -> profiles.Import:
    database = call.configuration.get_database(request.db_id)
    return profiles.Import(
        call.configuration,
        database,
        read_matching(call, database, request),
        request.skip_invalid_subscriptions,
        request.search(),
        is_single=is_single,
        may_create=may_create,
        skip_triggers=request.skip_triggers,
        detect_geo=request.detect_geo,
        source=request.import_source,
    )


async def get(call: Call, request: GetRequest) -> DataAnswer:
    """The fields and subscriptions of the one profile that matches."""
    database = call.configuration.get_database(request.db_id)
    matching = read_matching(call, database, request)
    profile = await profiles.get_one(call.transaction, database, matching, request.search())
    return DataAnswer(data=describe(profile, database.id))


def read_matching(call: Call, database: Database, request: SearchEnvelope) -> Matching:
    """The checked matching of a call; or Invalid, NotFound."""
    return profiles.check_matching(
        call.configuration,
        database,
        request.matching,
        field_name=request.field_name,
        resource_id=request.resource_id,
    )


def describe(profile: Profile, database_id: int) -> dict[str, Any]:
    """A profile as the API shows it (facts, 5.5)."""
    return {
        "id": profile.id.hex(),
        "db_id": database_id,
        **profile.fields,
        "subscriptions": [subscriptions.describe(profile.id, subscription) for subscription in profile.subscriptions],
    }
