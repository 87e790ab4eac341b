"""Service accounts controller: every active namespace has the ServiceAccount ``default``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from apiserver.client.client import DELETED, Client, ObjectEvent
from apiserver.client.workqueue import WorkQueue
from apiserver.controllers.controller import EventSource, Requeue
from apiserver.machinery.builtin_resources import NAMESPACES, SERVICE_ACCOUNTS
from apiserver.machinery.errors import AlreadyExists, NotFound
from apiserver.machinery.objects import name_of, namespace_of

_DEFAULT: Final = "default"


class ServiceAccountsController:
    """Reconciles namespaces; keys are their names."""

    sources: Sequence[EventSource]

    def __init__(self, client: Client) -> None:
        self._client = client
        self.sources = (
            EventSource(NAMESPACES, "status.phase=Active", _enqueue_namespace),
            EventSource(SERVICE_ACCOUNTS, f"metadata.name={_DEFAULT}", _enqueue_namespace_of),
        )

    async def reconcile(self, key: str) -> Requeue | None:
        try:
            namespace = await self._client.get(NAMESPACES, "", key)
            if "deletionTimestamp" in namespace["metadata"]:
                return None
            await self._client.get(SERVICE_ACCOUNTS, key, _DEFAULT)
        except NotFound as error:
            if (error.details or {}).get("kind") == NAMESPACES.resource:
                return None
            await self._create(key)
        return None

    async def _create(self, namespace: str) -> None:
        account = {
            "kind": "ServiceAccount",
            "apiVersion": "v1",
            "metadata": {"name": _DEFAULT, "namespace": namespace},
        }
        try:
            await self._client.create(SERVICE_ACCOUNTS, account)
        except (AlreadyExists, NotFound):
            # Already created, or the namespace was deleted.
            return


def _enqueue_namespace(queue: WorkQueue, event: ObjectEvent) -> None:
    if event.type != DELETED:
        queue.add(name_of(event.object))


def _enqueue_namespace_of(queue: WorkQueue, event: ObjectEvent) -> None:
    if event.type == DELETED:
        queue.add(namespace_of(event.object))
