"""watch_objects: initial events, events, bookmarks.

What a change looks like depends on whether the object was selected before it and is after it:

=======  =====  =========================================================
before   after  event
=======  =====  =========================================================
no       yes    ADDED, the new object
yes      yes    MODIFIED, the new object
yes      no     DELETED, the old object with the revision of the change
no       no     none
=======  =====  =========================================================

An object that is gone is one that is not selected any more.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any, cast

from apiserver.machinery import fielderrors
from apiserver.machinery.errors import Expired, Invalid, StatusError
from apiserver.machinery.gvk import GroupVersionKind
from apiserver.machinery.options import META_GROUP, ListOptions
from apiserver.registry import freshness
from apiserver.registry.codec import Stored
from apiserver.registry.resource import Resource
from apiserver.registry.selection import Selection
from storage.errors import Compacted, SlowWatcher, StorageError, Unavailable
from storage.interface import Batch, Event

ADDED, MODIFIED, DELETED, BOOKMARK = "ADDED", "MODIFIED", "DELETED", "BOOKMARK"
INITIAL_EVENTS_END = "k8s.io/initial-events-end"
_NOT_OLDER = "NotOlderThan"
_BOOKMARK_INTERVAL = 60.0


@dataclass(frozen=True, slots=True)
class WatchEvent:
    """One event: its type, and the object as of it."""

    type: str
    stored: Stored


async def watch_objects(
    resource: Resource, namespace: str, options: ListOptions
) -> AsyncIterator[Sequence[WatchEvent]]:
    """Open a watch. Raises Invalid, BadRequest... for options that cannot be met.

    What goes wrong later is raised by the iterator, as StatusError; it ends without an error when
    the reader was too slow or the server lost its place.
    """
    check_watch(options)
    selection = Selection(options, resource.strategy)
    version = options.resource_version
    revision = freshness.parse_for_get(version) if version else 0
    initial = options.send_initial_events
    if initial is None:
        initial = revision == 0 and not options.resource_version_match
    if initial and not version:
        await _refresh(resource)
    watch = _Watch(resource, resource.prefix(namespace), selection, options)
    return watch.from_state(revision) if initial else watch.from_revision(revision)


def check_watch(options: ListOptions) -> None:
    """Raise Invalid for options that contradict each other."""
    match, initial = options.resource_version_match, options.send_initial_events
    path = "resourceVersionMatch"
    errors = []
    if initial is not None and match != _NOT_OLDER:
        detail = "sendInitialEvents requires setting resourceVersionMatch to NotOlderThan"
        errors.append(fielderrors.forbidden(path, detail))
    if match:
        if initial is None:
            detail = (
                "resourceVersionMatch is forbidden for watch unless sendInitialEvents is provided"
            )
            errors.append(fielderrors.forbidden(path, detail))
        if match != _NOT_OLDER:
            errors.append(fielderrors.not_supported(path, match, (_NOT_OLDER,)))
        if options.continue_token:
            detail = "resourceVersionMatch is forbidden when continue is provided"
            errors.append(fielderrors.forbidden(path, detail))
    if errors:
        raise Invalid.of(GroupVersionKind(META_GROUP, "v1", "ListOptions"), "", errors)


async def _refresh(resource: Resource) -> None:
    try:
        await resource.store.refresh()
    except StorageError as error:
        raise resource.failed(error, "watch") from error


class _Watch:
    def __init__(
        self, resource: Resource, prefix: str, selection: Selection, options: ListOptions
    ) -> None:
        self._resource = resource
        self._prefix = prefix
        self._selection = selection
        self._bookmarks = options.allow_watch_bookmarks

    async def from_state(self, revision: int) -> AsyncGenerator[Sequence[WatchEvent], None]:
        store = self._resource.store
        await freshness.not_older(store, revision)
        page = store.page(self._prefix)
        watcher = store.subscribe(self._prefix, page.revision)
        try:
            events = [
                WatchEvent(ADDED, record.value)
                for record in page.records
                if record.value in self._selection
            ]
            if self._bookmarks:
                events.append(self._bookmark(page.revision, {INITIAL_EVENTS_END: "true"}))
            yield events
            async for batch in self._follow(watcher.next, page.revision):
                yield batch
        finally:
            watcher.close()

    async def from_revision(self, revision: int) -> AsyncGenerator[Sequence[WatchEvent], None]:
        store = self._resource.store
        after = revision or store.seen
        try:
            watcher = store.subscribe(self._prefix, after)
        except Compacted:
            async for batch in self._from_history(after):
                yield batch
            return
        try:
            async for batch in self._follow(watcher.next, after):
                yield batch
        finally:
            watcher.close()

    async def _from_history(self, after: int) -> AsyncGenerator[Sequence[WatchEvent], None]:
        history = self._resource.store.watch(self._prefix, after=after)
        inner = cast("AsyncGenerator[Batch[Stored], None]", history)
        async with aclosing(inner) as batches:
            async for events in self._follow(lambda: anext(batches), after, patient=False):
                yield events

    async def _follow(
        self, following: Any, after: int, *, patient: bool = True
    ) -> AsyncGenerator[Sequence[WatchEvent], None]:
        while True:
            try:
                async with asyncio.timeout(_BOOKMARK_INTERVAL if patient else None):
                    batch = await following()
            except TimeoutError:
                if self._bookmarks and self._resource.store.seen > after:
                    after = self._resource.store.seen
                    yield [self._bookmark(after)]
                continue
            except Compacted as error:
                raise self._expired(error) from error
            except (SlowWatcher, Unavailable):
                return
            events = [event for event in map(self._select, batch.events) if event is not None]
            if events:
                yield events

    def _select(self, event: Event[Stored]) -> WatchEvent | None:
        before, after = event.previous, event.record
        was = before is not None and before.value in self._selection
        if after is not None and after.value in self._selection:
            return WatchEvent(MODIFIED if was else ADDED, after.value)
        if not was or before is None:
            return None
        return WatchEvent(DELETED, before.value.at(event.revision))

    def _bookmark(self, revision: int, annotations: dict[str, str] | None = None) -> WatchEvent:
        definition = self._resource.definition
        metadata: dict[str, Any] = {"resourceVersion": str(revision)}
        if annotations:
            metadata["annotations"] = annotations
        document = {
            "kind": definition.kind,
            "apiVersion": definition.api_version,
            **self._resource.strategy.empty(),
            "metadata": metadata,
        }
        return WatchEvent(BOOKMARK, Stored.preview("", document, revision))

    def _expired(self, error: Compacted) -> StatusError:
        if error.oldest:
            return Expired(f"too old resource version: {error.requested} ({error.oldest - 1})")
        return Expired("The resourceVersion for the provided watch is too old.")
