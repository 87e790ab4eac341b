"""Registry: what a URL names -> the Resource that answers, kept in step with the catalogue."""

from __future__ import annotations

from apiserver.machinery.gvk import GroupResource
from apiserver.registry.codec import Stored
from apiserver.registry.converted import ConvertedCache
from apiserver.registry.keys import collection_prefix
from apiserver.registry.resource import Resource
from apiserver.resources.builtin.behaviour import strategy_of
from apiserver.resources.catalog import Catalog
from apiserver.resources.conversion import conversion
from storage.cache.cache import WatchCache

_EVENTS = frozenset([GroupResource("", "events"), GroupResource("events.k8s.io", "events")])


class Registry:
    """All resources of one server, over one store."""

    def __init__(
        self, catalog: Catalog, store: WatchCache[Stored], root: str, event_ttl: int
    ) -> None:
        self.catalog = catalog
        self.store = store
        self._root = root
        self._event_ttl = event_ttl
        self._resources: dict[tuple[str, str, str], Resource] = {}
        self._generation = catalog.generation

    def resource(self, group: str, version: str, plural: str) -> Resource | None:
        """Return a resource, ``None`` where there is none of that name."""
        if self._generation != self.catalog.generation:
            self._resources.clear()
            self._generation = self.catalog.generation
        known = self._resources.get((group, version, plural))
        if known is None:
            known = self._build(group, version, plural)
        return known

    def _build(self, group: str, version: str, plural: str) -> Resource | None:
        definition = self.catalog.resource(group, version, plural)
        if definition is None:
            return None
        store = self.store
        change = conversion(definition.gvk, definition.storage_kind)
        if change is not None:
            prefix = collection_prefix(self._root, definition)
            store = ConvertedCache(store, change, prefix)
        ttl = self._event_ttl if definition.group_resource in _EVENTS else 0
        built = Resource(definition, strategy_of(definition), store, self._root, ttl)
        self._resources[group, version, plural] = built
        return built
