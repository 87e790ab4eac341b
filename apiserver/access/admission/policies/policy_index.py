"""The active policies of one sort, kept in step with the stored ones by a reflector."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final, Generic, TypeVar

from apiserver.access.admission.matching import Candidates, MatchIndex, ResourceVersions
from apiserver.access.admission.policies.policy_documents import (
    BoundPolicy,
    Policy,
    PolicyBinding,
)
from apiserver.machinery.gvk import GroupVersionResource
from apiserver.machinery.objects import Object

C = TypeVar("C")
# No policy applies to policies or reviews: a mistake in it could block all requests.
_EXEMPT: Final = frozenset([
    ("admissionregistration.k8s.io", "mutatingadmissionpolicies"),
    ("admissionregistration.k8s.io", "mutatingadmissionpolicybindings"),
    ("admissionregistration.k8s.io", "validatingadmissionpolicies"),
    ("admissionregistration.k8s.io", "validatingadmissionpolicybindings"),
    ("authentication.k8s.io", "selfsubjectreviews"),
    ("authentication.k8s.io", "tokenreviews"),
    ("authorization.k8s.io", "localsubjectaccessreviews"),
    ("authorization.k8s.io", "selfsubjectaccessreviews"),
    ("authorization.k8s.io", "selfsubjectrulesreviews"),
    ("authorization.k8s.io", "subjectaccessreviews"),
])  # fmt: skip


def is_exempt(resource: GroupVersionResource) -> bool:
    """Return whether no policy applies to a resource."""
    return (resource.group, resource.resource) in _EXEMPT


class PolicyIndex(Generic[C]):
    """Policies and bindings by name. A policy without a binding applies to nothing."""

    def __init__(
        self, versions: ResourceVersions, compile_spec: Callable[[Mapping[str, Any]], C]
    ) -> None:
        self._compile = compile_spec
        self._policies: dict[str, Policy[C]] = {}
        self._bindings: dict[str, PolicyBinding] = {}
        self._index: MatchIndex[BoundPolicy[C]] = MatchIndex(versions, is_exempt)
        self._stale = False

    def put_policy(self, name: str, document: Object) -> None:
        """Add a policy, or replace it. Raises KeyError, TypeError or ValueError."""
        known = self._policies.get(name)
        # A change of the status alone compiles nothing again.
        if known is None or known.spec != document["spec"]:
            self._policies[name] = Policy.of(document, self._compile)
            self._stale = True

    def remove_policy(self, name: str) -> None:
        """Remove a policy; it may be unknown."""
        if self._policies.pop(name, None) is not None:
            self._stale = True

    def put_binding(self, name: str, document: Object) -> None:
        """Add a binding, or replace it. Raises KeyError, TypeError or ValueError."""
        self._bindings[name] = PolicyBinding.of(document)
        self._stale = True

    def remove_binding(self, name: str) -> None:
        """Remove a binding; it may be unknown."""
        if self._bindings.pop(name, None) is not None:
            self._stale = True

    def on_change(self, listener: Callable[[], None]) -> None:
        """Register a function to be called after every change."""
        self._index.on_change(listener)

    def forget(self) -> None:
        """Clear the cache, because the served versions may have changed."""
        self._index.forget()

    def candidates(
        self, operation: str, resource: GroupVersionResource, subresource: str
    ) -> Candidates[BoundPolicy[C]]:
        """Return the policies that may apply to writes of a kind, by name."""
        return self._index.candidates(operation, resource, subresource)

    def flush(self) -> None:
        """Apply the changes since the last call."""
        if not self._stale:
            return
        self._stale = False
        bound: dict[str, list[PolicyBinding]] = {}
        for _, binding in sorted(self._bindings.items()):
            bound.setdefault(binding.policy_name, []).append(binding)
        self._index.replace(
            [
                BoundPolicy(policy, tuple(bound[name]))
                for name, policy in sorted(self._policies.items())
                if name in bound
            ]
        )
