"""The annotation for the time of the change that caused an update of endpoints.

Clients measure with it how long a change takes to reach them. It is the earliest of the times that
are new since the last reconciliation: when Pods became ready or unready, or when the Service was
created. All of them are Times to the second in UTC, which compare as texts.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from apiserver.controllers.serviceendpoints.endpoint_pods import EndpointPod
from apiserver.machinery.objects import Object

LAST_CHANGE: Final = "endpoints.kubernetes.io/last-change-trigger-time"


class TriggerTimes:
    """The times that the last reconciliation of each Service has seen."""

    def __init__(self) -> None:
        self._seen: dict[str, tuple[str, dict[str, str]]] = {}

    def last_change(self, key: str, service: Object, pods: Iterable[EndpointPod]) -> str:
        """Return the time of the earliest change since the last call, ``""`` if none is known."""
        created = service["metadata"].get("creationTimestamp") or ""
        times = {pod.name: pod.ready_since for pod in pods if pod.ready_since}
        known = self._seen.get(key)
        self._seen[key] = (created, times)
        if known is None:
            return created
        created_before, times_before = known
        changed = [since for name, since in times.items() if since > times_before.get(name, "")]
        if created > created_before:
            changed.append(created)
        return min(changed, default="")

    def forget(self, key: str) -> None:
        """Forget a Service that has been deleted."""
        self._seen.pop(key, None)


def with_last_change(annotations: dict[str, str] | None, time: str) -> dict[str, str] | None:
    """Return annotations with the time of the change, without it if it is unknown."""
    kept = {name: value for name, value in (annotations or {}).items() if name != LAST_CHANGE}
    if time:
        kept[LAST_CHANGE] = time
    return kept or None
