"""Conditions of a Pod that the server itself sets."""

from __future__ import annotations

from typing import Any

from apiserver.machinery.objects import Object


def with_condition(pod: Object, condition: dict[str, Any], now: str) -> Object:
    """Return a Pod with a condition, which replaces the one of its type or is appended.

    If the status is unchanged, the condition keeps its lastTransitionTime.
    """
    status = pod.get("status") or {}
    conditions = list(status.get("conditions") or ())
    place = len(conditions)
    since = now
    for index, known in enumerate(conditions):
        if known["type"] == condition["type"]:
            place = index
            if known["status"] == condition["status"]:
                since = known.get("lastTransitionTime") or now
    set_ = {**condition, "lastProbeTime": None, "lastTransitionTime": since}
    conditions[place : place + 1] = [set_]
    return {**pod, "status": {**status, "conditions": conditions}}


def is_ready(pod: Object) -> bool:
    """Return whether the status of a Pod reports that it is ready."""
    conditions = (pod.get("status") or {}).get("conditions") or ()
    return any(each["type"] == "Ready" and each["status"] == "True" for each in conditions)
