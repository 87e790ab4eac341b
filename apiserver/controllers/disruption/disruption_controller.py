"""Disruption controller: counts the Pods of every PodDisruptionBudget into its status.

A budget is counted when it is created or changed, and when one of its Pods is. Evictions take from
the disruptions that the last count allows.

It also takes back the condition DisruptionTarget of Pods that were not deleted in time.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Final

from apiserver.client.client import DELETED, Client, ObjectEvent
from apiserver.client.workqueue import WorkQueue
from apiserver.controllers.controller import EventSource, Requeue
from apiserver.controllers.disruption.budget_status import (
    expectation,
    failed_status,
    healthy_pods,
    needs_scale,
    status_of,
    unexpired_disruptions,
)
from apiserver.controllers.disruption.pod_controllers import expected_scale
from apiserver.controllers.disruption.stale_conditions import seconds_until_stale, without_target
from apiserver.machinery.builtin_resources import DISRUPTION_BUDGETS, PODS
from apiserver.machinery.errors import NotFound, StatusError
from apiserver.machinery.labels import LabelSelector, label_selector_of
from apiserver.machinery.objects import Object, name_of, namespace_of
from apiserver.machinery.times import Clock, system_clock
from apiserver.registry.yielding import iterate_yielding

#: The pause between two counts of a budget as its Pods change, as a multiple of their duration.
_PAUSE_FACTOR: Final = 10
_MAX_PAUSE: Final = 5.0


class DisruptionController:
    """Reconciles budgets and Pods; keys are ``default/web`` and ``/default/pod``."""

    sources: Sequence[EventSource]

    def __init__(self, client: Client, clock: Clock | None = None) -> None:
        self._client = client
        self._clock = clock or system_clock()
        self._budgets: dict[str, dict[str, _Budget]] = {}
        self.sources = (
            EventSource(DISRUPTION_BUDGETS, "", self._enqueue_budget),
            EventSource(PODS, "", self._enqueue_for_pod),
        )

    async def reconcile(self, key: str) -> Requeue | None:
        began = time.perf_counter()
        namespace, _, name = key.partition("/")
        if not namespace:
            return await self._reset_stale_target(name)
        try:
            budget = await self._client.get(DISRUPTION_BUDGETS, namespace, name)
        except NotFound:
            self._forget(namespace, name)
            return None
        try:
            return await self._count(budget)
        finally:
            known = self._budgets.get(namespace, {}).get(name)
            if known is not None:
                known.pause = min(_PAUSE_FACTOR * (time.perf_counter() - began), _MAX_PAUSE)

    async def _reset_stale_target(self, key: str) -> Requeue | None:
        namespace, _, name = key.partition("/")
        now = self._clock.time()
        try:
            pod = await self._client.get(PODS, namespace, name)
            seconds = seconds_until_stale(pod, now)
            if seconds is None or seconds > 0:
                return None if seconds is None else Requeue(seconds)
            await self._client.update(PODS, without_target(pod, now), "status")
        except NotFound:
            # The Pod has been deleted after all.
            return None
        return None

    async def _count(self, budget: Object) -> Requeue | None:
        now = self._clock.time()
        try:
            pods = await self._pods_of(budget)
            scale = needs_scale(budget["spec"])
            expected = await expected_scale(self._client, pods) if scale else len(pods)
            expected_pods = expectation(budget["spec"], expected)
        except (StatusError, ValueError) as error:
            await self._write(budget, failed_status(budget, str(error), now))
            return Requeue(None)
        disrupted, seconds = unexpired_disruptions(budget, pods, now)
        healthy = healthy_pods(pods, disrupted)
        await self._write(budget, status_of(budget, expected_pods, healthy, disrupted, now))
        # One that expires now counts for the rest of this second.
        return None if seconds is None else Requeue(seconds + 1)

    async def _pods_of(self, budget: Object) -> list[Object]:
        selector = label_selector_of(budget["spec"].get("selector"))
        if selector is None:
            return []
        namespace = namespace_of(budget)
        listed = await self._client.list(PODS, namespace)
        pods = [
            pod async for pod in iterate_yielding(listed.items) if selector.matches(_labels_of(pod))
        ]
        known = self._budgets.get(namespace, {}).get(name_of(budget))
        if known is not None:
            known.pods = frozenset(map(name_of, pods))
        return pods

    async def _write(self, budget: Object, status: Object) -> None:
        if status == _comparable(budget):
            return
        try:
            await self._client.update(DISRUPTION_BUDGETS, {**budget, "status": status}, "status")
        except NotFound:
            # The budget has been deleted since.
            return

    def _enqueue_budget(self, queue: WorkQueue, event: ObjectEvent) -> None:
        namespace, name = namespace_of(event.object), name_of(event.object)
        if event.type == DELETED:
            self._forget(namespace, name)
            return
        known = self._budgets.setdefault(namespace, {}).setdefault(name, _Budget())
        known.selector = _selector_of(event.object)
        queue.add(f"{namespace}/{name}")

    def _enqueue_for_pod(self, queue: WorkQueue, event: ObjectEvent) -> None:
        namespace, pod = namespace_of(event.object), name_of(event.object)
        labels = _labels_of(event.object)
        for name, budget in self._budgets.get(namespace, {}).items():
            if pod in budget.pods or budget.selects(labels):
                queue.add_after(f"{namespace}/{name}", budget.pause)
        seconds = seconds_until_stale(event.object, self._clock.time())
        if event.type != DELETED and seconds is not None:
            queue.add_after(f"/{namespace}/{pod}", seconds)

    def _forget(self, namespace: str, name: str) -> None:
        budgets = self._budgets.get(namespace, {})
        budgets.pop(name, None)
        if not budgets:
            self._budgets.pop(namespace, None)


class _Budget:
    """What relates Pods to a budget: its selector, and the Pods of the last count.

    ``pause`` is the pause before the next count after a change of a Pod, in seconds.
    """

    __slots__ = ("pause", "pods", "selector")

    def __init__(self) -> None:
        self.selector: LabelSelector | None = None
        self.pods: frozenset[str] = frozenset()
        self.pause = 0.0

    def selects(self, labels: Mapping[str, str]) -> bool:
        """Return whether the budget is about a Pod with these labels."""
        return self.selector is not None and self.selector.matches(labels)


def _selector_of(budget: Object) -> LabelSelector | None:
    try:
        return label_selector_of(budget["spec"].get("selector"))
    except ValueError:
        # The count of such a budget fails, and says so in its status.
        return None


def _labels_of(pod: Object) -> Mapping[str, str]:
    return pod["metadata"].get("labels") or {}


def _comparable(budget: Object) -> Object:
    """Return the status as it is calculated: a count of 0 is there."""
    counts = ("currentHealthy", "desiredHealthy", "disruptionsAllowed", "expectedPods")
    return {**dict.fromkeys(counts, 0), **(budget.get("status") or {})}
