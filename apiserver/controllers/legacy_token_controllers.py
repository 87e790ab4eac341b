"""Controllers of legacy tokens: since when their use is tracked, and which are unused for a year.

An unused token is marked invalid first; a year later its Secret is deleted. Only tokens that were
made for an account by Kubernetes itself, before v1.24, are touched: the account names their Secret.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Final

from apiserver.access.authorization.node_graph import references_of
from apiserver.client.client import Client, ObjectEvent
from apiserver.client.workqueue import WorkQueue
from apiserver.controllers.controller import EventSource, Requeue
from apiserver.machinery.builtin_resources import CONFIG_MAPS, PODS, SECRETS, SERVICE_ACCOUNTS
from apiserver.machinery.errors import AlreadyExists, Conflict, NotFound
from apiserver.machinery.legacytokens import (
    ACCOUNT_NAME,
    ACCOUNT_UID,
    INVALID_SINCE,
    LAST_USED,
    SINCE,
    TOKEN_TYPE,
    TRACKING_NAME,
    TRACKING_NAMESPACE,
    day_of,
    parse_day,
)
from apiserver.machinery.objects import Object, annotations_of, name_of, namespace_of
from apiserver.machinery.options import DeleteOptions
from apiserver.machinery.times import Clock, parse_seconds, system_clock
from apiserver.registry.yielding import iterate_yielding

TRACKING: Final = "legacy_service_account_token_tracking"
#: Days after which an unused token is invalid, and an invalid one deleted.
UNUSED_DAYS: Final = 365
_DAY_SECONDS: Final = 86_400.0


class LegacyTokenTracking:
    """Keeps the ConfigMap with the date since which the use of tokens is tracked."""

    sources: Sequence[EventSource]

    def __init__(self, client: Client, clock: Clock | None = None) -> None:
        self._client = client
        self._clock = clock or system_clock()
        self.sources = (
            EventSource(
                CONFIG_MAPS, f"metadata.name={TRACKING_NAME}", _enqueue, TRACKING_NAMESPACE
            ),
        )

    async def feed(self, queue: WorkQueue) -> None:
        """Enqueue the ConfigMap, which may not exist."""
        queue.add(TRACKING_NAME)

    async def reconcile(self, key: str) -> Requeue | None:
        data = {SINCE: day_of(self._clock.time())}
        try:
            found = await self._client.get(CONFIG_MAPS, TRACKING_NAMESPACE, key)
        except NotFound:
            metadata = {"name": key, "namespace": TRACKING_NAMESPACE}
            try:
                await self._client.create(CONFIG_MAPS, {"metadata": metadata, "data": data})
            except AlreadyExists:
                # Created by another server.
                return None
            return None
        if parse_day((found.get("data") or {}).get(SINCE, "")) is None:
            await self._client.update(CONFIG_MAPS, {**found, "data": data})
        return None


class LegacyTokenCleaner:
    """Invalidates and deletes unused tokens, once a day; its only key stands for all of them."""

    sources: Sequence[EventSource] = ()

    def __init__(self, client: Client, clock: Clock | None = None) -> None:
        self._client = client
        self._clock = clock or system_clock()

    async def feed(self, queue: WorkQueue) -> None:
        """Enqueue the key every day."""
        while True:
            queue.add(TOKEN_TYPE)
            await asyncio.sleep(_DAY_SECONDS)

    async def reconcile(self, key: str) -> Requeue | None:
        now = self._clock.time()
        oldest = day_of(now, days=-UNUSED_DAYS)
        if not await self._is_tracked_since(oldest):
            return None
        secrets = await self._client.list(SECRETS, field_selector=f"type={TOKEN_TYPE}")
        mounted: dict[str, frozenset[str]] = {}
        async for secret in iterate_yielding(secrets.items):
            if _is_unused(secret, now, oldest) and await self._is_generated(secret):
                namespace = namespace_of(secret)
                if namespace not in mounted:
                    mounted[namespace] = await self._mounted(namespace)
                if name_of(secret) not in mounted[namespace]:
                    await self._invalidate(secret, day_of(now), oldest)
        return None

    async def _is_tracked_since(self, day: str) -> bool:
        try:
            tracking = await self._client.get(CONFIG_MAPS, TRACKING_NAMESPACE, TRACKING_NAME)
        except NotFound:
            return False
        since = parse_day((tracking.get("data") or {}).get(SINCE, ""))
        # Of the first day not all uses are known.
        return since is not None and since.isoformat() < day

    async def _is_generated(self, secret: Object) -> bool:
        annotations = annotations_of(secret)
        name, uid = annotations.get(ACCOUNT_NAME, ""), annotations.get(ACCOUNT_UID, "")
        if not name:
            return False
        try:
            account = await self._client.get(SERVICE_ACCOUNTS, namespace_of(secret), name)
        except NotFound:
            return False
        references = account.get("secrets") or ()
        return uid in ("", account["metadata"]["uid"]) and any(
            each.get("name") == name_of(secret) for each in references
        )

    async def _mounted(self, namespace: str) -> frozenset[str]:
        pods = await self._client.list(PODS, namespace)
        vertices = [
            vertex async for pod in iterate_yielding(pods.items) for vertex in references_of(pod)
        ]
        return frozenset(name for resource, _, name in vertices if resource == SECRETS.resource)

    async def _invalidate(self, secret: Object, today: str, oldest: str) -> None:
        metadata = secret["metadata"]
        since = (metadata.get("labels") or {}).get(INVALID_SINCE, "")
        namespace, name = namespace_of(secret), name_of(secret)
        try:
            if parse_day(since) is None:
                marked = {"uid": metadata["uid"], "labels": {INVALID_SINCE: today}}
                await self._client.patch(SECRETS, namespace, name, {"metadata": marked})
            elif since < oldest:
                options = DeleteOptions(resource_version=metadata["resourceVersion"])
                await self._client.delete(SECRETS, namespace, name, options)
        except (Conflict, NotFound):
            # It was changed, or deleted: the next day decides again.
            return


def _is_unused(secret: Object, now: float, oldest: str) -> bool:
    metadata = secret["metadata"]
    if "deletionTimestamp" in metadata:
        return False
    if parse_seconds(metadata["creationTimestamp"]) >= now - UNUSED_DAYS * _DAY_SECONDS:
        return False
    used = (metadata.get("labels") or {}).get(LAST_USED)
    # What cannot be read may be any date.
    return used is None or (parse_day(used) is not None and used < oldest)


def _enqueue(queue: WorkQueue, event: ObjectEvent) -> None:
    queue.add(name_of(event.object))
