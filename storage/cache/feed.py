"""Feed: reads everything below a root of a store, then watches it until stopped.

If the watch breaks, it resumes after the last revision received. If the history after that revision
has been compacted, or if the values are to be decoded differently, the feed reads everything again.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Collection
from contextlib import aclosing, suppress
from typing import Final, Generic, TypeVar

from storage.errors import Compacted, StorageError
from storage.interface import Batch, FeedStore, Page

V = TypeVar("V")

_RETRY_DELAY: Final = 0.2

log = logging.getLogger(__name__)


class Feed(Generic[V]):
    """Calls ``load`` with all records as of one revision, then ``apply`` with each later batch."""

    def __init__(
        self,
        source: FeedStore[V],
        root: str,
        load: Callable[[Page[V]], Awaitable[None]],
        apply: Callable[[Batch[V]], None],
    ) -> None:
        self._source = source
        self._root = root
        self._load = load
        self._apply = apply
        self._revision = 0
        # Whether everything has to be read again before the watch resumes.
        self._behind = False
        self._listening = asyncio.Event()
        # The last one watches; those before it, of earlier reloads, are about to end.
        self._tasks: list[asyncio.Task[None]] = []

    async def start(self, timeout: float) -> None:
        """Load everything and wait, at most ``timeout`` seconds, until the watch is established."""
        await self._load_all()
        self._run_again()
        with suppress(TimeoutError):
            async with asyncio.timeout(timeout):
                await self._listening.wait()

    def reload(self) -> None:
        """Read everything again, because the same data mean something else now."""
        self._behind = True
        if self._tasks:
            self._cancel()
            self._run_again()

    async def stop(self) -> None:
        """Stop the watch; neither callback is called afterwards."""
        self._cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)

    def _cancel(self) -> None:
        for task in self._tasks:
            # A second cancellation would interrupt how the watch ends.
            if not task.cancelling():
                task.cancel()

    def _run_again(self) -> None:
        earlier = [task for task in self._tasks if not task.done()]
        task = asyncio.create_task(self._run(earlier), name="watch-cache-feed")
        self._tasks = [*earlier, task]

    async def _run(self, earlier: Collection[asyncio.Task[None]]) -> None:
        if earlier:
            await asyncio.wait(earlier)
        while True:
            try:
                if self._behind:
                    await self._load_all()
                await self._watch()
            except Compacted:
                log.warning("the watch fell behind the store's history; reading everything again")
                self._behind = True
            except StorageError as error:
                log.warning("the watch on the store failed: %s", error)
                await asyncio.sleep(_RETRY_DELAY)

    async def _watch(self) -> None:
        feed = self._source.feed(self._root, after=self._revision)
        async with aclosing(feed) as batches:
            async for batch in batches:
                self._deliver(batch)

    def _deliver(self, batch: Batch[V]) -> None:
        self._listening.set()
        self._revision = max(self._revision, batch.revision)
        self._apply(batch)

    async def _load_all(self) -> None:
        # A reload that is requested meanwhile is not forgotten.
        self._behind = False
        try:
            page = await self._source.list(self._root)
            await self._load(page)
        except BaseException:
            self._behind = True
            raise
        self._revision = page.revision
