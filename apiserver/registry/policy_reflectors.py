"""Keeps the active policies in step with the stored policies and bindings."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final

from apiserver.access.admission.policies.policy_index import PolicyIndex
from apiserver.machinery.gvk import GroupVersionResource
from apiserver.machinery.objects import NamespacedName, Object
from apiserver.machinery.valueclasses import valueclass
from apiserver.registry.reflector import Reflector, ReflectorTarget
from apiserver.registry.registry import Registry
from apiserver.registry.stored import Stored

_GROUP: Final = "admissionregistration.k8s.io"


@valueclass
class _IndexTarget(ReflectorTarget):
    add: Callable[[str, Object], None]
    discard: Callable[[str], None]
    apply: Callable[[], None]

    async def put(self, key: NamespacedName, stored: Stored) -> None:
        self.add(key[1], stored.object)

    def remove(self, key: NamespacedName) -> None:
        self.discard(key[1])

    def flush(self) -> None:
        self.apply()


def policy_reflectors(
    registry: Registry, validating: PolicyIndex[Any], mutating: PolicyIndex[Any]
) -> Sequence[Reflector]:
    """Return the reflectors that keep two indexes in step."""
    reflectors = []
    for sort, index in (("validating", validating), ("mutating", mutating)):
        policies = _IndexTarget(index.put_policy, index.remove_policy, index.flush)
        bindings = _IndexTarget(index.put_binding, index.remove_binding, index.flush)
        for plural, target in (
            (f"{sort}admissionpolicies", policies),
            (f"{sort}admissionpolicybindings", bindings),
        ):
            reflectors.append(
                Reflector(registry, GroupVersionResource(_GROUP, "v1", plural), target)
            )
    return reflectors
