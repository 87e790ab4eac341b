"""ObjectView: the objects of the store in one served version.

The watch cache is the view in the stored version. `apiserver.registry.converted_view` is the view
in another version.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Sequence
from typing import Protocol

from apiserver.registry.stored import Stored
from storage.cache.cache import FRESHNESS_TIMEOUT
from storage.conditions import WatchCondition
from storage.interface import LATEST, Batch, Committer, Event, Page, Record


class EventWatcher(Protocol):
    """One reader of the events below a prefix, such as `storage.hub.Watcher`."""

    wake: Callable[[], None] | None

    @property
    def idle(self) -> bool:
        """Whether all events so far have been taken."""
        ...

    def take_parts(self) -> Sequence[Sequence[Event[Stored]]]:
        """Return all pending events, in parts that may be shared. Raises the error of the watch."""
        ...

    def close(self) -> None:
        """End the subscription."""
        ...


class ObjectView(Committer[Stored], Protocol):
    """The interface of the store to the verbs; see `storage.cache.cache.WatchCache`.

    Values to commit are created by `Stored.to_write`.
    """

    @property
    def cached_revision(self) -> int:
        """The revision of the cache."""
        ...

    def get_cached(self, key: str) -> Record[Stored] | None:
        """Return the record of ``key`` as of `cached_revision`."""
        ...

    def get_newest_known(self, key: str) -> Record[Stored] | None:
        """Return the newest record of ``key`` that this process knows."""
        ...

    def list_cached(self, prefix: str, *, start: str = "", limit: int = 0) -> Page[Stored]:
        """Return records as of `cached_revision`."""
        ...

    def last_change(self, prefix: str) -> int:
        """Return a revision since which no key below ``prefix``, up to a slash, has changed."""
        ...

    def subscribe(
        self,
        prefix: str,
        after: int,
        *,
        exact: bool = False,
        condition: WatchCondition[Stored] | None = None,
    ) -> EventWatcher:
        """Return a watcher of events after ``after``, at least of those that meet a condition.

        Raises Compacted if the cache lacks them.
        """
        ...

    def watch_history(self, prefix: str, after: int) -> AsyncGenerator[Batch[Stored], None]:
        """Yield the store's history after ``after``, until the cache has the events that follow."""
        ...

    async def wait_for_revision(self, revision: int, timeout: float = FRESHNESS_TIMEOUT) -> bool:
        """Wait until the cache is at least as new as ``revision``."""
        ...

    async def wait_until_fresh(self) -> bool:
        """Wait until the cache contains all changes acknowledged before the call."""
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
