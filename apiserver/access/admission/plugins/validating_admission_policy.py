"""ValidatingAdmissionPolicy: denies what violates a policy, or warns about it (KEP-3488)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from apiserver.access.admission.chain import AdmissionAttributes
from apiserver.access.admission.matching import ResourceVersions
from apiserver.access.admission.policies.policy_dependencies import PolicyDependencies
from apiserver.access.admission.policies.policy_index import PolicyIndex
from apiserver.client.client import Reader
from apiserver.machinery.gvk import GroupVersionResource


class ValidatingAdmissionPolicy:
    """Evaluates the policies that apply to a write."""

    name = "ValidatingAdmissionPolicy"

    def __init__(self, index: PolicyIndex[Any], dependencies: PolicyDependencies) -> None:
        self._index = index
        self._dependencies = dependencies

    def handles(self, operation: str, resource: GroupVersionResource, subresource: str) -> bool:
        return bool(self._index.candidates(operation, resource, subresource).items)

    def on_change(self, listener: Callable[[], None]) -> None:
        self._index.on_change(listener)

    def forget(self) -> None:
        self._index.forget()

    async def validate_async(self, attributes: AdmissionAttributes, reader: Reader) -> None:
        # Imported late: few servers have policies, and the language is slow to load.
        from apiserver.access.admission.policies.policy_request import PolicyRequest
        from apiserver.access.admission.policies.validating_dispatch import validate

        candidates = self._index.candidates(
            attributes.operation, attributes.gvr, attributes.subresource
        )
        await validate(candidates, PolicyRequest(attributes, reader, self._dependencies))


def validating_policies(versions: ResourceVersions) -> PolicyIndex[Any]:
    """Return an index for validating policies."""
    return PolicyIndex(versions, _compiled)


def _compiled(spec: Mapping[str, Any]) -> Any:
    from apiserver.access.admission.policies.validating_policies import compile_validating_policy

    return compile_validating_policy(spec)
