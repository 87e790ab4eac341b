"""The sources of PersistentVolumes, most of which Pod volumes have too."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any, Final

from apiserver.machinery.fielderrors import FieldError, forbidden, invalid, required
from apiserver.machinery.names import dns1123_label_problems
from apiserver.resources.builtin.parts.names import validate_dns_label, validate_dns_subdomain
from apiserver.resources.builtin.parts.paths import validate_no_backsteps
from apiserver.resources.builtin.parts.storagesources import (
    STORAGE_SOURCES,
    Check,
    Source,
    validate_driver_name,
    validate_iscsi,
)
from apiserver.resources.builtin.parts.volumes import default_volumes, validate_host_path

_SECRETS: Final = (
    "controllerPublishSecretRef",
    "controllerExpandSecretRef",
    "nodePublishSecretRef",
    "nodeExpandSecretRef",
)
_LONGEST_INITIATOR: Final = 64
_TOO_LONG: Final = (
    "Total length of <volume name>:<iscsi.targetPortal> must be under 64 characters if "
    "iscsi.initiatorName is specified."
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
            errors += _secret(secret, f"{path}.{member}")
    return errors


def _secret(secret: Source, path: str) -> list[FieldError]:
    errors: list[FieldError] = []
    for member, check in (("name", validate_dns_subdomain), ("namespace", validate_dns_label)):
        where = f"{path}.{member}"
        errors += check(secret[member], where) if secret.get(member) else [required(where)]
    return errors


def _with_secret_namespace(name: str, source: Source, path: str) -> list[FieldError]:
    """Check a source as in a Pod, whose secret is in the namespace of the Pod."""
    errors = STORAGE_SOURCES[name](source, path)
    secret = source.get("secretRef")
    if secret is not None and not secret.get("namespace"):
        errors.append(required(f"{path}.secretRef.namespace"))
    return errors


def _validate_glusterfs(source: Source, path: str) -> list[FieldError]:
    errors = STORAGE_SOURCES["glusterfs"](source, path)
    namespace, where = source.get("endpointsNamespace"), f"{path}.endpointsNamespace"
    if namespace == "":
        detail = "if the endpointnamespace is set, it must be a valid namespace name"
        errors.append(invalid(where, namespace, detail))
    elif namespace is not None:
        problems = dns1123_label_problems(namespace)
        errors += [invalid(where, namespace, problem) for problem in problems]
    return errors


def _validate_azure_file(source: Source, path: str) -> list[FieldError]:
    errors = STORAGE_SOURCES["azureFile"](source, path)
    if source.get("secretNamespace") == "":
        errors.append(required(f"{path}.secretNamespace"))
    return errors


def _validate_iscsi(source: Source, path: str, volume: str) -> list[FieldError]:
    portal = source.get("targetPortal", "")
    too_long = len(f"{volume}:{portal}".encode()) > _LONGEST_INITIATOR
    extra = []
    if source.get("initiatorName") is not None and too_long:
        extra.append(invalid(f"{path}.targetportal", portal, _TOO_LONG))
    return validate_iscsi(source, path, of_volume=extra)


#: The sources, in the order in which they are checked.
SOURCES: Final[Mapping[str, Check]] = {
    "hostPath": validate_host_path,
    "gcePersistentDisk": STORAGE_SOURCES["gcePersistentDisk"],
    "awsElasticBlockStore": STORAGE_SOURCES["awsElasticBlockStore"],
    "glusterfs": _validate_glusterfs,
    **{name: STORAGE_SOURCES[name] for name in ("flocker", "nfs", "rbd", "quobyte", "cephfs")},
    "iscsi": partial(_validate_iscsi, volume=""),
    "cinder": partial(_with_secret_namespace, "cinder"),
    "fc": STORAGE_SOURCES["fc"],
    "flexVolume": STORAGE_SOURCES["flexVolume"],
    "azureFile": _validate_azure_file,
    **{
        name: STORAGE_SOURCES[name]
        for name in (
            "vsphereVolume", "photonPersistentDisk", "portworxVolume", "azureDisk", "scaleIO",
        )
    },
    "local": _validate_local,
    "storageos": partial(_with_secret_namespace, "storageos"),
    "csi": _validate_csi,
}  # fmt: skip
# Different names of sources in messages: as the second source, and in the paths below it.
_SECOND_NAMES: Final = {"cephfs": "cephFS"}
_INNER_NAMES: Final = {"gcePersistentDisk": "persistentDisk"}


def default_source(spec: dict[str, Any]) -> None:
    """Set the defaults of the source of a volume, in place."""
    present = {name: spec[name] for name in SOURCES if spec.get(name) is not None}
    if present:
        default_volumes([{"name": "", **present}])


def validate_sources(
    spec: Mapping[str, Any], volume: str, at: str, *, placed: bool
) -> list[FieldError]:
    """Validate the source of the volume of that name; it has exactly one.

    ``at``: the path of the spec. ``placed``: the volume selects nodes.
    """
    errors: list[FieldError] = []
    present = [source for source in SOURCES if spec.get(source) is not None]
    for index, source in enumerate(present):
        # A Flex volume may be the second source, too.
        if index and source != "flexVolume":
            path = f"{at}.{_SECOND_NAMES.get(source, source)}"
            errors.append(forbidden(path, "may not specify more than 1 volume type"))
            continue
        path = f"{at}.{_INNER_NAMES.get(source, source)}"
        if source == "iscsi":
            errors += _validate_iscsi(spec[source], path, volume)
        else:
            errors += SOURCES[source](spec[source], path)
        if source == "local" and not placed:
            detail = "Local volume requires node affinity"
            errors.append(required(f"{at}.nodeAffinity", detail))
    return errors if present else [*errors, required(at, "must specify a volume type")]
