"""Changes whose answer is lost: found out where that is possible, and never made twice.

Between the store and etcd stands a proxy that loses what is asked or what is answered.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterator
from dataclasses import dataclass
from typing import Any, TypeVar

import pytest

from storage.errors import OutcomeUnknown, Unavailable
from storage.etcd.connection import Connection
from storage.etcd.grpc_channel import TLSFiles
from storage.etcd.store import EtcdStore
from storage.interface import ABSENT, Delete, Put, Record
from tests.contract.etcd.proxy import Proxy, proxied
from tests.etcd_process import EtcdProcess, etcd_process
from tests.free_ports import free_port
from tests.waiting import eventually

T = TypeVar("T")

PREFIX = "/lost/"


@pytest.fixture(scope="module")
def etcd() -> Iterator[EtcdProcess]:
    """An etcd of our own: its port must be known."""
    with etcd_process() as process:
        yield process


@dataclass
class Line:
    """A store whose line to etcd can be broken, and another one whose line holds."""

    broken: EtcdStore
    sound: EtcdStore
    proxy: Proxy
    key: str

    async def lose(
        self, change: Coroutine[Any, Any, T], when: Callable[[], Awaitable[bool]]
    ) -> asyncio.Task[T]:
        """Start a change, and break the line once ``when`` holds."""
        task = asyncio.create_task(change)
        await eventually(when)
        self.proxy.heal()
        self.proxy.cut()
        return task

    async def committed(self, change: Coroutine[Any, Any, T], revision: int) -> T:
        """Make a change that etcd commits, and whose answer is lost."""
        self.proxy.loses_answers = True

        async def done() -> bool:
            current = await self.sound.get(self.key)
            return (current.revision if current else ABSENT) != revision

        return await (await self.lose(change, done))

    async def unsent(
        self,
        change: Coroutine[Any, Any, T],
        meanwhile: Callable[[], Awaitable[object]] | None = None,
    ) -> T:
        """Make a change that does not get to etcd."""
        self.proxy.loses_requests = True

        async def sent() -> bool:
            return self.key.encode() in self.proxy.lost

        if meanwhile is not None:
            await meanwhile()
        return await (await self.lose(change, sent))


@pytest.fixture
async def line(etcd: EtcdProcess, request: pytest.FixtureRequest) -> AsyncIterator[Line]:
    """Two stores on one etcd, one of them behind a proxy."""
    async with proxied(etcd.port) as proxy:
        broken = await EtcdStore.open([proxy.endpoint])
        sound = await EtcdStore.open([etcd.endpoint])
        yield Line(broken, sound, proxy, PREFIX + request.node.name)
        await broken.close()
        await sound.close()


async def test_a_create_that_was_committed_succeeds(line: Line) -> None:
    made = await line.committed(line.broken.put(line.key, b"v", expected=ABSENT), ABSENT)
    assert made == await line.sound.get(line.key)


async def test_a_create_that_is_not_found_is_of_unknown_outcome(line: Line) -> None:
    """It is not made again: it may yet be committed."""
    with pytest.raises(OutcomeUnknown):
        await line.unsent(line.broken.put(line.key, b"v", expected=ABSENT))
    assert await line.sound.get(line.key) is None


async def test_a_create_that_found_somebody_elses_key_is_of_unknown_outcome(line: Line) -> None:
    with pytest.raises(OutcomeUnknown):
        await line.unsent(
            line.broken.put(line.key, b"v", expected=ABSENT),
            lambda: line.sound.put(line.key, b"other", expected=ABSENT),
        )


async def test_an_update_that_was_committed_succeeds(line: Line) -> None:
    made = await line.sound.put(line.key, b"one", expected=ABSENT)
    changed = await line.committed(
        line.broken.put(line.key, b"two", expected=made.revision), made.revision
    )
    assert changed == await line.sound.get(line.key)
    assert changed == Record(line.key, b"two", changed.revision, made.revision)


async def test_an_update_that_was_not_is_made_under_the_same_guard(line: Line) -> None:
    made = await line.sound.put(line.key, b"one", expected=ABSENT)
    changed = await line.unsent(line.broken.put(line.key, b"two", expected=made.revision))
    assert changed == await line.sound.get(line.key)


async def test_an_update_that_then_conflicts_is_of_unknown_outcome(line: Line) -> None:
    made = await line.sound.put(line.key, b"one", expected=ABSENT)
    with pytest.raises(OutcomeUnknown):
        await line.unsent(
            line.broken.put(line.key, b"two", expected=made.revision),
            lambda: line.sound.put(line.key, b"other", expected=made.revision),
        )
    current = await line.sound.get(line.key)
    assert current is not None
    assert current.value == b"other"


async def test_a_deletion_that_was_committed_is_of_unknown_outcome(line: Line) -> None:
    """The key is gone, and nobody can tell who deleted it."""
    made = await line.sound.put(line.key, b"one", expected=ABSENT)
    with pytest.raises(OutcomeUnknown):
        await line.committed(line.broken.delete(line.key, expected=made.revision), made.revision)
    assert await line.sound.get(line.key) is None


async def test_a_deletion_that_was_not_is_made_under_the_same_guard(line: Line) -> None:
    made = await line.sound.put(line.key, b"one", expected=ABSENT)
    gone = await line.unsent(line.broken.delete(line.key, expected=made.revision))
    assert gone == Record(line.key, b"one", gone.revision, made.revision)
    assert await line.sound.get(line.key) is None


async def test_a_commit_of_creates_that_was_committed_succeeds(line: Line) -> None:
    changes = [Put(line.key, b"v", ABSENT), Put(f"{line.key}/b", b"w", ABSENT)]
    made = await line.committed(line.broken.commit(changes), ABSENT)
    assert made == [await line.sound.get(change.key) for change in changes]


async def test_a_commit_of_creates_of_which_one_was_made_by_another_is_unknown(line: Line) -> None:
    """The same bytes at two revisions were not written by one commit."""
    changes = [Put(line.key, b"v", ABSENT), Put(f"{line.key}/b", b"w", ABSENT)]

    async def make_both() -> None:
        for change in changes:
            await line.sound.put(change.key, change.value, expected=ABSENT)

    with pytest.raises(OutcomeUnknown):
        await line.unsent(line.broken.commit(changes), make_both)


async def test_a_commit_that_replaces_and_creates_succeeds_though_its_answer_is_lost(
    line: Line,
) -> None:
    one = await line.sound.put(line.key, b"one", expected=ABSENT)
    changes = [Put(f"{line.key}/b", b"w", ABSENT), Put(line.key, b"two", one.revision)]
    made = await line.committed(line.broken.commit(changes), one.revision)
    assert made == [await line.sound.get(change.key) for change in changes]
    assert made[0].revision == made[1].revision


async def test_a_commit_that_replaces_and_was_not_sent_is_made_under_the_same_guards(
    line: Line,
) -> None:
    one = await line.sound.put(line.key, b"one", expected=ABSENT)
    changes = [Put(f"{line.key}/b", b"w", ABSENT), Delete(line.key, one.revision)]
    made, gone = await line.unsent(line.broken.commit(changes))
    assert gone == Record(line.key, b"one", made.revision, one.revision)
    assert await line.sound.get(made.key) == made


async def test_a_commit_with_a_deletion_that_was_committed_is_of_unknown_outcome(
    line: Line,
) -> None:
    one = await line.sound.put(line.key, b"one", expected=ABSENT)
    changes = [Put(f"{line.key}/b", b"w", ABSENT), Delete(line.key, one.revision)]
    with pytest.raises(OutcomeUnknown):
        await line.committed(line.broken.commit(changes), one.revision)
    assert await line.sound.get(line.key) is None


async def test_of_two_lost_changes_to_the_same_bytes_one_succeeds(line: Line) -> None:
    """Both would find what they wrote; only one of them has written it."""
    made = await line.sound.put(line.key, b"1", expected=ABSENT)
    second = asyncio.create_task(line.broken.put(line.key, b"2", expected=made.revision))

    async def first() -> Record[bytes]:
        return await line.broken.put(line.key, b"2", expected=made.revision)

    line.proxy.loses_answers = True
    results = await asyncio.gather(
        line.committed(first(), made.revision), second, return_exceptions=True
    )
    assert sorted(type(each).__name__ for each in results) == ["OutcomeUnknown", "Record"]


async def test_what_was_never_sent_is_unavailable(
    line: Line, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("storage.etcd.connection.CONNECT_WAIT", 0.2)
    store = EtcdStore(Connection([f"http://127.0.0.1:{free_port()}"], TLSFiles()))
    for call in (
        store.put(line.key, b"v", expected=ABSENT),
        store.delete(line.key, expected=7),
        store.get(line.key),
        store.revision(),
    ):
        with pytest.raises(Unavailable, match="no connection to etcd"):
            await call
    await store.close()


async def test_reads_are_asked_again(line: Line) -> None:
    made = await line.sound.put(line.key, b"one", expected=ABSENT)
    found = await line.unsent(line.broken.get(line.key))
    assert found == made
