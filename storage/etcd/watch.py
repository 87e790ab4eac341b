"""Watching etcd: builds the watch requests and reads the responses. Pure.

A watch after revision N starts *at* N and skips the events of N. etcd reports compacted history
only if the start revision itself is compacted, and a compaction at a revision also removes the
deletions of that revision. A watch that starts one revision later could lose deletions silently.

The revision of the last event counts as progress. The revision in the header of a response is
etcd's revision at the time of sending, which may be ahead of events that are still to come. It is
reliable only in a response without events, and only since etcd 3.4.25 and 3.5.8.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from storage.compaction import COMPACT_REV_KEY
from storage.errors import Compacted, Unavailable
from storage.etcd import rpc
from storage.etcd.transactions import decode_key, encode_key, key_range, to_record
from storage.interface import Batch, Event

_MARK: Final = encode_key(COMPACT_REV_KEY)


def watch_request(prefix: str, start: int, *, feed: bool) -> rpc.WatchRequest:
    """Return the request for the events below ``prefix`` from the revision ``start`` on.

    A ``feed`` omits previous records, because its reader has them. Its range includes the key that
    every compaction writes; without it the revision of that write would be missing.
    """
    first, end = key_range(prefix)
    if feed:
        first = min(first, _MARK)
        end = end if end == b"\0" else max(end, _MARK + b"\0")
    return rpc.WatchRequest(
        create_request=rpc.WatchCreateRequest(
            key=first,
            range_end=end,
            start_revision=max(start, 1),
            progress_notify=True,
            prev_kv=not feed,
            fragment=True,
        )
    )


PROGRESS_REQUEST: Final = rpc.WatchRequest(progress_request=rpc.WatchProgressRequest())


class WatchAssembler:
    """Assembles responses of watch streams into batches; resume after ``reached``."""

    def __init__(self, prefix: str, after: int, *, feed: bool = False) -> None:
        self._prefix = prefix
        self.feed = feed
        self._fragments: list[rpc.Event] = []
        self._trusts_progress = False
        self._announced = False
        self.reached = after
        #: The target revision of the last compaction seen.
        self.compacted = 0
        #: Whether a batch was received, so that ``reached`` is a revision the store once had.
        self.begun = False

    def begin(self, version: str) -> None:
        """Prepare for the responses of a new stream, from an etcd of this version."""
        self._fragments.clear()
        self._trusts_progress = reports_progress_in_order(version)

    def take(self, answer: rpc.WatchResponse) -> Batch[bytes] | None:
        """Return the batch that a response completes, or None.

        Raises Compacted if the history after ``reached`` is gone, and Unavailable if etcd has ended
        the watch for another reason.
        """
        if answer.canceled:
            if answer.compact_revision:
                raise Compacted(self.reached, answer.compact_revision)
            raise Unavailable(f"etcd ended the watch: {answer.cancel_reason}")
        self._fragments.extend(answer.events)
        if answer.fragment:
            return None
        events, self._fragments = self._fragments, []
        if events:
            return self._batch(events)
        if answer.created:
            return self._announce()
        if not self._trusts_progress or answer.header.revision <= self.reached:
            return None
        return self._reach(answer.header.revision)

    def _announce(self) -> Batch[bytes] | None:
        if self._announced:
            return None
        self._announced = True
        return Batch(self.reached)

    def _batch(self, events: Iterable[rpc.Event]) -> Batch[bytes] | None:
        found, revision = [], self.reached
        for event in events:
            kv = event.kv
            if kv.mod_revision <= self.reached:
                continue
            revision, key = kv.mod_revision, decode_key(kv.key)
            if key.startswith(self._prefix):
                found.append(self._event(key, event))
            elif kv.key == _MARK and kv.value.isdigit():
                self.compacted = int(kv.value)
        return self._reach(revision, found) if revision > self.reached else None

    def _reach(self, revision: int, events: list[Event[bytes]] | None = None) -> Batch[bytes]:
        self.reached = revision
        self.begun = True
        return Batch(revision, events or ())

    def _event(self, key: str, event: rpc.Event) -> Event[bytes]:
        kv = event.kv
        deleted = event.type == rpc.Event.DELETE
        previous = None
        if not self.feed and (deleted or kv.create_revision != kv.mod_revision):
            if not event.HasField("prev_kv"):
                # etcd omits the previous record if it was compacted before the event was sent.
                raise Compacted(self.reached, 0)
            previous = to_record(event.prev_kv)
        return Event(key, kv.mod_revision, None if deleted else to_record(kv), previous)


def reports_progress_in_order(version: str) -> bool:
    """Return whether this etcd version never sends a progress notification before an event."""
    numbers = []
    for part in version.split("-", maxsplit=1)[0].split("."):
        if not part.isdigit():
            return False
        numbers.append(int(part))
    if numbers[:2] == [3, 4]:
        return numbers >= [3, 4, 25]
    return numbers >= [3, 5, 8]
