"""Watching etcd: what a stream is asked for and how its answers read. Pure.

A watch begins *at* the revision after which it was asked for, and leaves that one out. For etcd
tells a watcher that history is gone only when its first revision is, and a compaction at a revision
removes deletions of that revision too: starting one later could lose them silently.

What counts as progress is the revision of the last event. The revision in the head of an answer is
etcd's at the moment of sending, which may be ahead of events still to come; only an answer without
events vouches for it, and only since etcd 3.4.25 and 3.5.8.
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
    """Ask for what happens below ``prefix`` from the revision ``start`` on.

    The reader of a ``feed`` knows what events replace, so etcd need not look it up; and the range
    includes the key that every compaction writes, whose revision would be missing else.
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


class Reading:
    """The answers of watch streams, put together to batches; ``reached`` is where to resume."""

    def __init__(self, prefix: str, after: int, *, feed: bool = False) -> None:
        self._prefix = prefix
        self.feed = feed
        self._fragments: list[rpc.Event] = []
        self._trusts_progress = False
        self._announced = False
        self.reached = after
        #: Where the last compaction that was seen aimed at.
        self.compacted = 0
        #: Whether a batch has come: ``reached`` is a revision that the store once had.
        self.begun = False

    def begin(self, version: str) -> None:
        """Get ready for the answers of a new stream, from an etcd of this version."""
        self._fragments.clear()
        self._trusts_progress = tells_progress(version)

    def take(self, answer: rpc.WatchResponse) -> Batch[bytes] | None:
        """Return the batch that an answer completes, if it does.

        Raises Compacted when the history after ``reached`` is gone, Unavailable when etcd has ended
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
        following = [event for event in events if event.kv.mod_revision > self.reached]
        if not following:
            return None
        found = []
        for event in following:
            key = decode_key(event.kv.key)
            if key.startswith(self._prefix):
                found.append(self._event(key, event))
            elif event.kv.key == _MARK and event.kv.value.isdigit():
                self.compacted = int(event.kv.value)
        return self._reach(following[-1].kv.mod_revision, found)

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
                # etcd leaves it out when a compaction came between the event and its sending.
                raise Compacted(self.reached, 0)
            previous = to_record(event.prev_kv)
        return Event(key, kv.mod_revision, None if deleted else to_record(kv), previous)


def tells_progress(version: str) -> bool:
    """Tell whether an etcd of this version never sends a progress mark ahead of an event."""
    numbers = []
    for part in version.split("-", maxsplit=1)[0].split("."):
        if not part.isdigit():
            return False
        numbers.append(int(part))
    if numbers[:2] == [3, 4]:
        return numbers >= [3, 4, 25]
    return numbers >= [3, 5, 8]
