"""Taints of nodes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from apiserver.machinery.fielderrors import FieldError, invalid, not_supported, required
from apiserver.machinery.names import label_key_problems, label_value_problems
from apiserver.machinery.quoting import show

EFFECTS: Final = ("NoSchedule", "PreferNoSchedule", "NoExecute")


def validate_taints(taints: Sequence[dict[str, Any]], path: str) -> list[FieldError]:
    """Reject invalid keys, values and effects, and duplicate pairs of key and effect."""
    errors: list[FieldError] = []
    seen: set[tuple[str, str]] = set()
    for index, taint in enumerate(taints):
        where = f"{path}[{index}]"
        errors += _validate_taint(taint, where)
        pair = (taint.get("key", ""), taint.get("effect", ""))
        if pair in seen:
            errors.append(_twice(taint, where))
        seen.add(pair)
    return errors


def _validate_taint(taint: dict[str, Any], path: str) -> list[FieldError]:
    key, value, effect = taint.get("key", ""), taint.get("value", ""), taint.get("effect", "")
    errors = [invalid(f"{path}.key", key, problem) for problem in label_key_problems(key)]
    problems = label_value_problems(value)
    if problems:
        errors.append(invalid(f"{path}.value", value, ";".join(problems)))
    if not effect:
        errors.append(required(f"{path}.effect"))
    elif effect not in EFFECTS:
        errors.append(not_supported(f"{path}.effect", effect, EFFECTS))
    return errors


def _twice(taint: dict[str, Any], path: str) -> FieldError:
    shown = show(
        {
            "Key": taint.get("key", ""),
            "Value": taint.get("value", ""),
            "Effect": taint.get("effect", ""),
            "TimeAdded": taint.get("timeAdded"),
        }
    )
    detail = "taints must be unique by key and effect pair"
    return FieldError("FieldValueDuplicate", path, f"Duplicate value: {shown}: {detail}")
