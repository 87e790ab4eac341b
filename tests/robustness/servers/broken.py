"""A server with one deliberate fault, to see that it is found out, or that it does no harm.

    python -m tests.robustness.servers.broken --fault=NAME [flags of the server...]

A fault is put into the program when it has started, below what clients see: nothing of it is in the
server.
"""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from apiserver.endpoints import http_connection
from apiserver.endpoints.metrics import Metrics
from apiserver.registry import list as listing
from apiserver.registry import write as writing
from apiserver.registry.stored import Stored
from apiserver.server import cli, serving
from storage.cache.cache import WatchCache
from storage.cache.feed import Feed
from storage.cache.window import Window
from storage.hub import Hub
from storage.interface import ABSENT, NO_REQUIREMENTS, Batch, Change, Page, Put, Record
from storage.sqlite.store import SQLiteStore

_LAG: Final = 0.03
LONGEST_TURN: Final = "longest_turn_seconds"
Cache = WatchCache[Stored]
_tasks: list[asyncio.Task[None]] = []


def loses_what_it_acknowledged() -> None:
    """Acknowledge a change before it is kept, and now and then keep it never."""
    commit = SQLiteStore.commit
    commits = 0

    async def lose(
        self: SQLiteStore,
        changes: Sequence[Change[bytes]],
        *,
        requires: Mapping[str, int] = NO_REQUIREMENTS,
    ) -> Sequence[Record[bytes]]:
        nonlocal commits
        change = changes[0]
        commits += "/configmaps/robust" in change.key
        if commits % 20 == 19 and isinstance(change, Put):
            current = await self.get(change.key)
            revision = await self.revision() + 1
            created = current.created if current else revision
            return [Record(change.key, change.value, revision, created)]
        return await commit(self, changes, requires=requires)

    SQLiteStore.commit = lose  # type: ignore[method-assign]


def forgets_what_was_expected() -> None:
    """Write whatever is there: the last writer wins."""
    commit = SQLiteStore.commit

    async def force(
        self: SQLiteStore,
        changes: Sequence[Change[bytes]],
        *,
        requires: Mapping[str, int] = NO_REQUIREMENTS,
    ) -> Sequence[Record[bytes]]:
        change = changes[0]
        if "/configmaps/robust" in change.key and isinstance(change, Put):
            await asyncio.sleep(0.005)
            current = await self.get(change.key)
            changes = [replace(change, expected=ABSENT if current is None else current.revision)]
        return await commit(self, changes, requires=requires)

    SQLiteStore.commit = force  # type: ignore[method-assign]


def reads_what_it_happens_to_have() -> None:
    """Answer reads from a memory that lags."""
    _lag()

    async def refresh(self: Cache) -> bool:
        return True

    WatchCache.wait_until_fresh = refresh  # type: ignore[method-assign]
    WatchCache._is_current = lambda self: True  # type: ignore[method-assign]


def decides_on_what_it_happens_to_have() -> None:
    """Refuse, change nothing and try out on a record that nobody has confirmed."""
    _lag()

    async def stands(self: writing._Writing, decision: writing.Decision) -> bool:
        return True

    writing._Writing._stands = stands  # type: ignore[method-assign]


def writes_what_was_to_be_tried_out() -> None:
    """Take a dry run for a run."""
    begin = writing._Writing.__init__

    def wet(self: writing._Writing, change: writing.Write, rule: writing.Rule) -> None:
        begin(self, replace(change, dry_run=False), rule)

    writing._Writing.__init__ = wet  # type: ignore[method-assign]


def tears_lists() -> None:
    """Answer the pages after the first from the latest state."""
    page = listing._page

    async def tear(resource: Any, span: listing._Range, limit: int) -> Page[Stored]:
        found = await page(resource, replace(span, revision=0), limit)
        return replace(found, revision=span.revision or found.revision)

    listing._page = tear


