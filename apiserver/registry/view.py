"""ObjectView: the objects of the store as one served version shows them.

The watch cache is the view of what is stored. `apiserver.registry.converted_view` shows another
version of it.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Sequence
from typing import Protocol

from apiserver.registry.codec import Stored
from storage.cache.cache import FRESHNESS_TIMEOUT
from storage.interface import LATEST, Batch, Committer, Event, Page, Record


class EventWatcher(Protocol):
    """One reader of the events below a prefix, as `storage.hub.Watcher` is."""

    wake: Callable[[], None] | None

    @property
    def idle(self) -> bool:
        """Whether everything that happened has been read."""
        ...

    def take_parts(self) -> Sequence[Sequence[Event[Stored]]]:
        """Return all that is due, in parts that may be shared. Raises what ended the watch."""
        ...

    def close(self) -> None:
        """Stop listening."""
        ...


class ObjectView(Committer[Stored], Protocol):
    """What the verbs need of the store; the methods are those of `storage.cache.cache.WatchCache`.

    Values to commit are made with `Stored.to_write`.
    """

    @property
    def cached_revision(self) -> int:
        """The revision of the state in memory."""
        ...

    def get_cached(self, key: str) -> Record[Stored] | None:
        """Return the record of ``key`` as of `cached_revision`."""
        ...

    def get_newest_known(self, key: str) -> Record[Stored] | None:
        """Return the newest record of ``key`` that is known to this process."""
        ...

    def list_cached(self, prefix: str, *, start: str = "", limit: int = 0) -> Page[Stored]:
        """Return records as of `cached_revision`."""
        ...

    def last_change(self, prefix: str) -> int:
        """Return a revision since which nothing below ``prefix``, up to a slash, has changed."""
        ...

    def subscribe(self, prefix: str, after: int, *, exact: bool = False) -> EventWatcher:
        """Return a watcher of what follows ``after``. Raises Compacted where memory lacks it."""
        ...

    def watch_history(self, prefix: str, after: int) -> AsyncGenerator[Batch[Stored], None]:
        """Yield the store's history after ``after``, until memory has what follows."""
        ...

    async def wait_for_revision(self, revision: int, timeout: float = FRESHNESS_TIMEOUT) -> bool:
        """Wait until the state in memory is at least as new as ``revision``."""
        ...

    async def wait_until_fresh(self) -> bool:
        """Wait until the state in memory has all that was acknowledged before the call."""
        ...

    async def revision(self) -> int:
        """Return a revision at least as new as every change acknowledged before the call."""
        ...

    async def get(self, key: str, *, revision: int = LATEST) -> Record[Stored] | None:
        """Return the record of ``key``, now or as of ``revision``."""
        ...

    async def list(
        self, prefix: str, *, start: str = "", limit: int = 0, revision: int = LATEST
    ) -> Page[Stored]:
        """Return the records below ``prefix``, now or as of ``revision``."""
        ...
