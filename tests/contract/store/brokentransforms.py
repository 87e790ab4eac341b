"""Transforming stores with one deliberate fault each, as in `tests.contract.store.broken`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Final

from storage.errors import RevisionConflict
from storage.interface import (
    LATEST,
    NO_REQUIREMENTS,
    Change,
    Delete,
    Event,
    Record,
)
from storage.transform import TransformStore

Changes = Sequence[Change[bytes]]


class ConflictsAreNotTransformed(TransformStore):
    """Shows the stored form of the record that a commit conflicts with."""

    async def commit(
        self, changes: Changes, *, requires: Mapping[str, int] = NO_REQUIREMENTS
    ) -> Sequence[Record[bytes]]:
        try:
            return await super().commit(changes, requires=requires)
        except RevisionConflict as conflict:
            found = await self._inner.get(conflict.key)
            raise RevisionConflict(conflict.key, conflict.expected, found) from conflict


class PreviousIsNotTransformed(TransformStore):
    """Shows the stored form of what an event has replaced."""

    async def _event(self, event: Event[bytes]) -> Event[bytes]:
        whole = await super()._event(event)
        return Event(event.key, event.revision, whole.record, event.previous)


class HistoryIsNotTransformed(TransformStore):
    """Transforms only what is read as of now."""

    async def get(self, key: str, *, revision: int = LATEST) -> Record[bytes] | None:
        return await (super() if revision == LATEST else self._inner).get(key, revision=revision)


class DeletionsAreNotTransformed(TransformStore):
    """Shows the stored form of what a commit has deleted."""

    async def commit(
        self, changes: Changes, *, requires: Mapping[str, int] = NO_REQUIREMENTS
    ) -> Sequence[Record[bytes]]:
        last = [await self._inner.get(change.key) for change in changes]
        written = await super().commit(changes, requires=requires)
        return [
            replace(record, value=was.value) if was and isinstance(change, Delete) else record
            for record, was, change in zip(written, last, changes, strict=True)
        ]


class SomeChangesAreNotTransformed(TransformStore):
    """Stores the first change of a commit in its other form, and no further one."""

    async def _stored(self, change: Change[bytes]) -> Change[bytes]:
        return change if change.key.endswith("b") else await super()._stored(change)


BROKEN_TRANSFORMS: Final[tuple[type[TransformStore], ...]] = (
    ConflictsAreNotTransformed,
    PreviousIsNotTransformed,
    HistoryIsNotTransformed,
    DeletionsAreNotTransformed,
    SomeChangesAreNotTransformed,
)
