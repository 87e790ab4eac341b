"""How ``kubectl get`` shows autoscalers."""

from __future__ import annotations

from typing import Any, Final

from apiserver.machinery.objects import Object
from apiserver.resources.printing import AGE, NAME, NONE, UNKNOWN, UNSET, Column, age_of

_SPEC: Final = "api.autoscaling.v2.HorizontalPodAutoscalerSpec"
_MAX_TARGETS: Final = 2

COLUMNS: Final = (
    NAME,
    Column("Reference", source=f"{_SPEC}.scaleTargetRef"),
    Column("Targets", source=f"{_SPEC}.metrics"),
    Column("MinPods", source=f"{_SPEC}.minReplicas"),
    Column("MaxPods", source=f"{_SPEC}.maxReplicas"),
    Column("Replicas", source="api.autoscaling.v2.HorizontalPodAutoscalerStatus.currentReplicas"),
    AGE,
)

_SOURCES: Final = {
    "External": "external",
    "Pods": "pods",
    "Object": "object",
    "Resource": "resource",
    "ContainerResource": "containerResource",
}


def row(document: Object, now: float) -> list[Any]:
    """Return the cells of an autoscaler of v2."""
    metadata, spec, status = document["metadata"], document["spec"], document.get("status") or {}
    reference = spec.get("scaleTargetRef") or {}
    return [
        metadata.get("name", ""),
        f"{reference.get('kind', '')}/{reference.get('name', '')}",
        _targets(spec.get("metrics") or [], status.get("currentMetrics") or []),
        str(spec["minReplicas"]) if "minReplicas" in spec else UNSET,
        spec.get("maxReplicas", 0),
        status.get("currentReplicas", 0),
        age_of(metadata.get("creationTimestamp"), now),
    ]


def _targets(metrics: list[Object], statuses: list[Object]) -> str:
    if not metrics:
        return NONE
    shown = [
        _target(metric, statuses[index] if index < len(statuses) else {})
        for index, metric in enumerate(metrics)
    ]
    more = len(shown) - _MAX_TARGETS
    text = ", ".join(shown[:_MAX_TARGETS])
    return f"{text} + {more} more..." if more > 0 else text


def _target(metric: Object, status: Object) -> str:
    source = _SOURCES.get(metric.get("type", ""))
    if source is None:
        return "<unknown type>"
    wanted, measured = metric.get(source) or {}, status.get(source)
    target, current = wanted.get("target") or {}, (measured or {}).get("current") or {}
    if source in ("resource", "containerResource"):
        return f"{wanted.get('name', '')}: {_usage(target, current, measured)}"
    if source != "pods" and "averageValue" in target:
        return f"{current.get('averageValue', UNKNOWN)}/{target['averageValue']} (avg)"
    member = "averageValue" if source == "pods" else "value"
    return f"{_amount(current, member, measured)}/{target.get(member, '<nil>')}"


def _usage(target: Object, current: Object, measured: Object | None) -> str:
    if "averageValue" in target:
        return f"{_amount(current, 'averageValue', measured)}/{target['averageValue']}"
    usage = f"{current['averageUtilization']}%" if "averageUtilization" in current else UNKNOWN
    aim = f"{target['averageUtilization']}%" if "averageUtilization" in target else "<auto>"
    return f"{usage}/{aim}"


def _amount(current: Object, member: str, measured: Object | None) -> str:
    return UNKNOWN if measured is None else str(current.get(member, "<nil>"))
