"""The field manager of a resource: its types, and the fields that each endpoint cannot own."""

from __future__ import annotations

from apiserver.fieldmanager.manager import ExcludeFields, FieldManager, IncludeFields
from apiserver.resources.strategy import Strategy
from apiserver.schema.kindtypes import Types


def field_manager_of(types: Types, strategy: Strategy) -> FieldManager:
    """Return the field manager for the objects of a resource."""
    return FieldManager(
        types,
        reset_fields={
            subresource: dict.fromkeys(types.versions.types, limit)
            for subresource, limit in _limits(strategy).items()
        },
    )


def _limits(strategy: Strategy) -> dict[str, ExcludeFields | IncludeFields]:
    limits: dict[str, ExcludeFields | IncludeFields] = {}
    if strategy.has_status:
        limits = {"": ExcludeFields({"f:status": {}}), "status": ExcludeFields({"f:spec": {}})}
    for subresource, fields in strategy.reset_fields.items():
        limits[subresource] = ExcludeFields(dict(fields))
    for subresource, pattern in strategy.owned_fields.items():
        limits[subresource] = IncludeFields(dict(pattern))
    return limits
