"""References to objects of any kind, by group, kind and name."""

from __future__ import annotations

from typing import Any

from apiserver.machinery.fielderrors import FieldError, required
from apiserver.resources.builtin.parts.hosts import validate_path_segment
from apiserver.resources.builtin.parts.names import validate_dns_subdomain


def validate_local_reference(reference: dict[str, Any], path: str) -> list[FieldError]:
    """Validate a reference to an object of the same namespace."""
    errors: list[FieldError] = []
    if reference.get("apiGroup") is not None:
        errors += validate_dns_subdomain(reference["apiGroup"], f"{path}.apiGroup")
    for member in ("kind", "name"):
        value = reference.get(member)
        where = f"{path}.{member}"
        errors += validate_path_segment(value, where) if value else [required(where)]
    return errors
