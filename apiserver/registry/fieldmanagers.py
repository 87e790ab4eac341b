"""The field manager of a resource: its versions, and what each path to an object cannot own."""

from __future__ import annotations

from apiserver.fieldmanager.atoms import Atoms
from apiserver.fieldmanager.manager import FieldManager, Never, Only
from apiserver.machinery.gvk import GroupVersionKind, parse_api_version
from apiserver.machinery.objects import Object
from apiserver.resources.conversion import conversion, sources
from apiserver.resources.definition import ResourceDefinition
from apiserver.resources.strategy import Strategy
from apiserver.schema.openapi import builtin_schema
from apiserver.schema.structural import Schema

# Built-in kinds have much in common: a Pod's template is compiled once for all workloads.
_BUILTIN_ATOMS = Atoms()


def field_manager_of(definition: ResourceDefinition, strategy: Strategy) -> FieldManager:
    """Return what keeps the ownership of a resource's objects."""
    stored = definition.storage_kind
    versions = {stored, definition.gvk, *sources(stored)}
    known = {version.api_version for version in versions}

    def schema_of(api_version: str) -> Schema | None:
        return builtin_schema(api_version, definition.kind) if api_version in known else None

    def convert(document: Object, api_version: str) -> Object:
        here = GroupVersionKind(*parse_api_version(document["apiVersion"]), definition.kind)
        there = GroupVersionKind(*parse_api_version(api_version), definition.kind)
        way_in, way_out = conversion(here, stored), conversion(there, stored)
        document = document if way_in is None else way_in.to_stored(document)
        return document if way_out is None else way_out.to_served(document)

    return FieldManager(
        schema_of,
        definition.api_version,
        definition.kind,
        convert=convert if len(known) > 1 else None,
        reset_fields={
            subresource: dict.fromkeys(known, limit)
            for subresource, limit in _limits(strategy).items()
        },
        atoms=_BUILTIN_ATOMS,
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
