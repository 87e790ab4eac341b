"""The errors of a store, in terms of keys and revisions."""

from __future__ import annotations

from typing import Any


class StorageError(Exception):
    """Base class of all errors of a store. Only subclasses are raised."""


class RevisionConflict(StorageError):
    """A key does not have the revision that the commit expects.

    ``current`` is the current record, ``None`` if the key does not exist. ``key`` may also be a key
    that the commit requires but does not change.
    """

    def __init__(self, key: str, expected: int, current: Any | None) -> None:
        actual = current.revision if current is not None else 0
        super().__init__(f"{key}: expected revision {expected}, found {actual}")
        self.key = key
        self.expected = expected
        self.current = current


class Compacted(StorageError):
    """The requested history has been compacted; ``oldest`` is still available (0: unknown)."""

    def __init__(self, requested: int, oldest: int) -> None:
        super().__init__(f"revision {requested} is compacted, the oldest is {oldest}")
        self.requested = requested
        self.oldest = oldest


class FutureRevision(StorageError):
    """The requested revision does not exist yet."""

    def __init__(self, requested: int, current: int) -> None:
        super().__init__(f"revision {requested} is in the future, the current is {current}")
        self.requested = requested
        self.current = current


class ValueTooLarge(StorageError):
    """The values of a commit exceed the limit, in bytes. ``key`` has the largest value."""

    def __init__(self, key: str, size: int, limit: int) -> None:
        super().__init__(f"{key}: {size} bytes, the limit is {limit}")
        self.key = key
        self.size = size
        self.limit = limit


class TooManyKeys(StorageError):
    """A commit changes and requires more keys than the store accepts (``limit`` 0: unknown)."""

    def __init__(self, count: int, limit: int) -> None:
        known = f", the limit is {limit}" if limit else ""
        super().__init__(f"{count} keys are too many for one commit{known}")
        self.count = count
        self.limit = limit


class Corrupt(StorageError):
    """The data stored under ``key`` cannot be decoded."""

    def __init__(self, key: str, reason: str) -> None:
        super().__init__(f"{key}: {reason}")
        self.key = key
        self.reason = reason


class TransformError(StorageError):
    """The value under ``key`` cannot be converted to its stored form, or back."""

    def __init__(self, key: str, reason: str) -> None:
        super().__init__(f"{key}: {reason}")
        self.key = key
        self.reason = reason


class Unavailable(StorageError):
    """The store cannot be reached or cannot serve the request; nothing was changed."""


class OutOfSpace(Unavailable):
    """The disk is full; nothing was changed. Deletions may still be possible."""


class OutcomeUnknown(StorageError):
    """A change was sent and its response was lost: it may be committed now or later, or never."""

    def __init__(self, key: str) -> None:
        super().__init__(f"{key}: the outcome of the change is unknown")
        self.key = key


class SlowWatcher(StorageError):
    """A watch was ended because its reader did not keep up with the events."""
