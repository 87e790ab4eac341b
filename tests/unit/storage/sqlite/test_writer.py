"""The writer: group commit, and errors of one transaction."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

import pytest

from storage.errors import OutcomeUnknown, OutOfSpace, RevisionConflict, Unavailable
from storage.interface import ABSENT, Delete, Event, Put
from storage.sqlite import log
from storage.sqlite.database import connect, prepare
from storage.sqlite.space import RESERVE
from storage.sqlite.writer import Writer


class Disk:
    """A connection whose statements can be counted and made to fail."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self.fails: dict[str, int] = {}
        self.commits = 0

    @property
    def in_transaction(self) -> bool:
        return self._connection.in_transaction

    def execute(self, statement: str, *arguments: Any) -> sqlite3.Cursor:
        self.commits += statement == "COMMIT"
        for start, code in self.fails.items():
            if statement.startswith(start):
                error = sqlite3.OperationalError("the disk failed")
                error.sqlite_errorcode = code
                raise error
        return self._connection.execute(statement, *arguments)


class Bench:
    """A writer on a disk that can fail."""

    def __init__(self, path: Path) -> None:
        path.touch()
        prepare(path)
        self.disk = Disk(connect(path))
        self.published: list[int] = []
        self.writer = Writer(path, cast("sqlite3.Connection", self.disk), self._note, self._check)

    def _note(self, events: Sequence[Event[bytes]]) -> None:
        self.published.extend(event.revision for event in events)

    def _check(self) -> None:
        pass

    async def put(self, key: str, expected: int = ABSENT) -> int:
        def work(connection: sqlite3.Connection) -> tuple[int, list[Event[bytes]]]:
            events = log.commit(connection, [Put(key, b"v", expected)], {}, 0)
            return events[0].revision, events

        revision: int = await self.writer.do(work, key)
        return revision


@pytest.fixture
async def writing(tmp_path: Path) -> Any:
    """A writer that is closed afterwards."""
    bench = Bench(tmp_path / "store.db")
    yield bench
    await bench.writer.close()
    bench.disk._connection.close()


async def test_changes_that_wait_together_share_a_commit(writing: Bench) -> None:
    revisions = await asyncio.gather(*(writing.put(str(number)) for number in range(50)))
    assert len(set(revisions)) == 50
    assert writing.disk.commits == 1
    assert writing.published == sorted(revisions)


async def test_a_refused_change_leaves_the_others_alone(writing: Bench) -> None:
    made = await writing.put("a")
    results = await asyncio.gather(
        writing.put("b"), writing.put("a"), writing.put("c"), return_exceptions=True
    )
    assert isinstance(results[1], RevisionConflict)
    assert writing.published == [made, results[0], results[2]]


async def test_what_is_refused_alone_commits_nothing(writing: Bench) -> None:
    await writing.put("a")
    commits = writing.disk.commits
    with pytest.raises(RevisionConflict):
        await writing.put("a")
    assert writing.disk.commits == commits


@pytest.mark.parametrize(
    ("statement", "code"),
    [
        ("INSERT", sqlite3.SQLITE_FULL),
        ("INSERT", sqlite3.SQLITE_IOERR),
        ("BEGIN", sqlite3.SQLITE_BUSY),
        ("COMMIT", sqlite3.SQLITE_FULL),
    ],
)
async def test_a_failure_before_the_disk_was_asked_to_keep_it_changed_nothing(
    writing: Bench, statement: str, code: int
) -> None:
    made = await writing.put("a")
    writing.disk.fails = {statement: code}
    results = await asyncio.gather(writing.put("b"), writing.put("c"), return_exceptions=True)
    assert all(isinstance(each, Unavailable) for each in results)
    assert "the disk failed" in str(results[0])
    writing.disk.fails = {}
    after = await writing.put("b")
    assert writing.published == [made, after]


async def test_a_failure_while_the_disk_keeps_it_is_of_unknown_outcome(writing: Bench) -> None:
    """And nothing else is taken: what the disk says from now on cannot be believed."""
    writing.disk.fails = {"COMMIT": sqlite3.SQLITE_IOERR_FSYNC}
    results = await asyncio.gather(writing.put("a"), writing.put("b"), return_exceptions=True)
    assert [type(each) for each in results] == [OutcomeUnknown, OutcomeUnknown]
    writing.disk.fails = {}
    with pytest.raises(Unavailable, match="must be opened again"):
        await writing.put("c")
    assert writing.published == []


async def test_closing_finishes_what_was_begun(tmp_path: Path) -> None:
    bench = Bench(tmp_path / "store.db")
    writes = [asyncio.create_task(bench.put(str(number))) for number in range(300)]
    await asyncio.sleep(0)
    await bench.writer.close()
    assert len(set(await asyncio.gather(*writes))) == 300
    with pytest.raises(Unavailable, match="closed"):
        await bench.put("late")
    bench.disk._connection.close()


async def test_a_change_whose_writer_has_gone_away_happens(writing: Bench) -> None:
    gone = asyncio.create_task(writing.put("a"))
    await asyncio.sleep(0)
    gone.cancel()
    with pytest.raises(asyncio.CancelledError):
        await gone
    with pytest.raises(RevisionConflict):
        await writing.put("a")


async def delete(bench: Bench, key: str, expected: int) -> int:
    """Delete a key, as work that frees space."""

    def work(connection: sqlite3.Connection) -> tuple[int, list[Event[bytes]]]:
        events = log.commit(connection, [Delete(key, expected)], {}, 0)
        return events[0].revision, events

    revision: int = await bench.writer.do(work, key, frees=True)
    return revision


async def test_on_a_full_disk_deletions_use_what_was_reserved(
    writing: Bench,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    free = 0
    monkeypatch.setattr("storage.sqlite.space.Space.free", lambda self: free)
    reserve = tmp_path / "store.db-reserve"
    assert reserve.stat().st_size == RESERVE
    a, b = await writing.put("a"), await writing.put("b")
    commit = writing.disk.execute

    def full(statement: str, *arguments: Any) -> sqlite3.Cursor:
        """Commit only where the reserve has been given up."""
        if statement == "COMMIT" and reserve.exists():
            writing.disk.fails = {"COMMIT": sqlite3.SQLITE_FULL}
        try:
            return commit(statement, *arguments)
        finally:
            writing.disk.fails = {}

    monkeypatch.setattr(writing.disk, "execute", full)
    results = await asyncio.gather(
        writing.put("c"), delete(writing, "a", a), return_exceptions=True
    )
    assert isinstance(results[0], OutOfSpace)
    assert isinstance(results[1], int)
    assert not reserve.exists()
    for call in (writing.put("d"), writing.put("b", b)):
        with pytest.raises(OutOfSpace):
            await call
    with pytest.raises(OutOfSpace):
        writing.writer.check()
    await delete(writing, "b", b)
    assert (tmp_path / "store.db-wal").stat().st_size == 0
    assert [record.levelname for record in caplog.records] == ["ERROR"]
    free = 10 * RESERVE
    monkeypatch.setattr(writing.disk, "execute", commit)
    writing.writer.check()
    await writing.put("e")
    assert reserve.stat().st_size == RESERVE
    assert [record.levelname for record in caplog.records] == ["ERROR", "WARNING"]
