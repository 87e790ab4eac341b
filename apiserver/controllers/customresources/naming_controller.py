"""Naming condition controller: accepts the names of custom kinds, and reports conflicts.

When a definition changes its names or is deleted, the names that it gives up may be accepted for
others of its group, so these are reconciled again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Final

from apiserver.client.client import DELETED, ObjectEvent
from apiserver.client.workqueue import WorkQueue
from apiserver.controllers.controller import EventSource, Requeue
from apiserver.controllers.customresources.crd_access import CRDS, CRDAccess
from apiserver.controllers.customresources.names import names_in_use, with_accepted_names
from apiserver.controllers.informers import follow
from apiserver.machinery.objects import Object, name_of
from apiserver.machinery.valueclasses import valueclass
from apiserver.resources.builtin.apiextensions.crds import (
    Names,
    accepted_names,
    group_of,
    requested_names,
)

_RETRY_SECONDS: Final = 1.0


@valueclass
class _Given:
    """The names that a kind has in a group, and whether these are all that it requests."""

    group: str
    names: Names
    complete: bool
    revision: int


class NamingConditionController:
    """Reconciles names; keys are the names of definitions. It needs a single worker."""

    sources: Sequence[EventSource] = ()

    def __init__(self, crds: CRDAccess) -> None:
        self._crds = crds
        # By the name of the definition.
        self._given: dict[str, _Given] = {}
        self._synced = asyncio.Event()
        self._queue: WorkQueue | None = None

    async def feed(self, queue: WorkQueue) -> None:
        self._queue = queue
        while True:
            self._given.clear()
            await follow(self._crds.client, {CRDS: self._handle}, self._synced)
            await asyncio.sleep(_RETRY_SECONDS)

    async def reconcile(self, key: str) -> Requeue | None:
        await self._synced.wait()
        crd = self._crds.get(key)
        if crd is None:
            return None
        group = group_of(crd)
        used = names_in_use(each.names for each in self._given.values() if each.group == group)
        named = with_accepted_names(crd, used)
        if named is not crd:
            written = await self._crds.write_status(crd, named)
            if written is not None:
                # The next key may be reconciled before the watch shows this.
                self._put(key, _given(written))
        return None

    def _handle(self, event: ObjectEvent) -> None:
        name, after = name_of(event.object), _given(event.object)
        known = self._given.get(name)
        if known is not None and known.revision > after.revision:
            return
        self._put(name, None if event.type == DELETED else after)

    def _put(self, name: str, after: _Given | None) -> None:
        """Record the names of a kind, and reconcile the definitions that may now get theirs."""
        assert self._queue is not None
        before = self._given.pop(name, None)
        if after is not None:
            self._given[name] = after
            if not after.complete:
                self._queue.add(name)
        if before is None or (after is not None and before.names == after.names):
            return
        for other, given in self._given.items():
            if given.group == before.group and other != name and not given.complete:
                self._queue.add(other)


def _given(crd: Object) -> _Given:
    names, revision = accepted_names(crd), int(crd["metadata"]["resourceVersion"])
    return _Given(group_of(crd), names, names == requested_names(crd), revision)
