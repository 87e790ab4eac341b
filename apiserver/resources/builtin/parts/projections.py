"""Volumes made of keys of objects, fields of the Pod and tokens."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from apiserver.machinery.fielderrors import FieldError, forbidden, invalid, required
from apiserver.resources.builtin.parts.downwardapi import (
    VOLUME_FIELDS,
    default_field_ref,
    validate_field_ref,
    validate_resource_ref,
)
from apiserver.resources.builtin.parts.labelselector import validate_label_selector
from apiserver.resources.builtin.parts.names import validate_dns_subdomain
from apiserver.resources.builtin.parts.paths import validate_local_path
from apiserver.resources.builtin.parts.podrules import PodRules

DEFAULT_MODE: Final = 0o644
_HOUR: Final = 3600
_MODE: Final = "must be a number between 0 and 0777 (octal), both inclusive"
_CONFLICT: Final = "conflicting duplicate paths"


def validate_mode(mode: int | None, path: str) -> list[FieldError]:
    """Reject a value that is not a set of permission bits."""
    if mode is None or 0 <= mode <= 0o777:
        return []
    return [invalid(path, mode, _MODE)]


def validate_keys(items: list[dict[str, Any]], path: str) -> list[FieldError]:
    """Validate selected keys and their file paths."""
    errors: list[FieldError] = []
    for index, item in enumerate(items):
        where, file = f"{path}[{index}]", item.get("path", "")
        if not item.get("key"):
            errors.append(required(f"{where}.key"))
        if not file:
            errors.append(required(f"{where}.path"))
        errors += validate_local_path(file, f"{where}.path")
        errors += validate_mode(item.get("mode"), f"{where}.mode")
    return errors


def validate_object_source(source: Mapping[str, Any], name: str, path: str) -> list[FieldError]:
    """Validate a volume of the keys of one object, which ``name`` names."""
    errors = [] if source.get(name) else [required(f"{path}.{name}")]
    errors += validate_mode(source.get("defaultMode"), f"{path}.defaultMode")
    return errors + validate_keys(source.get("items") or [], f"{path}.items")


def default_downward_files(files: list[dict[str, Any]]) -> None:
    """Set the defaults of files made of fields."""
    for file in files:
        if "fieldRef" in file:
            default_field_ref(file["fieldRef"])


def validate_downward_api(source: Mapping[str, Any], path: str) -> list[FieldError]:
    """Validate a volume of fields of the Pod."""
    errors = validate_mode(source.get("defaultMode"), f"{path}.defaultMode")
    for file in source.get("items") or ():
        errors += _downward_file(file, path)
    return errors


def _downward_file(file: Mapping[str, Any], path: str) -> list[FieldError]:
    name = file.get("path", "")
    errors = [] if name else [required(f"{path}.path")]
    errors += validate_local_path(name, f"{path}.path")
    if "fieldRef" in file:
        errors += validate_field_ref(file["fieldRef"], VOLUME_FIELDS, f"{path}.fieldRef")
        if "resourceFieldRef" in file:
            detail = "fieldRef and resourceFieldRef can not be specified simultaneously"
            errors.append(invalid(path, "resource", detail))
    elif "resourceFieldRef" in file:
        where = f"{path}.resourceFieldRef"
        errors += validate_resource_ref(file["resourceFieldRef"], where, in_volume=True)
    else:
        errors.append(required(path, "one of fieldRef and resourceFieldRef is required"))
    return errors + validate_mode(file.get("mode"), f"{path}.mode")


def default_projected(source: dict[str, Any]) -> None:
    """Set the defaults of the parts of a projected volume."""
    if source.get("defaultMode") is None:
        source["defaultMode"] = DEFAULT_MODE
    for part in source.get("sources") or ():
        if "downwardAPI" in part:
            default_downward_files(part["downwardAPI"].get("items") or [])
        token = part.get("serviceAccountToken")
        if token is not None and token.get("expirationSeconds") is None:
            token["expirationSeconds"] = _HOUR


def validate_projected(source: Mapping[str, Any], path: str, rules: PodRules) -> list[FieldError]:
    """Validate a volume of several parts."""
    errors = validate_mode(source.get("defaultMode"), f"{path}.defaultMode")
    taken: set[str] = set()
    for index, part in enumerate(source.get("sources") or ()):
        where = f"{path}.sources[{index}]"
        for kind, check in (
            ("secret", _object_part),
            ("configMap", _object_part),
            ("downwardAPI", _downward_part),
        ):
            if kind in part:
                errors += check(part[kind], f"{where}.{kind}")
                errors += _conflicts(part[kind], kind, taken, path)
        if "serviceAccountToken" in part:
            token = part["serviceAccountToken"]
            errors += _token(token, f"{where}.serviceAccountToken", path, rules)
        if "clusterTrustBundle" in part:
            bundle = part["clusterTrustBundle"]
            errors += _trust_bundle(bundle, f"{where}.clusterTrustBundlePEM")
            errors += _conflicts({"items": [bundle]}, "", taken, path)
        if len(part) > 1:
            errors.append(forbidden(where, "may not specify more than 1 volume type per source"))
    return errors


def _object_part(part: Mapping[str, Any], path: str) -> list[FieldError]:
    errors = [] if part.get("name") else [required(f"{path}.name")]
    return errors + validate_keys(part.get("items") or [], f"{path}.items")


def _downward_part(part: Mapping[str, Any], path: str) -> list[FieldError]:
    return [error for file in part.get("items") or () for error in _downward_file(file, path)]


def _conflicts(
    part: Mapping[str, Any], kind: str, taken: set[str], path: str
) -> Iterator[FieldError]:
    for item in part.get("items") or ():
        file = item.get("path", "")
        if not file:
            continue
        if file in taken:
            shown = part.get("name", "") if kind in ("secret", "configMap") else file
            yield invalid(path, shown, _CONFLICT)
        taken.add(file)


def _token(token: Mapping[str, Any], path: str, volume: str, rules: PodRules) -> list[FieldError]:
    errors: list[FieldError] = []
    seconds, file = token.get("expirationSeconds", 0), token.get("path", "")
    if seconds < 600:
        detail = "may not specify a duration less than 10 minutes"
        errors.append(invalid(f"{path}.expirationSeconds", seconds, detail))
    if seconds > 1 << 32:
        detail = "may not specify a duration larger than 2^32 seconds"
        errors.append(invalid(f"{path}.expirationSeconds", seconds, detail))
    if not file:
        errors.append(required(f"{volume}.path"))
    elif not rules.any_token_path:
        errors += validate_local_path(file, f"{volume}.path")
    return errors


def _trust_bundle(bundle: Mapping[str, Any], path: str) -> list[FieldError]:
    errors: list[FieldError] = []
    name, signer = bundle.get("name"), bundle.get("signerName")
    if name is not None and signer is not None:
        detail = "only one of name and signerName may be used"
        errors.append(invalid(path, dict(bundle), detail))
    elif name is not None:
        if not name:
            errors.append(required(f"{path}.name", "must be a valid object name"))
        else:
            errors += validate_dns_subdomain(name.rpartition(":")[2], f"{path}.name")
        if "labelSelector" in bundle:
            detail = "labelSelector must be unset if name is specified"
            errors.append(invalid(f"{path}.labelSelector", bundle["labelSelector"], detail))
    elif signer is not None:
        if not signer:
            errors.append(required(f"{path}.signerName", "must be a valid signer name"))
        errors += validate_label_selector(bundle.get("labelSelector"), f"{path}.labelSelector")
    else:
        errors.append(required(path, "either name or signerName must be specified"))
    file = bundle.get("path", "")
    if not file:
        errors.append(required(f"{path}.path"))
    return errors + validate_local_path(file, f"{path}.path")
