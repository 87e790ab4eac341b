"""Stores whose watches have one deliberate fault each, as in `tests.contract.store.broken`."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import replace
from typing import Final

from storage.errors import Compacted
from storage.interface import (
    Batch,
    Event,
)
from storage.memory import MemoryStore

Batches = AsyncGenerator[Batch[bytes], None]


class LosesDeletes(MemoryStore):
    """Does not tell watches of deletions."""

    async def watch(self, prefix: str, *, after: int) -> Batches:
        async with aclosing(super().watch(prefix, after=after)) as batches:
            async for batch in batches:
                yield replace(batch, events=[each for each in batch.events if each.record])


class ForgetsPrevious(MemoryStore):
    """Does not tell watches what a change replaced."""

    async def watch(self, prefix: str, *, after: int) -> Batches:
        async with aclosing(super().watch(prefix, after=after)) as batches:
            async for batch in batches:
                yield replace(batch, events=[replace(each, previous=None) for each in batch.events])


class ReordersEvents(MemoryStore):
    """Tells two changes the wrong way round."""

    async def watch(self, prefix: str, *, after: int) -> Batches:
        async with aclosing(super().watch(prefix, after=after)) as batches:
            async for batch in batches:
                yield replace(batch, events=batch.events[::-1])


class DoublesEvents(MemoryStore):
    """Tells the last change twice, as one does who resumes at it and not after it."""

    async def watch(self, prefix: str, *, after: int) -> Batches:
        last: list[Event[bytes]] = []
        async with aclosing(super().watch(prefix, after=after)) as batches:
            async for batch in batches:
                yield replace(batch, events=[*last, *batch.events])
                last = list(batch.events[-1:])


class ResumesLate(MemoryStore):
    """Begins a watch one change after where it was asked to."""

    async def watch(self, prefix: str, *, after: int) -> Batches:
        async with aclosing(super().watch(prefix, after=after)) as batches:
            async for batch in batches:
                following = [each for each in batch.events if each.revision > after + 1]
                yield replace(batch, events=following)


class LosesWhatHappensMeanwhile(MemoryStore):
    """Reads the history and then joins the live feed, with a gap between the two."""

    async def watch(self, prefix: str, *, after: int) -> Batches:
        if after < self._compacted:
            raise Compacted(after, self._compacted)
        history = [
            each for each in self._log if each.revision > after and each.key.startswith(prefix)
        ]
        yield Batch(after)
        if history:
            yield Batch(history[-1].revision, history)
        async with aclosing(super().watch(prefix, after=max(after, self._revision))) as batches:
            await anext(batches)
            async for batch in batches:
                yield batch


class WatchesEverything(MemoryStore):
    """Tells a watch of keys that it did not ask for."""

    async def watch(self, prefix: str, *, after: int) -> Batches:
        async with aclosing(super().watch("", after=after)) as batches:
            async for batch in batches:
                yield batch


class MarksOvertakeEvents(MemoryStore):
    """Says how far it is before the events up to there are out, as etcd before 3.5.8 did."""

    async def watch(self, prefix: str, *, after: int) -> Batches:
        async with aclosing(super().watch(prefix, after=after)) as batches:
            async for batch in batches:
                if batch.events:
                    yield Batch(batch.revision)
                yield batch


class SplitsARevision(MemoryStore):
    """Says of every change that it is complete before it is."""

    async def watch(self, prefix: str, *, after: int) -> Batches:
        async with aclosing(super().watch(prefix, after=after)) as batches:
            async for batch in batches:
                yield Batch(batch.revision, batch.events[:1])
                if batch.events[1:]:
                    yield Batch(batch.revision, batch.events[1:])


class WatchesAfterCompactionWithHoles(MemoryStore):
    """Serves what is left of a history instead of saying that it is gone."""

    async def watch(self, prefix: str, *, after: int) -> Batches:
        start = max(after, self._compacted)
        async with aclosing(super().watch(prefix, after=start)) as batches:
            yield replace(await anext(batches), revision=after)
            async for batch in batches:
                yield batch


class CannotBeHastened(MemoryStore):
    """Promises bookmarks and does not send them."""

    def request_progress(self) -> bool:
        return True


BROKEN_WATCHES: Final[tuple[type[MemoryStore], ...]] = (
    LosesDeletes,
    ForgetsPrevious,
    ReordersEvents,
    DoublesEvents,
    ResumesLate,
    LosesWhatHappensMeanwhile,
    WatchesEverything,
    MarksOvertakeEvents,
    SplitsARevision,
    WatchesAfterCompactionWithHoles,
    CannotBeHastened,
)
