"""Addresses and ports that a write allocates are stored in the commit of the write.

A new object (an IPAddress) must not exist yet: of two writes that allocate the same address one
conflicts and is decided again. Node ports are bits of a single object outside of the API, the
RangeAllocation of kube-apiserver, which reads and repairs it too. Within a process, writes that
change it are serialized. Between processes its revision decides: a write that conflicts is retried
without another decision, as long as its ports are free.
"""

from __future__ import annotations

from base64 import b64decode, b64encode
from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from contextlib import asynccontextmanager
from typing import Final

from apiserver.machinery.errors import ServerTimeout
from apiserver.machinery.gvk import GroupVersionResource
from apiserver.machinery.objects import Object, name_of, namespace_of
from apiserver.machinery.valueclasses import valueclass
from apiserver.registry.reader import LoopReader, TrackedReader
from apiserver.registry.resource import Resource
from apiserver.registry.stored import Stored
from apiserver.resources.allocation import Allocation, ServiceRanges
from storage.interface import ABSENT, Change, Delete, Put

#: The maximum time that a write waits for earlier writes that allocate the same.
_WAIT_SECONDS: Final = 30.0


class AllocationLost(Exception):
    """Another write has allocated the same address or port."""


@valueclass
class View:
    """`apiserver.resources.allocation.AllocationView` of one decision."""

    resource: Resource
    reader: TrackedReader
    dry_run: bool

    @property
    def ranges(self) -> ServiceRanges:
        return self.resource.ranges

    def get(self, resource: GroupVersionResource, namespace: str, name: str) -> Object | None:
        return self.reader.get(resource, namespace, name)

    def list(self, resource: GroupVersionResource, namespace: str = "") -> Iterable[Object]:
        return self.reader.list(resource, namespace)

    def probe(self, resource: GroupVersionResource, name: str) -> bool:
        found = self.resource.find(*resource)
        return found is not None and self.reader.is_known(found.store, found.key("", name))

    def taken_ports(self) -> int:
        record = self.reader.record(self.resource.store, ports_key(self.resource))
        ports = self.ranges.node_ports
        return 0 if record is None else bits_of(record.value.object, ports)


class LoopView:
    """A view for a thread: another view, used by the event loop when the thread asks for it."""

    def __init__(self, view: View) -> None:
        self._view = view
        self._reader = LoopReader(view)
        self.get, self.list = self._reader.get, self._reader.list

    @property
    def ranges(self) -> ServiceRanges:
        return self._view.ranges

    @property
    def dry_run(self) -> bool:
        return self._view.dry_run

    def probe(self, resource: GroupVersionResource, name: str) -> bool:
        return self._reader.ask(lambda: self._view.probe(resource, name))

    def taken_ports(self) -> int:
        return self._reader.ask(self._view.taken_ports)


@asynccontextmanager
async def allocated(
    resource: Resource, allocation: Allocation, reader: TrackedReader
) -> AsyncIterator[Sequence[Change[Stored]]]:
    """Yield the changes of a write, with a lock on the node ports of this process.

    Raises AllocationLost after a conflict.
    """
    if not allocation.changes_ports:
        yield changes_of(resource, allocation, reader)
        return
    try:
        async with resource.locks.hold([ports_key(resource)], _WAIT_SECONDS):
            yield changes_of(resource, allocation, reader)
    except TimeoutError as error:
        raise ServerTimeout.of(resource.group_resource, "write") from error


def changes_of(
    resource: Resource, allocation: Allocation, reader: TrackedReader
) -> list[Change[Stored]]:
    """Return the allocation changes of a write. Raises AllocationLost after a conflict."""
    changes: list[Change[Stored]] = []
    for kind, document in allocation.created:
        key = _key(resource, kind, document)
        if reader.record(resource.store, key) is not None:
            raise AllocationLost
        changes.append(Put(key, Stored.to_write(document), ABSENT))
    changes += _deletions(resource, allocation, reader)
    if allocation.changes_ports:
        changes += _change_of_ports(resource, allocation, reader)
    return changes


def _deletions(
    resource: Resource, allocation: Allocation, reader: TrackedReader
) -> Iterator[Change[Stored]]:
    for each in allocation.deleted:
        found = resource.find(*each.resource)
        if found is None:
            continue
        record = reader.record(found.store, found.key(each.namespace, each.name))
        if record is not None:
            yield Delete(record.key, record.revision)


def _change_of_ports(
    resource: Resource, allocation: Allocation, reader: TrackedReader
) -> Iterator[Change[Stored]]:
    key, ports = ports_key(resource), resource.ranges.node_ports
    record = reader.record(resource.store, key)
    before = 0 if record is None else bits_of(record.value.object, ports)
    taken, freed = mask_of(allocation.taken_ports, ports), mask_of(allocation.freed_ports, ports)
    if before & taken:
        raise AllocationLost
    after = (before | taken) & ~freed
    if after != before:
        expected = ABSENT if record is None else record.revision
        value = Stored.to_write(range_allocation(after, ports))
        yield Put(key, value, expected, frees=not taken)


def range_allocation(bits: int, ports: range) -> Object:
    """Return the RangeAllocation in which the ports of ``bits`` are allocated."""
    data = bits.to_bytes((bits.bit_length() + 7) // 8)
    return {
        "kind": "RangeAllocation",
        "apiVersion": "v1",
        "metadata": {},
        "range": f"{ports.start}-{ports.stop - 1}",
        "data": b64encode(data).decode(),
    }


def bits_of(document: Object, ports: range) -> int:
    """Return the allocated ports of ``ports``; the document may be for another range."""
    bits = int.from_bytes(b64decode(document.get("data") or ""))
    start = int(document.get("range", "").partition("-")[0] or ports.start)
    moved = ports.start - start
    bits = bits >> moved if moved > 0 else bits << -moved
    return bits & ((1 << len(ports)) - 1)


def mask_of(numbers: Iterable[int], ports: range) -> int:
    """Return the bits of those numbers that are ports of the range."""
    return sum(1 << (number - ports.start) for number in numbers if number in ports)


def _key(resource: Resource, kind: GroupVersionResource, document: Object) -> str:
    found = resource.find(*kind)
    assert found is not None
    return found.key(namespace_of(document), name_of(document))


def ports_key(resource: Resource) -> str:
    """Return where the taken node ports are stored, as kube-apiserver has it."""
    return f"{resource.root}/ranges/servicenodeports"
