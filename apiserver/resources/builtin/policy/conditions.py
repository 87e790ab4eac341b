"""The rules of conditions as newer kinds have them: ``meta/v1`` Condition."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

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

_STATUSES: Final = ("False", "True", "Unknown")
_MAX_REASON: Final = 1024
_MAX_MESSAGE: Final = 32 * 1024
_REASON: Final = "[A-Za-z]([A-Za-z0-9_,:]*[A-Za-z0-9_])?"
_REASON_PATTERN: Final = re.compile(_REASON)
_REASON_RULE: Final = (
    "a condition reason must start with alphabetic character, optionally followed by a string of "
    "alphanumeric characters or '_,:', and must end with an alphanumeric character or '_' (e.g. "
    "'my_name',  or 'MY_NAME',  or 'MyName',  or 'ReasonA,ReasonB',  or 'ReasonA:ReasonB', regex "
    f"used for validation is '{_REASON}')"
)


def validate_conditions(conditions: Sequence[Object], path: str) -> list[FieldError]:
    """Validate conditions; their types must be unique."""
    errors: list[FieldError] = []
    seen: set[str] = set()
    for index, condition in enumerate(conditions):
        where, type_ = f"{path}[{index}]", condition.get("type", "")
        if type_ in seen:
            errors.append(duplicate(f"{where}.type", type_))
        seen.add(type_)
        errors += _validate_condition(condition, where)
    return errors


def _validate_condition(condition: Object, path: str) -> list[FieldError]:
    type_, status = condition.get("type", ""), condition.get("status", "")
    errors = [invalid(f"{path}.type", type_, text) for text in label_key_problems(type_)]
    if status not in _STATUSES:
        errors.append(not_supported(f"{path}.status", status, _STATUSES))
    generation = condition.get("observedGeneration", 0)
    if generation < 0:
        detail = "must be greater than or equal to zero"
        errors.append(invalid(f"{path}.observedGeneration", generation, detail))
    if not condition.get("lastTransitionTime"):
        errors.append(required(f"{path}.lastTransitionTime", "must be set"))
    reason, where = condition.get("reason", ""), f"{path}.reason"
    if not reason:
        errors.append(required(where, "must be set"))
    else:
        if not _REASON_PATTERN.fullmatch(reason):
            errors.append(invalid(where, reason, _REASON_RULE))
        if len(reason.encode()) > _MAX_REASON:
            errors.append(too_long(where, _MAX_REASON))
    if len(condition.get("message", "").encode()) > _MAX_MESSAGE:
        errors.append(too_long(f"{path}.message", _MAX_MESSAGE))
    return errors
