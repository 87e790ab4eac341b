"""Environment variables of containers, given one by one or taken from objects."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from apiserver.machinery.fielderrors import FieldError, invalid, not_found, required
from apiserver.machinery.names import dns1123_subdomain_problems
from apiserver.resources.builtin.parts.downwardapi import (
    ENVIRONMENT_FIELDS,
    default_field_ref,
    validate_field_ref,
    validate_resource_ref,
)
from apiserver.resources.builtin.parts.names import (
    config_key_problems,
    env_name_problems,
    validate_dns_label,
    validate_dns_subdomain,
)
from apiserver.resources.builtin.parts.paths import validate_no_backsteps

_NO_SOURCE = (
    "must specify one of: `fieldRef`, `resourceFieldRef`, `configMapKeyRef`, `secretKeyRef` or "
    "`fileKeyRef`"
)
_TWO_SOURCES = "may not have more than one field specified at a time"


def default_env(variables: list[dict[str, Any]]) -> None:
    """Set the defaults of references to fields and to files."""
    for variable in variables:
        source = variable.get("valueFrom")
        if source is None:
            continue
        if "fieldRef" in source:
            default_field_ref(source["fieldRef"])
        if "fileKeyRef" in source:
            source["fileKeyRef"].setdefault("optional", False)


def validate_env(variables: list[dict[str, Any]], path: str) -> list[FieldError]:
    """Validate variables."""
    errors: list[FieldError] = []
    for index, variable in enumerate(variables):
        name = variable["name"]
        if not name:
            errors.append(required(f"{path}[{index}].name"))
        else:
            problems = env_name_problems(name)
            errors += [invalid(f"{path}[{index}].name", name, problem) for problem in problems]
        if "valueFrom" in variable:
            errors += _value_from(variable, f"{path}[{index}].valueFrom")
    return errors


def _value_from(variable: dict[str, Any], path: str) -> list[FieldError]:
    source: dict[str, Any] = variable["valueFrom"]
    errors: list[FieldError] = []
    for name, check in _SOURCES:
        if name in source:
            errors += check(source[name], f"{path}.{name}")
    if not source:
        errors.append(invalid(path, "", _NO_SOURCE))
    elif variable.get("value"):
        errors.append(invalid(path, "", "may not be specified when `value` is not empty"))
    elif len(source) > 1:
        errors.append(invalid(path, "", _TWO_SOURCES))
    return errors


def validate_files(
    containers: Iterable[Mapping[str, Any]], volumes: Mapping[str, Mapping[str, Any]], path: str
) -> list[FieldError]:
    """Reject variables from files of volumes that do not exist or are not emptyDir."""
    errors: list[FieldError] = []
    for index, container in enumerate(containers):
        for number, variable in enumerate(container.get("env") or ()):
            reference = (variable.get("valueFrom") or {}).get("fileKeyRef")
            if reference is None:
                continue
            where = f"{path}[{index}].env[{number}].valueFrom.fileKeyRef.volumeName"
            name = reference.get("volumeName", "")
            if name not in volumes:
                errors.append(not_found(where, name))
            elif "emptyDir" not in volumes[name]:
                detail = "referenced volume must be of type emptyDir"
                errors.append(invalid(where, name, detail))
    return errors


def _field(reference: dict[str, Any], path: str) -> list[FieldError]:
    return validate_field_ref(reference, ENVIRONMENT_FIELDS, path)


def _resource(reference: dict[str, Any], path: str) -> list[FieldError]:
    return validate_resource_ref(reference, path, in_volume=False)


def _key(reference: dict[str, Any], path: str) -> list[FieldError]:
    name, key = reference.get("name", ""), reference.get("key", "")
    # An empty name gets the error for an invalid subdomain, too.
    errors = [
        invalid(f"{path}.name", name, problem) for problem in dns1123_subdomain_problems(name)
    ]
    if not key:
        return [*errors, required(f"{path}.key")]
    return errors + [invalid(f"{path}.key", key, problem) for problem in config_key_problems(key)]


def _file(reference: dict[str, Any], path: str) -> list[FieldError]:
    errors: list[FieldError] = []
    volume, file, key = (reference.get(name, "") for name in ("volumeName", "path", "key"))
    if not key:
        errors.append(required(f"{path}.key"))
    else:
        errors += [invalid(f"{path}.key", key, problem) for problem in env_name_problems(key)]
    if not volume:
        errors.append(required(f"{path}.volumeName"))
    else:
        errors += validate_dns_label(volume, f"{path}.volumeName")
    if not file:
        errors.append(required(f"{path}.path"))
    else:
        errors += validate_no_backsteps(file, f"{path}.path")
    return errors


_SOURCES = (
    ("fieldRef", _field),
    ("resourceFieldRef", _resource),
    ("configMapKeyRef", _key),
    ("secretKeyRef", _key),
    ("fileKeyRef", _file),
)


def validate_env_from(sources: list[dict[str, Any]], path: str) -> list[FieldError]:
    """Validate the sources of envFrom."""
    errors: list[FieldError] = []
    for index, source in enumerate(sources):
        where = f"{path}[{index}]"
        prefix = source.get("prefix")
        if prefix:
            problems = env_name_problems(prefix)
            errors += [invalid(f"{where}.prefix", prefix, problem) for problem in problems]
        found = [name for name in ("configMapRef", "secretRef") if name in source]
        for kind in found:
            name = source[kind].get("name", "")
            if name:
                errors += validate_dns_subdomain(name, f"{where}.{kind}.name")
            else:
                errors.append(required(f"{where}.{kind}.name"))
        if not found:
            detail = "must specify one of: `configMapRef` or `secretRef`"
            errors.append(invalid(path, "", detail))
        elif len(found) > 1:
            errors.append(invalid(path, "", _TWO_SOURCES))
    return errors
