"""MutatingAdmissionPolicy: changes objects by the expressions of policies (KEP-3962)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from apiserver.access.admission.chain import AdmissionAttributes
from apiserver.access.admission.matching import ResourceVersions
from apiserver.access.admission.policies.policy_dependencies import PolicyDependencies
from apiserver.access.admission.policies.policy_index import PolicyIndex
from apiserver.client.client import Reader
from apiserver.machinery.gvk import GroupVersionResource
from apiserver.machinery.objects import Object


class MutatingAdmissionPolicy:
    """Evaluates the policies that apply to a write."""

    name = "MutatingAdmissionPolicy"

    def __init__(self, index: PolicyIndex[Any], dependencies: PolicyDependencies) -> None:
        self._index = index
        self._dependencies = dependencies

    def handles(self, operation: str, resource: GroupVersionResource, subresource: str) -> bool:
        return bool(self._index.candidates(operation, resource, subresource).items)

    def on_change(self, listener: Callable[[], None]) -> None:
        self._index.on_change(listener)

    def forget(self) -> None:
        self._index.forget()

    async def mutate_async(self, attributes: AdmissionAttributes, reader: Reader) -> Object | None:
        # Imported late: few servers have policies, and the language is slow to load.
        from apiserver.access.admission.policies.mutating_dispatch import mutate
        from apiserver.access.admission.policies.policy_request import PolicyRequest

        candidates = self._index.candidates(
            attributes.operation, attributes.gvr, attributes.subresource
        )
        return await mutate(candidates, PolicyRequest(attributes, reader, self._dependencies))


def mutating_policies(versions: ResourceVersions) -> PolicyIndex[Any]:
    """Return an index for mutating policies."""
    return PolicyIndex(versions, _compiled)


def _compiled(spec: Mapping[str, Any]) -> Any:
    from apiserver.access.admission.policies.mutating_policies import compile_mutating_policy

    return compile_mutating_policy(spec)
