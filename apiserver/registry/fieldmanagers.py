"""The field manager of a resource: its types, and the fields that each endpoint cannot own."""

from __future__ import annotations

from apiserver.fieldmanager.manager import FieldManager, Never, Only
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


def _limits(strategy: Strategy) -> dict[str, Never | Only]:
    limits: dict[str, Never | Only] = {}
    if strategy.has_status:
        limits = {"": Never({"f:status": {}}), "status": Never({"f:spec": {}})}
    for subresource, fields in strategy.reset_fields.items():
        limits[subresource] = Never(dict(fields))
    for subresource, pattern in strategy.owned_fields.items():
        limits[subresource] = Only(dict(pattern))
    return limits
