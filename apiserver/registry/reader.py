"""CacheReader: objects as they are in memory, for those who may not wait."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from apiserver.machinery.gvk import GroupVersionResource
from apiserver.machinery.objects import Object
from apiserver.registry.resource import Resource

#: Finds the resource of a name, ``None`` where there is none.
Find = Callable[[str, str, str], Resource | None]


class CacheReader:
    """`apiserver.client.client.Reader` over the watch cache."""

    def __init__(self, find: Find) -> None:
        self._find = find

    def get(self, resource: GroupVersionResource, namespace: str, name: str) -> Object | None:
        found = self._find(*resource)
        if found is None:
            return None
        record = found.store.foremost(found.key(namespace, name))
        return None if record is None else record.value.object

    def list(self, resource: GroupVersionResource, namespace: str = "") -> Iterable[Object]:
        found = self._find(*resource)
        if found is None:
            return []
        return [record.value.object for record in found.store.page(found.prefix(namespace)).records]
