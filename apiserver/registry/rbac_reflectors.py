"""Keeps an `RBACIndex` in step with the stored roles and bindings."""

from __future__ import annotations

from collections.abc import Sequence

from apiserver.access.authorization.policy_rules import CompiledRules
from apiserver.access.authorization.rbac_authorizer import CLUSTER_ROLES, ROLES
from apiserver.access.authorization.rbac_index import Binding, RBACIndex, binding_of
from apiserver.machinery.gvk import GroupVersionResource
from apiserver.machinery.objects import NamespacedName
from apiserver.registry.offload import offload
from apiserver.registry.reflector import Reflector, ReflectorTarget
from apiserver.registry.registry import Registry
from apiserver.registry.stored import Stored

ROLE_BINDINGS = GroupVersionResource("rbac.authorization.k8s.io", "v1", "rolebindings")
CLUSTER_ROLE_BINDINGS = GroupVersionResource(
    "rbac.authorization.k8s.io", "v1", "clusterrolebindings"
)


class _Roles(ReflectorTarget):
    def __init__(self, index: RBACIndex) -> None:
        self._index = index

    async def put(self, key: NamespacedName, stored: Stored) -> None:
        self._index.put_role(key, await offload(stored.size, _compiled, stored))

    def remove(self, key: NamespacedName) -> None:
        self._index.remove_role(key)


class _Bindings(ReflectorTarget):
    def __init__(self, index: RBACIndex) -> None:
        self._index = index

    async def put(self, key: NamespacedName, stored: Stored) -> None:
        self._index.put_binding(await offload(stored.size, _binding, stored))

    def remove(self, key: NamespacedName) -> None:
        self._index.remove_binding(key)


def rbac_reflectors(registry: Registry, index: RBACIndex) -> Sequence[Reflector]:
    """Return the reflectors that keep an index in step."""
    roles, bindings = _Roles(index), _Bindings(index)
    return [
        Reflector(registry, ROLES, roles),
        Reflector(registry, CLUSTER_ROLES, roles),
        Reflector(registry, ROLE_BINDINGS, bindings),
        Reflector(registry, CLUSTER_ROLE_BINDINGS, bindings),
    ]


def _compiled(stored: Stored) -> CompiledRules:
    return CompiledRules(stored.decoded().get("rules") or ())


def _binding(stored: Stored) -> Binding:
    return binding_of(stored.decoded())
