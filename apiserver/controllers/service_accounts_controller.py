"""Every namespace has the account ``default``, which Pods run as that name no other."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from apiserver.client.client import DELETED, Client, WatchEvent
from apiserver.client.workqueue import WorkQueue
from apiserver.controllers.controller import Feed, Wait
from apiserver.machinery.builtin_resources import NAMESPACES, SERVICE_ACCOUNTS
from apiserver.machinery.errors import AlreadyExists, NotFound
from apiserver.machinery.objects import name_of, namespace_of

_DEFAULT: Final = "default"


class ServiceAccountController:
    """Reconciles namespaces, by name."""

    feeds: Sequence[Feed]

    def __init__(self, client: Client) -> None:
        self._client = client
        self.feeds = (
            Feed(NAMESPACES, "status.phase=Active", _look_at_namespace),
            Feed(SERVICE_ACCOUNTS, f"metadata.name={_DEFAULT}", _look_where_it_was),
        )

    async def reconcile(self, key: str) -> Wait | None:
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
            # Somebody else was faster, or the namespace has gone.
            return


def _look_at_namespace(queue: WorkQueue, event: WatchEvent) -> None:
    if event.type != DELETED:
        queue.add(name_of(event.object))


def _look_where_it_was(queue: WorkQueue, event: WatchEvent) -> None:
    if event.type == DELETED:
        queue.add(namespace_of(event.object))
