"""The effect of a PodDisruptionBudget on an eviction. Pure.

A budget has a number of allowed disruptions. An eviction decrements it and records the name of the
Pod, so that the disruption controller knows that the Pod is being evicted. A Pod that is not ready
does not count as healthy; it may be evicted without using a disruption while enough others are
healthy.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from apiserver.machinery.errors import Forbidden, StatusError, TooManyRequests
from apiserver.machinery.gvk import GroupResource
from apiserver.machinery.objects import Object, name_of
from apiserver.registry.subresources.podconditions import is_ready
from apiserver.resources.builtin.parts.labelselector import is_empty, selector_matches

_BUDGET: Final = GroupResource("policy", "poddisruptionbudget")
_ALLOWED: Final = "DisruptionAllowed"
_SYNC_FAILED: Final = "SyncFailed"
_MAX_DISRUPTED: Final = 2000
_RETRY_SECONDS: Final = 10
_REFUSED: Final = "Cannot evict pod as it would violate the pod's disruption budget."
_ENDED: Final = ("Failed", "Succeeded")


def is_disrupted_already(pod: Object) -> bool:
    """Return whether evicting a Pod disrupts nothing: it is pending, finished, or terminating."""
    phase = (pod.get("status") or {}).get("phase")
    return phase == "Pending" or has_ended(pod)


def has_ended(pod: Object) -> bool:
    """Return whether a Pod has stopped running, or soon will."""
    phase = (pod.get("status") or {}).get("phase")
    return phase in _ENDED or "deletionTimestamp" in pod["metadata"]


def budgets_of(pod: Object, budgets: Iterable[Object]) -> list[Object]:
    """Return the budgets that protect a Pod; one without a selector protects none."""
    labels = pod["metadata"].get("labels")
    return [budget for budget in budgets if _protects(budget, labels)]


def _protects(budget: Object, labels: dict[str, str] | None) -> bool:
    selector = budget["spec"].get("selector")
    try:
        return not is_empty(selector) and selector_matches(selector, labels)
    except ValueError:
        return False


def can_ignore_budget(budget: Object, pod: Object) -> bool:
    """Return whether a Pod may be evicted without using a disruption."""
    if is_ready(pod):
        return False
    if budget["spec"].get("unhealthyPodEvictionPolicy") == "AlwaysAllow":
        return True
    status = budget["status"]
    desired: int = status.get("desiredHealthy", 0)
    current: int = status.get("currentHealthy", 0)
    return 0 < desired <= current


def check(budget: Object) -> None:
    """Raise TooManyRequests, or Forbidden, if a budget allows no disruption."""
    name, status = name_of(budget), budget["status"]
    if status.get("observedGeneration", 0) < budget["metadata"].get("generation", 0):
        raise still_processed(name)
    allowed = status.get("disruptionsAllowed", 0)
    if allowed < 0:
        raise Forbidden.of(_BUDGET, name, "pdb disruptions allowed is negative")
    if len(status.get("disruptedPods") or ()) > _MAX_DISRUPTED:
        why = "DisruptedPods map too big - too many evictions not confirmed by PDB controller"
        raise Forbidden.of(_BUDGET, name, why)
    if allowed == 0:
        raise _refusal(_why_not(name, status), 0)


def still_processed(name: str) -> StatusError:
    """Return the error for a budget whose status is stale, since it or a Pod has changed."""
    text = f"The disruption budget {name} is still being processed by the server."
    return _refusal(text, _RETRY_SECONDS)


def disrupted(budget: Object, pod: str, now: str) -> Object:
    """Return a budget with one allowed disruption less, used for ``pod``."""
    status = dict(budget["status"])
    status["disruptionsAllowed"] = allowed = status.get("disruptionsAllowed", 0) - 1
    status["disruptedPods"] = {**(status.get("disruptedPods") or {}), pod: now}
    if allowed == 0:
        status["conditions"] = _exhausted(status, now)
    return {**budget, "status": status}


def _exhausted(status: dict[str, Any], now: str) -> list[dict[str, Any]]:
    conditions = list(status.get("conditions") or ())
    place = len(conditions)
    known: dict[str, Any] = {}
    for index, condition in enumerate(conditions):
        if condition["type"] == _ALLOWED:
            place, known = index, condition
    since = known.get("lastTransitionTime") if known.get("status") == "False" else now
    condition = {
        "type": _ALLOWED,
        "status": "False",
        "observedGeneration": status.get("observedGeneration", 0),
        "lastTransitionTime": since,
        "reason": "InsufficientPods",
        "message": "",
    }
    conditions[place : place + 1] = [
        {key: value for key, value in condition.items() if key != "observedGeneration" or value}
    ]
    return conditions


def _why_not(name: str, status: dict[str, Any]) -> str:
    conditions = status.get("conditions") or ()
    condition: dict[str, Any] = next((each for each in conditions if each["type"] == _ALLOWED), {})
    message = condition.get("message") if condition.get("status") == "False" else ""
    reason = condition.get("reason", "")
    desired, current = status.get("desiredHealthy", 0), status.get("currentHealthy", 0)
    # If the count has failed, its numbers are meaningless.
    if message and reason == _SYNC_FAILED:
        return (
            f"The disruption budget {name} does not allow evicting pods currently because it "
            f"failed sync: {message}"
        )
    if current <= desired:
        return (
            f"The disruption budget {name} needs {desired} healthy pods and has {current} currently"
        )
    text = f"The disruption budget {name} does not allow evicting pods currently"
    return f"{text} ({reason}): {message}" if message else text


def _refusal(text: str, seconds: int) -> TooManyRequests:
    details: dict[str, Any] = {"causes": [{"reason": "DisruptionBudget", "message": text}]}
    if seconds:
        details["retryAfterSeconds"] = seconds
    return TooManyRequests(_REFUSED, details)
