"""The database file: locking, format, and errors."""

from __future__ import annotations

import asyncio
import os
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from storage.errors import Corrupt, StorageError, Unavailable
from storage.interface import ABSENT, Put
from storage.sqlite.store import SQLiteStore

OPEN = "import asyncio, sys; from storage.sqlite.store import SQLiteStore as S; " + (
    "asyncio.run(S.open(sys.argv[1]))"
)


async def filled(path: Path, count: int = 50) -> None:
    """Make a store with some records."""
    store = await SQLiteStore.open(path)
    for number in range(count):
        await store.put(f"/k/{number:04}", b"v" * 2000, expected=ABSENT)
    await store.close()


async def test_a_second_process_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    store = await SQLiteStore.open(path)
    second = await asyncio.create_subprocess_exec(
        sys.executable, "-c", OPEN, path, stderr=subprocess.PIPE
    )
    _, said = await second.communicate()
    assert second.returncode
    assert f"{path} is in use by another process" in said.decode()
    with pytest.raises(Unavailable, match="in use by another process"):
        await SQLiteStore.open(path)
    await store.put("a", b"v", expected=ABSENT)
    await store.close()
    await (await SQLiteStore.open(path)).close()


async def test_a_second_process_is_refused_by_whatever_name(tmp_path: Path) -> None:
    """The lock is on the file itself, not on its name or on a file beside it."""
    path, link = tmp_path / "store.db", tmp_path / "link.db"
    store = await SQLiteStore.open(path)
    link.symlink_to(path)
    hard = tmp_path / "hard.db"
    hard.hardlink_to(path)
    for name in (link, hard):
        second = await asyncio.create_subprocess_exec(
            sys.executable, "-c", OPEN, name, stderr=subprocess.PIPE
        )
        _, said = await second.communicate()
        assert second.returncode
        assert f"{name} is in use by another process" in said.decode()
        with pytest.raises(Unavailable, match="in use by another process"):
            await SQLiteStore.open(name)
    assert not list(tmp_path.glob("*.lock"))
    await store.close()


def truncate(path: Path) -> None:
    path.write_bytes(b"")


def replace(path: Path) -> None:
    copy = path.with_name("copy.db")
    copy.write_bytes(path.read_bytes())
    copy.rename(path)


def delete_log(path: Path) -> None:
    Path(f"{path}-wal").unlink()


@pytest.mark.parametrize("damage", [Path.unlink, truncate, replace, delete_log])
async def test_a_file_that_is_deleted_or_replaced_takes_no_changes(
    tmp_path: Path, damage: Callable[[Path], None]
) -> None:
    path = tmp_path / "store.db"
    store = await SQLiteStore.open(path)
    made = await store.put("a", b"v", expected=ABSENT)
    assert await store.revision() == made.revision
    damage(path)
    for call in (
        store.put("b", b"v", expected=ABSENT),
        store.delete("a", expected=made.revision),
        store.revision(),
    ):
        with pytest.raises(Unavailable, match=r"store\.db or its log was deleted or replaced"):
            await call
    assert store.current_revision() == made.revision
    await store.close()


