"""Volumes of Pods: exactly one source each."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from apiserver.machinery.fielderrors import (
    FieldError,
    duplicate,
    forbidden,
    invalid,
    not_supported,
    required,
)
from apiserver.machinery.names import dns1123_subdomain_problems
from apiserver.resources.builtin.parts.claimspecs import default_claim_spec, validate_claim_spec
from apiserver.resources.builtin.parts.images import PULL_POLICIES, default_pull_policy
from apiserver.resources.builtin.parts.labelselector import validate_labels
from apiserver.resources.builtin.parts.names import validate_dns_label
from apiserver.resources.builtin.parts.paths import validate_no_backsteps
from apiserver.resources.builtin.parts.podrules import PodRules
from apiserver.resources.builtin.parts.projections import (
    DEFAULT_MODE,
    default_downward_files,
    default_projected,
    validate_downward_api,
    validate_object_source,
    validate_projected,
)
from apiserver.resources.builtin.parts.storagesources import STORAGE_SOURCES
from apiserver.resources.objectmeta import annotation_errors

_HOST_PATH_TYPES: Final = (
    "", "BlockDevice", "CharDevice", "Directory", "DirectoryOrCreate", "File", "FileOrCreate",
    "Socket",
)  # fmt: skip
_TWO_SOURCES: Final = "may not specify more than 1 volume type"
_SIMPLE_DEFAULTS: Final[Mapping[str, Mapping[str, Any]]] = {
    "hostPath": {"type": ""},
    "secret": {"defaultMode": DEFAULT_MODE},
    "configMap": {"defaultMode": DEFAULT_MODE},
    "downwardAPI": {"defaultMode": DEFAULT_MODE},
    "iscsi": {"iscsiInterface": "default"},
    "rbd": {"pool": "rbd", "user": "admin", "keyring": "/etc/ceph/keyring"},
    "scaleIO": {"storageMode": "ThinProvisioned", "fsType": "xfs"},
    "azureDisk": {
        "cachingMode": "ReadWrite",
        "kind": "Shared",
        "fsType": "ext4",
        "readOnly": False,
    },
}


def default_volumes(volumes: list[dict[str, Any]]) -> None:
    """Set the defaults of volumes; one without a source is an empty folder."""
    for volume in volumes:
        if len(volume) == 1:
            volume["emptyDir"] = {}
            continue
        for kind, source in volume.items():
            if kind in _SIMPLE_DEFAULTS:
                for name, value in _SIMPLE_DEFAULTS[kind].items():
                    if source.get(name) is None:
                        source[name] = value
            if kind in _OTHER_DEFAULTS:
                _OTHER_DEFAULTS[kind](source)


def _default_downward_api(source: dict[str, Any]) -> None:
    default_downward_files(source.get("items") or [])


def _default_image(source: dict[str, Any]) -> None:
    if not source.get("pullPolicy"):
        source["pullPolicy"] = default_pull_policy(source.get("reference", ""))


def _default_ephemeral(source: dict[str, Any]) -> None:
    template = source.get("volumeClaimTemplate")
    if template is not None:
        default_claim_spec(template["spec"])


_OTHER_DEFAULTS: Final[Mapping[str, Callable[[dict[str, Any]], None]]] = {
    "downwardAPI": _default_downward_api,
    "projected": default_projected,
    "ephemeral": _default_ephemeral,
    "image": _default_image,
}


def validate_volumes(
    volumes: list[dict[str, Any]], pod_name: str, path: str, rules: PodRules
) -> tuple[dict[str, dict[str, Any]], list[FieldError]]:
    """Return the volumes that may be mounted, by name, and the errors of the others.

    ``pod_name`` is empty for a template and for a Pod that has none yet.
    """
    errors: list[FieldError] = []
    sound: dict[str, dict[str, Any]] = {}
    claims = {
        f"{pod_name}-{volume['name']}" for volume in volumes if pod_name and "ephemeral" in volume
    }
    for index, volume in enumerate(volumes):
        where, name = f"{path}[{index}]", volume["name"]
        wrong = _source(volume, where, pod_name, rules)
        if name:
            wrong += validate_dns_label(name, f"{where}.name")
        else:
            wrong.append(required(f"{where}.name"))
        if name in sound:
            wrong.append(duplicate(f"{where}.name", name))
        if wrong:
            errors += wrong
        else:
            sound[name] = volume
        claim = volume.get("persistentVolumeClaim")
        if claim is not None and claim.get("claimName") in claims:
            detail = "must not reference a PVC that gets created for an ephemeral volume"
            path_to_claim = f"{where}.persistentVolumeClaim.claimName"
            errors.append(invalid(path_to_claim, claim["claimName"], detail))
    return sound, errors


def _source(
    volume: Mapping[str, Any], path: str, pod_name: str, rules: PodRules
) -> list[FieldError]:
    if len(volume) == 2:
        # The usual case: a name and one source.
        for kind in volume:
            if kind != "name":
                errors = _check(kind, volume, path, rules)
                return errors + _with_name(volume, path, pod_name)
    errors = []
    found = False
    for kind in _ORDER:
        if kind not in volume:
            continue
        if found:
            shown = _SHOWN_WHEN_SECOND.get(kind, kind)
            errors.append(forbidden(f"{path}.{shown}", _TWO_SOURCES))
        else:
            errors += _check(kind, volume, path, rules)
        found = True
    if not found:
        errors.append(required(path, "must specify a volume type"))
    return errors + _with_name(volume, path, pod_name)


def _check(kind: str, volume: Mapping[str, Any], path: str, rules: PodRules) -> list[FieldError]:
    source = volume[kind]
    if kind in _SOURCES:
        return _SOURCES[kind](source, f"{path}.{kind}")
    if kind == "projected":
        return validate_projected(source, f"{path}.projected", rules)
    if kind == "image":
        return _image(source, f"{path}.image", rules)
    return STORAGE_SOURCES[kind](source, f"{path}.{_SHOWN.get(kind, kind)}")


def _with_name(volume: Mapping[str, Any], path: str, pod_name: str) -> list[FieldError]:
    errors: list[FieldError] = []
    name = volume["name"]
    iscsi = volume.get("iscsi") or {}
    session = f"{name}:{iscsi.get('targetPortal', '')}"
    if iscsi.get("initiatorName") is not None and len(session) > 64:
        detail = (
            "Total length of <volume name>:<iscsi.targetPortal> must be under 64 characters "
            "if iscsi.initiatorName is specified."
        )
        errors.append(invalid(f"{path}.name", name, detail))
    if "ephemeral" in volume and pod_name and name:
        claim = f"{pod_name}-{name}"
        errors += [
            invalid(f"{path}.name", name, f'PVC name "{claim}": {problem}')
            for problem in dns1123_subdomain_problems(claim)
        ]
    return errors


def _empty_dir(source: Mapping[str, Any], path: str) -> list[FieldError]:
    if source.get("sizeLimit", "").startswith("-"):
        detail = "SizeLimit field must be a valid resource quantity"
        return [forbidden(f"{path}.sizeLimit", detail)]
    return []


def validate_host_path(source: Mapping[str, Any], path: str) -> list[FieldError]:
    """Validate a path on the host."""
    if not source.get("path"):
        return [required(f"{path}.path")]
    errors = validate_no_backsteps(source["path"], f"{path}.path")
    kind = source.get("type")
    if kind is not None and kind not in _HOST_PATH_TYPES:
        errors.append(not_supported(f"{path}.type", kind, _HOST_PATH_TYPES))
    return errors


def _secret(source: Mapping[str, Any], path: str) -> list[FieldError]:
    return validate_object_source(source, "secretName", path)


def _config_map(source: Mapping[str, Any], path: str) -> list[FieldError]:
    return validate_object_source(source, "name", path)


def _image(source: Mapping[str, Any], path: str, rules: PodRules) -> list[FieldError]:
    errors: list[FieldError] = []
    if rules.is_pod and not source.get("reference"):
        errors.append(required(f"{path}.reference"))
    policy = source.get("pullPolicy", "")
    if policy not in PULL_POLICIES:
        where = f"{path}.pullPolicy"
        errors.append(not_supported(where, policy, PULL_POLICIES) if policy else required(where))
    return errors


def _ephemeral(source: Mapping[str, Any], path: str) -> list[FieldError]:
    template = source.get("volumeClaimTemplate")
    if template is None:
        return [required(f"{path}.volumeClaimTemplate")]
    where = f"{path}.volumeClaimTemplate"
    metadata, inside = template.get("metadata") or {}, f"{where}.metadata"
    errors = annotation_errors(metadata.get("annotations") or {}, f"{inside}.annotations")
    errors += validate_labels(metadata.get("labels"), f"{inside}.labels")
    errors += [
        forbidden(f"{inside}.{_SHOWN_METADATA.get(name, name)}", "cannot be set")
        for name in _FOREIGN_METADATA
        if metadata.get(name) or (name in metadata and name == "deletionGracePeriodSeconds")
    ]
    return errors + validate_claim_spec(template["spec"], f"{where}.spec")


_SOURCES: Final[Mapping[str, Callable[[Mapping[str, Any], str], list[FieldError]]]] = {
    "emptyDir": _empty_dir,
    "hostPath": validate_host_path,
    "secret": _secret,
    "configMap": _config_map,
    "downwardAPI": validate_downward_api,
    "ephemeral": _ephemeral,
}
#: The order in which sources are checked; an error is reported for the second one.
_ORDER: Final = (
    "emptyDir", "hostPath", "gitRepo", "gcePersistentDisk", "awsElasticBlockStore", "secret", "nfs",
    "iscsi", "glusterfs", "flocker", "persistentVolumeClaim", "rbd", "cinder", "cephfs", "quobyte",
    "downwardAPI", "fc", "flexVolume", "configMap", "azureFile", "vsphereVolume",
    "photonPersistentDisk", "portworxVolume", "azureDisk", "storageos", "projected", "scaleIO",
    "csi", "ephemeral", "image",
)  # fmt: skip
# The metadata that the template of a claim may not have, in the order of the errors.
_FOREIGN_METADATA: Final = (
    "name", "generateName", "namespace", "selfLink", "uid", "resourceVersion", "generation",
    "creationTimestamp", "deletionTimestamp", "deletionGracePeriodSeconds", "ownerReferences",
    "finalizers", "managedFields",
)  # fmt: skip
# Field names that the API server's errors misspell.
_SHOWN_METADATA: Final = {"uid": "uID"}
_SHOWN: Final = {"gcePersistentDisk": "persistentDisk"}
_SHOWN_WHEN_SECOND: Final = {"cephfs": "cephFS", "downwardAPI": "downwarAPI"}
