"""ClusterRole aggregation controller: gathers the rules of ClusterRoles into others.

A ClusterRole with an ``aggregationRule`` has the rules of all those whose labels its selectors
match, in the order of their names and each rule once. Its own rules are replaced.

See the Kubernetes documentation, "Using RBAC Authorization", "Aggregated ClusterRoles".
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Final

import orjson

from apiserver.client.client import DELETED, Client, ObjectEvent
from apiserver.client.workqueue import WorkQueue
from apiserver.controllers.controller import EventSource, Requeue
from apiserver.machinery.builtin_resources import CLUSTER_ROLES
from apiserver.machinery.errors import NotFound
from apiserver.machinery.labels import LabelSelector, label_selector_of
from apiserver.machinery.objects import Object, name_of

_MANAGER: Final = "clusterrole-aggregation-controller"


class ClusterRoleAggregationController:
    """Reconciles the ClusterRoles that have an ``aggregationRule``; keys are their names."""

    sources: Sequence[EventSource]

    def __init__(self, client: Client) -> None:
        self._client = client
        self._aggregated: dict[str, None] = {}
        self.sources = (EventSource(CLUSTER_ROLES, "", self._enqueue),)

    def _enqueue(self, queue: WorkQueue, event: ObjectEvent) -> None:
        name = name_of(event.object)
        if event.type == DELETED or not event.object.get("aggregationRule"):
            self._aggregated.pop(name, None)
        else:
            self._aggregated[name] = None
        for each in self._aggregated:
            queue.add(each)

    async def reconcile(self, key: str) -> Requeue | None:
        try:
            role = await self._client.get(CLUSTER_ROLES, "", key)
        except NotFound:
            return None
        if not role.get("aggregationRule"):
            return None
        others = (await self._client.list(CLUSTER_ROLES)).items
        rules = aggregated_rules(role, others)
        if rules == (role.get("rules") or []):
            return None
        document = {
            "kind": role["kind"],
            "apiVersion": role["apiVersion"],
            "metadata": {"name": key},
            "rules": rules,
        }
        await self._client.apply(CLUSTER_ROLES, document, manager=_MANAGER)
        return None


def aggregated_rules(role: Object, others: Iterable[Object]) -> list[Any]:
    """Return the rules of a ClusterRole that has an ``aggregationRule``. Pure."""
    found = map(label_selector_of, role["aggregationRule"].get("clusterRoleSelectors") or ())
    selectors = [each for each in found if each is not None]
    chosen = [each for each in others if _is_chosen(each, role, selectors)]
    rules: dict[bytes, Any] = {}
    for each in sorted(chosen, key=name_of):
        for rule in each.get("rules") or ():
            rules.setdefault(orjson.dumps(rule, option=orjson.OPT_SORT_KEYS), rule)
    return list(rules.values())


def _is_chosen(each: Object, role: Object, selectors: Iterable[LabelSelector]) -> bool:
    labels = each["metadata"].get("labels") or {}
    return name_of(each) != name_of(role) and any(
        selector.matches(labels) for selector in selectors
    )
