"""Volumes that storage systems provide, each named by the system that serves it."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, Final

from apiserver.machinery.fielderrors import (
    FieldError,
    invalid,
    not_supported,
    required,
    too_long,
)
from apiserver.machinery.names import dns1123_subdomain_problems
from apiserver.resources.builtin.parts.names import validate_dns_label
from apiserver.resources.builtin.parts.numbers import range_problem
from apiserver.resources.builtin.parts.paths import validate_descending_path

Source = Mapping[str, Any]
Check = Callable[[Source, str], list[FieldError]]

_INITIATORS: Final = {
    "iqn": re.compile(r"iqn\.[0-9]{4}-[0-9]{2}\.[-.a-zA-Z0-9]+:[^,;*&$|\s]+"),
    "eui": re.compile(r"eui.[a-zA-Z0-9]{16}"),
    "naa": re.compile(r"naa.[a-zA-Z0-9]{32}"),
}
_CACHING: Final = ("None", "ReadOnly", "ReadWrite")
_DISK_KINDS: Final = ("Dedicated", "Managed", "Shared")
_MANAGED_URI: Final = (
    "/subscriptions/{sub-id}/resourcegroups/{group-name}/providers/microsoft.compute/disks/"
    "{disk-id}"
)
_BLOB_URI: Final = "https://{account-name}.blob.core.windows.net/{container-name}/{disk-name}.vhd"
_PARTITION: Final = range_problem(1, 255)


def _requiring(*members: str) -> Check:
    def check(source: Source, path: str) -> list[FieldError]:
        return [required(f"{path}.{name}") for name in members if not source.get(name)]

    return check


def _disk(member: str) -> Check:
    needs_name = _requiring(member)

    def check(source: Source, path: str) -> list[FieldError]:
        errors = needs_name(source, path)
        partition = source.get("partition", 0)
        if not 0 <= partition <= 255:
            errors.append(invalid(f"{path}.partition", partition, _PARTITION))
        return errors

    return check


def validate_nfs(source: Source, path: str) -> list[FieldError]:
    """Validate a share of an NFS server."""
    errors = _requiring("server", "path")(source, path)
    folder = source.get("path", "")
    if not folder.startswith("/"):
        errors.append(invalid(f"{path}.path", folder, "must be an absolute path"))
    return errors


def validate_iscsi(
    source: Source, path: str, of_volume: list[FieldError] | None = None
) -> list[FieldError]:
    """Validate an iSCSI disk, of a PersistentVolume where ``of_volume`` is given.

    ``of_volume``: the errors about the combination of portal and volume name.
    """
    errors = _requiring("targetPortal")(source, path) + (of_volume or [])
    is_volume = of_volume is not None
    name, secret = source.get("iqn", ""), source.get("secretRef")
    if not name:
        errors.append(required(f"{path}.iqn"))
    else:
        errors += _initiator(name, f"{path}.iqn", is_volume=is_volume)
    errors += _unit(source.get("lun", 0), f"{path}.lun")
    wants_secret = source.get("chapAuthDiscovery") or source.get("chapAuthSession")
    if wants_secret and secret is None:
        errors.append(required(f"{path}.secretRef"))
    if is_volume and secret is not None and not secret.get("name"):
        errors.append(required(f"{path}.secretRef.name"))
    if source.get("initiatorName") is not None:
        where = f"{path}.initiatorname"
        errors += _initiator(source["initiatorName"], where, is_volume=is_volume)
    return errors


def _initiator(name: str, path: str, *, is_volume: bool) -> list[FieldError]:
    pattern = _INITIATORS.get(name[:3])
    if pattern is None and not is_volume:
        return [invalid(path, name, "must be valid format starting with iqn, eui, or naa")]
    if pattern is not None and pattern.fullmatch(name):
        return []
    return [invalid(path, name, "must be valid format")]


def _unit(number: int, path: str) -> list[FieldError]:
    return [] if 0 <= number <= 255 else [invalid(path, number, range_problem(0, 255))]


def validate_fc(source: Source, path: str) -> list[FieldError]:
    """Validate a Fibre Channel disk."""
    errors: list[FieldError] = []
    targets, ids = source.get("targetWWNs"), source.get("wwids")
    where = f"{path}.targetWWNs"
    if not targets and not ids:
        detail = "must specify either targetWWNs or wwids, but not both"
        errors.append(required(where, detail))
    if targets and ids:
        detail = "targetWWNs and wwids can not be specified simultaneously"
        errors.append(invalid(where, targets, detail))
    if targets:
        if source.get("lun") is None:
            errors.append(required(f"{path}.lun", "lun is required if targetWWNs is specified"))
        else:
            errors += _unit(source["lun"], f"{path}.lun")
    return errors


def validate_flocker(source: Source, path: str) -> list[FieldError]:
    """Validate a Flocker dataset."""
    errors: list[FieldError] = []
    name, uuid = source.get("datasetName", ""), source.get("datasetUUID", "")
    if not name and not uuid:
        errors.append(required(path, "one of datasetName and datasetUUID is required"))
    if name and uuid:
        detail = "datasetName and datasetUUID can not be specified simultaneously"
        errors.append(invalid(path, "resource", detail))
    if "/" in name:
        errors.append(invalid(f"{path}.datasetName", name, "must not contain '/'"))
    return errors


def validate_quobyte(source: Source, path: str) -> list[FieldError]:
    """Validate a Quobyte volume."""
    errors: list[FieldError] = []
    registry = source.get("registry", "")
    detail = "must be a host:port pair or multiple pairs separated by commas"
    if not registry:
        errors.append(required(f"{path}.registry", detail))
    elif len(source.get("tenant", "")) >= 65:
        text = "must be a UUID and may not exceed a length of 64 characters"
        errors.append(required(f"{path}.tenant", text))
    else:
        wrong = [pair for pair in registry.split(",") if not _is_host_and_port(pair)]
        errors += [invalid(f"{path}.registry", registry, detail) for _ in wrong]
    return errors + _requiring("volume")(source, path)


def _is_host_and_port(pair: str) -> bool:
    host, colon, _ = pair.rpartition(":")
    if host.startswith("["):
        return host.endswith("]")
    return bool(colon) and ":" not in host


def validate_flex(source: Source, path: str) -> list[FieldError]:
    """Validate a volume of a Flex driver."""
    errors = _requiring("driver")(source, path)
    for key in source.get("options") or ():
        domain = f".{key.partition('/')[0].lower()}"
        if domain.endswith((".kubernetes.io", ".k8s.io")):
            detail = "kubernetes.io and k8s.io namespaces are reserved"
            errors.append(invalid(f"{path}.options[{key}]", key, detail))
    return errors


def validate_azure_disk(source: Source, path: str) -> list[FieldError]:
    """Validate an Azure disk."""
    errors = _requiring("diskName", "diskURI")(source, path)
    caching, kind, uri = (source.get(name) for name in ("cachingMode", "kind", "diskURI"))
    if caching is not None and caching not in _CACHING:
        errors.append(not_supported(f"{path}.cachingMode", caching, _CACHING))
    if kind is not None and kind not in _DISK_KINDS:
        errors.append(not_supported(f"{path}.kind", kind, _DISK_KINDS))
    address = uri or ""
    if kind == "Managed" and not address.startswith("/subscriptions/"):
        errors.append(not_supported(f"{path}.diskURI", address, (_MANAGED_URI,)))
    if kind not in (None, "Managed") and not address.startswith("https://"):
        errors.append(not_supported(f"{path}.diskURI", address, (_BLOB_URI,)))
    return errors


def validate_storage_os(source: Source, path: str) -> list[FieldError]:
    """Validate a StorageOS volume."""
    errors: list[FieldError] = []
    name = source.get("volumeName", "")
    if not name:
        errors.append(required(f"{path}.volumeName"))
    else:
        errors += validate_dns_label(name, f"{path}.volumeName")
    if source.get("volumeNamespace"):
        errors += validate_dns_label(source["volumeNamespace"], f"{path}.volumeNamespace")
    return errors + _secret(source, path)


def _secret(source: Source, path: str) -> list[FieldError]:
    secret = source.get("secretRef")
    if secret is None or secret.get("name"):
        return []
    return [required(f"{path}.secretRef.name")]


def validate_cinder(source: Source, path: str) -> list[FieldError]:
    """Validate a Cinder volume."""
    return _requiring("volumeID")(source, path) + _secret(source, path)


def validate_git_repo(source: Source, path: str) -> list[FieldError]:
    """Validate a clone of a repository."""
    errors = _requiring("repository")(source, path)
    return errors + validate_descending_path(source.get("directory", ""), f"{path}.directory")


def validate_driver_name(name: str, path: str) -> list[FieldError]:
    """Reject a value that is not a name of a CSI driver."""
    if not name:
        return [required(path)]
    errors = [too_long(path, 63)] if len(name.encode()) > 63 else []
    problems = dns1123_subdomain_problems(name.lower())
    return errors + [invalid(path, name, problem) for problem in problems]


def validate_csi(source: Source, path: str) -> list[FieldError]:
    """Validate a volume of a CSI driver."""
    errors = validate_driver_name(source.get("driver", ""), f"{path}.driver")
    secret = source.get("nodePublishSecretRef")
    if secret is None:
        return errors
    name = secret.get("name", "")
    if not name:
        return [*errors, required(f"{path}.nodePublishSecretRef.name")]
    problems = dns1123_subdomain_problems(name)
    return errors + [invalid(f"{path}.name", name, problem) for problem in problems]


#: The checks of volumes that need nothing but themselves, by member of a volume.
STORAGE_SOURCES: Final[Mapping[str, Check]] = {
    "gitRepo": validate_git_repo,
    "gcePersistentDisk": _disk("pdName"),
    "awsElasticBlockStore": _disk("volumeID"),
    "nfs": validate_nfs,
    "iscsi": validate_iscsi,
    "glusterfs": _requiring("endpoints", "path"),
    "flocker": validate_flocker,
    "persistentVolumeClaim": _requiring("claimName"),
    "rbd": _requiring("monitors", "image"),
    "cinder": validate_cinder,
    "cephfs": _requiring("monitors"),
    "quobyte": validate_quobyte,
    "fc": validate_fc,
    "flexVolume": validate_flex,
    "azureFile": _requiring("secretName", "shareName"),
    "vsphereVolume": _requiring("volumePath"),
    "photonPersistentDisk": _requiring("pdID"),
    "portworxVolume": _requiring("volumeID"),
    "azureDisk": validate_azure_disk,
    "storageos": validate_storage_os,
    "scaleIO": _requiring("gateway", "system", "volumeName"),
    "csi": validate_csi,
}
