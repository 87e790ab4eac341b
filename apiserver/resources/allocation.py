"""Allocation of shared resources (addresses, node ports) to objects, and their release. Pure.

`Strategy.allocate` decides what a write allocates and releases, given a view of what is allocated.
The write commits the allocation together with the object, and decides again after a conflict.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final, Protocol

from apiserver.machinery.gvk import GroupVersionResource
from apiserver.machinery.objects import Object
from apiserver.machinery.valueclasses import valueclass

NO_PORTS: Final[frozenset[int]] = frozenset()


@valueclass
class ServiceRanges:
    """The address ranges, one for each IP family, and the node port range."""

    cluster_ips: tuple[str, ...] = ("10.0.0.0/24",)
    node_ports: range = range(30000, 32768)


@valueclass
class ObjectReference:
    """A reference to an object, which may not exist."""

    resource: GroupVersionResource
    namespace: str
    name: str


@valueclass
class Allocation:
    """The allocations and releases that a write commits with its object.

    ``created`` are new cluster-scoped objects; the write conflicts if one of them exists.
    ``deleted`` are objects to delete if they exist. Ports are node ports.
    """

    created: Sequence[tuple[GroupVersionResource, Object]] = ()
    deleted: Sequence[ObjectReference] = ()
    taken_ports: frozenset[int] = NO_PORTS
    freed_ports: frozenset[int] = NO_PORTS

    @property
    def changes_ports(self) -> bool:
        """Whether node ports are allocated or released."""
        return bool(self.taken_ports or self.freed_ports)


NOTHING: Final = Allocation()


class AllocationView(Protocol):
    """The allocations that this process knows."""

    @property
    def ranges(self) -> ServiceRanges:
        """The configured ranges of the server."""
        ...

    @property
    def dry_run(self) -> bool:
        """Whether the write is a dry run."""
        ...

    def get(self, resource: GroupVersionResource, namespace: str, name: str) -> Object | None:
        """Return an object, ``None`` if it does not exist."""
        ...

    def list(self, resource: GroupVersionResource, namespace: str = "") -> Iterable[Object]:
        """Return the objects of a resource."""
        ...

    def probe(self, resource: GroupVersionResource, name: str) -> bool:
        """Return whether a cluster-scoped object exists; the decision does not depend on it."""
        ...

    def taken_ports(self) -> int:
        """Return the allocated node ports as a bitmap: bit N is the Nth port of the range."""
        ...
