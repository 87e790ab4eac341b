"""References to the objects that an autoscaler scales and measures, in whatever version."""

from __future__ import annotations

from apiserver.machinery.fielderrors import FieldError, invalid, required
from apiserver.machinery.names import path_segment_problems
from apiserver.machinery.objects import Object


def validate_reference(
    reference: Object, path: str, *, group_required: bool, version_checked: bool = True
) -> list[FieldError]:
    """Validate a reference.

    ``group_required``: the core group does not count as one. ``version_checked``: whether
    apiVersion is validated.
    """
    errors: list[FieldError] = []
    for name in ("kind", "name"):
        value = reference.get(name) or ""
        if not value:
            errors.append(required(f"{path}.{name}"))
        problems = path_segment_problems(value)
        errors += [invalid(f"{path}.{name}", value, problem) for problem in problems]
    version = reference.get("apiVersion") or ""
    problem = version_problem(version, group_required=group_required)
    if version_checked and problem:
        errors.append(invalid(f"{path}.apiVersion", version, problem))
    return errors


def version_problem(version: str, *, group_required: bool) -> str:
    """Return why a text is not the apiVersion of a reference; empty if it is."""
    if version.count("/") > 1:
        return f"unexpected GroupVersion string: {version}"
    group = version.rpartition("/")[0]
    return "" if group or not group_required else "apiVersion must specify API group"
