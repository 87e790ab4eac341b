"""The operations of the control channel, by name."""

from __future__ import annotations

import asyncio
import csv
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from io import StringIO
from pathlib import Path
from typing import Any, Final

from apiserver.server.assembly import Server
from apiserver.server.files import write_private
from apiserver.testing.control_server import Operation
from apiserver.testing.fault_filter import FaultFilter
from apiserver.testing.fault_rules import FaultRules, UnknownFault
from apiserver.testing.request_recorder import RequestRecorder
from apiserver.testing.revision_history import RevisionHistory
from apiserver.testing.seeding import SeededBytes
from apiserver.testing.snapshots import Snapshots
from apiserver.testing.steerable_clock import SteerableClock
from apiserver.testing.watch_faults import WatchFaults
from storage.interface import FeedStore
from storage.memory import MemoryStore

#: What happens to open watches when the server is reset.
CONTINUE, CLOSE, EXPIRE = "continue", "close", "expire"
_POLL: Final = 0.005
#: How many iterations of the event loop must pass without a change, however long they take.
_QUIET_TURNS: Final = 100


@dataclass(frozen=True, slots=True)
class Tools:
    """The objects that operations use besides the server."""

    clock: SteerableClock
    seeds: SeededBytes
    recorder: RequestRecorder
    rules: FaultRules
    faults: FaultFilter
    watch_faults: WatchFaults


@dataclass(slots=True)
class Operations:
    """The operations on one server.

    ``token_file`` is that of the server; ``users`` are its rows: token, name, groups.
    """

    server: Server
    store: FeedStore[bytes]
    tools: Tools
    snapshots: Snapshots
    history: RevisionHistory
    token_file: Path
    users: list[tuple[str, str, Sequence[str]]] = field(default_factory=list)
    seed: int | None = None

    def table(self) -> Mapping[str, Operation]:
        """Return every operation by its name."""
        return {
            "snapshot": self._snapshot,
            "forget_snapshot": self._forget_snapshot,
            "reset": self._reset,
            "settle": self._settle,
            "wait_for_change": self._wait_for_change,
            "add_fault": self._add_fault,
            "lift_fault": self._lift_fault,
            "clear_faults": self._clear_faults,
            "hits": self._hits,
            "clock": self._clock,
            "advance": self._advance,
            "seed": self._seed,
            "requests": self._requests,
            "count_requests": self._count_requests,
            "clear_requests": self._clear_requests,
            "history": self._history,
            "differences": self.history.differences,
            "revision": self.store.revision,
            "compact": self._compact,
            "add_user": self._add_user,
        }

    async def _snapshot(self) -> dict[str, int]:
        number, revision = await self.snapshots.take()
        return {"number": number, "revision": revision}

    async def _forget_snapshot(self, number: int) -> None:
        self.snapshots.forget(number)

    async def _reset(self, snapshot: int, watches: str) -> dict[str, int]:
        if watches not in (CONTINUE, CLOSE, EXPIRE):
            raise ValueError(f"watches can {CONTINUE}, {CLOSE} or {EXPIRE}, not {watches}")
        if watches == CLOSE:
            self.tools.watch_faults.close()
        changed = await self.snapshots.restore(snapshot)
        revision = await self.store.revision()
        if watches == EXPIRE:
            await self._compact()
        self.tools.seeds.restart(self.seed)
        return {"changed": changed, "revision": revision}

    async def _history(self, **wanted: str) -> list[dict[str, Any]]:
        return await self.history.of_object(**wanted, since=self.store.compact_revision())

    async def _compact(self) -> None:
        revision = await self.store.revision()
        if revision > self.store.compact_revision():
            await self.store.compact(revision)
        self.tools.watch_faults.expire(revision)

    async def _settle(self, quiet: float, timeout: float) -> None:
        async with asyncio.timeout(timeout):
            while True:
                before = await self.store.revision()
                await self.snapshots.settle()
                await asyncio.sleep(quiet)
                # On a busy machine all of that time may have been one iteration of the event loop.
                for _ in range(_QUIET_TURNS):
                    await asyncio.sleep(0)
                if self.server.manager.idle() and await self.store.revision() == before:
                    return

    async def _wait_for_change(self, revision: int, requests: int, timeout: float) -> None:
        """Wait for a revision after this one, or more requests than these."""
        loop = asyncio.get_running_loop()
        until = loop.time() + timeout
        cache = self.server.registry.store
        while cache.cached_revision <= revision and self.tools.recorder.count <= requests:
            if loop.time() >= until:
                return
            await asyncio.sleep(_POLL)

    async def _add_fault(
        self, action: str, conditions: dict[str, Any], options: dict[str, Any]
    ) -> int:
        if not self.tools.faults.knows(action):
            raise UnknownFault(f"there is no fault {action}")
        rule = self.tools.rules.add(action, options, conditions)
        self.tools.watch_faults.apply(rule)
        return rule.number

    async def _lift_fault(self, number: int) -> None:
        self.tools.rules.lift(number)
        self.tools.watch_faults.lift(number)

    async def _clear_faults(self) -> None:
        self.tools.rules.clear()
        self.tools.watch_faults.lift(None)

    async def _hits(self, number: int) -> list[dict[str, Any]]:
        return [record.document() for record in self.tools.rules.find(number).hits]

    async def _clock(self, do: str, moment: float | None = None) -> dict[str, float]:
        clock = self.tools.clock
        if do == "freeze":
            clock.freeze(moment)
        elif do == "set" and moment is not None:
            clock.set(moment)
        elif do == "resume":
            clock.resume()
        elif do == "reset":
            clock.reset()
        return {"time": clock.time()}

    async def _advance(self, seconds: float) -> None:
        if seconds < 0:
            raise ValueError("a clock is not turned back by advancing it; set it")
        await self.tools.clock.advance(seconds)
        if isinstance(self.store, MemoryStore):
            await self.store.expire()
        await self.snapshots.settle()

    async def _seed(self, seed: int | None) -> None:
        self.seed = seed
        self.tools.seeds.restart(seed)

    async def _requests(self) -> list[dict[str, Any]]:
        return [record.document() for record in self.tools.recorder]

    async def _count_requests(self) -> int:
        return self.tools.recorder.count

    async def _clear_requests(self) -> None:
        self.tools.recorder.clear()

    async def _add_user(self, name: str, groups: Sequence[str]) -> str:
        """Add a user; return the bearer token."""
        token = secrets.token_hex(16)
        self.users.append((token, name, groups))
        write_private(self.token_file, token_rows(self.users))
        for each in self.server.access.files:
            if self.token_file in each.files:
                each.load()
        return token


def token_rows(users: Sequence[tuple[str, str, Sequence[str]]]) -> bytes:
    """Return the token file of users: token, name and groups."""
    text = StringIO()
    csv.writer(text).writerows(
        [token, name, name, ",".join(groups)] for token, name, groups in users
    )
    return text.getvalue().encode()
