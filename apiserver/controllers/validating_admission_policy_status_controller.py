"""Writes the type errors in the expressions of a policy into its status."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Final

from apiserver.client.client import DELETED, Client, ObjectEvent
from apiserver.client.workqueue import WorkQueue
from apiserver.controllers.controller import EventSource, Requeue
from apiserver.machinery.errors import NotFound
from apiserver.machinery.gvk import GroupVersionKind, GroupVersionResource, parse_api_version
from apiserver.machinery.objects import Object, name_of
from apiserver.registry.offload import in_thread
from apiserver.registry.registry import Registry
from apiserver.schema.structural import Schema

POLICIES: Final = GroupVersionResource(
    "admissionregistration.k8s.io", "v1", "validatingadmissionpolicies"
)
_MANAGER: Final = "validatingadmissionpolicy-status"
_MAX_KINDS: Final = 10


class ValidatingAdmissionPolicyStatusController:
    """Reconciles policies; keys are their names. The registry knows the schemas of kinds."""

    sources: Sequence[EventSource]

    def __init__(self, client: Client, registry: Registry) -> None:
        self._client = client
        self._registry = registry
        self.sources = (EventSource(POLICIES, "", _enqueue),)

    async def reconcile(self, key: str) -> Requeue | None:
        try:
            policy = await self._client.get(POLICIES, "", key)
        except NotFound:
            return None
        generation = policy["metadata"].get("generation", 0)
        if generation <= (policy.get("status") or {}).get("observedGeneration", 0):
            return None
        checking: dict[str, Any] = {}
        warnings = await self._warnings(policy["spec"])
        if warnings:
            checking["expressionWarnings"] = warnings
        document = {
            "kind": "ValidatingAdmissionPolicy",
            "apiVersion": POLICIES.api_version,
            "metadata": {"name": name_of(policy)},
            "status": {"observedGeneration": generation, "typeChecking": checking},
        }
        try:
            await self._client.apply(POLICIES, document, manager=_MANAGER, subresource="status")
        except NotFound:
            # It has been deleted since.
            return None
        return None

    async def _warnings(self, spec: Object) -> list[dict[str, str]]:
        # Imported late: the language is slow to load.
        from apiserver.cel.policytypechecks import type_warnings

        kinds = sorted(set(self._matched(spec)))
        schemas = [(kind, schema) for kind in kinds if (schema := self._schema(kind)) is not None]
        params = self._schema_of_params(spec.get("paramKind"))
        return await in_thread(type_warnings, spec, schemas, params)

    def _matched(self, spec: Object) -> Iterator[GroupVersionKind]:
        """Yield the kinds that the rules name without wildcards, a number of them for each."""
        for rule in (spec.get("matchConstraints") or {}).get("resourceRules") or ():
            named = list(self._named(rule))
            yield from named[:_MAX_KINDS]

    def _named(self, rule: Object) -> Iterator[GroupVersionKind]:
        groups, versions = rule.get("apiGroups") or (), rule.get("apiVersions") or ()
        if any("*" in name for name in (*groups, *versions)):
            return
        plurals = [name for name in rule.get("resources") or () if not {"*", "/"} & set(name)]
        for group in sorted(groups):
            for version in sorted(versions):
                for plural in sorted(plurals):
                    found = self._registry.catalog.resource(group, version, plural)
                    if found is not None:
                        yield found.gvk

    def _schema_of_params(self, kind: Object | None) -> Schema | None:
        if kind is None:
            return None
        group, version = parse_api_version(kind.get("apiVersion") or "")
        return self._schema(GroupVersionKind(group, version, kind.get("kind") or ""))

    def _schema(self, kind: GroupVersionKind) -> Schema | None:
        catalog = self._registry.catalog
        for definition in catalog.resources(kind.group, kind.version):
            if definition.kind == kind.kind:
                served = catalog.kind(*definition.gvr)
                return None if served is None else served.types.schema
        return None


def _enqueue(queue: WorkQueue, event: ObjectEvent) -> None:
    if event.type != DELETED:
        queue.add(name_of(event.object))
