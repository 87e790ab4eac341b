"""ValidatingAdmissionPolicy: denies what violates a policy, or warns about it (KEP-3488)."""

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


class ValidatingAdmissionPolicy(IndexedPlugin[BoundPolicy[Any], PolicyDependencies]):
    """Evaluates the policies that apply to a write."""

    name = "ValidatingAdmissionPolicy"

    async def validate_async(self, attributes: AdmissionAttributes, reader: Reader) -> None:
        # Imported late: few servers have policies, and the language is slow to load.
        from apiserver.access.admission.policies.policy_request import PolicyRequest
        from apiserver.access.admission.policies.validating_dispatch import validate

        candidates = self._candidates(attributes)
        await validate(candidates, PolicyRequest(attributes, reader, self._dependencies))


def validating_policies(versions: ResourceVersions) -> PolicyIndex[Any]:
    """Return an index for validating policies."""
    return PolicyIndex(versions, _compiled)


def _compiled(spec: Mapping[str, Any]) -> Any:
    from apiserver.access.admission.policies.validating_policies import compile_validating_policy

    return compile_validating_policy(spec)
