"""The audit log: lines, rotation, old files, and disks that are full."""

from __future__ import annotations

import gzip
import json
import os
import stat
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from apiserver.access.audit import audit_log
from apiserver.access.audit.audit_log import AuditLog, AuditLogOptions, RotatedFile
from tests.unit.access.audit.records import record
from tests.waiting import wait_until


@asynccontextmanager
async def logging_to(path: Path, **options: object) -> AsyncIterator[AuditLog]:
    made = AuditLog(replace(AuditLogOptions(str(path)), **options))
    yield made
    await made.close()


async def test_a_line_for_each_event_and_for_its_owner_alone(tmp_path: Path) -> None:
    path = tmp_path / "made" / "audit.log"
    for _ in range(2):
        async with logging_to(path) as written:
            assert await written.deliver([record("a"), record("b")]) == 0
    lines = path.read_text().splitlines()
    assert [json.loads(line)["annotations"]["text"] for line in lines] == ["a", "b"] * 2
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


async def test_the_old_format(tmp_path: Path) -> None:
    path = tmp_path / "audit.log"
    async with logging_to(path, form="legacy") as written:
        await written.deliver([record()])
    assert ' AUDIT: id="id" ' in path.read_text()


async def test_the_standard_output(capfd: pytest.CaptureFixture[str]) -> None:
    async with logging_to(Path("-")) as written:
        await written.deliver([record("a")])
    assert json.loads(capfd.readouterr().out)["kind"] == "Event"


async def test_events_that_are_too_large_are_counted(tmp_path: Path) -> None:
    async with logging_to(tmp_path / "audit.log", most_event=600) as written:
        assert await written.deliver([record("a"), record("b" * 1000), record("c")]) == 1
    assert len((tmp_path / "audit.log").read_text().splitlines()) == 2


def lines_of(path: Path) -> bytes:
    return gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()


@pytest.mark.parametrize("compress", [False, True])
def test_a_full_file_is_renamed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, compress: bool
) -> None:
    monkeypatch.setattr(audit_log, "_MEGABYTE", 100)
    path = tmp_path / "audit.log"
    file = RotatedFile(AuditLogOptions(str(path), max_size=1, compress=compress))
    for number in range(5):
        file.write(b"%d" % number * 59 + b"\n")
        # Files of the same millisecond would have the same name.
        time.sleep(0.002)

    def old() -> list[Path]:
        return sorted(found for found in tmp_path.iterdir() if found != path)

    if compress:
        wait_until(lambda: [found.suffix for found in old()] == [".gz"] * 4)
    file.close()
    assert len(old()) == 4
    assert b"".join(map(lines_of, [*old(), path])).split() == [b"%d" % n * 59 for n in range(5)]
    assert all(stat.S_IMODE(found.stat().st_mode) == 0o600 for found in old())


def test_several_processes_share_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(audit_log, "_MEGABYTE", 200)
    path = tmp_path / "audit.log"
    files = [RotatedFile(AuditLogOptions(str(path), max_size=1)) for _ in range(3)]
    for number in range(30):
        files[number % 3].write(b"%02d" % number * 20 + b"\n")
        time.sleep(0.001)
    # Another program may take the file away.
    path.rename(tmp_path / "audit-taken.log")
    files[0].write(b"last\n")
    for file in files:
        file.close()
    lines = [line[:2] for each in tmp_path.iterdir() for line in each.read_bytes().split()]
    assert sorted(lines) == sorted([*(b"%02d" % number for number in range(30)), b"la"])
    assert path.read_bytes() == b"last\n"
    assert all(each.stat().st_size <= 200 for each in tmp_path.iterdir())


def test_old_files_are_removed(tmp_path: Path) -> None:
    path = tmp_path / "audit.log"
    now = time.time()
    names = [audit_log._backup_of(path, now - days * 86_400).name for days in (1, 2, 3, 40, 50)]
    for name in (*names, "audit-notes.log", "other.log"):
        (tmp_path / name).write_text("x\n")
    (tmp_path / (names[0] + ".gz")).write_text("x")
    file = RotatedFile(AuditLogOptions(str(path), max_age=30, max_backups=2))
    wait_until(lambda: not (tmp_path / names[2]).exists())
    file.close()
    left = {found.name for found in tmp_path.iterdir()}
    expected = {names[0], names[0] + ".gz", names[1], "audit-notes.log", "other.log", "audit.log"}
    assert left == expected


async def test_a_full_disk_loses_events_and_leaves_no_half_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "audit.log"
    write, room = os.write, [10]

    def limited(descriptor: int, data: bytes) -> int:
        if room[0] <= 0:
            raise OSError(28, "No space left on device")
        count = write(descriptor, bytes(data)[: room[0]])
        room[0] -= count
        return count

    async with logging_to(path) as written:
        assert await written.deliver([record("a")]) == 0
        with monkeypatch.context() as patched:
            patched.setattr(os, "write", limited)
            assert await written.deliver([record("b"), record("c")]) == 2
            assert await written.deliver([record("d")]) == 1
        assert await written.deliver([record("e")]) == 0
    texts = [json.loads(line)["annotations"]["text"] for line in path.read_text().splitlines()]
    assert texts == ["a", "e"]
    assert caplog.text.count("No space left on device") == 1


def test_a_log_that_cannot_be_written_is_an_error_at_once(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="Is a directory"):
        AuditLog(AuditLogOptions(str(tmp_path)))
