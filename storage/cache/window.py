"""The live records, in the order of their keys, and the recent events. Pure.

The records are kept in a dict, and in the order of their keys. The cost of a page depends on the
size of the page, not on the size of the store, and that of a change on neither. The recent events
are a ring buffer, which is complete after the revision ``oldest``. It keeps about as many events as
there are records, with limits on their number and total size, so memory grows with the number of
records and not with the number of changes.

Each state of a key is one record object wherever it appears: as the current record, as the record
of an event, and as the previous record of the next event. Results computed from a record are
therefore shared.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from typing import Final, Generic, TypeVar

from storage.cache.pastpages import past_page
from storage.cache.snapshot import Snapshot
from storage.cache.sortedrecords import SortedRecords
from storage.interface import Batch, Event, Page, Record
from storage.prefixes import prefixes_of

V = TypeVar("V")

#: The minimum number of recent events to keep, however few records there are.
MIN_EVENTS: Final = 1_000
#: The maximum total size of the recent events in bytes.
MAX_BYTES: Final = 64 * 1024 * 1024
#: The maximum number of prefixes whose last change is tracked.
MAX_PREFIXES: Final = 50_000
# Sorts after every character of a key; marks the end of the range of a prefix.
_LAST: Final = "\U0010ffff"


def zero_size(_value: object) -> int:
    """Return 0: the size of the values is not counted."""
    return 0


class Window(Generic[V]):
    """The state as of ``revision`` and at most ``capacity`` events that led to it.

    ``size_of`` returns the size of a value in bytes.
    """

    def __init__(self, capacity: int, size_of: Callable[[V], int] = zero_size) -> None:
        self._records: dict[str, Record[V]] = {}
        self._in_order: SortedRecords[V] = SortedRecords()
        self._recent: deque[Event[V]] = deque()
        self._size = 0
        self._size_of = size_of
        self._capacity = capacity
        self._changed: dict[str, int] = {}
        self._changed_before = 0
        self.revision = 0
        self.oldest = 0

    def __len__(self) -> int:
        return len(self._records)

    @property
    def events(self) -> int:
        """The number of recent events kept."""
        return len(self._recent)

    def add(self, records: Sequence[Record[V]]) -> None:
        """Add records to a new state, in the order of their keys, before it begins."""
        self._records.update([(record.key, record) for record in records])
        self._in_order.append(records)

    def begin(self, revision: int) -> None:
        """Begin with the records that were added, which are all as of ``revision``."""
        self._changed_before = self.revision = self.oldest = revision

    def empty(self) -> Window[V]:
        """Return a new window of the same capacity."""
        return Window(self._capacity, self._size_of)

    def drop(self) -> Iterator[None]:
        """Free the memory of an unused state, a part in each iteration of the event loop.

        To free a hundred thousand records at once takes long.
        """
        while records := self._in_order.pop_some():
            for record in records:
                del self._records[record.key]
            yield
        while self._recent:
            for _ in range(min(len(self._recent), MIN_EVENTS)):
                self._recent.popleft()
            yield

    def apply(self, batch: Batch[V]) -> Batch[V]:
        """Apply the next batch; return its events with the record objects of this window."""
        self.revision = max(self.revision, batch.revision)
        if not batch.events:
            return batch
        events = [self._apply(event) for event in batch.events]
        self._remember(events)
        return Batch(batch.revision, events)

    def get(self, key: str) -> Record[V] | None:
        """Return the record of ``key`` as of ``revision``."""
        return self._records.get(key)

    def list(self, prefix: str, start: str = "", limit: int = 0) -> Page[V]:
        """Return the records below ``prefix`` from the key ``start`` on, as of ``revision``."""
        found, remaining = self._in_order.between(max(prefix, start), prefix + _LAST, limit)
        return Page(found, self.revision, remaining)

    def list_at(self, prefix: str, start: str, limit: int, revision: int) -> Page[V]:
        """Return the same as of a ``revision`` from `oldest` to the present one."""
        if prefix.endswith("/") and self.last_change(prefix) <= revision:
            page = self.list(prefix, start, limit)
            return Page(page.records, revision, page.remaining)
        first, end = max(prefix, start), prefix + _LAST
        events = self.since(revision, prefix)
        records, remaining = past_page(self._in_order, events, first, end, limit)
        return Page(records, revision, remaining)

    def last_change(self, prefix: str) -> int:
        """Return a revision since which nothing below ``prefix``, up to a slash, has changed."""
        return self._changed.get(prefix, self._changed_before)

    def snapshot(self) -> Snapshot[V]:
        """Return the records as of ``revision``."""
        return Snapshot(self._records, self._in_order.all())

    def since(self, revision: int, prefix: str) -> Sequence[Event[V]]:
        """Return the events below ``prefix`` after ``revision``, which must be >= ``oldest``."""
        found = []
        for event in reversed(self._recent):
            if event.revision <= revision:
                break
            if event.key.startswith(prefix):
                found.append(event)
        found.reverse()
        return found

    def _apply(self, event: Event[V]) -> Event[V]:
        key, record, previous = event.key, event.record, event.previous
        self._touch(key, event.revision)
        known = self._records.get(key)
        if record is not None:
            self._records[key] = record
            self._in_order.put(record)
        elif known is not None:
            del self._records[key]
            self._in_order.remove(key)
        if known is None or (previous is not None and previous.revision != known.revision):
            return event
        # The feed may omit the previous record: use the one that was current here.
        return Event(key, event.revision, record, known)

    def _touch(self, key: str, revision: int) -> None:
        changed = self._changed
        for prefix in prefixes_of(key):
            changed[prefix] = revision
        if len(changed) > MAX_PREFIXES:
            changed.clear()
            self._changed_before = revision

    def _remember(self, events: Sequence[Event[V]]) -> None:
        recent = self._recent
        recent.extend(events)
        self._size += sum(map(self._event_size, events))
        kept = min(max(len(self._records), MIN_EVENTS), self._capacity)
        while len(recent) > kept or (recent and self._size > MAX_BYTES):
            self.oldest = self._forget()
            # Drop all events of a revision together.
            while recent and recent[0].revision == self.oldest:
                self._forget()

    def _forget(self) -> int:
        event = self._recent.popleft()
        self._size -= self._event_size(event)
        return event.revision

    def _event_size(self, event: Event[V]) -> int:
        record = event.record or event.previous
        return self._size_of(record.value) if record is not None else 0
