"""A fake view of allocated addresses and ports."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from apiserver.machinery.gvk import GroupVersionResource
from apiserver.machinery.objects import Object, name_of, namespace_of
from apiserver.resources.allocation import ServiceRanges


@dataclass(slots=True)
class Taken:
    """`apiserver.resources.allocation.AllocationView` of a few objects and ports."""

    ranges: ServiceRanges = field(default_factory=ServiceRanges)
    dry_run: bool = False
    objects: dict[GroupVersionResource, list[Object]] = field(default_factory=dict)
    ports: frozenset[int] = frozenset()
    probed: int = 0

    def get(self, resource: GroupVersionResource, namespace: str, name: str) -> Object | None:
        for document in self.objects.get(resource, []):
            if (namespace_of(document), name_of(document)) == (namespace, name):
                return document
        return None

    def list(self, resource: GroupVersionResource, namespace: str = "") -> Iterable[Object]:
        return self.objects.get(resource, [])

    def probe(self, resource: GroupVersionResource, name: str) -> bool:
        self.probed += 1
        return self.get(resource, "", name) is not None

    def taken_ports(self) -> int:
        return sum(1 << (port - self.ranges.node_ports.start) for port in self.ports)
