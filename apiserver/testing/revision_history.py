"""The history of the store: the states of an object, and the difference of two revisions."""

from __future__ import annotations

from contextlib import aclosing
from typing import Any

from apiserver.registry.registry import Registry
from apiserver.registry.stored import Stored
from storage.interface import Record


class UnknownResource(LookupError):
    """No resource of this name is served."""


class RevisionHistory:
    """Reads old states of the objects of a registry, as far back as history goes."""

    def __init__(self, registry: Registry, root: str) -> None:
        self._registry = registry
        self._root = f"{root}/"

    async def of_object(
        self, api_version: str, plural: str, namespace: str, name: str, since: int
    ) -> list[dict[str, Any]]:
        """Return the states of an object: ``revision``, and ``object``, ``None``: it was deleted.

        They are in the stored version. The first one, as of the revision ``since``, may be older
        than that. Raises UnknownResource.
        """
        group, _, version = api_version.rpartition("/")
        resource = self._registry.resource(group, version, plural)
        if resource is None:
            raise UnknownResource(f"{plural} of {api_version} are not served")
        key, states = resource.key(namespace, name), []
        store = self._registry.store
        record = await store.get(key, revision=since) if since else None
        if record is not None:
            states.append(_state(record.revision, record))
        now = await store.revision()
        await store.wait_for_revision(now)
        async with aclosing(store.watch(key, after=since)) as batches:
            async for batch in batches:
                events = [event for event in batch.events if event.key == key]
                states += [_state(event.revision, event.record) for event in events]
                if batch.revision >= now:
                    break
                # Without it, a watch that has nothing to say says nothing.
                store.request_progress()
        return states

    async def differences(self, before: int, after: int) -> list[dict[str, Any]]:
        """Return what differs between two revisions: ``key``, and its objects ``before``/``after``.

        An object is ``None`` where it does not exist. Raises Compacted or FutureRevision.
        """
        old, new = await self._records(before), await self._records(after)
        return [
            {
                "key": key.removeprefix(self._root),
                "before": _object(old.get(key)),
                "after": _object(new.get(key)),
            }
            for key in sorted(old.keys() | new.keys())
            if _revision(old.get(key)) != _revision(new.get(key))
        ]

    async def _records(self, revision: int) -> dict[str, Record[Stored]]:
        page = await self._registry.store.list(self._root, revision=revision)
        return {record.key: record for record in page.records}


def _state(revision: int, record: Record[Stored] | None) -> dict[str, Any]:
    return {"revision": revision, "object": _object(record)}


def _object(record: Record[Stored] | None) -> Any:
    return None if record is None else record.value.object


def _revision(record: Record[Stored] | None) -> int:
    return 0 if record is None else record.revision
