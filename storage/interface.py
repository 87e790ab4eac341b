"""The contract of every store.

A store is a map from keys to values with one counter, the revision, that grows by at least one
with every change. Its laws, each of which has a test by its name in ``tests/contract/store``:

``Acknowledged``  what ``commit`` returned is there afterwards, whatever dies.
``Atomic``        the changes of a commit happen at one revision, or none of them does.
``Monotonic``     revisions never go back and are never given twice, across restarts too.
``Snapshot``      pages listed at one revision agree with each other.
``Linearizable``  ``get``, ``list`` and ``revision`` without a revision see every change that was
                  acknowledged before the call began.
``Ordered``       a watch yields changes in the order of their revisions,
``Unique``        none of them twice,
``Reliable``      and leaves none out;
``Resumable``     a watch after revision N yields exactly what follows N, or raises `Compacted`;
``Bookmarkable``  once a batch with revision N is out, nothing at or below N follows.

What a value is is the business of whoever stacks a store on another; the stores that keep data
keep ``bytes``.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Generic, Protocol, TypeAlias, TypeVar

V = TypeVar("V")

LATEST: Final = 0
ABSENT: Final = 0
NO_REQUIREMENTS: Final[Mapping[str, int]] = {}
#: The most bytes that the values of one commit may have together: what etcd takes in one request
#: unless it is configured otherwise (``--max-request-bytes``).
MAX_VALUE: Final = 1536 * 1024
#: The most keys that one commit may change and require: what etcd takes in one transaction unless
#: it is configured otherwise (``--max-txn-ops``).
MAX_KEYS: Final = 128
#: The revision of a store that was never written to; the first change gets the next one.
FIRST_REVISION: Final = 1


@dataclass(frozen=True, slots=True)
class Record(Generic[V]):
    """One key as it was left by its last change at ``revision``; made at ``created``."""

    key: str
    value: V
    revision: int
    created: int


@dataclass(frozen=True, slots=True)
class Page(Generic[V]):
    """Consecutive records of one prefix as of ``revision``; ``remaining`` more keys follow them."""

    records: Sequence[Record[V]]
    revision: int
    remaining: int = 0


@dataclass(frozen=True, slots=True)
class Event(Generic[V]):
    """One change of one key. ``record`` is ``None`` when the key was deleted.

    ``previous`` is the record that this change replaced or deleted, ``None`` when it made the key.
    """

    key: str
    revision: int
    record: Record[V] | None
    previous: Record[V] | None


@dataclass(frozen=True, slots=True)
class Batch(Generic[V]):
    """All that happened under a watched prefix since the batch before, up to ``revision``.

    Changes that share a revision are never spread over two batches. A batch without events is a
    bookmark: nothing happened up to ``revision``.
    """

    revision: int
    events: Sequence[Event[V]] = ()


@dataclass(frozen=True, slots=True)
class Put(Generic[V]):
    """Write ``value`` to ``key`` if its record still has revision ``expected``.

    ``expected`` is `ABSENT` for a key that must not exist; ``ttl`` is in seconds, 0 means for ever.
    """

    key: str
    value: V
    expected: int
    ttl: int = 0


@dataclass(frozen=True, slots=True)
class Delete:
    """Delete ``key`` if its record still has revision ``expected``."""

    key: str
    expected: int


Change: TypeAlias = Put[V] | Delete


class Committer(Protocol[V]):
    """Where changes are committed. Implementations inherit from it for the short forms."""

    async def commit(
        self, changes: Sequence[Change[V]], *, requires: Mapping[str, int] = NO_REQUIREMENTS
    ) -> Sequence[Record[V]]:
        """Make all ``changes`` at one revision, or none of them.

        They happen only if every key in ``requires`` has the revision named there. Returns, in the
        order of the changes, the records written; for a deletion the deleted record with the
        revision of its deletion. A watch gets the events of one commit in one batch.

        Raises `RevisionConflict` with the first key, of the changes and then of ``requires``, that
        has another revision, and its current record (``None`` when there is none; so does a
        deletion of a key that is not there). Raises `ValueTooLarge` for more than `MAX_VALUE` bytes
        of values, `TooManyKeys` for more than `MAX_KEYS` changes and requirements, and
        `OutcomeUnknown`. Raises ValueError if there are no changes, if two change the same key, or
        if a changed key is required at a revision that its change does not expect.
        """
        ...

    async def put(
        self,
        key: str,
        value: V,
        *,
        expected: int,
        ttl: int = 0,
        requires: Mapping[str, int] = NO_REQUIREMENTS,
    ) -> Record[V]:
        """Commit one `Put`."""
        (record,) = await self.commit((Put(key, value, expected, ttl),), requires=requires)
        return record

    async def delete(self, key: str, *, expected: int) -> Record[V]:
        """Commit one `Delete`."""
        (record,) = await self.commit((Delete(key, expected),))
        return record


class Store(Committer[V], Protocol[V]):
    """Revisioned keys and values. Every method may raise `storage.errors.Unavailable`."""

    async def get(self, key: str, *, revision: int = LATEST) -> Record[V] | None:
        """Return the record of ``key``, now or as of ``revision``; ``None`` where there is none.

        Raises `Compacted` or `FutureRevision` for a revision out of reach.
        """
        ...

    async def list(
        self, prefix: str, *, start: str = "", limit: int = 0, revision: int = LATEST
    ) -> Page[V]:
        """Return the records whose key begins with ``prefix``, in byte order of their keys.

        ``start`` is the first key that may appear (an absolute key, not below ``prefix``),
        ``limit`` the most records to return (0: all). ``Page.revision`` is the store's revision
        when it was read, or the ``revision`` that was asked for.

        Raises `Compacted` or `FutureRevision` for a revision out of reach.
        """
        ...

    def watch(self, prefix: str, *, after: int) -> AsyncGenerator[Batch[V], None]:
        """Yield what happens under ``prefix`` after revision ``after``, for as long as it is read.

        The first batch is a bookmark at ``after``: from then on the store listens, and what is
        changed comes without delay. An ``after`` in the future is no error: changes up to it are
        left out. Close the iterator (``aclose``) to end the watch.

        Raises `Compacted` when the history after ``after`` is not kept any more.
        """
        ...

    async def revision(self) -> int:
        """Return a revision at least as new as every change acknowledged before the call."""
        ...

    async def compact(self, revision: int) -> None:
        """Forget the history before ``revision``; records keep their latest values."""
        ...

    async def close(self) -> None:
        """Release what the store holds open. Nothing else may be called afterwards."""
        ...


class FeedStore(Store[V], Protocol[V]):
    """A store that can feed a watch cache."""

    def feed(self, prefix: str, *, after: int) -> AsyncGenerator[Batch[V], None]:
        """Yield what `watch` does, for a reader that keeps the state itself.

        Its events may lack what they replaced, and every compaction by `storage.compaction` shows
        as a bookmark.
        """
        ...

    def current_revision(self) -> int | None:
        """Return what `revision` would, if that is known without asking; else ``None``.

        It is known where no other process writes.
        """
        ...

    def compact_revision(self) -> int:
        """Return the revision before which history is known to be compacted; 0 for none."""
        ...

    def request_progress(self) -> bool:
        """Have open watches report their progress; return whether the store can.

        A watch that has no event up to the newest revision then yields a bookmark.
        """
        ...
