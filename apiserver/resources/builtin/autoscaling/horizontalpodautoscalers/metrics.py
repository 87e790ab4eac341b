"""Validation of the metrics of an autoscaler: spec.metrics."""

from __future__ import annotations

from typing import Any, Final

from apiserver.machinery.fielderrors import (
    FieldError,
    forbidden,
    invalid,
    not_supported,
    required,
)
from apiserver.machinery.names import (
    dns1123_label_problems,
    label_key_problems,
    path_segment_problems,
)
from apiserver.machinery.objects import Object
from apiserver.machinery.quantity import parse_quantity
from apiserver.resources.builtin.autoscaling.horizontalpodautoscalers.references import (
    validate_reference,
    version_problem,
)

_TYPES: Final = ("ContainerResource", "External", "Object", "Pods", "Resource")
_TARGET_TYPES: Final = ("Utilization", "Value", "AverageValue")
# If there are several sources, the first one in this order is validated.
_SOURCES: Final = ("object", "external", "pods", "resource", "containerResource")
_CONTAINER_RESOURCES: Final = frozenset(["cpu", "memory", "ephemeral-storage"])
_RESOURCES: Final = _CONTAINER_RESOURCES | frozenset(
    [
        *(f"{side}.{name}" for side in ("requests", "limits") for name in _CONTAINER_RESOURCES),
        *("requests.storage", "pods", "resourcequotas", "services", "services.nodeports"),
        *("services.loadbalancers", "replicationcontrollers", "secrets", "configmaps"),
        "persistentvolumeclaims",
    ]
)


def validate_metrics(spec: Object, old: Object | None, path: str) -> list[FieldError]:
    """Validate the metrics of a spec; ``old``: the spec that it replaces."""
    metrics = spec.get("metrics") or []
    lenient = any(map(_is_misversioned, (old or {}).get("metrics") or ()))
    errors: list[FieldError] = []
    for index, metric in enumerate(metrics):
        errors += _validate_metric(metric, f"{path}[{index}]", lenient=lenient)
    types = {metric.get("type") for metric in metrics}
    if spec.get("minReplicas") == 0 and not types & {"Object", "External"}:
        detail = (
            "must specify at least one Object or External metric to support scaling to zero "
            "replicas"
        )
        errors.append(forbidden(path, detail))
    return errors


def _is_misversioned(metric: Object) -> bool:
    if metric.get("type") != "Object":
        return False
    described = (metric.get("object") or {}).get("describedObject") or {}
    return bool(version_problem(described.get("apiVersion") or "", group_required=False))


def _validate_metric(metric: Object, path: str, *, lenient: bool) -> list[FieldError]:
    type_ = metric.get("type") or ""
    errors: list[FieldError] = []
    if not type_:
        errors.append(required(f"{path}.type", "must specify a metric source type"))
    unknown = type_ not in _TYPES
    if unknown:
        errors.append(not_supported(f"{path}.type", type_, _TYPES))
    present = [name for name in _SOURCES if metric.get(name) is not None]
    if present:
        first = present[0]
        errors += _validate_source(first, metric[first], f"{path}.{first}", lenient=lenient)
    expected = type_[:1].lower() + type_[1:]
    if unknown:
        errors.append(not_supported(f"{path}.type", type_, _TYPES))
    elif expected not in present:
        detail = "must populate information for the given metric source"
        errors.append(required(f"{path}.{expected}", detail))
    if len(present) > 1:
        detail = "must populate the given metric source only"
        extra = sorted(name for name in present if name != expected)
        errors += [forbidden(f"{path}.{name}", detail) for name in extra]
    return errors


def _validate_source(name: str, source: Object, path: str, *, lenient: bool) -> list[FieldError]:
    errors: list[FieldError] = []
    if name == "object":
        described, where = source.get("describedObject") or {}, f"{path}.describedObject"
        errors += validate_reference(
            described, where, group_required=False, version_checked=not lenient
        )
    if name in ("object", "external", "pods"):
        errors += _validate_identifier(source.get("metric") or {}, f"{path}.metric")
    else:
        errors += _validate_resource(name, source, path)
    target = source.get("target") or {}
    errors += _validate_target(target, f"{path}.target")
    return errors + _validate_goal(name, target, f"{path}.target")


def _validate_identifier(metric: Object, path: str) -> list[FieldError]:
    name = metric.get("name") or ""
    if not name:
        return [required(f"{path}.name", "must specify a metric name")]
    return [invalid(f"{path}.name", name, problem) for problem in path_segment_problems(name)]


def _validate_resource(kind: str, source: Object, path: str) -> list[FieldError]:
    name = source.get("name") or ""
    errors: list[FieldError] = []
    if not name:
        errors.append(required(f"{path}.name", "must specify a resource name"))
    if kind == "resource":
        return errors
    if name:
        errors += _validate_resource_name(name, f"{path}.name")
    container, where = source.get("container") or "", f"{path}.container"
    if not container:
        return [*errors, required(where, "must specify a container")]
    problems = dns1123_label_problems(container)
    return errors + [invalid(where, container, problem) for problem in problems]


def _validate_resource_name(name: str, path: str) -> list[FieldError]:
    errors = [invalid(path, name, problem) for problem in label_key_problems(name)]
    if "/" in name or name.startswith("hugepages-"):
        return errors
    if name not in _RESOURCES:
        detail = "must be a standard resource type or fully qualified"
        errors.append(invalid(path, name, detail))
    if name not in _CONTAINER_RESOURCES:
        errors.append(invalid(path, name, "must be a standard resource for containers"))
    return errors


def _validate_target(target: Object, path: str) -> list[FieldError]:
    type_ = target.get("type") or ""
    errors: list[FieldError] = []
    if not type_:
        errors.append(required(f"{path}.type", "must specify a metric target type"))
    if type_ not in _TARGET_TYPES:
        detail = "must be either Utilization, Value, or AverageValue"
        errors.append(invalid(f"{path}.type", type_, detail))
    for name in ("value", "averageValue"):
        quantity = target.get(name)
        if quantity is not None and parse_quantity(quantity)[0] <= 0:
            errors.append(invalid(f"{path}.{name}", quantity, "must be positive"))
    utilization = target.get("averageUtilization")
    if utilization is not None and utilization < 1:
        errors.append(invalid(f"{path}.averageUtilization", utilization, "must be greater than 0"))
    return errors


def _validate_goal(name: str, target: dict[str, Any], path: str) -> list[FieldError]:
    value, average = "value" in target, "averageValue" in target
    utilization = "averageUtilization" in target
    where = f"{path}.averageValue"
    if name == "pods":
        detail = "must specify a positive target averageValue"
        return [] if average else [required(where, detail)]
    if name == "object":
        detail = "must set either a target value or averageValue"
        return [] if value or average else [required(where, detail)]
    if name == "external":
        if value and average:
            detail = "may not set both a target value for metric and a per-pod target"
            return [forbidden(f"{path}.value", detail)]
        detail = "must set either a target value for metric or a per-pod target"
        return [] if value or average else [required(where, detail)]
    if utilization and average:
        return [forbidden(where, "may not set both a target raw value and a target utilization")]
    if utilization or average:
        return []
    detail = "must set either a target raw value or a target utilization"
    return [required(f"{path}.averageUtilization", detail)]
