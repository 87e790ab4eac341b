"""A cluster in memory with admission policies."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from apiserver.access.admission.chain import CREATE, DELETE, UPDATE, AdmissionAttributes
from apiserver.access.admission.plugins.mutating_admission_policy import (
    MutatingAdmissionPolicy,
    mutating_policies,
)
from apiserver.access.admission.plugins.validating_admission_policy import (
    ValidatingAdmissionPolicy,
    validating_policies,
)
from apiserver.access.admission.policies.policy_dependencies import PolicyDependencies
from apiserver.access.authorization.authorizer import (
    ALLOWED,
    NO_OPINION,
    AuthorizationAttributes,
    AuthorizationDecision,
)
from apiserver.machinery.gvk import GroupVersionKind, GroupVersionResource
from apiserver.machinery.objects import Object
from apiserver.machinery.options import WriteOptions
from apiserver.machinery.users import UserInfo
from apiserver.registry.offload import in_thread
from apiserver.registry.registry import Registry
from apiserver.registry.served_kinds import RegistryKinds
from tests.unit.cluster import registry_in_memory

MAPS = GroupVersionResource("", "v1", "configmaps")
CONFIG_MAP = GroupVersionKind("", "v1", "ConfigMap")
USER = UserInfo("ann", groups=("devs",))
RULE = {
    "apiGroups": ["*"], "apiVersions": ["*"], "operations": ["*"], "resources": ["*"], "scope": "*",
}  # fmt: skip


@dataclass
class Authorizer:
    """Allows what is asked of resources named ``allowed``, and remembers what it was asked."""

    asked: list[AuthorizationAttributes] = field(default_factory=list)

    async def authorize(self, attributes: AuthorizationAttributes) -> AuthorizationDecision:
        self.asked.append(attributes)
        return ALLOWED if "allowed" in (attributes.resource, attributes.name) else NO_OPINION


class Policies:
    """Policies in force in a cluster, and what they said of the last write."""

    def __init__(self, registry: Registry) -> None:
        kinds, self.authorizer = RegistryKinds(registry), Authorizer()
        self.registry = registry
        self.validating, self.mutating = validating_policies(kinds), mutating_policies(kinds)
        dependencies = PolicyDependencies(self.authorizer, in_thread, kinds)
        self._validator = ValidatingAdmissionPolicy(self.validating, dependencies)
        self._mutator = MutatingAdmissionPolicy(self.mutating, dependencies)
        self.warnings: list[str] = []
        self.annotations: dict[str, str] = {}

    def validate_by(self, spec: Mapping[str, Any], *bindings: Mapping[str, Any]) -> None:
        """Put a validating policy ``p`` in force, with bindings ``b0``, ``b1``..."""
        _put(self.validating, spec, bindings or ({},))

    def mutate_by(self, spec: Mapping[str, Any], *bindings: Mapping[str, Any]) -> None:
        """Put a mutating policy ``p`` in force."""
        _put(self.mutating, spec, bindings or ({},))

    async def create(self, document: Object, **attributes: Any) -> Object:
        """Return a ConfigMap as it is created. Raises StatusError if a policy denies that."""
        metadata = document["metadata"]
        write = self._write(CREATE, metadata, **attributes)
        write.object = {"apiVersion": "v1", "kind": "ConfigMap", **document}
        if self._mutator.handles(CREATE, write.gvr, write.subresource):
            changed = await self._mutator.mutate_async(write, self.registry.reader)
            write.object = write.object if changed is None else changed
        await self._validated(write)
        return write.object

    async def update(self, document: Object, old: Object) -> None:
        """Validate an update."""
        write = self._write(UPDATE, document["metadata"])
        write.object, write.old_object = document, old
        await self._validated(write)

    async def delete(self, old: Object) -> None:
        """Validate a deletion."""
        write = self._write(DELETE, old["metadata"])
        write.old_object = old
        await self._validated(write)

    def _write(
        self, operation: str, metadata: Mapping[str, Any], **attributes: Any
    ) -> AdmissionAttributes:
        return AdmissionAttributes(
            operation,
            USER,
            attributes.pop("gvk", CONFIG_MAP),
            attributes.pop("gvr", MAPS),
            namespace=metadata.get("namespace", ""),
            name=metadata.get("name", ""),
            options=WriteOptions(field_manager="me"),
            warn=self.warnings.append,
            annotate=self.annotations.__setitem__,
            **attributes,
        )

    async def _validated(self, write: AdmissionAttributes) -> None:
        if self._validator.handles(write.operation, write.gvr, write.subresource):
            await self._validator.validate_async(write, self.registry.reader)


def _put(index: Any, spec: Mapping[str, Any], bindings: Sequence[Mapping[str, Any]]) -> None:
    constraints = {"resourceRules": [RULE]}
    document = {"metadata": {"name": "p"}, "spec": {"matchConstraints": constraints, **spec}}
    index.put_policy("p", document)
    for number, binding in enumerate(bindings):
        name = f"b{number}"
        bound = {"policyName": "p", "validationActions": ["Deny"], **binding}
        index.put_binding(name, {"metadata": {"name": name}, "spec": bound})
    index.flush()


@asynccontextmanager
async def policies_in_memory() -> AsyncIterator[Policies]:
    """Yield an empty cluster."""
    async with registry_in_memory() as registry:
        yield Policies(registry)
