"""A run: traffic on some stores while failures happen, and the log of what was done at the end."""

from __future__ import annotations

import asyncio
import os
import random
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from storage.errors import OutcomeUnknown, Unavailable
from storage.interface import ABSENT, Batch, Store
from tests.robustness.history import Change, History, told
from tests.robustness.traffic import PREFIX, Client, WatchClient
from tests.robustness.validation import Log, validate
from tests.waiting import PATIENCE

#: How long the traffic of one run lasts. The default is for every day; ask for minutes by night.
SECONDS = float(os.environ.get("ROBUSTNESS_SECONDS", "3"))
#: Where histories that break a guarantee are kept.
HISTORIES = os.environ.get("ROBUSTNESS_HISTORIES", "")
#: Decides what is done, to what and when: the same in every run unless another is asked for.
SEED = int(os.environ.get("ROBUSTNESS_SEED", "1"))

Failure = Callable[[random.Random], Awaitable[None]]


@dataclass(frozen=True)
class Run:
    """What a run is made of."""

    #: The stores that clients talk to, each a server of its own.
    stores: Sequence[Store[bytes]]
    #: Makes something go wrong, and right again; called again and again.
    failure: Failure
    #: A store that sees everything, for the log. It must not lose its history during the run.
    judge: Store[bytes]
    clients: int = 6
    watchers: int = 3
    watcher_pause: float = 0.0
    client_pause: float = 0.001
    #: How many calls succeed at least: a busy machine takes longer for them.
    calls: int = 100
    #: How many of them succeed between two failures.
    between: int = 10
    #: The log is followed from the beginning where its history is compacted.
    follow: bool = False


@dataclass
class Result:
    """What came of a run."""

    history: History
    log: Log
    failures: int

    @property
    def summary(self) -> str:
        """What happened, in numbers."""
        outcomes: dict[str, int] = {}
        for each in self.history.operations:
            outcomes[each.outcome] = outcomes.get(each.outcome, 0) + 1
        events = sum(len(changes) for each in self.history.watches for _, changes in each.batches)
        return (
            f"seed {SEED}: {len(self.history.operations)} calls {outcomes}, "
            f"{len(self.log.changes)} changes, {events} events to {len(self.history.watches)} "
            f"watches, {self.failures} failures"
        )

    def violations(self, name: str) -> list[str]:
        """Validate the run; keep its history where something is wrong with it."""
        found = validate(self.history, self.log)
        if found and HISTORIES:
            directory = Path(HISTORIES)
            directory.mkdir(parents=True, exist_ok=True)
            self.history.save(directory / f"{name}-{SEED}.json")
        return found


async def carry_out(run: Run, seconds: float = SECONDS) -> Result:
    """Let clients work while failures happen; wait for quiet; read the log."""
    history, over, chance = History(), asyncio.Event(), random.Random(SEED)
    start = await run.judge.revision()
    followed = await _Following.begun(run.judge, start) if run.follow else None
    watchers = [
        WatchClient(f"watcher-{number}", store, history, run.watcher_pause)
        for number, store in _spread(run.stores, run.watchers)
    ]
    watching = [asyncio.create_task(watcher.run(start)) for watcher in watchers]
    clients = [
        asyncio.create_task(
            Client(f"client-{number}", store, history, SEED).run(over, run.client_pause)
        )
        for number, store in _spread(run.stores, run.clients)
    ]
    failures, deadline = 0, asyncio.get_running_loop().time() + seconds
    while asyncio.get_running_loop().time() < deadline or history.successes() < run.calls:
        await progress(history, run.between, [*watching, *clients])
        await run.failure(chance)
        failures += 1
    over.set()
    for watcher in watchers:
        watcher.pause = 0.0
    async with asyncio.timeout(PATIENCE):
        await asyncio.gather(*clients)
        last = await _last_word(run, history)
        while any(watcher.reached < last for watcher in watchers):
            raise_failed(watching)
            await asyncio.sleep(0.02)
    for task in watching:
        task.cancel()
    await asyncio.gather(*watching, return_exceptions=True)
    async with asyncio.timeout(PATIENCE):
        changes = await (followed.until(last) if followed else _read_log(run.judge, start, last))
    return Result(history, Log(changes, start), failures)


async def progress(history: History, calls: int, tasks: Sequence[asyncio.Task[None]]) -> None:
    """Return when so many calls have succeeded from now on. Raises what one of the tasks raised."""
    begun = len(history.operations)
    while history.successes(begun) < calls:
        raise_failed(tasks)
        await asyncio.sleep(0.01)


async def _last_word(run: Run, history: History) -> int:
    """Make a last change through each server, so that everybody has something to reach."""
    return max([await _insist(store, number, history) for number, store in enumerate(run.stores)])


async def _insist(store: Store[bytes], number: int, history: History) -> int:
    attempt = 0
    while True:
        # A change of which nothing is known may still come: what is tried next is another.
        key, value = f"{PREFIX}last-{number}-{attempt}", f"last-{number}-{attempt}"
        operation = history.begin("last", "put", key, value=value)
        try:
            return (await store.put(key, value.encode(), expected=ABSENT)).revision
        except (Unavailable, OutcomeUnknown):
            attempt += 1
            await asyncio.sleep(0.05)
        finally:
            operation.returned = time.monotonic()


async def _read_log(store: Store[bytes], start: int, last: int) -> list[Change]:
    changes: list[Change] = []
    batches = cast("AsyncGenerator[Batch[bytes], None]", store.watch(PREFIX, after=start))
    async with aclosing(batches):
        async for batch in batches:
            changes += map(told, batch.events)
            if batch.revision >= last:
                break
    return changes


class _Following:
    """Keeps the log from the beginning on, where the store forgets it."""

    def __init__(self) -> None:
        self._changes: list[Change] = []
        self._listening = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    @classmethod
    async def begun(cls, store: Store[bytes], start: int) -> _Following:
        following = cls()
        following._task = asyncio.create_task(following._follow(store, start))
        await following._listening.wait()
        return following

    async def until(self, last: int) -> list[Change]:
        assert self._task is not None
        while not self._changes or self._changes[-1].revision < last:
            raise_failed([self._task])
            await asyncio.sleep(0.01)
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)
        return self._changes

    async def _follow(self, store: Store[bytes], start: int) -> None:
        batches = cast("AsyncGenerator[Batch[bytes], None]", store.watch(PREFIX, after=start))
        async with aclosing(batches):
            async for batch in batches:
                self._listening.set()
                self._changes += map(told, batch.events)


def _spread(stores: Sequence[Store[bytes]], count: int) -> list[tuple[int, Store[bytes]]]:
    return [(number, stores[number % len(stores)]) for number in range(count)]


def raise_failed(tasks: Sequence[asyncio.Task[None]]) -> None:
    for task in tasks:
        if task.done() and not task.cancelled():
            task.result()
