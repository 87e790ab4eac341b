"""Condition controller: one condition of every definition says what its document says.

Two conditions are of this sort: that a definition in a group of the Kubernetes community is
approved (KEP-1111), and that a schema from before the rule existed is not structural (KEP-2337).
Most definitions have neither.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from apiserver.client.client import DELETED, ObjectEvent
from apiserver.client.workqueue import WorkQueue
from apiserver.controllers.controller import EventSource, Requeue
from apiserver.controllers.customresources.crd_access import CRDS, CRDAccess
from apiserver.machinery.objects import Object, name_of
from apiserver.resources.builtin.apiextensions.crds import (
    Condition,
    condition_of,
    with_condition,
    without_condition,
)


class ConditionController:
    """Reconciles one condition; keys are the names of definitions.

    ``condition`` computes it from a definition: ``None`` if the definition should not have it.
    """

    sources: Sequence[EventSource]

    def __init__(
        self, crds: CRDAccess, type_: str, condition: Callable[[Object], Condition | None]
    ) -> None:
        self._crds = crds
        self._type = type_
        self._condition = condition
        self.sources = (EventSource(CRDS, "", self._enqueue),)

    async def reconcile(self, key: str) -> Requeue | None:
        crd = self._crds.get(key)
        if crd is not None and not self._is_right(crd):
            wanted = self._condition(crd)
            if wanted is None:
                desired = without_condition(crd, self._type)
            else:
                desired = with_condition(crd, wanted)
            await self._crds.write_status(crd, desired)
        return None

    def _is_right(self, crd: Object) -> bool:
        wanted, found = self._condition(crd), condition_of(crd, self._type)
        return found is None if wanted is None else wanted.matches(found)

    def _enqueue(self, queue: WorkQueue, event: ObjectEvent) -> None:
        if event.type != DELETED and not self._is_right(event.object):
            queue.add(name_of(event.object))
