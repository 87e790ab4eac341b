"""Reading a watch in a test."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, cast

from storage.interface import ABSENT, Batch, Event
from tests.contract.store.stacks import Setting


class Watch:
    """A watch that is read with a limit on how long an event may take."""

    def __init__(self, batches: AsyncGenerator[Batch[Any], None], timeout: float) -> None:
        self._batches = batches
        self._timeout = timeout
        #: All that came so far.
        self.batches: list[Batch[Any]] = []

    @property
    def events(self) -> list[Event[Any]]:
        """All events that came so far."""
        return [event for batch in self.batches for event in batch.events]

    async def batch(self) -> Batch[Any]:
        """Return the next batch."""
        async with asyncio.timeout(self._timeout):
            batch = await anext(self._batches)
        self.batches.append(batch)
        return batch

    async def until(self, revision: int) -> list[Event[Any]]:
        """Read until the watch has reached ``revision``; return all events that came so far."""
        while not self.batches or self.batches[-1].revision < revision:
            await self.batch()
        return self.events


@asynccontextmanager
async def watching(
    setting: Setting, prefix: str | None = None, *, after: int, listening: bool = True
) -> AsyncIterator[Watch]:
    """Watch a prefix, the test's root by default; wait until the store is ``listening``."""
    watched = setting.store.watch(setting.root if prefix is None else prefix, after=after)
    batches = cast("AsyncGenerator[Batch[Any], None]", watched)
    watch = Watch(batches, setting.timeout)
    try:
        if listening:
            first = await watch.batch()
            assert (first.revision, list(first.events)) == (after, [])
        yield watch
    finally:
        await batches.aclose()


async def changes_since(setting: Setting, revision: int) -> list[Event[Any]]:
    """Return what has changed below the test's root after a revision.

    The revision of a store says nothing of that: other tests, and leases, share it.
    """
    last = await setting.store.put(setting.key("last"), setting.value("v"), expected=ABSENT)
    async with watching(setting, after=revision) as watch:
        events = await watch.until(last.revision)
    return [event for event in events if event.key != last.key]


def shown(events: list[Event[Any]]) -> list[tuple[str, int]]:
    """Return the keys and revisions of events."""
    return [(event.key, event.revision) for event in events]
