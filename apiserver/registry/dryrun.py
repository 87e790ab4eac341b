"""DryRun: a store that accepts or refuses changes as the one behind it would, and makes none.

The changes of one dry run see those before them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from apiserver.machinery.objects import Object
from apiserver.registry.codec import Stored, arrange
from apiserver.registry.converted import ObjectStore
from storage.errors import RevisionConflict
from storage.interface import ABSENT, NO_REQUIREMENTS, Change, Put, Record


class DryRun:
    """What the write path needs of a store, for one write."""

    def __init__(self, store: ObjectStore) -> None:
        self._store = store
        self._made: dict[str, Record[Stored]] = {}

    async def commit(
        self,
        changes: Sequence[Change[Any]],
        *,
        requires: Mapping[str, int] = NO_REQUIREMENTS,
    ) -> Sequence[Record[Stored]]:
        current = [await self._check(change.key, change.expected) for change in changes]
        for key, revision in requires.items():
            await self._check(key, revision)
        return [self._make(*pair) for pair in zip(changes, current, strict=True)]

    def _make(self, change: Change[Any], current: Record[Stored] | None) -> Record[Stored]:
        if isinstance(change, Put):
            made = preview(change.key, change.value, change.expected)
            record = Record(change.key, made, change.expected, change.expected)
            self._made[change.key] = record
            return record
        if current is None:
            raise RevisionConflict(change.key, change.expected, None)
        return current

    async def _check(self, key: str, expected: int) -> Record[Stored] | None:
        current = self._made.get(key) or await self._store.get(key)
        if (current.revision if current is not None else ABSENT) != expected:
            raise RevisionConflict(key, expected, current)
        return current


def preview(key: str, document: Object, revision: int) -> Stored:
    """Return an object to answer with that is not stored as it is; ``revision`` 0 is none."""
    arranged = arrange(document)
    if revision:
        arranged["metadata"] = {**arranged["metadata"], "resourceVersion": str(revision)}
    return Stored.preview(key, arranged, revision)
