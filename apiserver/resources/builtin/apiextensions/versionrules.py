"""Rules of a version of a custom kind, without its schema.

That is its deprecation, its subresources and its printer columns. ``scale`` is documented in
KEP-571 (CRD subresources), columns in the API documentation of CustomResourceDefinition.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from typing import Any, Final

from apiserver.machinery.fielderrors import FieldError, invalid, required

_LONGEST_WARNING: Final = 256
_COLUMN_TYPES: Final = ("boolean", "date", "integer", "number", "string")
_COLUMN_FORMATS: Final = (
    "byte", "date", "date-time", "double", "float", "int32", "int64", "password",
)  # fmt: skip
_NOT_PRINTABLE: Final = "must only contain printable UTF-8 characters; "


def validate_deprecation(version: Mapping[str, Any], path: str) -> list[FieldError]:
    """Validate the deprecation warning of a version."""
    warning = version.get("deprecationWarning")
    if warning is None:
        return []
    where = f"{path}.deprecationWarning"
    if not version.get("deprecated"):
        return [invalid(where, warning, "can only be set for deprecated versions")]
    problems = []
    if len(warning.encode()) > _LONGEST_WARNING:
        problems.append(f"must be <= {_LONGEST_WARNING} characters long")
    if not warning:
        problems.append("must not be an empty string")
    at = next((at for at, each in enumerate(warning) if not _is_printable(each)), None)
    if at is not None:
        offset = len(warning[:at].encode())
        problems.append(f"{_NOT_PRINTABLE}non-printable character found at index {offset}")
    return [invalid(where, warning, problem) for problem in problems]


def validate_subresources(subresources: Mapping[str, Any] | None, path: str) -> list[FieldError]:
    """Validate the paths of the ``scale`` subresource."""
    scale = (subresources or {}).get("scale")
    if scale is None:
        return []
    errors = []
    for member, parent in (("specReplicasPath", ".spec"), ("statusReplicasPath", ".status")):
        where, given = f"{path}.scale.{member}", scale.get(member, "")
        if not given:
            errors.append(required(where))
        else:
            detail = f"should be a json path under {parent}"
            errors += _validate_path(given, where, (f"{parent}.",), detail)
    selector = scale.get("labelSelectorPath")
    if selector:
        detail = "should be a json path under either .spec or .status"
        where = f"{path}.scale.labelSelectorPath"
        errors += _validate_path(selector, where, (".spec.", ".status."), detail)
    return errors


def validate_column(column: Mapping[str, Any], path: str) -> list[FieldError]:
    """Validate a printer column."""
    errors = [] if column.get("name") else [required(f"{path}.name")]
    type_, format_ = column.get("type", ""), column.get("format", "")
    detail = f"must be one of {','.join(_COLUMN_TYPES)}"
    if not type_:
        errors.append(required(f"{path}.type", detail))
    elif type_ not in _COLUMN_TYPES:
        errors.append(invalid(f"{path}.type", type_, detail))
    if format_ and format_ not in _COLUMN_FORMATS:
        detail = f"must be one of {','.join(_COLUMN_FORMATS)}"
        errors.append(invalid(f"{path}.format", format_, detail))
    # Kubernetes names the field so in messages.
    where, given = f"{path}.JSONPath", column.get("jsonPath", "")
    if not given:
        errors.append(required(where))
    else:
        errors += _validate_path(given, where)
    return errors


def _validate_path(
    text: str, path: str, parents: tuple[str, ...] = (), detail: str = ""
) -> list[FieldError]:
    if not text.startswith("."):
        return [invalid(path, text, "must be a simple json path starting with .")]
    if parents and not text.startswith(parents):
        return [invalid(path, text, detail)]
    return []


def _is_printable(character: str) -> bool:
    return character == " " or unicodedata.category(character)[0] in "LMNPS"
