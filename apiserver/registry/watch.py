"""watch_objects: initial events, events, bookmarks.

The type of an event depends on whether the object matched the selection before the change and
matches it afterwards:

=======  =====  =========================================================
before   after  event
=======  =====  =========================================================
no       yes    ADDED, the new object
yes      yes    MODIFIED, the new object
yes      no     DELETED, the old object with the revision of the change
no       no     none
=======  =====  =========================================================

A deleted object no longer matches.

A watch has two phases. `Watch.opening` yields the existing objects or past events: these may be
many, and are read at the client's pace. Then the watch is subscribed: ``wake`` is called when
events are pending, and `Watch.take_parts` returns them. An idle watch costs nothing, and thousands
of watches share the same events.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing
from dataclasses import replace
from typing import Any, Final, TypeAlias

from apiserver.machinery import fielderrors
from apiserver.machinery.errors import Expired, Invalid, StatusError, TooManyRequests
from apiserver.machinery.gvk import GroupVersionKind
from apiserver.machinery.options import META_GROUP, ListOptions
from apiserver.machinery.valueclasses import valueclass
from apiserver.registry import freshness
from apiserver.registry.list import check_list, within
from apiserver.registry.resource import Resource
from apiserver.registry.selection import Selection
from apiserver.registry.stored import Stored
from apiserver.registry.view import EventWatcher
from apiserver.registry.webhook_view import WebhookView
from apiserver.registry.yielding import Yielder, batches
from storage.errors import Compacted, SlowWatcher, StorageError, Unavailable
from storage.interface import Event

ADDED, MODIFIED, DELETED, BOOKMARK = "ADDED", "MODIFIED", "DELETED", "BOOKMARK"
INITIAL_EVENTS_END: Final = "k8s.io/initial-events-end"
_NOT_OLDER: Final = "NotOlderThan"
_INITIALIZING: Final = "storage is (re)initializing"


#: Consecutive changes under one prefix, shared by all its watches.
Part: TypeAlias = Sequence[Event[Stored]]


@valueclass
class WatchEvent:
    """One event: its type, and the object in its state; ``revision`` is that of the change."""

    type: str
    stored: Stored
    revision: int


async def watch_objects(
    resource: Resource, namespace: str, options: ListOptions, *, as_list: bool = False
) -> Watch:
    """Open a watch, which the caller must close. Raises Invalid, BadRequest... for its options.

    Later errors are raised by the watch, as StatusError. ``as_list``: the options are those of a
    list, as on the paths below ``watch``, where Kubernetes takes them for a list's. No bookmark
    marks the end of the initial events then.
    """
    if as_list:
        check_list(options)
        options = replace(options, resource_version_match="")
    else:
        check_watch(options)
    selection = Selection(options, resource.kind)
    version = options.resource_version
    revision = freshness.parse_for_get(version) if version else 0
    initial = options.send_initial_events
    if initial is None:
        initial = revision == 0 and not options.resource_version_match
    if initial and not version:
        await _refresh(resource)
    scope = _Scope(within(resource, namespace, selection))
    if initial and resource.webhook_view is not None:
        await _initialize(resource.webhook_view, scope)
    return Watch(
        resource, scope, selection, _Start(revision, options, initial=initial, marks=not as_list)
    )


def check_watch(options: ListOptions) -> None:
    """Raise Invalid for contradictory options."""
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
        await resource.store.wait_until_fresh()
    except StorageError as error:
        raise resource.failed(error, "watch") from error


async def _initialize(store: WebhookView, scope: _Scope) -> None:
    """Convert the watched objects. Raises TooManyRequests.

    In Kubernetes the cache of a version is not ready before all its objects have been converted.
    """
    try:
        await store.ready(store.list_cached(scope.prefix).records)
    except StorageError as error:
        raise TooManyRequests(_INITIALIZING, {"retryAfterSeconds": 1}) from error


@valueclass
class _Scope:
    """The watched prefix, or the key if only one object can match."""

    prefix: str

    @property
    def is_key(self) -> bool:
        """Whether it is the key of one object. A name is not enough: namespaces share names."""
        return not self.prefix.endswith("/")


class _Start:
    """The revision and the phase in which a watch begins."""

    __slots__ = ("bookmarks", "initial", "marks", "revision")

    def __init__(self, revision: int, options: ListOptions, *, initial: bool, marks: bool) -> None:
        self.revision = revision
        self.initial = initial
        self.bookmarks = options.allow_watch_bookmarks
        self.marks = marks and self.bookmarks


class Watch:
    """One open watch."""

    __slots__ = (
        "_ended", "_resource", "_scope", "_selection", "_start", "_told", "_watcher",
    )  # fmt: skip

    def __init__(
        self, resource: Resource, scope: _Scope, selection: Selection, start: _Start
    ) -> None:
        self._resource = resource
        self._scope = scope
        self._selection = selection
        self._start = start
        self._watcher: EventWatcher | None = None
        self._ended = False
        #: The client has received all events up to this revision.
        self._told = start.revision

    @property
    def shares_parts(self) -> bool:
        """Whether other watches get the same parts: they are not converted for this one."""
        return self._resource.conversion is None

    @property
    def selector(self) -> str:
        """A text that is equal only for watches of a resource that select the same objects."""
        return repr(self._selection.conditions) if self._selection else ""

    @property
    def resource(self) -> Resource:
        """The watched resource."""
        return self._resource

    async def opening(self) -> AsyncGenerator[Sequence[WatchEvent], None]:
        """Yield the initial events; after the last one, the watch is subscribed."""
        if self._start.initial:
            async for events in self._state():
                yield events
            return
        after = self._start.revision or self._resource.store.cached_revision
        self._told = after
        since = self._resource.definition.since
        if after < since:
            # Older events would show objects in another form than the client has seen.
            raise self._expired(Compacted(after, since + 1))
        try:
            self._subscribe(after)
        except Compacted:
            async for events in self._history(after):
                yield events

    def subscribed(self, wake: Callable[[], None]) -> None:
        """Set ``wake``, which is called once each time that events become pending."""
        assert self._watcher is not None
        self._watcher.wake = wake
        if self._ended or not self._watcher.idle:
            wake()

    def take_parts(self) -> Sequence[Part]:
        """Return the pending events; parts are shared among watches of the same prefix.

        Raises StatusError if the watch ends with an error, EOFError if it ends without one.
        """
        assert self._watcher is not None
        try:
            parts = self._watcher.take_parts()
        except Compacted as error:
            raise self._expired(error) from error
        except (SlowWatcher, Unavailable) as error:
            raise EOFError from error
        if self._ended and not parts and self._watcher.idle:
            raise EOFError
        return parts

    def _end(self) -> None:
        """End the watch after all pending events have been taken."""
        self._ended = True
        if self._watcher is not None and self._watcher.wake is not None:
            self._watcher.wake()

    def select(self, events: Part) -> list[WatchEvent]:
        """Return the events for the client."""
        return [shown for shown in map(self._select, events) if shown is not None]

    def bookmark(self) -> WatchEvent | None:
        """Return a bookmark at the client's revision, ``None`` if it has not advanced."""
        seen = self._resource.store.cached_revision
        if not self._start.bookmarks or self._watcher is None or not self._watcher.idle:
            return None
        if seen <= self._told:
            return None
        self._told = seen
        return self._bookmark(seen)

    def close(self) -> None:
        """End the subscription."""
        if self._watcher is not None:
            self._resource.lifetime.forget(self._end)
            self._watcher.close()
            self._watcher.wake = None

    async def _state(self) -> AsyncGenerator[Sequence[WatchEvent], None]:
        store, revision = self._resource.store, self._start.revision
        await freshness.not_older(store, revision)
        page = store.list_cached(self._scope.prefix)
        self._subscribe(page.revision)
        self._told = page.revision
        events: list[WatchEvent] = []
        yielder = Yielder()
        for batch in batches(page.records):
            if events:
                yield events
            if self._resource.webhook_view is not None:
                await self._resource.webhook_view.ready(batch)
            records = self._selection.of(batch) if self._selection else batch
            events = [WatchEvent(ADDED, record.value, record.revision) for record in records]
            await yielder.yield_if_due()
        if self._start.marks:
            events.append(self._bookmark(page.revision, {INITIAL_EVENTS_END: "true"}))
        yield events

    async def _history(self, after: int) -> AsyncGenerator[Sequence[WatchEvent], None]:
        history = self._resource.store.watch_history(self._scope.prefix, after)
        try:
            async with aclosing(history) as batches:
                async for batch in batches:
                    after = batch.revision
                    yield self.select(batch.events)
        except Compacted as error:
            raise self._expired(error) from error
        except StorageError as error:
            raise self._resource.failed(error, "watch") from error
        self._told = after
        self._subscribe(after)

    def _subscribe(self, after: int) -> None:
        scope = self._scope
        self._watcher = self._resource.store.subscribe(
            scope.prefix,
            after,
            exact=scope.is_key,
            condition=None if scope.is_key else self._selection.condition,
        )
        self._resource.lifetime.on_end(self._end)

    def _select(self, event: Event[Stored]) -> WatchEvent | None:
        before, after = event.previous, event.record
        if not self._selection:
            if after is not None:
                kind = ADDED if before is None else MODIFIED
                return WatchEvent(kind, after.value, event.revision)
            was = before is not None
        else:
            was = before is not None and before.value in self._selection
            if after is not None and after.value in self._selection:
                return WatchEvent(MODIFIED if was else ADDED, after.value, event.revision)
        if not was or before is None:
            return None
        return WatchEvent(DELETED, before.value.at(event.revision), event.revision)

    def _bookmark(self, revision: int, annotations: dict[str, str] | None = None) -> WatchEvent:
        definition = self._resource.definition
        strategy = self._resource.strategy
        metadata: dict[str, Any] = {"resourceVersion": str(revision)}
        if annotations or strategy.annotations_of_bookmarks:
            metadata["annotations"] = {**strategy.annotations_of_bookmarks, **(annotations or {})}
        document = {
            "kind": definition.kind,
            "apiVersion": definition.api_version,
            **self._resource.types.empty(),
            "metadata": metadata,
        }
        if strategy.spec_of_bookmarks:
            document["spec"] = {**strategy.spec_of_bookmarks, **document["spec"]}
        return WatchEvent(BOOKMARK, Stored.preview("", document, revision), revision)

    def _expired(self, error: Compacted) -> StatusError:
        if error.oldest:
            return Expired(f"too old resource version: {error.requested} ({error.oldest - 1})")
        return Expired("The resourceVersion for the provided watch is too old.")
