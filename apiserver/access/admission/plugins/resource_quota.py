"""ResourceQuota: keeps the total usage of a namespace within its quotas.

A quota has limits and current usage in its status. An object is charged before it is stored:
``used`` is updated, with the quota's resourceVersion as the precondition, so that of two concurrent
writes only one gets the last unit. The quota controller recalculates usage to account for deleted
objects and for charged writes that failed.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Iterable
from typing import Final
from weakref import WeakValueDictionary

from apiserver.access.admission.chain import CREATE, UPDATE, AdmissionAttributes
from apiserver.access.quota.limits import QuotaDenied, QuotaRequest, charge
from apiserver.access.quota.usage import evaluator_of
from apiserver.client.client import Client, Reader
from apiserver.machinery.builtin_resources import CLAIMS, PODS, QUOTAS, SERVICES
from apiserver.machinery.errors import Conflict, InternalError, NotFound
from apiserver.machinery.gvk import GroupResource, GroupVersionResource
from apiserver.machinery.objects import Object, name_of
from apiserver.machinery.times import Clock

#: The number of attempts at charging a quota under conflicts.
TRIES: Final = 3
#: The maximum time that a write waits for earlier writes in its namespace.
LOCK_TIMEOUT_SECONDS: Final = 10.0
# Updates that can increase usage: resource and subresource.
_GROWING: Final = frozenset([(PODS, "resize"), (SERVICES, ""), (CLAIMS, "")])


class ResourceQuota:
    """Rejects objects that exceed a quota, and charges the others."""

    name = "ResourceQuota"

    def __init__(self, client: Client, clock: Clock | None = None) -> None:
        self._client = client
        self._clock = clock or Clock()
        self._locks: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    def handles(self, operation: str, resource: GroupVersionResource, subresource: str) -> bool:
        if operation == UPDATE:
            return (resource, subresource) in _GROWING
        counts = evaluator_of(GroupResource(resource.group, resource.resource)) is not None
        return operation == CREATE and not subresource and counts

    async def validate_async(self, attributes: AdmissionAttributes, reader: Reader) -> None:
        namespace = attributes.namespace
        if not namespace:
            return
        quotas = list(reader.list(QUOTAS, namespace))
        # Most namespaces have no quota. Charges are computed again under the lock.
        if not quotas or not self._charges(attributes, _newest(reader, quotas)):
            return
        if attributes.dry_run or _is_there(attributes, reader):
            return
        lock = self._locks.setdefault(namespace, asyncio.Lock())
        try:
            async with asyncio.timeout(LOCK_TIMEOUT_SECONDS), lock:
                await self._charge(attributes, _newest(reader, quotas))
        except TimeoutError as error:
            raise InternalError("resource quota evaluation timed out") from error

    async def _charge(self, attributes: AdmissionAttributes, quotas: Iterable[Object]) -> None:
        """Charge every quota once; after a conflict, read the quotas again."""
        done: set[str] = set()
        for tried in range(1, TRIES + 1):
            try:
                for quota in self._charges(attributes, quotas, done):
                    await self._client.update(QUOTAS, quota, "status")
                    done.add(name_of(quota))
            except (Conflict, NotFound):
                if tried == TRIES:
                    raise
                quotas = (await self._client.list(QUOTAS, attributes.namespace)).items
            else:
                return

    def _charges(
        self, attributes: AdmissionAttributes, quotas: Iterable[Object], done: Collection[str] = ()
    ) -> list[Object]:
        """Return the updated quotas. Raises Forbidden."""
        evaluator = evaluator_of(attributes.group_resource)
        assert evaluator is not None
        assert attributes.object is not None
        subject = QuotaRequest(
            evaluator, attributes.object, attributes.old_object, self._clock.time()
        )
        left = [quota for quota in quotas if name_of(quota) not in done]
        try:
            found = [charge(quota, subject) for quota in left]
        except QuotaDenied as refusal:
            raise attributes.forbidden(str(refusal)) from refusal
        return [quota for quota in found if quota is not None]


def _newest(reader: Reader, quotas: Iterable[Object]) -> list[Object]:
    # Unlike list, get sees what this process has just written.
    metadata = [quota["metadata"] for quota in quotas]
    found = (reader.get(QUOTAS, each["namespace"], each["name"]) for each in metadata)
    return [quota for quota in found if quota is not None]


def _is_there(attributes: AdmissionAttributes, reader: Reader) -> bool:
    """Return whether the object exists, so that the create fails and must not be charged."""
    if attributes.operation != CREATE or not attributes.name:
        return False
    return reader.get(attributes.gvr, attributes.namespace, attributes.name) is not None
