"""SliceWriter: carries out plans, and knows which EndpointSlices a controller has for a Service."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from apiserver.client.client import DELETED, Client, ObjectEvent
from apiserver.client.workqueue import WorkQueue
from apiserver.controllers.informers import Handler
from apiserver.controllers.serviceendpoints.failed_writes import is_terminating
from apiserver.controllers.serviceendpoints.slice_metadata import managed_by
from apiserver.controllers.serviceendpoints.slice_plan import SlicePlan
from apiserver.machinery.errors import Forbidden, NotFound
from apiserver.machinery.gvk import GroupVersionResource
from apiserver.machinery.objects import Object, name_of, namespace_of
from apiserver.machinery.options import DeleteOptions

ENDPOINT_SLICES: Final = GroupVersionResource("discovery.k8s.io", "v1", "endpointslices")


class SliceWriter:
    """Reads and writes the slices of one controller, a value of the label managed-by."""

    def __init__(self, client: Client, controller: str) -> None:
        self._client = client
        self._controller = controller
        #: The names of the slices of each Service, and the last known resourceVersion of each.
        self._names: dict[str, dict[str, str]] = {}
        #: The Service of each slice, by namespace and name.
        self._keys: dict[tuple[str, str], str] = {}
        #: Events that have come while the slices of a Service were written.
        self._unseen: dict[str, list[ObjectEvent]] = {}
        self._changed: Callable[[str], None] = _ignore

    def clear(self) -> None:
        """Forget everything."""
        self._names.clear()
        self._keys.clear()

    def __contains__(self, key: str) -> bool:
        """Return whether a Service has slices."""
        return key in self._names

    def handler(self, queue: WorkQueue) -> Handler:
        """Return the handler that queues Services whose slices others have changed."""
        self._changed = queue.add

        def observe(event: ObjectEvent) -> None:
            key, before = self._key_of(event.object), self._key_before(event.object)
            if before is not None and before != key:
                # Its labels say now that it belongs to another Service, or to another controller.
                self._note(before, event.object, removed=True)
                queue.add(before)
            if key is None:
                return
            if key in self._unseen:
                self._unseen[key].append(event)
            else:
                self._observe(key, event)

        return observe

    def read(self, key: str) -> list[Object]:
        """Return the slices of a Service as they are now, without those being deleted."""
        namespace, _, _ = key.partition("/")
        names = sorted(self._names.get(key, ()))
        found = [self._client.get_cached(ENDPOINT_SLICES, namespace, name) for name in names]
        return [
            each
            for each in found
            if each is not None
            and "deletionTimestamp" not in each["metadata"]
            and managed_by(each)[0] == self._controller
        ]

    async def apply(self, key: str, plan: SlicePlan) -> None:
        """Carry out a plan. Raises StatusError."""
        self._unseen[key] = []
        try:
            await self._write(key, plan)
        finally:
            for event in self._unseen.pop(key):
                self._observe(key, event)

    async def _write(self, key: str, plan: SlicePlan) -> None:
        for document in plan.create:
            try:
                self._note(key, await self._client.create(ENDPOINT_SLICES, document))
            except Forbidden as error:
                if not is_terminating(error):
                    raise
                break
        for document in plan.update:
            self._note(key, await self._client.update(ENDPOINT_SLICES, document))
        for document in plan.delete:
            await self._delete(document)
            self._note(key, document, removed=True)

    def _observe(self, key: str, event: ObjectEvent) -> None:
        """Note an event; queue the Service unless it shows a write of this controller."""
        known = self._names.get(key, {}).get(name_of(event.object))
        if event.type == DELETED:
            changed = known is not None
        else:
            version: str = event.object["metadata"]["resourceVersion"]
            changed = known is None or int(version) > int(known)
        if changed:
            self._note(key, event.object, removed=event.type == DELETED)
            self._changed(key)

    def _note(self, key: str, document: Object, *, removed: bool = False) -> None:
        """Note a slice of a Service in its last known state, or its removal."""
        namespace, name = namespace_of(document), name_of(document)
        if not removed:
            self._names.setdefault(key, {})[name] = document["metadata"]["resourceVersion"]
            self._keys[namespace, name] = key
            return
        names = self._names.get(key, {})
        names.pop(name, None)
        if not names:
            self._names.pop(key, None)
        self._keys.pop((namespace, name), None)

    def _key_of(self, document: Object) -> str | None:
        controller, service = managed_by(document)
        if controller != self._controller or not service:
            return None
        return f"{namespace_of(document)}/{service}"

    def _key_before(self, document: Object) -> str | None:
        return self._keys.get((namespace_of(document), name_of(document)))

    async def _delete(self, document: Object) -> None:
        metadata = document["metadata"]
        options = DeleteOptions(uid=metadata["uid"])
        try:
            await self._client.delete(
                ENDPOINT_SLICES, metadata["namespace"], metadata["name"], options
            )
        except NotFound:
            return


def _ignore(_key: str) -> None:
    """Nothing is queued before the first watch."""
