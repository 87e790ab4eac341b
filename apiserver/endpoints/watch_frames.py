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
        # The part is kept with its frame, so that its id is not reused.
        self._plain: dict[int, tuple[Part, bytes]] = {}
        self._single: dict[tuple[str, int, str], bytes] = {}
        self._kept = 0

    def framer(self, request: HTTPRequest, representation: Representation, watch: Watch) -> Framer:
        """Return the framer for the representation of a watch."""
        if not representation.transform:
            return _PlainFramer(self, watch)
        if representation.transform != TABLE:
            return _PartialFramer(self, watch, representation.version)
        include = table.included(first(request.query, "includeObject"))
        printer = watch.resource.strategy.printer or DEFAULT
        return _TableFramer(watch, TableFormat(printer, include, representation.version))

    def plain(self, served: str, event: WatchEvent) -> bytes:
        """Return the frame of a whole object as served in an API version."""
        return self._once(served, event, _whole)

    def partial(self, version: str, event: WatchEvent) -> bytes:
        """Return the frame of an object's metadata."""
        return self._once(f"partial/{version}", event, lambda event: _partial(event, version))

    def whole_part(self, watch: Watch, part: Part) -> bytes:
        """Return the frames of all events in a part, joined."""
        known = self._plain.get(id(part))
        if known is not None:
            return known[1]
        framed = b"".join([_whole(event) for event in watch.select(part)])
        self._make_room_for(framed)
        self._plain[id(part)] = (part, framed)
        return framed

    def _once(self, form: str, event: WatchEvent, make: Callable[[WatchEvent], bytes]) -> bytes:
        key = (event.type + form, event.revision, event.stored.key)
        known = self._single.get(key)
        if known is None:
            known = make(event)
            self._make_room_for(known)
            self._single[key] = known
        return known

    def _make_room_for(self, frame: bytes) -> None:
        self._kept += len(frame) + _OVERHEAD
        if self._kept > _MAX_CACHED:
            self._plain.clear()
            self._single.clear()
            self._kept = len(frame) + _OVERHEAD


class _PlainFramer:
    def __init__(self, frames: FrameCache, watch: Watch) -> None:
        self._frames = frames
        self._watch = watch
        self._shares = watch.plain

    def events(self, events: Sequence[WatchEvent]) -> list[bytes]:
        return [_whole(event) for event in events]

    def parts(self, parts: Sequence[Part]) -> list[bytes]:
        frames, watch = self._frames, self._watch
        if self._shares:
            return [frames.whole_part(watch, part) for part in parts]
        definition = watch.resource.definition
        served = definition.api_version + definition.form
        return [frames.plain(served, event) for part in parts for event in watch.select(part)]


class _PartialFramer:
    def __init__(self, frames: FrameCache, watch: Watch, version: str) -> None:
        self._frames = frames
        self._watch = watch
        self._version = version

    def events(self, events: Sequence[WatchEvent]) -> list[bytes]:
        return [_partial(event, self._version) for event in events]

    def parts(self, parts: Sequence[Part]) -> list[bytes]:
        frames, watch, version = self._frames, self._watch, self._version
        return [frames.partial(version, event) for part in parts for event in watch.select(part)]


class _TableFramer:
    """Encodes every event as a Table of one row; only the first Table of a watch has columns."""

    def __init__(self, watch: Watch, shown: TableFormat) -> None:
        self._watch = watch
        self._shown = shown
        self._first = True

    def events(self, events: Sequence[WatchEvent]) -> list[bytes]:
        return [self._frame(event) for event in events]

    def parts(self, parts: Sequence[Part]) -> list[bytes]:
        return [self._frame(event) for part in parts for event in self._watch.select(part)]

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


def _whole(event: WatchEvent) -> bytes:
    stored = event.stored
    rest = stored.read_rest() if stored.rest is None else stored.rest
    return b"".join((_BEGINNINGS[event.type], stored.head, rest, b"}\n"))


def _partial(event: WatchEvent, version: str) -> bytes:
    return _frame(event.type, dump_json(table.partial(event.stored.object, version)))


def _frame(kind: str, body: bytes) -> bytes:
    return b"".join((_BEGINNINGS[kind], body, b"}\n"))
