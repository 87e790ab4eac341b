"""The write path of all verbs: decide, then commit.

A write starts with the cached record and asks a rule for a decision. The compare-and-swap of the
store protects what is written. What is *not* written (an error, or an update that changes nothing)
is answered only if the record of the decision, and everything else that was read for it, has been
confirmed by a read that began after the request arrived. On a conflict the decision is made again,
with the record that the store returned. A decision whose inputs are confirmed to be unchanged is
reused.

An object is created in a namespace only while the namespace exists: the write requires the
namespace's revision that it has seen. Charges to quotas are part of the same commit; if a quota has
changed, the charge is retried without another decision. The same applies to allocations of
resources that all objects share, addresses and ports, and to their release when an object is
removed.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import assert_never

from apiserver.machinery.errors import StatusError
from apiserver.machinery.objects import Object
from apiserver.machinery.valueclasses import valueclass
from apiserver.registry import allocating, charging, deletion
from apiserver.registry.allocating import AllocationLost
from apiserver.registry.context import RequestContext
from apiserver.registry.decision import Decision, Rule, decide
from apiserver.registry.dryrun import DryRun, preview
from apiserver.registry.outcome import Refused, Remove, Save, SaveThenRemove, Unchanged
from apiserver.registry.reader import TrackedReader
from apiserver.registry.resource import Resource
from apiserver.registry.stored import Stored, arrange
from apiserver.resources.allocation import NOTHING
from storage.errors import RevisionConflict, StorageError, ValueTooLarge
from storage.interface import ABSENT, Change, Delete, Put, Record

_MAX_ATTEMPTS = 1000


@valueclass
class Written:
    """The result of a write: the object in its current, or its last, state."""

    stored: Stored
    created: bool = False
    removed: bool = False


@valueclass
class Write:
    """One change of one object.

    ``droppable``: it may lose its managedFields to fit the store. ``frees``: it is a step to a
    deletion, which a store without space still makes.
    """

    resource: Resource
    context: RequestContext
    key: str
    verb: str
    dry_run: bool = False
    droppable: bool = False
    frees: bool = False


async def write(change: Write, rule: Rule) -> Written:
    """Apply the decision of a rule to an object, and retry after conflicts with other writes.

    Raises StatusError: the error of the rule for a confirmed record, or an error of the store.
    """
    try:
        return await _WriteLoop(change, rule).run()
    except StorageError as error:
        raise change.resource.failed(error, change.verb) from error


class _WriteLoop:
    """The attempts of one write: the newest known record, and the decision while it is valid."""

    def __init__(self, change: Write, rule: Rule) -> None:
        self._change = change
        self._rule = rule
        store = change.resource.store
        self._store = DryRun(store, change.resource.webhook_view) if change.dry_run else store
        self._existing = store.get_newest_known(change.key)
        self._confirmed = False
        self._decision: Decision | None = None
        # Records of other keys that the store has returned after a conflict.
        self._seen: dict[str, Record[Stored] | None] = {}
        # The quotas with which the write was last charged.
        self._quotas: TrackedReader | None = None

    async def run(self) -> Written:
        """Decide and commit until the write succeeds. Raises StatusError to reject it."""
        for _ in range(_MAX_ATTEMPTS):
            decision = await self._decide()
            if isinstance(decision.outcome, Unchanged) and not await self._is_confirmed(decision):
                continue
            try:
                written = await self._commit(decision)
            except RevisionConflict as conflict:
                self._record_conflict(conflict, decision)
            except AllocationLost:
                self._decision = None
            except StatusError:
                if await self._is_confirmed(decision):
                    self._change.context.warnings.extend(decision.warnings)
                    raise
            else:
                self._change.context.warnings.extend(decision.warnings)
                return written
        raise StorageError("the object changes faster than it can be written")

    async def _decide(self) -> Decision:
        if self._decision is None:
            webhook_view = self._change.resource.webhook_view
            if webhook_view is not None and self._existing is not None:
                await webhook_view.ready([self._existing])
            reader = TrackedReader(self._change.resource.find, self._seen)
            size = self._change.context.size
            self._decision = await decide(self._rule, self._existing, reader, size)
        return self._decision

    async def _is_confirmed(self, decision: Decision) -> bool:
        """Return whether the store confirms the inputs of a decision; if not, discard it."""
        if self._confirmed:
            return True
        store, key = self._change.resource.store, self._change.key
        if await store.wait_until_fresh():
            self._confirmed = True
            existing = store.get_newest_known(key)
        else:
            existing = await store.get(key)
            await decision.reader.ask_store()
            if self._quotas is not None:
                await self._quotas.ask_store()
        if _revision(existing) != _revision(self._existing) or not decision.reader.holds():
            self._existing, self._decision = existing, None
            return False
        # Quotas that have changed are charged again; the decision stays valid.
        if self._quotas is not None and not self._quotas.holds():
            return False
        self._confirmed = True
        return True

    def _record_conflict(self, conflict: RevisionConflict, decision: Decision) -> None:
        """Record what the store returned; a changed quota does not invalidate the decision."""
        if conflict.key == self._change.key:
            self._existing, self._confirmed, self._decision = conflict.current, True, None
            return
        self._seen[conflict.key] = conflict.current
        if conflict.key in decision.requires or conflict.key == decision.key:
            self._decision = None

    async def _commit(self, decision: Decision) -> Written:
        existing = decision.existing
        match decision.outcome:
            case Refused(error):
                self._charge(decision)
                raise error
            case Save(document):
                record = await self._put(decision, document)
                return Written(record.value, created=existing is None)
            case SaveThenRemove(document):
                return await self._remove_saved(await self._put(decision, document))
            case Remove(document):
                assert existing is not None
                record = await self._delete(existing)
                if document is None:
                    return Written(record.value, removed=True)
                shown = preview(existing.key, document, existing.revision)
                return Written(shown, removed=True)
            case Unchanged():
                assert existing is not None
                self._charge(decision)
                return Written(existing.value)
            case never:
                assert_never(never)

    async def _put(self, decision: Decision, document: Object) -> Record[Stored]:
        try:
            return await self._put_whole(decision, document)
        except ValueTooLarge:
            if not self._change.droppable or "managedFields" not in document["metadata"]:
                raise
            # An object without owners is better than an error: KEP-555, "Managed fields size".
            metadata = {k: v for k, v in document["metadata"].items() if k != "managedFields"}
            return await self._put_whole(decision, {**document, "metadata": metadata})

    async def _put_whole(self, decision: Decision, document: Object) -> Record[Stored]:
        expected, ttl = _revision(decision.existing), self._change.resource.ttl
        document = self._change.resource.types.arrange_metadata(document)
        if not self._change.dry_run:
            # A dry run shows the resourceVersion that a new object was given.
            document = arrange(document)
        frees = self._change.frees or _frees(document, decision.existing)
        change = Put(
            decision.key or self._change.key, Stored.to_write(document), expected, ttl, frees
        )
        quotas = self._charge(decision)
        if decision.charged is None or self._quotas is None or not quotas:
            record = await self._commit_all((change,), decision)
        else:
            turn = charging.charged(self._change.resource, decision.charged, self._quotas, quotas)
            async with turn as charges:
                record = await self._commit_all((change, *charges), decision)
        record.value.keep(document)
        return record

    async def _commit_all(
        self, changes: Sequence[Change[Stored]], decision: Decision
    ) -> Record[Stored]:
        resource, allocation = self._change.resource, decision.allocation
        if allocation is NOTHING or self._change.dry_run:
            return (await self._store.commit(changes, requires=decision.requires))[0]
        reader = TrackedReader(resource.find, self._seen)
        if not allocation.changes_ports:
            changes = (*changes, *allocating.changes_of(resource, allocation, reader))
            return (await self._store.commit(changes, requires=decision.requires))[0]
        async with allocating.allocated(resource, allocation, reader) as allocated:
            changes = (*changes, *allocated)
            return (await self._store.commit(changes, requires=decision.requires))[0]

    async def _delete(self, current: Record[Stored]) -> Record[Stored]:
        resource = self._change.resource
        change = Delete(current.key, current.revision)
        if not resource.strategy.allocates:
            return (await self._store.commit((change,)))[0]
        reader = TrackedReader(resource.find, self._seen)
        view = allocating.View(resource, reader, self._change.dry_run)
        freed = resource.strategy.release(current.value.object, view)
        async with allocating.allocated(resource, freed, reader) as changes:
            return (await self._store.commit((change, *changes)))[0]

    def _charge(self, decision: Decision) -> Sequence[Object]:
        """Return the quotas after the write. Raises Forbidden if one does not allow it."""
        if decision.charged is None:
            return ()
        self._quotas = TrackedReader(self._change.resource.find, self._seen)
        return self._change.resource.admission.charge(decision.charged, self._quotas)

    async def _remove_saved(self, saved: Record[Stored]) -> Written:
        """Remove an object that was stored in its final state, unless it is held again."""
        current, strategy = saved, self._change.resource.strategy
        while current.value.metadata["uid"] == saved.value.metadata["uid"]:
            if not deletion.is_finished(current.value.object, strategy):
                return Written(current.value)
            try:
                record = await self._delete(current)
            except RevisionConflict as conflict:
                if conflict.current is None:
                    break
                current = conflict.current
            else:
                return Written(record.value, removed=True)
        # Another request has removed it, with the same result.
        return Written(saved.value, removed=True)


def _frees(document: Object, existing: Record[Stored] | None) -> bool:
    return existing is not None and deletion.frees_space(document, existing.value.object)


def _revision(record: Record[Stored] | None) -> int:
    return ABSENT if record is None else record.revision
