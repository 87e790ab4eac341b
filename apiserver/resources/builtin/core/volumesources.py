"""What a PersistentVolume can be made of; mostly what a volume of a Pod can be, too."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from apiserver.machinery.fielderrors import FieldError, forbidden, required
from apiserver.resources.builtin.parts.paths import validate_no_backsteps
from apiserver.resources.builtin.parts.storagesources import (
    STORAGE_SOURCES,
    Check,
    Source,
    validate_driver_name,
)
from apiserver.resources.builtin.parts.volumes import default_volumes, validate_host_path

_SECRETS: Final = (
    "controllerPublishSecretRef",
    "controllerExpandSecretRef",
    "nodePublishSecretRef",
    "nodeExpandSecretRef",
)


def _validate_local(source: Source, path: str) -> list[FieldError]:
    if not source.get("path"):
        return [required(f"{path}.path")]
    return validate_no_backsteps(source["path"], f"{path}.path")


def _validate_csi(source: Source, path: str) -> list[FieldError]:
    errors = validate_driver_name(source.get("driver", ""), f"{path}.driver")
    if not source.get("volumeHandle"):
        errors.append(required(f"{path}.volumeHandle"))
    for member in _SECRETS:
        secret = source.get(member)
        if secret is not None:
            missing = [name for name in ("name", "namespace") if not secret.get(name)]
            errors += [required(f"{path}.{member}.{name}") for name in missing]
    return errors


#: The sources, in the order in which they are looked for.
SOURCES: Final[Mapping[str, Check]] = {
    "hostPath": validate_host_path,
    **{
        name: STORAGE_SOURCES[name]
        for name in (
            "gcePersistentDisk", "awsElasticBlockStore", "glusterfs", "flocker", "nfs", "rbd",
            "quobyte", "cephfs", "iscsi", "cinder", "fc", "flexVolume", "azureFile",
            "vsphereVolume", "photonPersistentDisk", "portworxVolume", "azureDisk", "scaleIO",
        )
    },
    "local": _validate_local,
    "storageos": STORAGE_SOURCES["storageos"],
    "csi": _validate_csi,
}  # fmt: skip


def default_source(spec: dict[str, Any]) -> None:
    """Fill in, in place, what the source of a volume leaves out."""
    present = {name: spec[name] for name in SOURCES if spec.get(name) is not None}
    if present:
        default_volumes([{"name": "", **present}])


def validate_sources(spec: Mapping[str, Any]) -> list[FieldError]:
    """Return what is wrong with the source of a volume; it has exactly one."""
    errors: list[FieldError] = []
    present = [source for source in SOURCES if spec.get(source) is not None]
    for index, source in enumerate(present):
        path = f"spec.{source}"
        if index:
            errors.append(forbidden(path, "may not specify more than 1 volume type"))
            continue
        errors += SOURCES[source](spec[source], path)
        if source == "local" and not spec.get("nodeAffinity"):
            detail = "Local volume requires node affinity"
            errors.append(required("spec.nodeAffinity", detail))
    return errors if present else [*errors, required("spec", "must specify a volume type")]
