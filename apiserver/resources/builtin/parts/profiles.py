"""Seccomp and AppArmor profiles, as fields and as the annotations that were there before."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from apiserver.machinery.fielderrors import (
    FieldError,
    forbidden,
    invalid,
    not_supported,
    required,
    too_long,
)
from apiserver.resources.builtin.parts.paths import validate_descending_path

LOCALHOST, RUNTIME_DEFAULT, UNCONFINED = "Localhost", "RuntimeDefault", "Unconfined"
TYPES: Final = (LOCALHOST, RUNTIME_DEFAULT, UNCONFINED)

SECCOMP_OF_POD: Final = "seccomp.security.alpha.kubernetes.io/pod"
SECCOMP_OF_CONTAINER: Final = "container.seccomp.security.alpha.kubernetes.io/"
APPARMOR_OF_CONTAINER: Final = "container.apparmor.security.beta.kubernetes.io/"

_SECCOMP_DEFAULTS: Final = ("runtime/default", "docker/default")
_SECCOMP_UNCONFINED: Final = "unconfined"
_LOCAL_PREFIX: Final = "localhost/"
_APPARMOR_DEFAULT, _APPARMOR_UNCONFINED = "runtime/default", "unconfined"
_LONGEST: Final = 4095


def validate_seccomp(profile: Mapping[str, Any], path: str) -> list[FieldError]:
    """Validate a seccomp profile."""
    errors: list[FieldError] = []
    kind = profile.get("type", "")
    if not kind:
        errors.append(required(f"{path}.type", "type is required when seccompProfile is set"))
    elif kind not in TYPES:
        errors.append(not_supported(f"{path}.type", kind, TYPES))
    where, local = f"{path}.localhostProfile", profile.get("localhostProfile")
    if kind == LOCALHOST:
        if local is None:
            errors.append(required(where, "must be set when seccomp type is Localhost"))
        else:
            errors += validate_descending_path(local, where)
    elif local is not None:
        shown = {"Type": kind, "LocalhostProfile": local}
        errors.append(invalid(where, shown, "can only be set when seccomp type is Localhost"))
    return errors


def validate_apparmor(profile: Mapping[str, Any], path: str) -> list[FieldError]:
    """Validate an AppArmor profile."""
    kind, local = profile.get("type", ""), profile.get("localhostProfile")
    where = f"{path}.localhostProfile"
    if kind == LOCALHOST:
        return _local_apparmor(local, where)
    if kind in (RUNTIME_DEFAULT, UNCONFINED):
        if local is None:
            return []
        return [invalid(where, local, "can only be set when AppArmor type is Localhost")]
    if not kind:
        return [required(f"{path}.type", "type is required when appArmorProfile is set")]
    return [not_supported(f"{path}.type", kind, TYPES)]


def _local_apparmor(name: str | None, path: str) -> list[FieldError]:
    if not name:
        return [required(path, "must be set when AppArmor type is Localhost")]
    errors = []
    if name != name.strip():
        errors.append(invalid(path, name, "must not be padded with whitespace"))
    if len(name.encode()) > _LONGEST:
        errors.append(too_long(path, _LONGEST))
    return errors


def validate_profile_annotations(
    annotations: Mapping[str, str], containers: list[str], path: str
) -> list[FieldError]:
    """Validate annotations that name profiles; ``containers``: all their names."""
    errors: list[FieldError] = []
    pod = annotations.get(SECCOMP_OF_POD)
    if pod is not None:
        errors += _seccomp_name(pod, f"{path}.{SECCOMP_OF_POD}")
    for key, name in annotations.items():
        if key.startswith(SECCOMP_OF_CONTAINER):
            errors += _seccomp_name(name, f"{path}.{key}")
    for key, name in annotations.items():
        if key.startswith(APPARMOR_OF_CONTAINER):
            container = key.removeprefix(APPARMOR_OF_CONTAINER)
            if container not in containers:
                errors.append(invalid(f"{path}[{key}]", container, "container not found"))
            usual = ("", _APPARMOR_DEFAULT, _APPARMOR_UNCONFINED)
            if name not in usual and not name.startswith(_LOCAL_PREFIX):
                detail = f'invalid AppArmor profile name: "{name}"'
                errors.append(invalid(f"{path}[{key}]", name, detail))
    return errors


def _seccomp_name(name: str, path: str) -> list[FieldError]:
    if name in _SECCOMP_DEFAULTS or name == _SECCOMP_UNCONFINED:
        return []
    if name.startswith(_LOCAL_PREFIX):
        return validate_descending_path(name.removeprefix(_LOCAL_PREFIX), path)
    return [invalid(path, name, "must be a valid seccomp profile")]


def validate_seccomp_agrees(
    annotation: str | None, profile: Mapping[str, Any] | None, path: str
) -> list[FieldError]:
    """Reject a seccomp profile that an annotation contradicts."""
    defaults = _SECCOMP_DEFAULTS
    return _agrees("seccomp", annotation, profile, path, (defaults, (_SECCOMP_UNCONFINED,)))


def validate_apparmor_agrees(
    annotation: str | None, profile: Mapping[str, Any] | None, path: str
) -> list[FieldError]:
    """Reject an AppArmor profile that an annotation contradicts."""
    names = ((_APPARMOR_DEFAULT,), (_APPARMOR_UNCONFINED,))
    return _agrees("apparmor", annotation, profile, path, names)


def _agrees(
    system: str,
    annotation: str | None,
    profile: Mapping[str, Any] | None,
    path: str,
    names: tuple[tuple[str, ...], tuple[str, ...]],
) -> list[FieldError]:
    if annotation is None or profile is None:
        return []
    kind = profile.get("type", "")
    different = [forbidden(f"{path}.type", f"{system} type in annotation and field must match")]
    if kind == RUNTIME_DEFAULT:
        return [] if annotation in names[0] else different
    if kind == UNCONFINED:
        return [] if annotation in names[1] else different
    if kind != LOCALHOST:
        return []
    if not annotation.startswith(_LOCAL_PREFIX):
        return different
    if annotation.removeprefix(_LOCAL_PREFIX) == profile.get("localhostProfile"):
        return []
    detail = f"{system} profile in annotation and field must match"
    return [forbidden(f"{path}.localhostProfile", detail)]


def apparmor_annotation(profile: Mapping[str, Any]) -> str:
    """Return the annotation value of a profile, ``""`` if it has none."""
    kind = profile.get("type", "")
    if kind == LOCALHOST:
        local = profile.get("localhostProfile")
        return f"{_LOCAL_PREFIX}{local}" if local is not None else ""
    return {RUNTIME_DEFAULT: _APPARMOR_DEFAULT, UNCONFINED: _APPARMOR_UNCONFINED}.get(kind, "")


def apparmor_profile(annotation: str) -> dict[str, Any] | None:
    """Return the profile that an annotation names, ``None`` for none."""
    if annotation == _APPARMOR_UNCONFINED:
        return {"type": UNCONFINED}
    if annotation == _APPARMOR_DEFAULT:
        return {"type": RUNTIME_DEFAULT}
    local = annotation.removeprefix(_LOCAL_PREFIX)
    if annotation.startswith(_LOCAL_PREFIX) and local:
        return {"type": LOCALHOST, "localhostProfile": local}
    return None
