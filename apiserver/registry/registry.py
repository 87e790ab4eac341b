"""Registry: the resource that a URL names, kept in sync with the catalogue."""

from __future__ import annotations

from collections.abc import Sequence, Set
from typing import Final

from apiserver.access.admission.chain import AdmissionChain, Plugin
from apiserver.fieldmanager.manager import FieldManager
from apiserver.machinery.gvk import GroupResource, GroupVersionResource
from apiserver.registry.converted_view import ConvertedView
from apiserver.registry.keys import collection_prefix
from apiserver.registry.lifetime import Lifetime
from apiserver.registry.reader import CacheReader
from apiserver.registry.resource import Resource, SubresourceKind
from apiserver.registry.stored import Stored
from apiserver.registry.view import ObjectView
from apiserver.registry.webhook_view import WebhookView
from apiserver.resources.allocation import ServiceRanges
from apiserver.resources.catalog import Catalog
from apiserver.resources.kind import Kind
from storage.cache.cache import WatchCache

_NOTHING: Final[tuple[str, Lifetime | None]] = ("", None)
_EVENTS = frozenset([GroupResource("", "events"), GroupResource("events.k8s.io", "events")])


class Registry:
    """All resources of one server, over one store; ``event_ttl`` is in seconds.

    ``ranges`` are the addresses and ports that can be allocated to Services. ``served`` are the
    kinds that clients see, if the server itself needs more of them.
    """

    def __init__(
        self,
        catalog: Catalog,
        store: WatchCache[Stored],
        root: str,
        *,
        event_ttl: int,
        ranges: ServiceRanges | None = None,
        served: Catalog | None = None,
    ) -> None:
        self.catalog = catalog
        self.served = served or catalog
        self.store = store
        self.reader = CacheReader(self.resource)
        self._root = root
        self._event_ttl = event_ttl
        self._ranges = ranges or ServiceRanges()
        self._admission = AdmissionChain(())
        self._resources: dict[tuple[str, str, str], Resource] = {}
        # The lifetimes that continue when a replaced resource is needed again, with their forms.
        self._continuing: dict[GroupVersionResource, tuple[str, Lifetime]] = {}
        catalog.listen(self._forget)

    def admit(self, plugins: Sequence[Plugin]) -> None:
        """Apply the admission plugins to all writes from now on, in this order."""
        self._admission = AdmissionChain(plugins)
        self._resources.clear()

    def resource(self, group: str, version: str, plural: str) -> Resource | None:
        """Return a resource by name, ``None`` if it does not exist."""
        known = self._resources.get((group, version, plural))
        if known is None:
            kind = self.catalog.kind(group, version, plural)
            if kind is None:
                return None
            known = self._resources[group, version, plural] = self._built(kind)
        return known

    def unserved(self, kind: Kind) -> Resource:
        """Return the resource of a kind that need not be in the catalogue."""
        return self._resource(kind, Lifetime())

    def _forget(self, changed: Set[GroupVersionResource]) -> None:
        self._admission.forget()
        for gvr in changed:
            known = self._resources.pop(gvr, None)
            if known is not None:
                self._continuing[gvr] = known.definition.form, known.lifetime
            form, lifetime = self._continuing.get(gvr, _NOTHING)
            now = self.catalog.resource(*gvr)
            if lifetime is not None and (not form or now is None or now.form != form):
                del self._continuing[gvr]
                lifetime.end()

    def _built(self, kind: Kind) -> Resource:
        lifetime = self._continuing.pop(kind.definition.gvr, _NOTHING)[1]
        return self._resource(kind, lifetime or Lifetime())

    def _resource(self, kind: Kind, lifetime: Lifetime) -> Resource:
        definition, change = kind.definition, kind.conversion
        store: ObjectView = self.store
        webhook_view: WebhookView | None = None
        prefix = collection_prefix(self._root, definition)
        if change is not None and change.webhook is not None:
            store = webhook_view = WebhookView(self.store, change, change.webhook, prefix)
        elif change is not None:
            store = ConvertedView(self.store, change, prefix)
        return Resource(
            kind=kind,
            definition=definition,
            types=kind.types,
            store=store,
            root=self._root,
            admission=self._admission,
            find=self.resource,
            conversion=change,
            webhook_view=webhook_view,
            ranges=self._ranges,
            subresources={
                name: SubresourceKind(types, FieldManager(types))
                for name, types in kind.subresources.items()
            },
            ttl=self._event_ttl if definition.group_resource in _EVENTS else 0,
            lifetime=lifetime,
        )
