"""Conversion between ``autoscaling/v1``, which has only one metric, and ``autoscaling/v2``.

v1 stores the fields that it lacks in annotations, as JSON: metrics and conditions in a v1 form, the
behaviour in the internal form. Invalid annotations are dropped, as in Kubernetes. A round trip
loses nothing. An autoscaler without metrics gets the default metric in both versions, so that a
server-side apply in the other version does not appear to remove it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final, TypeAlias

import orjson

from apiserver.machinery.objects import Object, with_metadata
from apiserver.machinery.quantity import parse_quantity
from apiserver.resources.builtin.parts.convertedannotations import (
    BEHAVIOR,
    CONDITIONS,
    CURRENT_METRICS,
    METRICS,
)
from apiserver.schema.internalform import internal_form

_CARRIED: Final = (METRICS, BEHAVIOR, CURRENT_METRICS, CONDITIONS)
_DEFAULT_UTILIZATION: Final = 80
_TARGET: Final = "targetCPUUtilizationPercentage"
_CURRENT: Final = "currentCPUUtilizationPercentage"
_BEHAVIOR_TYPE: Final = "autoscaling.v2.HorizontalPodAutoscalerBehavior"
_CONDITION_MEMBERS: Final = ("type", "status", "lastTransitionTime", "reason", "message")

# A field of v1 and its name in v2; with a star, the field is always present, "0" by default, which
# says nothing of a target that has an average value.
_Table: TypeAlias = tuple[tuple[str, tuple[str, ...]], ...]
_RESOURCE: Final[_Table] = (
    ("name", ("name",)),
    ("targetAverageUtilization", ("target", "averageUtilization")),
    ("targetAverageValue", ("target", "averageValue")),
)
_CURRENT_RESOURCE: Final[_Table] = (
    ("name", ("name",)),
    ("currentAverageUtilization", ("current", "averageUtilization")),
    ("*currentAverageValue", ("current", "averageValue")),
)
_CONTAINER: Final[_Table] = (("container", ("container",)),)
_SPECS: Final[Mapping[str, _Table]] = {
    "object": (
        ("target", ("describedObject",)),
        ("metricName", ("metric", "name")),
        ("*targetValue", ("target", "value")),
        ("selector", ("metric", "selector")),
        ("averageValue", ("target", "averageValue")),
    ),
    "pods": (
        ("metricName", ("metric", "name")),
        ("*targetAverageValue", ("target", "averageValue")),
        ("selector", ("metric", "selector")),
    ),
    "resource": _RESOURCE,
    "containerResource": _RESOURCE + _CONTAINER,
    "external": (
        ("metricName", ("metric", "name")),
        ("metricSelector", ("metric", "selector")),
        ("targetValue", ("target", "value")),
        ("targetAverageValue", ("target", "averageValue")),
    ),
}
_STATUSES: Final[Mapping[str, _Table]] = {
    "object": (
        ("target", ("describedObject",)),
        ("metricName", ("metric", "name")),
        ("*currentValue", ("current", "value")),
        ("selector", ("metric", "selector")),
        ("averageValue", ("current", "averageValue")),
    ),
    "pods": (
        ("metricName", ("metric", "name")),
        ("*currentAverageValue", ("current", "averageValue")),
        ("selector", ("metric", "selector")),
    ),
    "resource": _CURRENT_RESOURCE,
    "containerResource": _CURRENT_RESOURCE + _CONTAINER,
    "external": (
        ("metricName", ("metric", "name")),
        ("metricSelector", ("metric", "selector")),
        ("*currentValue", ("current", "value")),
        ("currentAverageValue", ("current", "averageValue")),
    ),
}
# The type of a target is that of the first of these that it has.
_TARGET_TYPES: Final = (
    ("averageUtilization", "Utilization"),
    ("averageValue", "AverageValue"),
    ("value", "Value"),
)


def has_metrics(scaler: Object) -> bool:
    """Return whether a v1 autoscaler specifies metrics, by a field or by annotations."""
    annotations = scaler["metadata"].get("annotations") or {}
    return _TARGET in scaler["spec"] or bool(_carried(annotations, METRICS, list))


def default_target(scaler: Object) -> None:
    """Set the default target CPU utilization, in place."""
    scaler["spec"][_TARGET] = _DEFAULT_UTILIZATION


def default_metric() -> dict[str, Any]:
    """Return the default metric of a v2 autoscaler without metrics."""
    target = {"type": "Utilization", "averageUtilization": _DEFAULT_UTILIZATION}
    return {"type": "Resource", "resource": {"name": "cpu", "target": target}}


def to_v2(scaler: Object) -> Object:
    """Return an autoscaler of v1 as one of v2."""
    annotations = dict(scaler["metadata"].get("annotations") or {})
    spec, status = dict(scaler.get("spec") or {}), dict(scaler.get("status") or {})
    metrics = [_from_v1(item, _SPECS) for item in _carried(annotations, METRICS, list)]
    if _TARGET in spec:
        target = {"type": "Utilization", "averageUtilization": spec.pop(_TARGET)}
        metrics = [{"type": "Resource", "resource": {"name": "cpu", "target": target}}, *metrics]
    spec["metrics"] = metrics or [default_metric()]
    behavior = _carried(annotations, BEHAVIOR, dict)
    if behavior:
        spec["behavior"] = _lowered(behavior)
    current = [_from_v1(item, _STATUSES) for item in _carried(annotations, CURRENT_METRICS, list)]
    utilization = status.pop(_CURRENT, None)
    if not current and utilization is not None:
        usage = {"averageUtilization": utilization}
        current = [{"type": "Resource", "resource": {"name": "cpu", "current": usage}}]
    status["currentMetrics"] = current or None
    conditions = _carried(annotations, CONDITIONS, list)
    if conditions:
        status["conditions"] = conditions
    if not status.get("currentReplicas"):
        status.pop("currentReplicas", None)
    for key in _CARRIED:
        annotations.pop(key, None)
    kept = with_metadata(scaler, annotations=annotations or None)
    return {**kept, "apiVersion": "autoscaling/v2", "spec": spec, "status": status}


def to_v1(scaler: Object) -> Object:
    """Return an autoscaler of v2 as one of v1."""
    spec, status = dict(scaler.get("spec") or {}), dict(scaler.get("status") or {})
    annotations = dict(scaler["metadata"].get("annotations") or {})
    metrics, current = spec.pop("metrics", None) or [], status.pop("currentMetrics", None) or []
    for part, items, member, name in (
        (spec, metrics, "target", _TARGET),
        (status, current, "current", _CURRENT),
    ):
        shares = [share for share in (_cpu(item, member) for item in items) if share is not None]
        if shares:
            part[name] = shares[0]
    if not metrics:
        spec[_TARGET] = _DEFAULT_UTILIZATION
    others = [_to_v1(item, _SPECS) for item in metrics if _cpu(item, "target") is None]
    carried = {
        METRICS: others,
        BEHAVIOR: internal_form(_BEHAVIOR_TYPE, spec.pop("behavior", None)),
        CURRENT_METRICS: [_to_v1(item, _STATUSES) for item in current],
        CONDITIONS: [_condition(item) for item in status.pop("conditions", None) or ()],
    }
    for key, value in carried.items():
        if value:
            annotations[key] = orjson.dumps(value).decode()
    status.setdefault("currentReplicas", 0)
    kept = with_metadata(scaler, annotations=annotations or None)
    return {**kept, "apiVersion": "autoscaling/v1", "spec": spec, "status": status}


def _carried(annotations: Mapping[str, str], key: str, type_: Callable[[], Any]) -> Any:
    empty = type_()
    try:
        value = orjson.loads(annotations.get(key, "null"))
    except orjson.JSONDecodeError:
        return empty
    return value if isinstance(value, type(empty)) else empty


def _cpu(metric: Mapping[str, Any], member: str) -> int | None:
    resource = metric.get("resource") or {}
    if metric.get("type") != "Resource" or resource.get("name") != "cpu":
        return None
    utilization = (resource.get(member) or {}).get("averageUtilization")
    return utilization if isinstance(utilization, int) else None


def _condition(condition: Mapping[str, Any]) -> dict[str, Any]:
    return {name: condition[name] for name in _CONDITION_MEMBERS if name in condition}


def _to_v1(metric: Mapping[str, Any], tables: Mapping[str, _Table]) -> dict[str, Any]:
    shown: dict[str, Any] = {"type": metric.get("type", "")}
    for source, table in tables.items():
        value = metric.get(source)
        if value is not None:
            shown[source] = _flat(value, table)
    return shown


def _flat(source: Mapping[str, Any], table: _Table) -> dict[str, Any]:
    flat = {}
    for name, path in table:
        value: Any = source
        for step in path:
            value = (value or {}).get(step)
        if value is None and name.startswith("*"):
            value = "0"
        if value is not None:
            flat[name.lstrip("*")] = value
    return flat


def _from_v1(metric: Any, tables: Mapping[str, _Table]) -> dict[str, Any]:
    if not isinstance(metric, dict):
        return {"type": ""}
    read: dict[str, Any] = {"type": metric.get("type", "")}
    for source, table in tables.items():
        value = metric.get(source)
        if isinstance(value, dict):
            read[source] = _deep(value, table)
    return read


def _deep(flat: Mapping[str, Any], table: _Table) -> dict[str, Any]:
    source: dict[str, Any] = {}
    for name, path in table:
        value = flat.get(name.lstrip("*"))
        if value is None:
            continue
        *parents, last = path
        place = source
        for parent in parents:
            place = place.setdefault(parent, {})
        place[last] = value
    target = source.get("target")
    if target is not None:
        if "*targetValue" in dict(table) and "averageValue" in target and _is_zero(target):
            del target["value"]
        types = (type_ for name, type_ in _TARGET_TYPES if name in target)
        source["target"] = {"type": next(types, "AverageValue"), **target}
    return source


def _is_zero(target: Mapping[str, Any]) -> bool:
    try:
        return parse_quantity(target["value"])[0] == 0
    except (KeyError, TypeError, ValueError):
        return False


def _lowered(value: Any) -> Any:
    # The internal form has every member, named as in the program.
    if isinstance(value, list):
        return [_lowered(item) for item in value]
    if not isinstance(value, dict):
        return value
    return {
        name[:1].lower() + name[1:]: _lowered(item)
        for name, item in value.items()
        if item is not None
    }
