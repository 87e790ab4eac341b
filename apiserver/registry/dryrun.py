"""DryRun: a store that accepts or rejects changes like the store behind it, but makes none.

A change in a dry run sees the earlier changes of the same dry run.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from apiserver.machinery.objects import Object
from apiserver.registry.metadata import given_revision
from apiserver.registry.stored import Stored, arrange
from apiserver.registry.view import ObjectView
from apiserver.registry.webhook_view import WebhookView
from storage.errors import RevisionConflict
from storage.interface import ABSENT, NO_REQUIREMENTS, Change, Committer, Delete, Record


class DryRun(Committer[Stored]):
    """Commits the changes of one write.

    ``webhook_view`` is the store if a webhook converts its objects.
    """

    def __init__(self, store: ObjectView, webhook_view: WebhookView | None = None) -> None:
        self._store = store
        self._webhook_view = webhook_view
        self._made: dict[str, Record[Stored]] = {}

    async def commit(
        self, changes: Sequence[Change[Stored]], *, requires: Mapping[str, int] = NO_REQUIREMENTS
    ) -> Sequence[Record[Stored]]:
        replaced = [await self._check_change(change) for change in changes]
        for key, revision in requires.items():
            await self._check(key, revision)
        return [await self._make(*each) for each in zip(changes, replaced, strict=True)]

    async def _make(self, change: Change[Stored], current: Record[Stored] | None) -> Record[Stored]:
        if isinstance(change, Delete):
            assert current is not None
            return current
        key, expected, document = change.key, change.expected, change.value.object
        if self._webhook_view is not None:
            document = await self._webhook_view.written(document)
        # A new object keeps the resourceVersion that was given.
        shown = expected or given_revision(document)
        made = Record(key, preview(key, document, shown), expected, expected)
        self._made[key] = made
        return made

    async def _check_change(self, change: Change[Stored]) -> Record[Stored] | None:
        current = await self._check(change.key, change.expected)
        if current is None and isinstance(change, Delete):
            raise RevisionConflict(change.key, change.expected, None)
        return current

    async def _check(self, key: str, expected: int) -> Record[Stored] | None:
        current = self._made.get(key) or await self._store.get(key)
        if (current.revision if current is not None else ABSENT) != expected:
            raise RevisionConflict(key, expected, current)
        return current


def preview(key: str, document: Object, revision: int) -> Stored:
    """Return an object for a response that differs from the stored one; ``revision`` 0 is none."""
    arranged = arrange(document)
    if revision:
        metadata = {**arranged["metadata"], "resourceVersion": str(revision)}
        arranged = {**arranged, "metadata": metadata}
    return Stored.preview(key, arranged, revision)
