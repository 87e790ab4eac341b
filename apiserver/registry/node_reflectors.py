"""Keeps a `NodeGraph` in step with the stored Pods, volumes, attachments and slices."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Final

from apiserver.access.authorization.node_graph import ATTACHMENTS, SLICES, NodeGraph
from apiserver.machinery.builtin_resources import PODS, VOLUMES
from apiserver.machinery.gvk import GroupVersionResource
from apiserver.machinery.objects import NamespacedName, Object
from apiserver.machinery.valueclasses import valueclass
from apiserver.registry.reflector import Reflector, ReflectorTarget
from apiserver.registry.registry import Registry
from apiserver.registry.stored import Stored

_ATTACHMENTS: Final = GroupVersionResource("storage.k8s.io", "v1", ATTACHMENTS)
_SLICES: Final = GroupVersionResource("resource.k8s.io", "v1", SLICES)


@valueclass
class _GraphTarget(ReflectorTarget):
    add: Callable[[Object], None]
    discard: Callable[[NamespacedName], None]

    async def put(self, key: NamespacedName, stored: Stored) -> None:
        self.add(stored.object)

    def remove(self, key: NamespacedName) -> None:
        self.discard(key)


def node_reflectors(registry: Registry, graph: NodeGraph) -> Sequence[Reflector]:
    """Return the reflectors that keep a graph in step."""
    targets = {
        PODS: _GraphTarget(graph.put_pod, graph.remove_pod),
        VOLUMES: _GraphTarget(graph.put_volume, lambda key: graph.remove_volume(key[1])),
        **{
            resource: _GraphTarget(
                partial(graph.put_named, resource.resource), partial(_remove_named, graph, resource)
            )
            for resource in (_ATTACHMENTS, _SLICES)
        },
    }
    return [
        Reflector(registry, resource, target)
        for resource, target in targets.items()
        if registry.resource(*resource) is not None
    ]


def _remove_named(graph: NodeGraph, resource: GroupVersionResource, key: NamespacedName) -> None:
    graph.remove_named(resource.resource, key[1])
