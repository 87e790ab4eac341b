"""RegistryKinds: the versions in which objects are served, for webhooks and policies."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import orjson

from apiserver.access.admission.matching import ResourceVersion
from apiserver.access.admission.policies.policy_dependencies import (
    ConfigurationRefused,
    ParamResource,
)
from apiserver.fieldmanager.errors import FieldManagerError
from apiserver.machinery.errors import InternalError
from apiserver.machinery.gvk import GroupVersionKind, GroupVersionResource
from apiserver.machinery.objects import Object
from apiserver.registry.registry import Registry
from apiserver.registry.resource import Resource
from apiserver.resources.definition import ResourceDefinition
from apiserver.schema.asyncresults import run_with_results
from apiserver.schema.kindtypes import DecodeError, Inconvertible


class RegistryKinds:
    """`ServedKinds` of admission policies, and `ResourceVersions`, over a registry."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry

    def equivalents(
        self, resource: GroupVersionResource, subresource: str
    ) -> Sequence[ResourceVersion]:
        catalog = self._registry.catalog
        own = catalog.resource(*resource)
        if own is None or not own.storage_prefix:
            return ()
        groups = [resource.group, *(name for name in catalog.groups() if name != resource.group)]
        found = []
        for group in groups:
            for version in catalog.versions(group):
                for other in catalog.resources(group, version):
                    if other.storage_prefix == own.storage_prefix and other.gvr != resource:
                        kind = _kind_at(other, subresource)
                        if kind is not None:
                            found.append(ResourceVersion(other.gvr, kind))
        return found

    async def convert(
        self, document: Object, version: ResourceVersion, wanted: ResourceVersion
    ) -> Object:
        if version.kind == wanted.kind:
            return document
        here, there = self._resource(version), self._resource(wanted)

        def converted() -> Object:
            stored = here.conversion.to_stored(document) if here.conversion else document
            return there.conversion.to_served(stored) if there.conversion else stored

        try:
            return await run_with_results(converted)
        except Inconvertible as error:
            raise InternalError(str(error)) from error

    def decode(
        self, document: Any, version: ResourceVersion, subresource: str, *, strict: bool = False
    ) -> Object:
        resource = self._resource(version)
        types = resource.types_at(subresource)
        if not types.strategic_merge and isinstance(document, dict) and not document.get("kind"):
            shown = orjson.dumps(document, option=orjson.OPT_SORT_KEYS).decode()
            raise InternalError(f"Object 'Kind' is missing in '{shown}'")
        kind = types.kind
        try:
            if types.strategic_merge and _states_another(document, kind):
                types.decode(document)
            canonical = types.decode_json(document)
        except DecodeError as error:
            raise InternalError(str(error)) from error
        # What no built-in type knows is pruned later.
        if strict and canonical.problems and types.strategic_merge:
            raise InternalError("strict decoding error: " + ", ".join(canonical.problems))
        read = {"kind": kind.kind, "apiVersion": kind.api_version, **canonical.object}
        if types is resource.types:
            resource.strategy.default(read)
        return read

    def param_resource(self, kind: GroupVersionKind) -> ParamResource | None:
        for definition in self._registry.catalog.resources(kind.group, kind.version):
            if definition.kind == kind.kind:
                return ParamResource(definition.gvr, definition.namespaced)
        return None

    def merge(
        self, document: Object, configuration: Object, version: ResourceVersion, subresource: str
    ) -> Object:
        manager = self._resource(version).field_manager_at(subresource)
        try:
            return manager.merge(document, configuration)
        except FieldManagerError as error:
            raise ConfigurationRefused(str(error)) from error

    def _resource(self, version: ResourceVersion) -> Resource:
        found = self._registry.resource(*version.resource)
        if found is None:
            raise InternalError(f"unable to convert to {version.resource}: unknown kind")
        return found


def _states_another(document: Any, kind: GroupVersionKind) -> bool:
    if not isinstance(document, dict):
        return False
    return (document.get("kind"), document.get("apiVersion")) != (kind.kind, kind.api_version)


def _kind_at(definition: ResourceDefinition, subresource: str) -> GroupVersionKind | None:
    if not subresource:
        return definition.gvk
    kinds = (each.kind for each in definition.subresources if each.name == subresource)
    return next(kinds, None)
