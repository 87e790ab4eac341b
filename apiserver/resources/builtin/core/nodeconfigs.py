"""Dynamic kubelet configuration, a removed feature that node statuses may still report."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from apiserver.machinery.fielderrors import FieldError, invalid, required
from apiserver.resources.builtin.parts.names import (
    config_key_problems,
    validate_dns_label,
    validate_dns_subdomain,
)


def validate_config(config: Mapping[str, Any], path: str) -> list[FieldError]:
    """Validate the assigned, active and last known good configuration."""
    errors: list[FieldError] = []
    for member in ("assigned", "active", "lastKnownGood"):
        if config.get(member) is not None:
            errors += _source(config[member], f"{path}.{member}")
    return errors


def _source(source: Mapping[str, Any], path: str) -> list[FieldError]:
    config_map = source.get("configMap")
    if config_map is None:
        detail = "exactly one reference subfield must be non-nil"
        return [invalid(path, {"ConfigMap": None}, detail)]
    where = f"{path}.configMap"
    errors = [
        required(f"{where}.{member}")
        for member in ("uid", "resourceVersion")
        if not config_map.get(member)
    ]
    checks = {
        "namespace": validate_dns_label,
        "name": validate_dns_subdomain,
        "kubeletConfigKey": _validate_key,
    }
    for member, check in checks.items():
        text, place = config_map.get(member), f"{where}.{member}"
        errors += check(text, place) if text else [required(place)]
    return errors


def _validate_key(key: str, path: str) -> list[FieldError]:
    return [invalid(path, key, problem) for problem in config_key_problems(key)]
