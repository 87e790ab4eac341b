"""A run: traffic on some servers while failures happen, and the log of what was done in the end."""

from __future__ import annotations

import asyncio
import json
import os
import random
import shutil
import time
import uuid
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Sequence
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol, cast

from storage.errors import Unavailable
from storage.etcd.store import EtcdStore
from storage.interface import Batch, Event, Record, Store
from storage.sqlite.store import SQLiteStore
from tests.robustness import runs
from tests.robustness.history import OK, Change, History, State
from tests.robustness.runs import HISTORIES, SEED, progress, raise_failed
from tests.robustness.servers.http import Api, Broken, NotSent
from tests.robustness.servers.traffic import Client, WatchClient, state_of
from tests.robustness.servers.validation import validate
from tests.robustness.validation import Log
from tests.waiting import PATIENCE

ROOT: Final = "/registry/"
#: There are more runs here than with stores, so each is a little shorter unless it is asked for.
SECONDS: Final = runs.SECONDS if "ROBUSTNESS_SECONDS" in os.environ else 2.0

Failure = Callable[[random.Random], Awaitable[None]]


class Judge(Protocol):
    """Knows what really happened, from the store itself."""

    async def begin(self, prefix: str) -> int:
        """Return the revision from which on what happens below ``prefix`` will be known."""
        ...

    async def until(self, last: int) -> list[Change]:
        """Return what happened up to a revision, if it got there."""
        ...


@dataclass(frozen=True)
class Run:
    """What a run is made of. ``urls``: where clients come in."""

    urls: Sequence[str]
    #: Makes something go wrong, and right again; called again and again.
    failure: Failure
    judge: Judge
    clients: int = 6
    watchers: int = 4
    watcher_pause: float = 0.0
    client_pause: float = 0.002
    #: How many requests succeed at least: a busy machine takes longer for them.
    requests: int = 100
    #: How many of them succeed between two failures.
    between: int = 10
    #: How long watches may take in the end to tell what is left to be told.
    timeout: float = PATIENCE


@dataclass
class Result:
    """What came of a run."""

    history: History
    log: Log
    failures: int
    #: What watches have not told in the end.
    untold: list[str]

    @property
    def summary(self) -> str:
        """What happened, in numbers."""
        outcomes: dict[str, int] = {}
        for each in self.history.operations:
            outcomes[each.outcome] = outcomes.get(each.outcome, 0) + 1
        events = sum(len(changes) for each in self.history.watches for _, changes in each.batches)
        return (
            f"seed {SEED}: {len(self.history.operations)} requests {outcomes}, "
            f"{len(self.log.changes)} changes, {events} events to {len(self.history.watches)} "
            f"watches, {self.failures} failures"
        )

    def violations(self, name: str = "") -> list[str]:
        """Validate the run; keep its history under a name where something is wrong with it."""
        found = self.untold + validate(self.history, self.log)
        if found and name and HISTORIES:
            directory = Path(HISTORIES)
            directory.mkdir(parents=True, exist_ok=True)
            self.history.save(directory / f"servers-{name}-{SEED}.json")
        return found


async def carry_out(run: Run, seconds: float = SECONDS) -> Result:
    """Let clients work while failures happen; wait for quiet; read the log."""
    history, over = History(), asyncio.Event()
    namespace = await make_namespace(run.urls[0])
    collection = f"/api/v1/namespaces/{namespace}/configmaps"
    start = await run.judge.begin(f"{ROOT}configmaps/{namespace}/")
    watchers = [
        WatchClient(f"watcher-{number}", _turned(run.urls, number), history, run.watcher_pause)
        for number in range(run.watchers)
    ]
    watching = [asyncio.create_task(each.run(collection, start)) for each in watchers]
    clients = [
        asyncio.create_task(
            Client(f"client-{number}", run.urls, history, SEED).run(
                collection, over, run.client_pause
            )
        )
        for number in range(run.clients)
    ]
    try:
        failures = await _fail(run, seconds, history, [*watching, *clients])
        over.set()
        for watcher in watchers:
            watcher.pause = 0.0
        async with asyncio.timeout(PATIENCE):
            await asyncio.gather(*clients)
            last = await _last_word(run.urls, collection, history)
        untold = await _told(watchers, watching, last, run.timeout)
    finally:
        for task in (*watching, *clients):
            task.cancel()
        await asyncio.gather(*watching, *clients, return_exceptions=True)
    async with asyncio.timeout(PATIENCE):
        changes = await run.judge.until(last)
    return Result(history, Log(changes, start), failures, untold)


async def _told(
    watchers: Sequence[WatchClient], tasks: Sequence[asyncio.Task[None]], last: int, timeout: float
) -> list[str]:
    deadline = time.monotonic() + timeout
    while any(watcher.reached < last for watcher in watchers):
        raise_failed(tasks)
        if time.monotonic() > deadline:
            break
        await asyncio.sleep(0.02)
    return [
        f"Reliable: a watch by {watcher.name} has told nothing after {watcher.reached}, "
        f"and {last} happened"
        for watcher in watchers
        if watcher.reached < last
    ]


