"""The status of flow schemas and priority levels: conditions of different types."""

from __future__ import annotations

from apiserver.machinery.fielderrors import FieldError, duplicate, required
from apiserver.machinery.objects import Object


def validate_status(document: Object) -> list[FieldError]:
    """Validate the conditions of an object."""
    errors: list[FieldError] = []
    seen: set[str] = set()
    for index, condition in enumerate((document.get("status") or {}).get("conditions") or ()):
        path, type_ = f"status.conditions[{index}].type", condition.get("type", "")
        if type_ in seen:
            errors.append(duplicate(path, type_))
        seen.add(type_)
        if not type_:
            errors.append(required(path, "must not be empty"))
    return errors