async def test_a_file_of_no_bytes_is_refused_unless_it_is_allowed(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    await filled(path)
    path.write_bytes(b"")
    with pytest.raises(Corrupt, match=r"store\.db: the file is empty, so its data is lost"):
        await SQLiteStore.open(path)
    assert path.stat().st_size == 0
    store = await SQLiteStore.open(path, allow_empty=True)
    assert (await store.list("")).records == []
    await store.close()


async def test_the_file_carries_its_format(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    await filled(path)
    connection = sqlite3.connect(path)
    assert connection.execute("PRAGMA user_version").fetchone() == (2,)
    assert connection.execute("PRAGMA auto_vacuum").fetchone() == (2,)
    connection.execute("PRAGMA user_version = 3")
    connection.close()
    with pytest.raises(Corrupt, match=r"store\.db: the file has format 3; .* reads format 2"):
        await SQLiteStore.open(path)


async def test_a_file_of_format_1_is_upgraded(tmp_path: Path) -> None:
    """It has no column ``following``: before that, every commit was of one key."""
    path = tmp_path / "store.db"
    await filled(path, 3)
    connection = sqlite3.connect(path)
    connection.execute("ALTER TABLE log DROP COLUMN following")
    connection.execute("PRAGMA user_version = 1")
    connection.close()
    store = await SQLiteStore.open(path)
    old = (await store.list("/k/")).records
    assert [(record.revision, record.created) for record in old] == [(2, 2), (3, 3), (4, 4)]
    changes = [Put(record.key, b"new", record.revision) for record in old]
    new = await store.commit(changes)
    assert {(record.revision, record.value) for record in new} == {(7, b"new")}
    assert list((await store.list("/k/")).records) == list(new)
    assert list((await store.list("/k/", revision=6)).records) == list(old)
    await store.close()


async def test_somebody_elses_file_is_refused_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "other.db"
    connection = sqlite3.connect(path)
    connection.execute("CREATE TABLE t (a)")
    connection.close()
    before = path.read_bytes()
    with pytest.raises(Corrupt, match="was not made by this program"):
        await SQLiteStore.open(path)
    assert path.read_bytes() == before


@pytest.mark.parametrize("damage", ["no database", "cut off", "overwritten"])
async def test_a_corrupt_file_is_refused_with_its_name(tmp_path: Path, damage: str) -> None:
    path = tmp_path / "store.db"
    await filled(path)
    content = path.read_bytes()
    path.write_bytes(
        {
            "no database": b"This is no database. " * 1000,
            "cut off": content[: len(content) // 3],
            "overwritten": content[:4096] + os.urandom(len(content) - 4096),
        }[damage]
    )

    async def use() -> None:
        store = await SQLiteStore.open(path)
        try:
            await store.list("/k/")
        finally:
            await store.close()

    with pytest.raises(Corrupt, match=r"store\.db"):
        await use()


async def test_a_place_that_cannot_be_a_file_is_refused_with_its_name(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    for path in (tmp_path, tmp_path / "file" / "store.db"):
        with pytest.raises(StorageError, match=str(path)):
            await SQLiteStore.open(path)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
async def test_a_read_only_file_is_refused_when_it_is_opened(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    await filled(path)
    path.chmod(0o400)
    with pytest.raises(Unavailable, match=r"store\.db"):
        await SQLiteStore.open(path)


async def test_a_disk_that_is_read_only_refuses_changes_and_serves_reads(tmp_path: Path) -> None:
    store = await SQLiteStore.open(tmp_path / "store.db")
    made = await store.put("a", b"v", expected=ABSENT)
    store._connection.execute("PRAGMA query_only = ON")
    with pytest.raises(Unavailable, match=r"store\.db: attempt to write a readonly database"):
        await store.put("b", b"v", expected=ABSENT)
    assert (await store.list("")).records == [made]
    await store.close()


async def test_a_full_disk_refuses_changes_and_loses_nothing(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    store = await SQLiteStore.open(path)
    store._connection.execute("PRAGMA max_page_count = 100")

    refusals: set[str] = set()

    async def write(name: str) -> list[str]:
        acknowledged = []
        for number in range(10):
            key = f"{name}/{number}"
            try:
                await store.put(key, b"v" * 10_000, expected=ABSENT)
            except Unavailable as error:
                refusals.add(str(error))
            else:
                acknowledged.append(key)
        return acknowledged

    written = await asyncio.gather(*(write(f"{number:02}") for number in range(20)))
    acknowledged = sorted(key for keys in written for key in keys)
    assert 0 < len(acknowledged) < 200
    assert refusals == {f"{path}: database or disk is full"}
    assert [record.key for record in (await store.list("")).records] == acknowledged
    # Space is found, and everything goes on.
    store._connection.execute("PRAGMA max_page_count = 100000")
    more = await store.put("z", b"v", expected=ABSENT)
    await store.close()
    store = await SQLiteStore.open(path)
    assert [record.key for record in (await store.list("")).records] == [*acknowledged, "z"]
    assert await store.get("z") == more
    await store.close()


async def test_the_write_ahead_log_is_bounded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Even where readers of the file keep commits from emptying the log most of the time."""
    monkeypatch.setattr("storage.sqlite.checkpoint.WAL_LIMIT", 1_000_000)
    monkeypatch.setattr("storage.sqlite.checkpoint._STEP", 300_000)
    path = tmp_path / "store.db"
    store = await SQLiteStore.open(path)
    reader = sqlite3.connect(path, isolation_level=None)
    revision, largest = ABSENT, 0
    for _ in range(40):
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM log").fetchone()
        for _ in range(4):
            revision = (await store.put("a", b"v" * 50_000, expected=revision)).revision
        reader.execute("COMMIT")
        revision = (await store.put("a", b"v", expected=revision)).revision
        largest = max(largest, Path(f"{path}-wal").stat().st_size)
    reader.close()
    await store.close()
    assert largest < 5_000_000


async def test_compaction_gives_space_back(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    store = await SQLiteStore.open(path)

    async def write(key: str) -> None:
        revision = ABSENT
        for _ in range(15):
            revision = (await store.put(key, b"v" * 20_000, expected=revision)).revision
        if key != "0":
            await store.delete(key, expected=revision)

    await asyncio.gather(*map(write, map(str, range(20))))
    kept = await store.list("")
    await store.compact(await store.revision())
    assert await store.list("") == kept
    await store.close()
    assert path.stat().st_size < 3_000_000
    connection = sqlite3.connect(path)
    assert connection.execute("SELECT key FROM log").fetchall() == [("0",)]
    connection.close()


async def test_a_compaction_that_was_cut_short_is_finished_by_the_next(tmp_path: Path) -> None:
    store = await SQLiteStore.open(tmp_path / "store.db")
    revision = ABSENT
    for _ in range(10):
        revision = (await store.put("a", b"v", expected=revision)).revision
    store._connection.execute("UPDATE compaction SET revision = ?", (revision - 1,))
    store._compacted = revision - 1
    await store.compact(revision)
    rows = store._reader.execute("SELECT revision FROM log").fetchall()
    assert rows == [(revision,)]
    await store.close()


async def test_writes_go_on_while_history_is_forgotten(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("storage.sqlite.store._FORGOTTEN_AT_ONCE", 10)
    store = await SQLiteStore.open(tmp_path / "store.db")
    revision = ABSENT
    for _ in range(300):
        revision = (await store.put("a", b"v", expected=revision)).revision
    compaction = asyncio.create_task(store.compact(revision))
    written = 0
    while not compaction.done():
        revision = (await store.put("a", b"v", expected=revision)).revision
        written += 1
    assert written > 5
    await store.close()


async def test_pages_count_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What follows a page is known from the page before it, so no page costs more than it holds."""
    store = await SQLiteStore.open(tmp_path / "store.db")
    for number in range(30):
        await store.put(f"/k/{number:02}", b"v", expected=ABSENT)
    counts: list[str] = []
    counted = store._counted

    def count(prefix: str, last: str, at: int) -> int:
        counts.append(last)
        return counted(prefix, last, at)

    monkeypatch.setattr(store, "_counted", count)
    page = await store.list("/k/", limit=7)
    found = list(page.records)
    while page.remaining:
        page = await store.list("/k/", start=found[-1].key + "\0", limit=7, revision=page.revision)
        found.extend(page.records)
        assert page.remaining == 30 - len(found)
    assert len(found) == 30
    assert counts == ["/k/06"]
    await store.close()


async def test_a_store_that_is_closed_says_so(tmp_path: Path) -> None:
    store = await SQLiteStore.open(tmp_path / "store.db")
    await store.close()
    with pytest.raises(Unavailable, match="closed"):
        await store.put("a", b"v", expected=ABSENT)
