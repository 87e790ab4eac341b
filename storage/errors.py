"""What a store may refuse, in words of keys and revisions."""

from __future__ import annotations

from typing import Any


class StorageError(Exception):
    """Anything a store refuses or fails at. Never raised itself."""


class RevisionConflict(StorageError):
    """A key is not at the revision that a commit expected of it.

    ``current`` is its record now, ``None`` when there is none; ``key`` may be one of the keys that
    the commit only required.
    """

    def __init__(self, key: str, expected: int, current: Any | None) -> None:
        actual = current.revision if current is not None else 0
        super().__init__(f"{key}: expected revision {expected}, found {actual}")
        self.key = key
        self.expected = expected
        self.current = current


class Compacted(StorageError):
    """The history that was asked for is forgotten; ``oldest`` is kept (0: unknown)."""

    def __init__(self, requested: int, oldest: int) -> None:
        super().__init__(f"revision {requested} is compacted, the oldest is {oldest}")
        self.requested = requested
        self.oldest = oldest


class FutureRevision(StorageError):
    """A read asked for a revision that does not exist yet."""

    def __init__(self, requested: int, current: int) -> None:
        super().__init__(f"revision {requested} is in the future, the current is {current}")
        self.requested = requested
        self.current = current


class ValueTooLarge(StorageError):
    """The values of a commit, of which ``key`` has the largest, exceed the limit; in bytes."""

    def __init__(self, key: str, size: int, limit: int) -> None:
        super().__init__(f"{key}: {size} bytes, the limit is {limit}")
        self.key = key
        self.size = size
        self.limit = limit


class TooManyKeys(StorageError):
    """A commit changes and requires more keys than the store takes (``limit`` 0: unknown)."""

    def __init__(self, count: int, limit: int) -> None:
        known = f", the limit is {limit}" if limit else ""
        super().__init__(f"{count} keys are too many for one commit{known}")
        self.count = count
        self.limit = limit


class Corrupt(StorageError):
    """What is stored under ``key`` cannot be understood."""

    def __init__(self, key: str, reason: str) -> None:
        super().__init__(f"{key}: {reason}")
        self.key = key
        self.reason = reason


class Unavailable(StorageError):
    """The store cannot be reached or cannot serve; nothing was changed."""


class OutOfSpace(Unavailable):
    """There is no space for a change; nothing was changed. Deletions may still be possible."""


class OutcomeUnknown(StorageError):
    """A change was sent and its answer was lost: it may have happened, or may happen yet."""

    def __init__(self, key: str) -> None:
        super().__init__(f"{key}: the outcome of the change is unknown")
        self.key = key


class SlowWatcher(StorageError):
    """A watch was ended because its reader did not keep up."""
