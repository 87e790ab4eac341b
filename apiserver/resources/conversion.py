"""Between the versions of one kind: what is served is not always what is stored.

Of the built-in kinds two are stored as another than they are served as: ``events.k8s.io/v1`` Event
as ``v1`` Event, and ``autoscaling/v1`` HorizontalPodAutoscaler as ``autoscaling/v2``. Members that
both versions have go over as they are; the others are moved by the functions here. What the older
autoscaler cannot say it carries in annotations, so that a round trip loses nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from apiserver.machinery.gvk import GroupVersionKind
from apiserver.machinery.objects import Object, with_metadata

Convert = Callable[[Object], Object]


@dataclass(frozen=True, slots=True)
class Conversion:
    """The way of an object into the store and back."""

    to_stored: Convert
    to_served: Convert


# events.k8s.io/v1 -> v1; members that are not named here have the same name in both.
_EVENT_MEMBERS = {
    "regarding": "involvedObject",
    "note": "message",
    "reportingController": "reportingComponent",
    "deprecatedSource": "source",
    "deprecatedFirstTimestamp": "firstTimestamp",
    "deprecatedLastTimestamp": "lastTimestamp",
    "deprecatedCount": "count",
}
_EVENT_MEMBERS_BACK = {stored: served for served, stored in _EVENT_MEMBERS.items()}
# What the struct of v1 always shows, and that of events.k8s.io/v1 always shows.
_CORE_EVENT_ALWAYS: Mapping[str, Any] = {
    "involvedObject": {}, "source": {}, "firstTimestamp": None, "lastTimestamp": None,
    "eventTime": None, "reportingComponent": "", "reportingInstance": "",
}  # fmt: skip
_EVENT_ALWAYS: Mapping[str, Any] = {
    "eventTime": None, "regarding": {}, "deprecatedSource": {},
    "deprecatedFirstTimestamp": None, "deprecatedLastTimestamp": None,
}  # fmt: skip
_EMPTY_IN_EVENT = ("reportingController", "reportingInstance")


def _event_to_stored(event: Object) -> Object:
    members = {_EVENT_MEMBERS.get(key, key): value for key, value in event.items()}
    return {**_CORE_EVENT_ALWAYS, **members, "apiVersion": "v1"}


def _event_to_served(event: Object) -> Object:
    members = {_EVENT_MEMBERS_BACK.get(key, key): value for key, value in event.items()}
    for key in _EMPTY_IN_EVENT:
        if not members.get(key):
            members.pop(key, None)
    return {**_EVENT_ALWAYS, **members, "apiVersion": "events.k8s.io/v1"}


_METRICS = "autoscaling.alpha.kubernetes.io/metrics"
_BEHAVIOR = "autoscaling.alpha.kubernetes.io/behavior"
_CURRENT_METRICS = "autoscaling.alpha.kubernetes.io/current-metrics"
_CONDITIONS = "autoscaling.alpha.kubernetes.io/conditions"
_CARRIED = (_METRICS, _BEHAVIOR, _CURRENT_METRICS, _CONDITIONS)
_TARGET = "targetCPUUtilizationPercentage"
_CURRENT = "currentCPUUtilizationPercentage"


def _autoscaler_to_stored(scaler: Object) -> Object:
    annotations = dict(scaler["metadata"].get("annotations") or {})
    carried = {key: orjson.loads(annotations.pop(key)) for key in _CARRIED if key in annotations}
    spec, status = dict(scaler.get("spec") or {}), dict(scaler.get("status") or {})
    metrics = carried.get(_METRICS, [])
    if _TARGET in spec:
        target = {"type": "Utilization", "averageUtilization": spec.pop(_TARGET)}
        metrics = [{"type": "Resource", "resource": {"name": "cpu", "target": target}}, *metrics]
    if metrics:
        spec["metrics"] = metrics
    if _BEHAVIOR in carried:
        spec["behavior"] = carried[_BEHAVIOR]
    current = carried.get(_CURRENT_METRICS, [])
    if _CURRENT in status:
        usage = {"averageUtilization": status.pop(_CURRENT)}
        current = [{"type": "Resource", "resource": {"name": "cpu", "current": usage}}, *current]
    status["currentMetrics"] = current or None
    if _CONDITIONS in carried:
        status["conditions"] = carried[_CONDITIONS]
    kept = with_metadata(scaler, annotations=annotations or None)
    return {**kept, "apiVersion": "autoscaling/v2", "spec": spec, "status": status}


def _autoscaler_to_served(scaler: Object) -> Object:
    spec, status = dict(scaler.get("spec") or {}), dict(scaler.get("status") or {})
    annotations = dict(scaler["metadata"].get("annotations") or {})
    metrics = []
    for metric in spec.pop("metrics", None) or []:
        utilization = _cpu(metric, "target")
        if utilization is not None and _TARGET not in spec:
            spec[_TARGET] = utilization
        else:
            metrics.append(metric)
    current = []
    for metric in status.pop("currentMetrics", None) or []:
        utilization = _cpu(metric, "current")
        if utilization is not None and _CURRENT not in status:
            status[_CURRENT] = utilization
        else:
            current.append(metric)
    carried = {
        _METRICS: metrics,
        _BEHAVIOR: spec.pop("behavior", None),
        _CURRENT_METRICS: current,
        _CONDITIONS: status.pop("conditions", None),
    }
    for key, value in carried.items():
        if value:
            annotations[key] = orjson.dumps(value).decode()
    status.setdefault("currentReplicas", 0)
    kept = with_metadata(scaler, annotations=annotations or None)
    return {**kept, "apiVersion": "autoscaling/v1", "spec": spec, "status": status}


def _cpu(metric: Mapping[str, Any], member: str) -> int | None:
    resource = metric.get("resource") or {}
    if metric.get("type") != "Resource" or resource.get("name") != "cpu":
        return None
    utilization = (resource.get(member) or {}).get("averageUtilization")
    return utilization if isinstance(utilization, int) else None


_CONVERSIONS: Mapping[tuple[GroupVersionKind, GroupVersionKind], Conversion] = {
    (
        GroupVersionKind("events.k8s.io", "v1", "Event"),
        GroupVersionKind("", "v1", "Event"),
    ): Conversion(_event_to_stored, _event_to_served),
    (
        GroupVersionKind("autoscaling", "v1", "HorizontalPodAutoscaler"),
        GroupVersionKind("autoscaling", "v2", "HorizontalPodAutoscaler"),
    ): Conversion(_autoscaler_to_stored, _autoscaler_to_served),
}


def conversion(served: GroupVersionKind, stored: GroupVersionKind) -> Conversion | None:
    """Return the way between two versions of a kind; ``None`` where they are the same.

    Raises KeyError where there is no way.
    """
    return None if served == stored else _CONVERSIONS[served, stored]
