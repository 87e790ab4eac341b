"""Encodes watch events as frames, once for all watchers of the same representation."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Final, Protocol

from apiserver.endpoints import table
from apiserver.endpoints.http_request import HTTPRequest
from apiserver.endpoints.negotiation import TABLE, Representation
from apiserver.endpoints.table import TableFormat
from apiserver.machinery.documents import dump_json
from apiserver.machinery.errors import StatusError
from apiserver.machinery.options import first
from apiserver.machinery.times import system_clock
from apiserver.registry.watch import (
    ADDED,
    BOOKMARK,
    DELETED,
    INITIAL_EVENTS_END,
    MODIFIED,
    Part,
    Watch,
    WatchEvent,
)
from apiserver.resources.printing import DEFAULT

# The maximum size of the frames kept for other watchers, in bytes.
_MAX_CACHED: Final = 16 * 1024 * 1024
_OVERHEAD: Final = 500
_BEGINNINGS: Final = {
    kind: b'{"type":"%b","object":' % kind.encode()
    for kind in (ADDED, MODIFIED, DELETED, BOOKMARK, "ERROR")
}


class Framer(Protocol):
    """Encodes the events of one watch."""

    def events(self, events: Sequence[WatchEvent]) -> list[bytes]:
        """Return one frame for each event."""
        ...

    def parts(self, parts: Sequence[Part]) -> list[bytes]:
        """Return the frames of all events in these parts; frames may be joined."""
        ...


class FrameCache:
    """The recently built frames, shared by all watches of a server."""

    def __init__(self) -> None:
        # What is known by its id is kept with the frames, so that its id is not reused.
        self._of_parts: dict[tuple[int, int, str], tuple[Part, object, bytes]] = {}
        self._of_events: dict[tuple[str, int, str], bytes] = {}
        self._kept = 0

    def framer(self, request: HTTPRequest, representation: Representation, watch: Watch) -> Framer:
        """Return the framer for the representation of a watch."""
        version = representation.version
        if not representation.transform:
            return _SharingFramer(self, watch)
        if representation.transform != TABLE:
            return _PartialFramer(self, watch, version)
        include = table.included(first(request.query, "includeObject"))
        printer = watch.resource.strategy.printer or DEFAULT
        return _TableFramer(self, watch, TableFormat(printer, include, version))

    def of_part(
        self, part: Part, form: str, make: Callable[[Part], bytes], owner: object = None
    ) -> bytes:
        """Return the frames of all events in a part, joined.

        They are made once for each ``form``, and each ``owner`` if frames depend on one.
        """
        key = (id(part), id(owner), form)
        known = self._of_parts.get(key)
        if known is not None:
            return known[-1]
        framed = make(part)
        self._make_room_for(framed)
        self._of_parts[key] = (part, owner, framed)
        return framed

    def of_event(self, event: WatchEvent, form: str, make: Callable[[WatchEvent], bytes]) -> bytes:
        """Return the frame of an event, which is made once for each ``form``."""
        key = (event.type + form, event.revision, event.stored.key)
        known = self._of_events.get(key)
        if known is None:
            known = make(event)
            self._make_room_for(known)
            self._of_events[key] = known
        return known

    def _make_room_for(self, frame: bytes) -> None:
        self._kept += len(frame) + _OVERHEAD
        if self._kept > _MAX_CACHED:
            self._of_parts.clear()
            self._of_events.clear()
            self._kept = len(frame) + _OVERHEAD


class _SharingFramer:
    """Encodes whole objects; watches of equal form and selection share frames."""

    def __init__(self, cache: FrameCache, watch: Watch, form: str = "") -> None:
        self._cache = cache
        self._watch = watch
        definition = watch.resource.definition
        self._form = f"{form} {definition.api_version} {definition.form}"
        self._selected_form = f"{self._form} {watch.selector}"

    def events(self, events: Sequence[WatchEvent]) -> list[bytes]:
        return [self._frame(event) for event in events]

    def parts(self, parts: Sequence[Part]) -> list[bytes]:
        cache, watch, form = self._cache, self._watch, self._form
        if watch.shares_parts:
            form, join = self._selected_form, self._join
            return [data for part in parts if (data := cache.of_part(part, form, join))]
        selected = (event for part in parts for event in watch.select(part))
        return [cache.of_event(event, form, self._frame) for event in selected]

    def _frame(self, event: WatchEvent) -> bytes:
        stored = event.stored
        rest = stored.read_rest() if stored.rest is None else stored.rest
        return b"".join((_BEGINNINGS[event.type], stored.head, rest, b"}\n"))

    def _join(self, part: Part) -> bytes:
        return b"".join(map(self._frame, self._watch.select(part)))


class _PartialFramer(_SharingFramer):
    """Encodes metadata; watches that begin at the same time share the frames of what exists."""

    def __init__(self, cache: FrameCache, watch: Watch, version: str) -> None:
        super().__init__(cache, watch, version)
        self._version = version

    def events(self, events: Sequence[WatchEvent]) -> list[bytes]:
        cache, form, frame = self._cache, self._form, self._frame
        return [
            frame(event) if event.type == BOOKMARK else cache.of_event(event, form, frame)
            for event in events
        ]

    def _frame(self, event: WatchEvent) -> bytes:
        document = table.partial(event.stored.decoded(), self._version)
        return _frame(event.type, dump_json(document))


class _TableFramer(_SharingFramer):
    """Encodes every event as a Table of one row; only the first Table of a watch has columns."""

    def __init__(self, cache: FrameCache, watch: Watch, shown: TableFormat) -> None:
        super().__init__(cache, watch, f"Table {shown.version} {shown.include}")
        self._shown = shown
        self._first = True

    def parts(self, parts: Sequence[Part]) -> list[bytes]:
        if self._first or not self._watch.shares_parts:
            return [self._frame(event) for part in parts for event in self._watch.select(part)]
        # Rows show ages in seconds.
        form = f"{self._selected_form} {int(system_clock().time())}"
        printer = self._shown.printer
        frames = (self._cache.of_part(part, form, self._join, printer) for part in parts)
        return [data for data in frames if data]

    def _frame(self, event: WatchEvent) -> bytes:
        items, shown = [event.stored], self._shown
        if event.type == BOOKMARK:
            # The annotation that ends the initial events is in the row's object, so that one is
            # there even where the client wants none. Other bookmarks have no row.
            if not _ends_initial_events(event):
                items = []
            elif shown.include == table.NONE:
                shown = replace(shown, include=table.METADATA)
        metadata = table.object_metadata(event.stored)
        document = shown.table(items, metadata, columns=self._first)
        self._first = False
        return _frame(event.type, dump_json(document))


def _ends_initial_events(bookmark: WatchEvent) -> bool:
    return INITIAL_EVENTS_END in bookmark.stored.metadata.get("annotations", {})


def status_frame(error: StatusError) -> bytes:
    """Return the ERROR frame that ends a watch."""
    return _frame("ERROR", dump_json(error.status()))


def _frame(kind: str, body: bytes) -> bytes:
    return b"".join((_BEGINNINGS[kind], body, b"}\n"))
