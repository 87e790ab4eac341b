"""DryRun: a store that accepts or refuses changes as the one behind it would, and makes none.

The changes of one dry run see those before them.
"""

from __future__ import annotations

from collections.abc import Mapping

from apiserver.machinery.objects import Object
from apiserver.registry.codec import Stored, arrange
from apiserver.registry.converted import ObjectStore
from storage.errors import RevisionConflict
from storage.interface import ABSENT, NO_REQUIREMENTS, Record


class DryRun:
    """What the write path needs of a store, for one write."""

    def __init__(self, store: ObjectStore) -> None:
        self._store = store
        self._made: dict[str, Record[Stored]] = {}

    async def put(
        self,
        key: str,
        value: Object,
        *,
        expected: int,
        ttl: int = 0,
        requires: Mapping[str, int] = NO_REQUIREMENTS,
    ) -> Record[Stored]:
        await self._check(key, expected)
        for other, revision in requires.items():
            await self._check(other, revision)
        made = Record(key, preview(key, value, expected), expected, expected)
        self._made[key] = made
        return made

    async def delete(self, key: str, *, expected: int) -> Record[Stored]:
        current = await self._check(key, expected)
        if current is None:
            raise RevisionConflict(key, expected, None)
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
