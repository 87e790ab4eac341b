"""Space: what is done when the disk is full.

A file beside the store reserves some space. When the disk is full, that file is removed, and only
what frees space (deletions, compaction) may use what it occupied. Other changes are refused until
there is room for them and for the reserve again.
"""

from __future__ import annotations

import logging
import os
from contextlib import suppress
from pathlib import Path
from typing import Final

from storage.errors import OutOfSpace

#: The size of the reserve in bytes: some hundred single deletions.
RESERVE: Final = 16 * 1024 * 1024

log = logging.getLogger(__name__)


class Space:
    """Whether there is space for changes to the store at ``path``."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._reserve = Path(f"{path}-reserve")
        self._full: OutOfSpace | None = None
        self._take_reserve()

    @property
    def full(self) -> bool:
        """Whether the last change that needed space found none."""
        return self._full is not None

    def check(self) -> None:
        """Raise OutOfSpace if the disk was full, and is as far as can be seen."""
        if self._full is not None and self.free() < 2 * RESERVE:
            raise self._full

    def note_full(self, error: OutOfSpace) -> None:
        """Note that a change found no space."""
        if self._full is None:
            log.error("%s: only deletions are accepted until there is space again", error)
            self._release_reserve()
        self._full = error

    def note_written(self) -> None:
        """Note that a change that needs space has been made."""
        if self._full is not None:
            log.warning("%s: there is space again", self._path)
            self._full = None
            self._take_reserve()

    def free(self) -> int:
        """Return how many bytes are free on the disk."""
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
