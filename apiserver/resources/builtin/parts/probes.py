"""Probes and lifecycle hooks of containers."""

from __future__ import annotations

from typing import Any, Final

from apiserver.machinery.fielderrors import (
    FieldError,
    forbidden,
    invalid,
    not_supported,
    required,
)
from apiserver.resources.builtin.parts.names import header_name_problems, validate_port
from apiserver.resources.builtin.parts.numbers import NEGATIVE, NOT_ABOVE_0

LIVENESS, READINESS, STARTUP = "livenessProbe", "readinessProbe", "startupProbe"
PROBES: Final = (LIVENESS, READINESS, STARTUP)
_SCHEMES: Final = ("HTTP", "HTTPS")
_COUNTS: Final = (
    "initialDelaySeconds",
    "timeoutSeconds",
    "periodSeconds",
    "successThreshold",
    "failureThreshold",
)


def default_probe(probe: dict[str, Any]) -> None:
    """Set the default timing and thresholds of a probe."""
    if not probe.get("timeoutSeconds"):
        probe["timeoutSeconds"] = 1
    if not probe.get("periodSeconds"):
        probe["periodSeconds"] = 10
    if not probe.get("successThreshold"):
        probe["successThreshold"] = 1
    if not probe.get("failureThreshold"):
        probe["failureThreshold"] = 3
    if "httpGet" in probe:
        _default_http(probe["httpGet"])
    if "grpc" in probe:
        service = probe["grpc"].get("service")
        probe["grpc"]["service"] = service or ""


def default_lifecycle(lifecycle: dict[str, Any]) -> None:
    """Fill in the HTTP requests of hooks."""
    for hook in lifecycle.values():
        if isinstance(hook, dict) and "httpGet" in hook:
            _default_http(hook["httpGet"])


def _default_http(action: dict[str, Any]) -> None:
    if not action.get("path"):
        action["path"] = "/"
    if not action.get("scheme"):
        action["scheme"] = "HTTP"


def validate_probe(probe: dict[str, Any], kind: str, path: str) -> list[FieldError]:
    """Validate a probe of a kind: ``livenessProbe``..."""
    errors = _handler(probe, path, None)
    for name in _COUNTS:
        if probe.get(name, 0) < 0:
            errors.append(invalid(f"{path}.{name}", probe[name], NEGATIVE))
    grace = probe.get("terminationGracePeriodSeconds")
    if grace is not None:
        where = f"{path}.terminationGracePeriodSeconds"
        if grace <= 0:
            errors.append(invalid(where, grace, NOT_ABOVE_0))
        if kind == READINESS:
            errors.append(invalid(where, grace, "must not be set for readinessProbes"))
    if kind != READINESS and probe.get("successThreshold", 0) != 1:
        value = probe.get("successThreshold", 0)
        errors.append(invalid(f"{path}.successThreshold", value, "must be 1"))
    return errors


def validate_lifecycle(lifecycle: dict[str, Any], path: str, grace: int) -> list[FieldError]:
    """Validate hooks; none may sleep for longer than ``grace``."""
    errors: list[FieldError] = []
    for hook in ("postStart", "preStop"):
        if hook in lifecycle:
            errors += _handler(lifecycle[hook], f"{path}.{hook}", grace)
    return errors


def _handler(handler: dict[str, Any], path: str, grace: int | None) -> list[FieldError]:
    errors: list[FieldError] = []
    found = False
    for name, check in _ACTIONS:
        if name not in handler:
            continue
        if found:
            detail = "may not specify more than 1 handler type"
            errors.append(forbidden(f"{path}.{name}", detail))
        else:
            errors += check(handler[name], f"{path}.{name}")
        found = True
    if grace is not None and "sleep" in handler:
        if found:
            detail = "may not specify more than 1 handler type"
            errors.append(forbidden(f"{path}.sleep", detail))
        else:
            errors += _sleep(handler["sleep"], f"{path}.sleep", grace)
        found = True
    if not found:
        errors.append(required(path, "must specify a handler type"))
    return errors


def _exec(action: dict[str, Any], path: str) -> list[FieldError]:
    return [] if action.get("command") else [required(f"{path}.command")]


def _http(action: dict[str, Any], path: str) -> list[FieldError]:
    errors: list[FieldError] = []
    if not action.get("path"):
        errors.append(required(f"{path}.path"))
    errors += validate_port(action["port"], f"{path}.port")
    scheme = action.get("scheme", "")
    if scheme not in _SCHEMES:
        errors.append(not_supported(f"{path}.scheme", scheme, _SCHEMES))
    for header in action.get("httpHeaders") or ():
        problems = header_name_problems(header["name"])
        errors += [invalid(f"{path}.httpHeaders", header["name"], it) for it in problems]
    return errors


def _port(action: dict[str, Any], path: str) -> list[FieldError]:
    return validate_port(action["port"], f"{path}.port")


def _sleep(action: dict[str, Any], path: str, grace: int) -> list[FieldError]:
    seconds = action["seconds"]
    if 0 <= seconds <= grace:
        return []
    detail = f"must be non-negative and less than terminationGracePeriodSeconds ({grace})"
    return [invalid(path, seconds, detail)]


_ACTIONS = (("exec", _exec), ("httpGet", _http), ("tcpSocket", _port), ("grpc", _port))
