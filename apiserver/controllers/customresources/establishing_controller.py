"""Establishing controller: a kind whose names are accepted is established, for ever.

A kind whose conversion webhook cannot be called yet is not; a controller often adds the CA bundle
of the webhook after the definition.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from apiserver.client.client import DELETED, ObjectEvent
from apiserver.client.workqueue import WorkQueue
from apiserver.controllers.controller import EventSource, Requeue
from apiserver.controllers.customresources.crd_access import CRDS, CRDAccess
from apiserver.machinery.objects import Object, name_of
from apiserver.resources.builtin.apiextensions.conversions import has_valid_ca_bundle
from apiserver.resources.builtin.apiextensions.crds import (
    ESTABLISHED,
    NAMES_ACCEPTED,
    Condition,
    condition_of,
    is_established,
    is_true,
    with_condition,
)

_WELL: Final = Condition(
    ESTABLISHED, "True", "InitialNamesAccepted", "the initial names have been accepted"
)
_INVALID: Final = Condition(
    ESTABLISHED, "False", "InvalidCABundle", "The conversion webhook CABundle is invalid"
)


class EstablishingController:
    """Reconciles the condition Established; keys are the names of definitions."""

    sources: Sequence[EventSource]

    def __init__(self, crds: CRDAccess) -> None:
        self._crds = crds
        self.sources = (EventSource(CRDS, "", _enqueue),)

    async def reconcile(self, key: str) -> Requeue | None:
        crd = self._crds.get(key)
        if crd is None or not _is_due(crd):
            return None
        wanted = _WELL if has_valid_ca_bundle(crd) else _INVALID
        if not wanted.matches(condition_of(crd, ESTABLISHED)):
            await self._crds.write_status(crd, with_condition(crd, wanted))
        return None


def _is_due(crd: Object) -> bool:
    return is_true(crd, NAMES_ACCEPTED) and not is_established(crd)


def _enqueue(queue: WorkQueue, event: ObjectEvent) -> None:
    if event.type != DELETED and _is_due(event.object):
        queue.add(name_of(event.object))
