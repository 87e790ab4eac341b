"""The interface of every store.

A store is a map from keys to values with one counter, the revision, that grows by at least one
with every change. It gives these guarantees, each tested by name in ``tests/contract/store``:

``Acknowledged``  a commit that has returned is durable, whichever process is killed.
``Atomic``        the changes of a commit happen at one revision, or none of them does.
``Monotonic``     revisions never decrease and are never reused, not even after a restart.
``Snapshot``      pages listed at one revision agree with each other.
``Linearizable``  ``get``, ``list`` and ``revision`` without a revision see every change that was
                  acknowledged before the call began.
``Ordered``       a watch yields changes in the order of their revisions,
``Unique``        none of them twice,
``Reliable``      and leaves none out;
``Resumable``     a watch after revision N yields exactly what follows N, or raises `Compacted`;
``Bookmarkable``  after a batch with revision N, no event at or below N follows.

The type of the values is a parameter: the stores that keep data keep ``bytes``, and wrappers such
as `CodecStore` convert them.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping, Sequence
from typing import Final, Generic, Protocol, TypeAlias, TypeVar

from storage.valueclass import valueclass

V = TypeVar("V")

LATEST: Final = 0
ABSENT: Final = 0
NO_REQUIREMENTS: Final[Mapping[str, int]] = {}
#: The maximum total size in bytes of the values of one commit: etcd's default limit for a request
#: (``--max-request-bytes``).
MAX_VALUE: Final = 1536 * 1024
#: The maximum number of keys that one commit may change and require: etcd's default limit for a
#: transaction (``--max-txn-ops``).
MAX_KEYS: Final = 128
#: The revision of an empty store; the first change gets the next revision.
FIRST_REVISION: Final = 1


@valueclass
class Record(Generic[V]):
    """One key and its value, created at ``created`` and last changed at ``revision``."""

    key: str
    value: V
    revision: int
    created: int


@valueclass
class Page(Generic[V]):
    """Consecutive records of one prefix as of ``revision``, followed by ``remaining`` more."""

    records: Sequence[Record[V]]
    revision: int
    remaining: int = 0


@valueclass
class Event(Generic[V]):
    """One change of one key. ``record`` is ``None`` when the key was deleted.

    ``previous`` is the record that this change replaced or deleted, ``None`` if the key is new.
    """

    key: str
    revision: int
    record: Record[V] | None
    previous: Record[V] | None


@valueclass
class Batch(Generic[V]):
    """All events below a watched prefix after the previous batch, up to ``revision``.

    Changes that share a revision are never split over two batches. A batch without events is a
    bookmark: nothing changed up to ``revision``.
    """

    revision: int
    events: Sequence[Event[V]] = ()


@valueclass
class Put(Generic[V]):
    """Write ``value`` to ``key`` if its record still has revision ``expected``.

    ``expected`` is `ABSENT` for a key that must not exist. ``ttl`` is the lifetime in seconds; 0
    means that the key does not expire. ``frees``: the change is a step to a deletion, so a store
    without space makes it in the space that it has reserved for deletions.
    """

    key: str
    value: V
    expected: int
    ttl: int = 0
    frees: bool = False


@valueclass
class Delete:
    """Delete ``key`` if its record still has revision ``expected``."""

    key: str
    expected: int


Change: TypeAlias = Put[V] | Delete


class Committer(Protocol[V]):
    """Commits changes. Implementations inherit `put` and `delete` from it."""

    async def commit(
        self, changes: Sequence[Change[V]], *, requires: Mapping[str, int] = NO_REQUIREMENTS
    ) -> Sequence[Record[V]]:
        """Make all ``changes`` at one revision, or none of them.

        The commit succeeds only if every key in ``requires`` has the revision given there. Returns
        the records written, in the order of the changes; for a deletion, the deleted record with
        the revision of the deletion. A watch gets the events of one commit in one batch.

        Raises `RevisionConflict` for the first key, of the changes and then of ``requires``, that
        has another revision. The error carries the current record, ``None`` if the key does not
        exist. Deleting a key that does not exist also conflicts. Raises `ValueTooLarge` for more
        than `MAX_VALUE` bytes of values, `TooManyKeys` for more than `MAX_KEYS` changes and
        requirements, and `OutcomeUnknown`. Raises ValueError if there are no changes, if two
        change the same key, or if ``requires`` has a changed key with another revision than the
        change expects.
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
        """Return the record of ``key``, now or as of ``revision``; ``None`` if it does not exist.

        Raises `Compacted` or `FutureRevision` for a revision that is not available.
        """
        ...

    async def list(
        self, prefix: str, *, start: str = "", limit: int = 0, revision: int = LATEST
    ) -> Page[V]:
        """Return the records whose key begins with ``prefix``, in byte order of their keys.

        ``start`` is the first key to return: a full key, not relative to ``prefix``. ``limit`` is
        the maximum number of records (0: no limit). ``Page.revision`` is the requested
        ``revision``, or the store's revision when the records were read.

        Raises `Compacted` or `FutureRevision` for a revision that is not available.
        """
        ...

    def watch(self, prefix: str, *, after: int) -> AsyncGenerator[Batch[V], None]:
        """Yield the events below ``prefix`` after revision ``after``, until the iterator is closed.

        The first batch is a bookmark at ``after``. It shows that the watch is established; later
        changes are delivered without delay. ``after`` may be in the future: changes up to it are
        skipped. Close the iterator (``aclose``) to end the watch.

        Raises `Compacted` if the history after ``after`` is no longer available.
        """
        ...

    async def revision(self) -> int:
        """Return a revision at least as new as every change acknowledged before the call."""
        ...

    async def compact(self, revision: int) -> None:
        """Remove the history before ``revision``. Current records are not affected."""
        ...

    async def close(self) -> None:
        """Release all resources. No other method may be called afterwards."""
        ...


class FeedStore(Store[V], Protocol[V]):
    """A store that can feed a watch cache."""

    def feed(self, prefix: str, *, after: int) -> AsyncGenerator[Batch[V], None]:
        """Yield the same events as `watch`, for a reader that keeps the state itself.

        Events may lack the previous record, and every compaction by `storage.compaction` appears
        as a bookmark.
        """
        ...

    def current_revision(self) -> int | None:
        """Return the result of `revision` if it is known without a request, else ``None``.

        It is known if no other process writes to the store.
        """
        ...

    def compact_revision(self) -> int:
        """Return the revision before which history is known to be compacted, 0 if none is."""
        ...

    def request_progress(self) -> bool:
        """Request a progress report on open watches; return whether the store supports it.

        A watch that has no event up to the newest revision then yields a bookmark.
        """
        ...
