"""The status of a PodDisruptionBudget, calculated from its Pods. Pure.

A disruption that an eviction has recorded counts until the Pod is deleted, or for two minutes: an
eviction that has not deleted its Pod by then has failed (KEP-85).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from apiserver.machinery.objects import Object, name_of
from apiserver.machinery.times import format_seconds, parse
from apiserver.machinery.valueclasses import valueclass
from apiserver.registry.subresources.podconditions import is_ready
from apiserver.resources.builtin.parts.intorpercent import IntOrPercent, scaled

#: How long an evicted Pod may take until it is marked as deleted, in seconds.
DELETION_TIMEOUT: Final = 120.0
_ALLOWED: Final = "DisruptionAllowed"
_SUFFICIENT: Final = ("True", "SufficientPods")
_INSUFFICIENT: Final = ("False", "InsufficientPods")
_SYNC_FAILED: Final = ("False", "SyncFailed")


@valueclass
class Expectation:
    """How many Pods a budget expects, and how many of them must be healthy."""

    pods: int
    healthy: int


def needs_scale(spec: Mapping[str, Any]) -> bool:
    """Return whether the expected Pods are those of their controllers, not those that exist."""
    return "maxUnavailable" in spec or isinstance(spec.get("minAvailable"), str)


def expectation(spec: Mapping[str, Any], expected: int) -> Expectation:
    """Return what a budget expects of ``expected`` Pods. Raises ValueError.

    Percentages are rounded up.
    """
    unavailable: IntOrPercent | None = spec.get("maxUnavailable")
    if unavailable is not None:
        healthy = expected - scaled(unavailable, expected, round_up=True)
        return Expectation(expected, max(healthy, 0))
    available: IntOrPercent | None = spec.get("minAvailable")
    if available is None:
        return Expectation(0, 0)
    return Expectation(expected, scaled(available, expected, round_up=True))


def unexpired_disruptions(
    budget: Object, pods: Sequence[Object], now: float
) -> tuple[dict[str, str], float | None]:
    """Return the recorded disruptions that still count, and the seconds until the next expires.

    ``None`` if none of them will.
    """
    recorded = (budget.get("status") or {}).get("disruptedPods") or {}
    if not recorded:
        return {}, None
    left: dict[str, float] = {}
    for pod in pods:
        name = name_of(pod)
        if name in recorded and "deletionTimestamp" not in pod["metadata"]:
            seconds = parse(recorded[name])[0] + DELETION_TIMEOUT - now
            if seconds >= 0:
                left[name] = seconds
    return {name: recorded[name] for name in left}, min(left.values(), default=None)


def healthy_pods(pods: Sequence[Object], disrupted: Mapping[str, str]) -> int:
    """Return the number of Pods that are ready and are not going to be deleted."""
    return sum(
        "deletionTimestamp" not in pod["metadata"]
        and name_of(pod) not in disrupted
        and is_ready(pod)
        for pod in pods
    )


def status_of(
    budget: Object, expected: Expectation, healthy: int, disrupted: Mapping[str, str], now: float
) -> Object:
    """Return the status of a budget.

    It allows no disruption while no Pod is expected: those to come have not been counted yet.
    """
    before = budget.get("status") or {}
    allowed = max(healthy - expected.healthy, 0) if expected.pods > 0 else 0
    generation = budget["metadata"].get("generation", 0)
    status: Object = {
        "currentHealthy": healthy,
        "desiredHealthy": expected.healthy,
        "disruptionsAllowed": allowed,
        "expectedPods": expected.pods,
    }
    if generation:
        status["observedGeneration"] = generation
    if disrupted:
        status["disruptedPods"] = dict(disrupted)
    reason = _SUFFICIENT if allowed else _INSUFFICIENT
    return {**status, "conditions": _conditions(before, reason, "", generation, now)}


def failed_status(budget: Object, why: str, now: float) -> Object:
    """Return the status of a budget whose Pods cannot be counted: it allows no disruption."""
    before = budget.get("status") or {}
    generation = before.get("observedGeneration", 0)
    conditions = _conditions(before, _SYNC_FAILED, why, generation, now)
    counts = dict.fromkeys(("currentHealthy", "desiredHealthy", "expectedPods"), 0)
    return {**counts, **before, "disruptionsAllowed": 0, "conditions": conditions}


def _conditions(
    before: Mapping[str, Any], reason: tuple[str, str], message: str, generation: int, now: float
) -> list[dict[str, Any]]:
    conditions = list(before.get("conditions") or ())
    types = [each["type"] for each in conditions]
    place = types.index(_ALLOWED) if _ALLOWED in types else len(conditions)
    known = conditions[place] if place < len(conditions) else {}
    since = known.get("lastTransitionTime") if known.get("status") == reason[0] else None
    condition = {
        "type": _ALLOWED,
        "status": reason[0],
        "lastTransitionTime": since or format_seconds(int(now)),
        "reason": reason[1],
        "message": message,
    }
    if generation:
        condition["observedGeneration"] = generation
    conditions[place : place + 1] = [condition]
    return conditions
