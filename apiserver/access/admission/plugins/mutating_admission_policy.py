"""MutatingAdmissionPolicy: changes objects by the expressions of policies (KEP-3962)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from apiserver.access.admission.chain import AdmissionAttributes
from apiserver.access.admission.indexed_plugin import IndexedPlugin
from apiserver.access.admission.matching import ResourceVersions
from apiserver.access.admission.policies.policy_dependencies import PolicyDependencies
from apiserver.access.admission.policies.policy_documents import BoundPolicy
from apiserver.access.admission.policies.policy_index import PolicyIndex
from apiserver.client.client import Reader
from apiserver.machinery.objects import Object


class MutatingAdmissionPolicy(IndexedPlugin[BoundPolicy[Any], PolicyDependencies]):
    """Evaluates the policies that apply to a write."""

    name = "MutatingAdmissionPolicy"

    async def mutate_async(self, attributes: AdmissionAttributes, reader: Reader) -> Object | None:
        # Imported late: few servers have policies, and the language is slow to load.
        from apiserver.access.admission.policies.mutating_dispatch import mutate
        from apiserver.access.admission.policies.policy_request import PolicyRequest

        candidates = self._candidates(attributes)
        return await mutate(candidates, PolicyRequest(attributes, reader, self._dependencies))


def mutating_policies(versions: ResourceVersions) -> PolicyIndex[Any]:
    """Return an index for mutating policies."""
    return PolicyIndex(versions, _compiled)


def _compiled(spec: Mapping[str, Any]) -> Any:
    from apiserver.access.admission.policies.mutating_policies import compile_mutating_policy

    return compile_mutating_policy(spec)
