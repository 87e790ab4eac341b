"""DatabaseFile: locks the file of a store against other processes and detects its replacement.

The lock is on the inode, so it holds for every path of the file. SQLite continues to write to a
file that has been deleted or replaced, and what it acknowledges then is lost when the process ends.
Every commit therefore checks that the paths still refer to the open files.
"""

from __future__ import annotations

import fcntl
import os
from pathlib import Path
from typing import Final

from storage.errors import Corrupt, Unavailable

Identity = tuple[int, int]

# The files that this process has locked. Closing a second descriptor of such a file would release
# SQLite's locks on it (POSIX: close releases all locks of the process on the file).
_locked: Final[set[Identity]] = set()


class DatabaseFile:
    """The file at ``path``, open and locked until it is released.

    Raises Unavailable if the file cannot be opened or is open in another process. Raises Corrupt
    if the file exists but is empty, which means that data was lost; with ``allow_empty``, an empty
    file becomes a new store.
    """

    def __init__(self, path: Path, *, allow_empty: bool = False) -> None:
        self._path = path
        try:
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._descriptor, created = self._open()
        except OSError as error:
            raise Unavailable(f"{path}: {error.strerror}") from error
        self._identity = _identity(os.fstat(self._descriptor))
        #: The identity of the write-ahead log, once known.
        self._log: Identity | None = None
        try:
            self._lock()
            if not created and not allow_empty:
                self._check_size()
        except BaseException:
            os.close(self._descriptor)
            raise
        _locked.add(self._identity)

    def note_log(self) -> None:
        """Record the identity of the write-ahead log. Call this after SQLite has created it."""
        self._log = _identity(os.stat(f"{self._path}-wal"))

    def check(self) -> None:
        """Raise Unavailable if the file or its log was deleted, replaced or truncated."""
        try:
            found = os.stat(self._path)
            in_place = _identity(found) == self._identity and found.st_size > 0
            if self._log is not None:
                in_place = in_place and _identity(os.stat(f"{self._path}-wal")) == self._log
        except OSError:
            in_place = False
        if not in_place:
            raise Unavailable(
                f"{self._path} or its log was deleted or replaced while it was in use;"
                " no change is accepted until it is opened again"
            )

    def release(self) -> None:
        """Release the lock. All connections to the file must be closed before."""
        _locked.discard(self._identity)
        os.close(self._descriptor)

    def _open(self) -> tuple[int, bool]:
        flags = os.O_RDWR | os.O_CLOEXEC
        try:
            if _identity(os.stat(self._path)) in _locked:
                raise self._in_use()
            return os.open(self._path, flags), False
        except FileNotFoundError:
            descriptor = os.open(self._path, flags | os.O_CREAT | os.O_EXCL, 0o600)
        _sync_directory(self._path.parent)
        return descriptor, True

    def _lock(self) -> None:
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise self._in_use() from error

    def _check_size(self) -> None:
        if not os.fstat(self._descriptor).st_size:
            raise Corrupt(
                str(self._path),
                "the file is empty, so its data is lost; restore it, or remove it",
            )

    def _in_use(self) -> Unavailable:
        return Unavailable(
            f"{self._path} is in use by another process; only one at a time can open it"
        )


def _identity(found: os.stat_result) -> Identity:
    return found.st_dev, found.st_ino


def _sync_directory(directory: Path) -> None:
    descriptor = os.open(directory, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