async def _fail(
    run: Run, seconds: float, history: History, tasks: Sequence[asyncio.Task[None]]
) -> int:
    failures, chance = 0, random.Random(SEED)
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline or history.successes() < run.requests:
        await progress(history, run.between, tasks)
        await run.failure(chance)
        failures += 1
    return failures


async def make_namespace(url: str) -> str:
    """Make a namespace and return its name."""
    name = f"robust-{uuid.uuid4().hex[:8]}"
    document = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}
    api = Api.at(url)
    answer = await api.send("POST", "/api/v1/namespaces", document)
    api.close()
    assert answer.status == 201, answer
    return name


class EtcdJudge:
    """Follows an etcd on a connection of its own, since its history may be compacted."""

    def __init__(self, store: Store[bytes]) -> None:
        self._store = store
        self._changes: list[Change] = []
        self._listening = asyncio.Event()
        self._following: asyncio.Task[None] | None = None

    async def begin(self, prefix: str) -> int:
        start = await self._store.revision()
        self._changes = []
        self._listening.clear()
        self._following = asyncio.create_task(self._follow(prefix, start))
        await self._listening.wait()
        return start

    async def until(self, last: int) -> list[Change]:
        assert self._following is not None
        while not self._changes or self._changes[-1].revision < last:
            raise_failed([self._following])
            await asyncio.sleep(0.01)
        self._following.cancel()
        await asyncio.gather(self._following, return_exceptions=True)
        return self._changes

    async def _follow(self, prefix: str, after: int) -> None:
        while True:
            try:
                async with aclosing(_batches(self._store, prefix, after)) as batches:
                    async for batch in batches:
                        self._listening.set()
                        self._changes += map(stored_change, batch.events)
                        after = batch.revision
            except Unavailable:
                await asyncio.sleep(0.02)


@asynccontextmanager
async def etcd_judge(endpoints: Sequence[str]) -> AsyncIterator[EtcdJudge]:
    """Yield a judge with a connection to an etcd."""
    store = await EtcdStore.open(endpoints)
    try:
        yield EtcdJudge(store)
    finally:
        await store.close()


class FileJudge:
    """Reads copies of a SQLite file: one whenever nobody has it open, and one in the end."""

    def __init__(self, file: Path, url: str, stop: Callable[[], object]) -> None:
        self._file = file
        self._url = url
        self._stop = stop
        self._changes: list[Change] = []
        self._reached = 0

    async def begin(self, prefix: str) -> int:
        self._prefix = prefix
        api = Api.at(self._url)
        answer = await api.send("GET", "/api/v1/namespaces/default/configmaps?limit=1")
        api.close()
        self._reached = int(answer.json["metadata"]["resourceVersion"])
        return self._reached

    async def until(self, last: int) -> list[Change]:
        await asyncio.to_thread(self._stop)
        await self.look()
        return self._changes

    async def look(self) -> None:
        """Read what happened since the last look; the file itself is for the server to recover."""
        copy = self._file.parent / "copy"
        copy.mkdir(exist_ok=True)
        for part in self._file.parent.glob(f"{self._file.name}*"):
            shutil.copy(part, copy)
        store = await SQLiteStore.open(copy / self._file.name)
        try:
            newest = await store.revision()
            async with aclosing(_batches(store, self._prefix, self._reached)) as batches:
                async for batch in batches:
                    self._changes += map(stored_change, batch.events)
                    self._reached = batch.revision
                    if self._reached >= newest:
                        break
                    store.request_progress()
        finally:
            await store.close()
            shutil.rmtree(copy)


def _batches(store: Store[bytes], prefix: str, after: int) -> AsyncGenerator[Batch[bytes], None]:
    return cast("AsyncGenerator[Batch[bytes], None]", store.watch(prefix, after=after))


def stored_change(event: Event[bytes]) -> Change:
    """Return an event of a store as servers tell it."""
    key = event.key.rpartition("/")[2]
    return Change(key, event.revision, _stored(event.record), _stored(event.previous))


def _stored(record: Record[bytes] | None) -> State | None:
    if record is None:
        return None
    document = json.loads(record.value)
    document["metadata"]["resourceVersion"] = str(record.revision)
    return state_of(document)


async def _last_word(urls: Sequence[str], collection: str, history: History) -> int:
    """Make a last change through each server, so that everybody has something to reach."""
    last = 0
    for number, url in enumerate(urls):
        api = Api.at(url)
        for attempt in range(1000):
            name = f"last-{number}-{attempt}"
            document = {"metadata": {"name": name}, "data": {"value": name}}
            operation = history.begin("last", "put", name, value=name)
            try:
                answer = await api.send("POST", collection, document)
            except (NotSent, Broken):
                await asyncio.sleep(0.05)
                continue
            finally:
                operation.returned = time.monotonic()
            if answer.status == 201:
                operation.outcome, operation.state = OK, state_of(answer.json)
                last = max(last, operation.state.revision)
                break
            await asyncio.sleep(0.05)
        api.close()
    return last


def _turned(urls: Sequence[str], number: int) -> list[str]:
    first = number % len(urls)
    return [*urls[first:], *urls[:first]]
