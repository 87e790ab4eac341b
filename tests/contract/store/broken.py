"""Stores with one deliberate fault each: the contract suite must notice every one.

Each stands for a way in which real stores have failed their users.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Final

from storage.errors import FutureRevision, RevisionConflict
from storage.interface import (
    ABSENT,
    LATEST,
    NO_REQUIREMENTS,
    Change,
    Delete,
    Page,
    Put,
    Record,
)
from storage.memory import MemoryStore
from tests.contract.store.brokenwatches import BROKEN_WATCHES

Changes = Sequence[Change[bytes]]


class ForgetsExpected(MemoryStore):
    """Writes whatever is there: the last writer wins."""

    async def commit(
        self, changes: Changes, *, requires: Mapping[str, int] = NO_REQUIREMENTS
    ) -> Sequence[Record[bytes]]:
        changes = [replace(change, expected=self.current(change.key)) for change in changes]
        return await super().commit(changes, requires=requires)

    def current(self, key: str) -> int:
        """Return the revision of a key."""
        record = self._at(key, self._revision)
        return record.revision if record else ABSENT


class ForgetsOneExpected(ForgetsExpected):
    """Looks at the first key of a commit only."""

    async def commit(
        self, changes: Changes, *, requires: Mapping[str, int] = NO_REQUIREMENTS
    ) -> Sequence[Record[bytes]]:
        others = [replace(change, expected=self.current(change.key)) for change in changes[1:]]
        return await MemoryStore.commit(self, [changes[0], *others], requires=requires)


class ForgetsRequirements(MemoryStore):
    """Writes into a namespace that is gone."""

    async def commit(
        self, changes: Changes, *, requires: Mapping[str, int] = NO_REQUIREMENTS
    ) -> Sequence[Record[bytes]]:
        return await super().commit(changes)


class ForgetsRequirementsOfSeveral(MemoryStore):
    """Looks at what is required where one key changes, and not where several do."""

    async def commit(
        self, changes: Changes, *, requires: Mapping[str, int] = NO_REQUIREMENTS
    ) -> Sequence[Record[bytes]]:
        return await super().commit(changes, requires=requires if len(changes) == 1 else {})


class CommitsHalf(MemoryStore):
    """Makes one change after the other, until one is refused."""

    async def commit(
        self, changes: Changes, *, requires: Mapping[str, int] = NO_REQUIREMENTS
    ) -> Sequence[Record[bytes]]:
        records = [*await super().commit(changes[:1], requires=requires)]
        for change in changes[1:]:
            records += await super().commit([change])
        return records


class SpreadsACommit(MemoryStore):
    """Checks everything first, and then gives every change a revision of its own."""

    async def commit(
        self, changes: Changes, *, requires: Mapping[str, int] = NO_REQUIREMENTS
    ) -> Sequence[Record[bytes]]:
        for change in changes:
            self._check(change.key, change.expected)
        records = [*await super().commit(changes[:1], requires=requires)]
        for change in changes[1:]:
            records += await super().commit([change])
        return records


class ReturnsACommitInOrderOfItsKeys(MemoryStore):
    """Returns records in an order of its own."""

    async def commit(
        self, changes: Changes, *, requires: Mapping[str, int] = NO_REQUIREMENTS
    ) -> Sequence[Record[bytes]]:
        records = await super().commit(changes, requires=requires)
        return sorted(records, key=lambda record: record.key)


class DeletesWhatIsNotThere(MemoryStore):
    """Takes the deletion of a key that is gone for one that has happened."""

    async def commit(
        self, changes: Changes, *, requires: Mapping[str, int] = NO_REQUIREMENTS
    ) -> Sequence[Record[bytes]]:
        kept = [
            change for change in changes if change.expected != ABSENT or isinstance(change, Put)
        ]
        return await super().commit(kept, requires=requires)


class TakesTheLastOfTwo(MemoryStore):
    """Makes the last of two changes of one key."""

    async def commit(
        self, changes: Changes, *, requires: Mapping[str, int] = NO_REQUIREMENTS
    ) -> Sequence[Record[bytes]]:
        changes = list({change.key: change for change in changes}.values())
        return await super().commit(changes, requires=requires)


class TakesAnySize(MemoryStore):
    """Takes more in one commit than etcd would, one by one."""

    async def commit(
        self, changes: Changes, *, requires: Mapping[str, int] = NO_REQUIREMENTS
    ) -> Sequence[Record[bytes]]:
        if len(changes) < 2:
            return await super().commit(changes, requires=requires)
        half = len(changes) // 2
        return [
            *await self.commit(changes[:half], requires=requires),
            *await self.commit(changes[half:]),
        ]


class ForgetsTimeToLive(MemoryStore):
    """Keeps for ever what was to expire."""

    async def commit(
        self, changes: Changes, *, requires: Mapping[str, int] = NO_REQUIREMENTS
    ) -> Sequence[Record[bytes]]:
        changes = [
            replace(change, ttl=0) if isinstance(change, Put) else change for change in changes
        ]
        return await super().commit(changes, requires=requires)


class ExpiresWhatWasRenewed(MemoryStore):
    """Lets the first time to live of a key be its last."""

    async def commit(
        self, changes: Changes, *, requires: Mapping[str, int] = NO_REQUIREMENTS
    ) -> Sequence[Record[bytes]]:
        deadlines = {
            change.key: self._deadlines[change.key]
            for change in changes
            if change.key in self._deadlines
        }
        records = await super().commit(changes, requires=requires)
        self._deadlines |= deadlines
        return records


class AcknowledgesTooEarly(MemoryStore):
    """Says that a change was made before it is visible, once in a while."""

    def __init__(self, clock: object) -> None:
        super().__init__(clock)  # type: ignore[arg-type]
        self._calls = 0

    async def get(self, key: str, *, revision: int = LATEST) -> Record[bytes] | None:
        self._calls += 1
        if revision == LATEST and self._calls % 5 == 0 and self._log:
            revision = self._log[-1].revision - 1
        return await super().get(key, revision=max(revision, LATEST))


class ListsAreStale(MemoryStore):
    """Lists what was there before the last change."""

    async def list(
        self, prefix: str, *, start: str = "", limit: int = 0, revision: int = LATEST
    ) -> Page[bytes]:
        if revision == LATEST and len(self._log) > 1:
            revision = self._log[-2].revision
        return await super().list(prefix, start=start, limit=limit, revision=revision)


class PagesDrift(MemoryStore):
    """Answers every page from the latest state."""

    async def list(
        self, prefix: str, *, start: str = "", limit: int = 0, revision: int = LATEST
    ) -> Page[bytes]:
        self._readable(revision)
        page = await super().list(prefix, start=start, limit=limit)
        return replace(page, revision=revision or page.revision)


class CountsWrong(MemoryStore):
    """Says that nothing follows a page that is full."""

    async def list(
        self, prefix: str, *, start: str = "", limit: int = 0, revision: int = LATEST
    ) -> Page[bytes]:
        page = await super().list(prefix, start=start, limit=limit, revision=revision)
        return replace(page, remaining=max(page.remaining - 1, 0))


class ConflictsSayNothing(MemoryStore):
    """Refuses without telling what is there."""

    async def commit(
        self, changes: Changes, *, requires: Mapping[str, int] = NO_REQUIREMENTS
    ) -> Sequence[Record[bytes]]:
        try:
            return await super().commit(changes, requires=requires)
        except RevisionConflict as conflict:
            raise RevisionConflict(conflict.key, conflict.expected, None) from conflict


class GivesARevisionTwice(MemoryStore):
    """Deletes at the revision of the change before."""

    async def commit(
        self, changes: Changes, *, requires: Mapping[str, int] = NO_REQUIREMENTS
    ) -> Sequence[Record[bytes]]:
        records = await super().commit(changes, requires=requires)
        return [
            replace(record, revision=record.revision - isinstance(change, Delete))
            for change, record in zip(changes, records, strict=True)
        ]


class ReadsAfterCompactionWithHoles(MemoryStore):
    """Answers reads of a forgotten revision with what is left."""

    def _readable(self, revision: int) -> int:
        if revision > self._revision:
            raise FutureRevision(revision, self._revision)
        return revision or self._revision


class CompactsTooMuch(MemoryStore):
    """Takes what lives for history."""

    async def compact(self, revision: int) -> None:
        await super().compact(revision)
        for key, versions in list(self._versions.items()):
            if versions[-1].revision < revision:
                del self._versions[key]
                self._keys.remove(key)


class DoesNotKnowItsRevision(MemoryStore):
    """Says that it is the only writer and names a revision that is too old."""

    def current_revision(self) -> int | None:
        return self._revision - 1


BROKEN: Final[tuple[type[MemoryStore], ...]] = (
    ForgetsExpected,
    ForgetsOneExpected,
    ForgetsRequirements,
    ForgetsRequirementsOfSeveral,
    CommitsHalf,
    SpreadsACommit,
    ReturnsACommitInOrderOfItsKeys,
    DeletesWhatIsNotThere,
    TakesTheLastOfTwo,
    TakesAnySize,
    ForgetsTimeToLive,
    ExpiresWhatWasRenewed,
    AcknowledgesTooEarly,
    ListsAreStale,
    PagesDrift,
    CountsWrong,
    ConflictsSayNothing,
    GivesARevisionTwice,
    ReadsAfterCompactionWithHoles,
    CompactsTooMuch,
    DoesNotKnowItsRevision,
    *BROKEN_WATCHES,
)
