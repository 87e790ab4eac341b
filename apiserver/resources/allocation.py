"""What an object is given of what all objects share, and what it gives back. Pure.

A kind says in `Strategy.allocate` what a write takes and frees, given a view of what is taken. The
write commits that together with the object, or decides anew where another write was faster.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

from apiserver.machinery.gvk import GroupVersionResource
from apiserver.machinery.objects import Object

NO_PORTS: Final[frozenset[int]] = frozenset()


@dataclass(frozen=True, slots=True)
class ServiceRanges:
    """The ranges of addresses, one of each IP family, and the range of node ports."""

    cluster_ips: tuple[str, ...] = ("10.0.0.0/24",)
    node_ports: range = range(30000, 32768)


@dataclass(frozen=True, slots=True)
class ObjectReference:
    """One object that may be there."""

    resource: GroupVersionResource
    namespace: str
    name: str


@dataclass(frozen=True, slots=True)
class Allocation:
    """What a write takes and frees beside its object.

    ``created`` are new objects without a namespace, which no other write may have created;
    ``deleted`` those that go, if they are there. Ports are node ports.
    """

    created: Sequence[tuple[GroupVersionResource, Object]] = ()
    deleted: Sequence[ObjectReference] = ()
    taken_ports: frozenset[int] = NO_PORTS
    freed_ports: frozenset[int] = NO_PORTS

    @property
    def changes_ports(self) -> bool:
        """Whether node ports are taken or freed."""
        return bool(self.taken_ports or self.freed_ports)


NOTHING: Final = Allocation()


class AllocationView(Protocol):
    """What is taken, as far as this process knows."""

    @property
    def ranges(self) -> ServiceRanges:
        """The ranges that the server was given."""
        ...

    @property
    def dry_run(self) -> bool:
        """Whether nothing of the write is to be stored."""
        ...

    def get(self, resource: GroupVersionResource, namespace: str, name: str) -> Object | None:
        """Return an object, ``None`` where it is not there."""
        ...

    def list(self, resource: GroupVersionResource, namespace: str = "") -> Iterable[Object]:
        """Return the objects of a resource."""
        ...

    def probe(self, resource: GroupVersionResource, name: str) -> bool:
        """Tell whether an object without a namespace is there; the decision does not hang on it."""
        ...

    def taken_ports(self) -> int:
        """Return the node ports that are taken: bit N stands for the Nth port of the range."""
        ...
