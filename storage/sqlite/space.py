"""Space: handles a full disk.

A file next to the database reserves some space. When the disk is full, this file is removed, and
only operations that free space may use the space it occupied: deletions, the changes that lead to
them, and compaction. Other changes are rejected until there is space for them and for the reserve
again.
"""

from __future__ import annotations

import logging
import os
from contextlib import suppress
from pathlib import Path
from typing import Final

from storage.errors import OutOfSpace

#: The size of the reserve in bytes: enough for some hundred single deletions.
RESERVE: Final = 16 * 1024 * 1024

log = logging.getLogger(__name__)


class Space:
    """Tracks whether there is space for changes to the store at ``path``."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._reserve = Path(f"{path}-reserve")
        self._full: OutOfSpace | None = None
        self._take_reserve()

    @property
    def full(self) -> bool:
        """Whether the last change that needed space failed for lack of space."""
        return self._full is not None

    def check(self) -> None:
        """Raise OutOfSpace if the disk was full and still has too little free space."""
        if self._full is not None and self.free() < 2 * RESERVE:
            raise self._full

    def note_full(self, error: OutOfSpace) -> None:
        """Record that a change failed for lack of space."""
        if self._full is None:
            log.error("%s: only deletions are accepted until there is space again", error)
            self._release_reserve()
        self._full = error

    def note_written(self) -> None:
        """Record that a change that needs space succeeded."""
        if self._full is not None:
            log.warning("%s: there is space again", self._path)
            self._full = None
            self._take_reserve()

    def free(self) -> int:
        """Return the number of free bytes on the disk."""
        found = os.statvfs(self._path.parent)
        return found.f_bavail * found.f_frsize

    def close(self) -> None:
        """Remove the reserve."""
        self._release_reserve()

    def _take_reserve(self) -> None:
        try:
            descriptor = os.open(self._reserve, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            try:
                os.posix_fallocate(descriptor, 0, RESERVE)
            finally:
                os.close(descriptor)
        except OSError as error:
            log.warning("%s: no space is reserved: %s", self._reserve, error.strerror)
            self._release_reserve()

    def _release_reserve(self) -> None:
        with suppress(OSError):
            self._reserve.unlink(missing_ok=True)
