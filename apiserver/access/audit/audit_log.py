"""AuditLog: a file with one event per line, which is rotated when it is full.

A full file is renamed to ``NAME-2006-01-02T15-04-05.000.EXT`` (UTC) and a new one is begun. Of the
old ones too many, and those that are too old, are removed; they are compressed if that is wanted. A
line that does not fit on the disk leaves nothing behind, so the lines before it stay readable.

All of this happens in threads: one writes, another one compresses and removes.
"""

from __future__ import annotations

import asyncio
import fcntl
import gzip
import logging
import os
import re
import stat
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO, Final

from apiserver.access.audit.audit_event import AuditRecord
from apiserver.access.audit.event_groups import groups_by_size
from apiserver.machinery.valueclasses import valueclass

STDOUT: Final = "-"
JSON: Final = "json"
LEGACY: Final = "legacy"
FORMATS: Final = (JSON, LEGACY)

_MEGABYTE: Final = 1024 * 1024
#: The size of a file without a limit of its own, in megabytes.
_DEFAULT_MEGABYTES: Final = 100
_DAY: Final = 86_400
_MODE: Final = 0o600
_PIECE: Final = 1 << 20
_STAMP: Final = re.compile(r"-(\d{4}-\d\d-\d\dT\d\d-\d\d-\d\d\.\d{3})$")

log = logging.getLogger(__name__)


@valueclass
class AuditLogOptions:
    """Where and how events are written.

    ``max_size`` is in megabytes, ``max_age`` in days; ``max_age`` and ``max_backups`` may be 0, for
    no limit. ``most_event`` is the largest event in bytes, 0 for no limit.
    """

    path: str
    max_size: int = 0
    max_age: int = 0
    max_backups: int = 0
    compress: bool = False
    form: str = JSON
    most_event: int = 0


