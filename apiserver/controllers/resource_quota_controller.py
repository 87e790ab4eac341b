"""Resource quota controller: writes a quota's limits and its recalculated usage into its status.

Admission adds to a quota's usage before it admits an object; this controller lowers it again. It
recalculates when a quota is created or changed, and when counted objects have changed since the
last calculation. Objects are watched only in namespaces that have a quota.

Usage above the recalculated value may belong to an object in flight, which is charged and not
stored yet. Such usage is lowered only by the amount that had been charged some time before the
recalculation, because by then the object is either stored or rejected.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from apiserver.access.quota.limits import hard_of, in_scopes, used_of
from apiserver.access.quota.resource_lists import ResourceList, add_quantities, quantity_value
from apiserver.access.quota.resource_totals import ResourceTotals, equal, increase
from apiserver.access.quota.scopes import requirements_of
from apiserver.access.quota.usage import Evaluator, evaluator_of, resource_counted
from apiserver.client.client import MODIFIED, Client, ListedObjects, ObjectEvent
from apiserver.client.workqueue import WorkQueue
from apiserver.controllers.controller import ChangeAfter, EventSource, Requeue
from apiserver.machinery.builtin_resources import QUOTAS
from apiserver.machinery.errors import Conflict, NotFound
from apiserver.machinery.gvk import GroupResource, GroupVersionResource
from apiserver.machinery.objects import Object, namespace_of
from apiserver.machinery.times import Clock, system_clock
from apiserver.machinery.valueclasses import valueclass
from apiserver.registry.yielding import iterate_yielding

#: The maximum time between charging an object and storing or rejecting it.
SETTLING_SECONDS: Final = 1.0
#: The delay of a recalculation after a charge, if nothing else happens.
RECHECK_SECONDS: Final = 5.0
#: The interval of full recalculation: a Pod exceeds its deadline without any event.
RESYNC_SECONDS: Final = 300.0
#: The pause after a recalculation, as a multiple of its duration.
_PAUSE_FACTOR: Final = 20


@valueclass
class _Observation:
    """The usage in a quota's status, and when it was read."""

    used: ResourceList
    time: float


class ResourceQuotaController:
    """Reconciles all quotas of a namespace; keys are names of namespaces."""

    sources: Sequence[EventSource]

    def __init__(self, client: Client, clock: Clock | None = None) -> None:
        self._client = client
        self._clock = clock or system_clock()
        self._observations: dict[str, dict[str, _Observation]] = {}
        self.sources = (EventSource(QUOTAS, "", _enqueue),)

    async def reconcile(self, key: str) -> Requeue | None:
        began = time.perf_counter()
        quotas = (await self._client.list(QUOTAS, key)).items
        before = self._observations.pop(key, {})
        if not quotas:
            return None
        now = self._clock.time()
        observations = {
            quota["metadata"]["uid"]: _Observation(used_of(quota), now) for quota in quotas
        }
        ages = {uid: now - each.time for uid, each in before.items()}
        # A recent observation is kept until it is old enough; after a clock step back it is reset.
        observations |= {
            uid: before[uid] for uid in observations if 0 <= ages.get(uid, -1) < SETTLING_SECONDS
        }
        self._observations[key] = observations
        listed = await self._listed(key, quotas)
        settled = True
        for quota in quotas:
            uid = quota["metadata"]["uid"]
            observation = before[uid] if ages.get(uid, -1) >= SETTLING_SECONDS else None
            counted = await _recalculate(quota, listed, now)
            shown = _reported_usage(counted, used_of(quota), observation)
            try:
                if await self._update_status(quota, shown):
                    observations[uid] = _Observation(shown, now)
            except (Conflict, NotFound):
                # The quota was charged since, or deleted.
                settled = False
            settled &= equal(shown, counted)
        changes = [
            ChangeAfter(resource, key, objects.resource_version)
            for resource, objects in listed.items()
        ]
        min_delay = max(SETTLING_SECONDS, _PAUSE_FACTOR * (time.perf_counter() - began))
        return Requeue(
            RESYNC_SECONDS if settled else min_delay, changes=changes, min_delay=min_delay
        )

    async def _listed(
        self, namespace: str, quotas: Iterable[Object]
    ) -> dict[GroupVersionResource, ListedObjects]:
        """Return the objects of all resources that the quotas limit."""
        counted = {resource_counted(name) for quota in quotas for name in _hard(quota)}
        served = [
            each.name
            for each in await self._client.resources()
            if each.namespaced and {"list", "watch"} <= each.verbs
        ]
        return {
            each: await self._client.list(each, namespace)
            for each in served
            if GroupResource(each.group, each.resource) in counted
        }

    async def _update_status(self, quota: Object, used: ResourceList) -> bool:
        """Write limits and usage into the status if they differ; return whether it was written."""
        hard = _hard(quota)
        if equal(used, used_of(quota)) and equal(hard, hard_of(quota)):
            return False
        status = {**(quota.get("status") or {}), "hard": dict(hard), "used": dict(used)}
        await self._client.update(QUOTAS, {**quota, "status": status}, "status")
        return True


def _hard(quota: Object) -> ResourceList:
    return (quota.get("spec") or {}).get("hard") or {}


def _reported_usage(
    counted: ResourceList, used: ResourceList, observation: _Observation | None
) -> dict[str, str]:
    """Return the recalculated usage, plus the usage that may belong to objects in flight."""
    shown = dict(counted)
    coming = increase(used, observation.used) if observation is not None else {}
    # If another server has lowered the usage, later charges cannot be distinguished.
    lowered = increase(observation.used, used) if observation is not None else {}
    for name, quantity in counted.items():
        charged = used.get(name)
        if charged is None or quantity_value(charged) <= quantity_value(quantity):
            continue
        if observation is None or name in lowered:
            shown[name] = charged
        elif name in coming:
            most = add_quantities(quantity, coming[name])
            shown[name] = most if quantity_value(most) < quantity_value(charged) else charged
    return shown


async def _recalculate(
    quota: Object, listed: Mapping[GroupVersionResource, ListedObjects], now: float
) -> dict[str, str]:
    """Return the total usage of the resources that a quota limits."""
    totals: dict[str, str] = {}
    for resource, objects in listed.items():
        evaluator = evaluator_of(GroupResource(resource.group, resource.resource))
        assert evaluator is not None
        names = [name for name in _hard(quota) if evaluator.counts(name)]
        if not names:
            continue
        used = await _total(quota, evaluator, objects.items, now)
        totals.update({name: used.get(name, "0") for name in names})
    return totals


async def _total(
    quota: Object, evaluator: Evaluator, objects: Sequence[Object], now: float
) -> ResourceList:
    if evaluator.plain:
        number = 0 if requirements_of(quota) else len(objects)
        return {name: str(number) for name in _hard(quota)}
    tally = ResourceTotals()
    async for document in iterate_yielding(objects):
        if in_scopes(quota, evaluator, document):
            tally.add(evaluator.usage(document, now))
    return tally.amounts()


def _enqueue(queue: WorkQueue, event: ObjectEvent) -> None:
    namespace = namespace_of(event.object)
    if event.type == MODIFIED and equal(_hard(event.object), hard_of(event.object)):
        # Admission has charged the quota; the object is stored by the time of the check.
        queue.add_after(namespace, RECHECK_SECONDS)
    else:
        queue.add(namespace)
