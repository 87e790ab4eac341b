"""The podFailurePolicy and the successPolicy of a Job."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any, Final

from apiserver.machinery.empties import member
from apiserver.machinery.fielderrors import (
    FieldError,
    duplicate,
    invalid,
    not_supported,
    required,
    too_long,
)
from apiserver.machinery.names import label_key_problems
from apiserver.machinery.objects import Object
from apiserver.machinery.quoting import quote
from apiserver.resources.builtin.apps.rules import (
    validate_counts,
)
from apiserver.resources.builtin.batch.jobs.indexes import count_indexes

_ACTIONS: Final = ("Count", "FailIndex", "FailJob", "Ignore")
_OPERATORS: Final = ("In", "NotIn")
_STATUSES: Final = ("False", "True", "Unknown")
_MAX_RULES: Final = 20
_MAX_EXIT_CODES: Final = 255
_MAX_PATTERNS: Final = 20
_MAX_INDEXES: Final = 64 * 1024


def validate_pod_failure_policy(spec: Object, path: str) -> list[FieldError]:
    """Validate the podFailurePolicy of a Job's spec."""
    rules = spec["podFailurePolicy"].get("rules") or []
    errors = _too_many(rules, _MAX_RULES, f"{path}.rules")
    pod = spec["template"]["spec"]
    containers = [*(pod.get("containers") or ()), *(pod.get("initContainers") or ())]
    names = {container.get("name", "") for container in containers}
    for index, rule in enumerate(rules):
        errors += _validate_rule(spec, rule, f"{path}.rules[{index}]", names)
    return errors


def _validate_rule(
    spec: Object, rule: Object, path: str, containers: Collection[str]
) -> list[FieldError]:
    action = rule.get("action") or ""
    codes, patterns = rule.get("onExitCodes"), rule.get("onPodConditions") or []
    errors: list[FieldError] = []
    if action == "FailIndex" and "backoffLimitPerIndex" not in spec:
        detail = "requires the backoffLimitPerIndex to be set"
        errors.append(invalid(f"{path}.action", action, detail))
    errors += _validate_choice(action, _ACTIONS, f"{path}.action")
    if codes is not None:
        errors += _validate_exit_codes(codes, f"{path}.onExitCodes", containers)
    if patterns:
        errors += _validate_patterns(patterns, f"{path}.onPodConditions")
    if codes is not None and patterns:
        detail = "specifying both OnExitCodes and OnPodConditions is not supported"
        errors.append(wrong(path, detail))
    if codes is None and not patterns:
        detail = "specifying one of OnExitCodes and OnPodConditions is required"
        errors.append(wrong(path, detail))
    return errors


def _validate_exit_codes(codes: Object, path: str, containers: Collection[str]) -> list[FieldError]:
    operator, values = codes.get("operator") or "", member(codes, "values")
    errors = _validate_choice(operator, _OPERATORS, f"{path}.operator")
    container = codes.get("containerName")
    if container is not None and container not in containers:
        detail = "must be one of the container or initContainer names in the pod template"
        errors.append(invalid(f"{path}.containerName", container, detail))
    if not values:
        errors.append(invalid(f"{path}.values", values, "at least one value is required"))
        return errors
    errors += _too_many(values, _MAX_EXIT_CODES, f"{path}.values")
    seen: set[int] = set()
    for index, code in enumerate(values):
        where = f"{path}.values[{index}]"
        if operator == "In" and code == 0:
            errors.append(invalid(where, code, "must not be 0 for the In operator"))
        if code in seen:
            errors.append(duplicate(where, code))
        seen.add(code)
    if values != sorted(values):
        errors.append(invalid(f"{path}.values", values, "must be ordered"))
    return errors


def _validate_patterns(patterns: Sequence[Object], path: str) -> list[FieldError]:
    errors = _too_many(patterns, _MAX_PATTERNS, path)
    for index, pattern in enumerate(patterns):
        type_, where = pattern.get("type") or "", f"{path}[{index}]"
        errors += [invalid(f"{where}.type", type_, text) for text in label_key_problems(type_)]
        errors += _validate_choice(pattern.get("status") or "", _STATUSES, f"{where}.status")
    return errors


def validate_success_policy(spec: Object, path: str) -> list[FieldError]:
    """Validate the successPolicy of an indexed Job's spec."""
    rules = spec["successPolicy"].get("rules") or []
    errors: list[FieldError] = []
    if not rules:
        detail = "at least one rules must be specified when the successPolicy is specified"
        errors.append(required(f"{path}.rules", detail))
    errors += _too_many(rules, _MAX_RULES, f"{path}.rules")
    for index, rule in enumerate(rules):
        errors += _validate_success(rule, spec.get("completions"), f"{path}.rules[{index}]")
    return errors


def _validate_success(rule: Object, completions: int | None, path: str) -> list[FieldError]:
    count, indexes = rule.get("succeededCount"), rule.get("succeededIndexes")
    errors: list[FieldError] = []
    if count is None and indexes is None:
        detail = "at least one of succeededCount or succeededIndexes must be specified"
        errors.append(required(path, detail))
    listed = 0
    if indexes is not None:
        where = f"{path}.succeededIndexes"
        if len(indexes.encode()) > _MAX_INDEXES:
            errors.append(too_long(where, _MAX_INDEXES))
        try:
            listed = count_indexes(indexes, completions or 0)
        except ValueError as error:
            detail = f"error parsing succeededIndexes: {error}"
            errors.append(invalid(where, indexes, detail))
    if count is None:
        return errors
    errors += validate_counts(rule, ("succeededCount",), path)
    limits = [(completions, "specified completions")]
    if indexes is not None:
        limits.append((listed, "indexes in the specified succeededIndexes field"))
    for limit, what in limits:
        if limit is not None and count > limit:
            detail = f"must be less than or equal to {limit} (the number of {what})"
            errors.append(invalid(f"{path}.succeededCount", count, detail))
    return errors


def _validate_choice(value: str, choices: Sequence[str], path: str) -> list[FieldError]:
    if not value:
        listed = " ".join(map(quote, choices))
        return [required(path, f"valid values: [{listed}]")]
    return [] if value in choices else [not_supported(path, value, choices)]


def _too_many(items: Sequence[Any], limit: int, path: str) -> list[FieldError]:
    if len(items) <= limit:
        return []
    text = f"Too many: {len(items)}: must have at most {limit} items"
    return [FieldError("FieldValueTooMany", path, text)]


def wrong(path: str, detail: str) -> FieldError:
    """Return an error that does not quote the value."""
    return FieldError("FieldValueInvalid", path, f"Invalid value: {detail}")