class AuditLog:
    """The log of a server. Raises OSError if it cannot be opened."""

    def __init__(self, options: AuditLogOptions) -> None:
        self._options = options
        self._file = _StandardOutput() if options.path == STDOUT else RotatedFile(options)
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="audit-log")
        self._problem = ""

    async def deliver(self, records: Sequence[AuditRecord]) -> int:
        """Write records; return how many were not written."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._thread, self._write, records)

    async def close(self) -> None:
        """Close the file."""
        await asyncio.to_thread(self._close)

    def _close(self) -> None:
        self._thread.shutdown()
        self._file.close()

    def _write(self, records: Sequence[AuditRecord]) -> int:
        failed, lines = 0, []
        for record in records:
            line = self._line(record)
            if line is None:
                failed += 1
            else:
                lines.append(line + b"\n")
        return failed + self._append(lines)

    def _append(self, lines: Sequence[bytes]) -> int:
        """Write lines; return how many were not written."""
        written = 0
        problem = ""
        try:
            for group in groups_by_size(lines, _PIECE):
                self._file.write(b"".join(group))
                written += len(group)
        except OSError as error:
            problem = error.strerror or str(error)
        if problem and not self._problem:
            log.error("audit events are lost: %s: %s", self._options.path, problem)
        elif self._problem and not problem:
            log.info("audit events are written again to %s", self._options.path)
        self._problem = problem
        return len(lines) - written

    def _line(self, record: AuditRecord) -> bytes | None:
        if self._options.form == LEGACY:
            return record.legacy()
        return record.encode(self._options.most_event)


class _StandardOutput:
    """The standard output of the server, which is not rotated."""

    def write(self, data: bytes) -> None:
        """Write lines. Raises OSError."""
        sys.stdout.flush()
        view = memoryview(data)
        while view:
            view = view[os.write(sys.stdout.fileno(), view) :]

    def close(self) -> None:
        """Leave it open: it is not ours."""


class RotatedFile:
    """A file that is renamed when it is full. Several processes may write to it."""

    def __init__(self, options: AuditLogOptions) -> None:
        self._path = Path(options.path)
        self._options = options
        self._most = (options.max_size or _DEFAULT_MEGABYTES) * _MEGABYTE
        self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._descriptor = _open(self._path)
        self._sweeper = _Sweeper(self._path, options)
        self._sweeper.sweep()

    def write(self, data: bytes) -> None:
        """Append all lines to the same file, or none. Raises OSError."""
        size = self._current_size()
        if size and size + len(data) > self._most:
            self._rotate()
            size = self._current_size()
            # A file must be unlocked before it is compressed.
            self._sweeper.sweep()
        view = memoryview(data)
        try:
            while view:
                view = view[os.write(self._descriptor, view) :]
        except OSError:
            # Half a line would damage the next one, unless another process has written it already.
            if os.fstat(self._descriptor).st_size == size + len(data) - len(view):
                os.ftruncate(self._descriptor, size)
            raise

    def close(self) -> None:
        """Close the file, and stop sweeping."""
        self._sweeper.close()
        os.close(self._descriptor)

    def _current_size(self) -> int:
        """Return the size of the file, which is opened again if another process has renamed it."""
        found = self._linked()
        if found is None:
            os.close(self._descriptor)
            self._descriptor = _open(self._path)
            found = os.fstat(self._descriptor)
        return found.st_size if stat.S_ISREG(found.st_mode) else 0

    def _linked(self) -> os.stat_result | None:
        """Return the status of the file if the path still leads to it."""
        try:
            found = self._path.stat()
        except FileNotFoundError:
            return None
        own = os.fstat(self._descriptor)
        return own if (own.st_ino, own.st_dev) == (found.st_ino, found.st_dev) else None

    def _rotate(self) -> None:
        # Of several processes one renames the file; the lock ends with its descriptor.
        fcntl.flock(self._descriptor, fcntl.LOCK_EX)
        if self._linked() is not None:
            self._path.rename(_backup_of(self._path, time.time()))


class _Sweeper:
    """Compresses and removes the old files of a log."""

    def __init__(self, path: Path, options: AuditLogOptions) -> None:
        self._path = path
        self._options = options
        self._stopped = threading.Event()
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="audit-sweep")

    def sweep(self) -> None:
        """Start a sweep, unless old files are neither removed nor compressed."""
        options = self._options
        if options.max_age or options.max_backups or options.compress:
            self._thread.submit(self._sweep)

    def close(self) -> None:
        """Stop soon. What was not compressed is compressed after the next start."""
        self._stopped.set()
        self._thread.shutdown(cancel_futures=True)

    def _sweep(self) -> None:
        try:
            kept = self._remove_old()
            if self._options.compress:
                for path in kept:
                    if path.suffix != ".gz" and not self._stopped.is_set():
                        self._compress(path)
        except OSError as error:
            log.warning("old audit logs of %s: %s", self._path, error)

    def _remove_old(self) -> list[Path]:
        """Remove files that are too old or too many; return the others."""
        options = self._options
        backups = sorted(_backups(self._path), reverse=True)
        oldest = time.time() - options.max_age * _DAY if options.max_age else 0.0
        kept: list[Path] = []
        stamps: set[float] = set()
        for stamp, path in backups:
            # A file and its compressed form are one.
            stamps.add(stamp)
            if stamp < oldest or 0 < options.max_backups < len(stamps):
                path.unlink(missing_ok=True)
            else:
                kept.append(path)
        return kept

    def _compress(self, path: Path) -> None:
        packed = path.with_name(path.name + ".gz")
        with suppress(FileNotFoundError), path.open("rb") as source:
            try:
                fcntl.flock(source, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                # Another process compresses it.
                return
            try:
                self._pack(source, packed)
            except OSError:
                packed.unlink(missing_ok=True)
                raise
            path.unlink(missing_ok=True)

    def _pack(self, source: BinaryIO, packed: Path) -> None:
        descriptor = os.open(packed, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, _MODE)
        with (
            os.fdopen(descriptor, "wb") as target,
            gzip.GzipFile(fileobj=target, mode="wb", filename="") as compressed,
        ):
            while piece := source.read(_PIECE):
                compressed.write(piece)
                if self._stopped.is_set():
                    raise InterruptedError("the server stops")


def _open(path: Path) -> int:
    """Open a file to append to."""
    return os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, _MODE)


def _backup_of(path: Path, now: float) -> Path:
    moment = datetime.fromtimestamp(now, UTC)
    stamp = f"{moment:%Y-%m-%dT%H-%M-%S}.{moment.microsecond // 1000:03}"
    return path.with_name(f"{path.stem}-{stamp}{path.suffix}")


def _backups(path: Path) -> Iterator[tuple[float, Path]]:
    """Yield the old files of a log with the times at which they were renamed."""
    for found in path.parent.iterdir():
        name = found.name.removesuffix(".gz")
        if not name.endswith(path.suffix) or not name.startswith(path.stem):
            continue
        stamp = _STAMP.fullmatch(name[len(path.stem) : len(name) - len(path.suffix)])
        if stamp is not None:
            moment = datetime.strptime(stamp[1], "%Y-%m-%dT%H-%M-%S.%f").replace(tzinfo=UTC)
            yield moment.timestamp(), found
