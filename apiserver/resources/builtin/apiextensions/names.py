"""Rules of the names of a custom kind."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from apiserver.machinery.fielderrors import FieldError, invalid, required
from apiserver.machinery.names import dns1035_label_problems

_KIND_RULE = "may have mixed case, but should otherwise match: "


def validate_required_names(names: Mapping[str, Any], path: str) -> list[FieldError]:
    """Reject names of a spec that are missing; those of a status may be."""
    needed = ("plural", "singular", "kind", "listKind")
    return [required(f"{path}.{member}") for member in needed if not names.get(member)]


def validate_names(names: Mapping[str, Any], path: str) -> list[FieldError]:
    """Validate the given names of a spec or status."""
    errors = [*_label(names, "plural", path), *_label(names, "singular", path)]
    errors += [*_kind(names, "kind", path), *_kind(names, "listKind", path)]
    errors += _labels(names, "shortNames", path)
    if names.get("kind") and names["kind"] == names.get("listKind"):
        detail = "kind and listKind may not be the same"
        errors.append(invalid(f"{path}.listKind", names["listKind"], detail))
    return errors + _labels(names, "categories", path)


def validate_label(value: str, path: str, prefix: str = "") -> list[FieldError]:
    """Reject a name that is not a DNS-1035 label, in one error."""
    problems = dns1035_label_problems(value)
    return [invalid(path, value, prefix + ",".join(problems))] if problems else []


def _label(names: Mapping[str, Any], member: str, path: str) -> list[FieldError]:
    value = names.get(member)
    return validate_label(value, f"{path}.{member}") if value else []


def _kind(names: Mapping[str, Any], member: str, path: str) -> list[FieldError]:
    value = names.get(member)
    problems = dns1035_label_problems(value.lower()) if value else []
    if not problems:
        return []
    return [invalid(f"{path}.{member}", value, _KIND_RULE + ",".join(problems))]


def _labels(names: Mapping[str, Any], member: str, path: str) -> list[FieldError]:
    return [
        error
        for index, value in enumerate(names.get(member) or ())
        for error in validate_label(value, f"{path}.{member}[{index}]")
    ]
