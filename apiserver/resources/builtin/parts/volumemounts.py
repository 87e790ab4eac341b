"""The mounts of volumes in containers, and their block devices."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from apiserver.machinery.fielderrors import (
    FieldError,
    forbidden,
    invalid,
    not_found,
    not_supported,
    required,
)
from apiserver.resources.builtin.parts.paths import climbs, validate_descending_path

_PROPAGATIONS: Final = ("Bidirectional", "HostToContainer", "None")
_RECURSIVE: Final = ("Disabled", "Enabled", "IfPossible")

Volumes = Mapping[str, Mapping[str, Any]]


def validate_mounts(container: Mapping[str, Any], volumes: Volumes, path: str) -> list[FieldError]:
    """Validate the mounts of a container."""
    errors: list[FieldError] = []
    devices = {it["name"]: it["devicePath"] for it in container.get("volumeDevices") or ()}
    files = frozenset(devices.values())
    taken: set[str] = set()
    for index, mount in enumerate(container["volumeMounts"]):
        name, folder = mount["name"], mount["mountPath"]
        if not name or name not in volumes:
            where = f"{path}[{index}].name"
            errors += [required(where), not_found(where, name)][bool(name) :]
        if not folder:
            errors.append(required(f"{path}[{index}].mountPath"))
        if folder in taken:
            errors.append(invalid(f"{path}[{index}].mountPath", folder, "must be unique"))
        taken.add(folder)
        if devices:
            errors += _overlaps(mount, devices, files, f"{path}[{index}]")
        if len(mount) > 2:
            errors += _options(mount, container, f"{path}[{index}]", path)
    return errors


def _overlaps(
    mount: Mapping[str, Any], devices: Mapping[str, str], files: frozenset[str], path: str
) -> list[FieldError]:
    errors = []
    if mount["name"] in devices:
        detail = "must not already exist in volumeDevices"
        errors.append(invalid(f"{path}.name", mount["name"], detail))
    if mount["mountPath"] in files:
        detail = "must not already exist as a path in volumeDevices"
        errors.append(invalid(f"{path}.mountPath", mount["mountPath"], detail))
    return errors


def _options(
    mount: Mapping[str, Any], container: Mapping[str, Any], path: str, all_mounts: str
) -> list[FieldError]:
    # Some of these errors do not have the index of the mount.
    errors: list[FieldError] = []
    sub, expression = mount.get("subPath"), mount.get("subPathExpr")
    if sub:
        errors += validate_descending_path(sub, f"{all_mounts}.subPath")
    if expression:
        if sub:
            detail = "subPathExpr and subPath are mutually exclusive"
            errors.append(invalid(f"{path}.subPathExpr", expression, detail))
        errors += validate_descending_path(expression, f"{all_mounts}.subPathExpr")
    propagation = mount.get("mountPropagation")
    if propagation is not None:
        errors += _propagation(propagation, container, f"{all_mounts}.mountPropagation")
    if "recursiveReadOnly" in mount:
        errors += _recursive(mount, f"{all_mounts}.recursiveReadOnly")
    return errors


def _propagation(value: str, container: Mapping[str, Any], path: str) -> list[FieldError]:
    if value not in _PROPAGATIONS:
        return [not_supported(path, value, _PROPAGATIONS)]
    privileged = (container.get("securityContext") or {}).get("privileged")
    if value == "Bidirectional" and not privileged:
        detail = "Bidirectional mount propagation is available only to privileged containers"
        return [forbidden(path, detail)]
    return []


def _recursive(mount: Mapping[str, Any], path: str) -> list[FieldError]:
    value = mount["recursiveReadOnly"]
    if value not in _RECURSIVE:
        return [not_supported(path, value, _RECURSIVE)]
    if value == "Disabled":
        return []
    errors = []
    if not mount.get("readOnly"):
        errors.append(forbidden(path, "may only be specified when readOnly is true"))
    if mount.get("mountPropagation") not in (None, "None"):
        detail = "may only be specified when mountPropagation is None or not specified"
        errors.append(forbidden(path, detail))
    return errors


def validate_devices(container: Mapping[str, Any], volumes: Volumes, path: str) -> list[FieldError]:
    """Validate the block devices of a container."""
    errors: list[FieldError] = []
    mounts = {it["name"]: it["mountPath"] for it in container.get("volumeMounts") or ()}
    folders = frozenset(mounts.values())
    names: set[str] = set()
    taken: set[str] = set()
    for index, device in enumerate(container["volumeDevices"]):
        where, name, file = f"{path}[{index}]", device["name"], device["devicePath"]
        errors += _device_name(name, names, volumes, f"{where}.name")
        if not file:
            errors.append(required(f"{where}.devicePath"))
        if file in taken:
            errors.append(invalid(f"{where}.devicePath", file, "must be unique"))
        if climbs(file):
            detail = "can not contain backsteps ('..')"
            errors.append(invalid(f"{where}.devicePath", file, detail))
        else:
            taken.add(file)
        if name in mounts:
            detail = "must not already exist in volumeMounts"
            errors.append(invalid(f"{where}.name", name, detail))
        if file in folders:
            detail = "must not already exist as a path in volumeMounts"
            errors.append(invalid(f"{where}.devicePath", file, detail))
        if name:
            names.add(name)
    return errors


def _device_name(name: str, names: set[str], volumes: Volumes, path: str) -> list[FieldError]:
    errors = [] if name else [required(path)]
    if name in names:
        errors.append(invalid(path, name, "must be unique"))
    volume = volumes.get(name)
    if volume is None:
        errors.append(not_found(path, name))
    elif "persistentVolumeClaim" not in volume and "ephemeral" not in volume:
        detail = (
            "can only use volume source type of PersistentVolumeClaim or Ephemeral for block mode"
        )
        errors.append(invalid(path, name, detail))
    return errors