def leaves_events_out() -> None:
    """Leave every thirtieth event out of watches."""

    def some(batch: Batch[Stored]) -> list[Any]:
        return [event for event in batch.events if event.revision % 30]

    _publishing(some)


def doubles_events() -> None:
    """Tell every thirtieth event twice."""

    def twice(batch: Batch[Stored]) -> list[Any]:
        return [event for event in batch.events for _ in range(1 if event.revision % 30 else 2)]

    _publishing(twice)


def resumes_late() -> None:
    """Begin a watch with the change after the next one."""
    since = Window.since

    def late(self: Window[Stored], revision: int, prefix: str) -> Any:
        return since(self, revision, prefix)[1:]

    Window.since = late  # type: ignore[method-assign]


def hears_late() -> None:
    """Have the feed of the store lag. This breaks nothing that is promised."""
    _lag()


def hears_nothing() -> None:
    """Have the feed of the store say nothing any more. Only what watches promise is broken."""

    Feed._deliver = lambda self, batch: None  # type: ignore[method-assign]


def closes_idle_connections_soon() -> None:
    """Wait a second for a request. This breaks nothing but tests that wait."""
    http_connection.IDLE_SECONDS = 1.0  # type: ignore[misc]


def drops_stalled_clients_soon() -> None:
    """Wait seconds for a client that takes nothing. This breaks nothing but tests that wait."""
    http_connection.STALLED_SECONDS = 3.0  # type: ignore[misc]


def tells_its_longest_turn() -> None:
    """Count, in a gauge, the longest time for which nobody else had the loop since it was read.

    It is the time of the processor and not that of the clock: others have the machine, too.
    """
    metered = Metrics.render
    longest = 0.0

    async def listen() -> None:
        nonlocal longest
        while True:
            begun = time.thread_time()
            await asyncio.sleep(0.001)
            longest = max(longest, time.thread_time() - begun)

    def render(self: Metrics) -> tuple[bytes, str]:
        nonlocal longest
        self.gauges[LONGEST_TURN] = ("The longest turn.", lambda: told)
        told, longest = longest, 0.0
        return metered(self)

    Metrics.render = render  # type: ignore[method-assign]
    _tasks.append(asyncio.get_running_loop().create_task(listen()))


#: Faults and the guarantee that each of them breaks; "" for those that may not break any.
FAULTS: Final[Mapping[Callable[[], None], str]] = {
    loses_what_it_acknowledged: "Acknowledged",
    forgets_what_was_expected: "Atomic",
    reads_what_it_happens_to_have: "Linearizable",
    decides_on_what_it_happens_to_have: "Linearizable",
    writes_what_was_to_be_tried_out: "Traceless",
    tears_lists: "Snapshot",
    leaves_events_out: "Reliable",
    doubles_events: "Unique",
    resumes_late: "Reliable",
    hears_late: "",
    hears_nothing: "",
    closes_idle_connections_soon: "",
    drops_stalled_clients_soon: "",
    tells_its_longest_turn: "",
}


def _lag() -> None:
    deliver = Feed._deliver

    def later(self: Feed[Stored], batch: Batch[Stored]) -> None:
        asyncio.get_running_loop().call_later(_LAG, deliver, self, batch)

    Feed._deliver = later  # type: ignore[method-assign]


def _publishing(choose: Callable[[Batch[Stored]], list[Any]]) -> None:
    publish = Hub.publish

    def changed(self: Hub[Stored], batch: Batch[Stored]) -> None:
        events = choose(batch)
        if events:
            publish(self, Batch(batch.revision, events))

    Hub.publish = changed  # type: ignore[method-assign]


def main(arguments: list[str]) -> int:
    """Run the server with a fault."""
    name = next(each for each in arguments if each.startswith("--fault="))
    fault = next(each for each in FAULTS if f"--fault={each.__name__}" == name)
    announce = serving.announce

    def break_and_announce(url: str, kubeconfig: Path) -> None:
        fault()
        announce(url, kubeconfig)

    serving.announce = break_and_announce
    return cli.main([each for each in arguments if each != name])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
