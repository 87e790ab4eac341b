"""Objects in the internal form that the messages of the API server show.

A field error that quotes a whole struct, or the difference of two, shows all fields with their Go
names, in the order of their declaration in the internal types. That order is mostly that of the
served types; `_ORDER` has the exceptions. Types of the meta group are shown as clients see them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from typing import Any, Final

import orjson

from apiserver.machinery.empties import member
from apiserver.schema.memberorder import in_order
from apiserver.schema.structtypes import LEAVES, Field, struct_type

_CONTAINER: Final = (
    "name", "image", "command", "args", "workingDir", "ports", "envFrom", "env", "resources",
    "resizePolicy", "restartPolicy", "restartPolicyRules", "volumeMounts", "volumeDevices",
    "livenessProbe", "readinessProbe", "startupProbe", "lifecycle", "terminationMessagePath",
    "terminationMessagePolicy", "imagePullPolicy", "securityContext", "stdin", "stdinOnce", "tty",
)  # fmt: skip
_ISCSI: Final = (
    "targetPortal", "iqn", "lun", "iscsiInterface", "fsType", "readOnly", "portals",
    "chapAuthDiscovery", "chapAuthSession", "secretRef", "initiatorName",
)  # fmt: skip
_SCHEMA: Final = "apiextensions.v1.JSONSchemaProps"
_ORDER: Final[Mapping[str, tuple[str, ...]]] = {
    "core.v1.PodSpec": (
        "volumes", "initContainers", "containers", "ephemeralContainers", "restartPolicy",
        "terminationGracePeriodSeconds", "activeDeadlineSeconds", "dnsPolicy", "nodeSelector",
        "serviceAccountName", "automountServiceAccountToken", "nodeName", "securityContext",
        "imagePullSecrets", "hostname", "subdomain", "setHostnameAsFQDN", "affinity",
        "schedulerName", "tolerations", "hostAliases", "priorityClassName", "priority",
        "preemptionPolicy", "dnsConfig", "readinessGates", "runtimeClassName", "overhead",
        "enableServiceLinks", "topologySpreadConstraints", "os", "schedulingGates",
        "resourceClaims", "resources", "hostnameOverride", "schedulingGroup",
    ),
    "core.v1.Container": _CONTAINER,
    "core.v1.EphemeralContainerCommon": _CONTAINER,
    "core.v1.PodSecurityContext": (
        "seLinuxOptions", "windowsOptions", "runAsUser", "runAsGroup", "runAsNonRoot",
        "supplementalGroups", "supplementalGroupsPolicy", "fsGroup", "fsGroupChangePolicy",
        "sysctls", "seccompProfile", "appArmorProfile", "seLinuxChangePolicy",
    ),
    "core.v1.SecurityContext": (
        "capabilities", "privileged", "seLinuxOptions", "windowsOptions", "runAsUser",
        "runAsGroup", "runAsNonRoot", "readOnlyRootFilesystem", "allowPrivilegeEscalation",
        "procMount", "seccompProfile", "appArmorProfile",
    ),
    "core.v1.VolumeSource": (
        "hostPath", "emptyDir", "gcePersistentDisk", "awsElasticBlockStore", "gitRepo", "secret",
        "nfs", "iscsi", "glusterfs", "persistentVolumeClaim", "rbd", "quobyte", "flexVolume",
        "cinder", "cephfs", "flocker", "downwardAPI", "fc", "azureFile", "configMap",
        "vsphereVolume", "azureDisk", "photonPersistentDisk", "projected", "portworxVolume",
        "scaleIO", "storageos", "csi", "ephemeral", "image",
    ),
    "core.v1.VolumeMount": (
        "name", "readOnly", "recursiveReadOnly", "mountPath", "subPath", "mountPropagation",
        "subPathExpr",
    ),
    "core.v1.ISCSIVolumeSource": _ISCSI,
    "core.v1.PersistentVolumeSource": (
        "gcePersistentDisk", "awsElasticBlockStore", "hostPath", "glusterfs", "nfs", "rbd",
        "quobyte", "iscsi", "flexVolume", "cinder", "cephfs", "fc", "flocker", "azureFile",
        "vsphereVolume", "azureDisk", "photonPersistentDisk", "portworxVolume", "scaleIO", "local",
        "storageos", "csi",
    ),
    "core.v1.ISCSIPersistentVolumeSource": _ISCSI,
    "autoscaling.v2.HPAScalingRules": (
        "stabilizationWindowSeconds", "selectPolicy", "policies", "tolerance",
    ),
    "core.v1.PersistentVolumeClaimSpec": (
        "accessModes", "selector", "resources", "volumeName", "storageClassName", "volumeMode",
        "dataSource", "dataSourceRef", "volumeAttributesClassName",
    ),
    "apiextensions.v1.CustomResourceDefinitionVersion": (
        "name", "served", "storage", "deprecated", "deprecationWarning", "schema", "subresources",
        "additionalPrinterColumns", "selectableFields",
    ),
    _SCHEMA: (
        "id", "$schema", "$ref", "description", "type", "nullable", "format", "title", "default",
        "maximum", "exclusiveMaximum", "minimum", "exclusiveMinimum", "maxLength", "minLength",
        "pattern", "maxItems", "minItems", "uniqueItems", "multipleOf", "enum", "maxProperties",
        "minProperties", "required", "items", "allOf", "oneOf", "anyOf", "not", "properties",
        "additionalProperties", "patternProperties", "dependencies", "additionalItems",
        "definitions", "externalDocs", "example", "x-kubernetes-preserve-unknown-fields",
        "x-kubernetes-embedded-resource", "x-kubernetes-int-or-string",
        "x-kubernetes-list-map-keys", "x-kubernetes-list-type", "x-kubernetes-map-type",
        "x-kubernetes-validations",
    ),
}  # fmt: skip
#: Fields that are in another internal struct: those of the host in the security context of a Pod.
_MOVED: Final[Mapping[str, tuple[str, tuple[str, ...]]]] = {
    "core.v1.PodSpec": (
        "securityContext",
        ("hostNetwork", "hostPID", "hostIPC", "shareProcessNamespace", "hostUsers"),
    )
}
_NAMES: Final[Mapping[str, str]] = {
    "hostPID": "HostPID", "hostIPC": "HostIPC", "cephfs": "CephFS", "nfs": "NFS", "iscsi": "ISCSI",
    "rbd": "RBD", "fc": "FC", "csi": "CSI", "storageos": "StorageOS",
    "gcePersistentDisk": "GCEPersistentDisk", "awsElasticBlockStore": "AWSElasticBlockStore",
}  # fmt: skip
_FLAGS: Final = frozenset(["hostNetwork", "hostPID", "hostIPC"])
#: Pointers among the served types that are none inside.
_NEVER_NULL: Final = frozenset(
    [
        ("core.v1.ServiceAccountTokenProjection", "expirationSeconds"),
        ("apps.v1.RollingUpdateStatefulSetStrategy", "partition"),
        ("apps.v1.RollingUpdateDeployment", "maxUnavailable"),
        ("apps.v1.RollingUpdateDeployment", "maxSurge"),
        ("apps.v1.RollingUpdateDaemonSet", "maxUnavailable"),
        ("apps.v1.RollingUpdateDaemonSet", "maxSurge"),
    ]
)
#: Metadata is embedded: its fields are shown among those of the object.
_METADATA: Final = "meta.v1.ObjectMeta"
_ZEROS: Final[Mapping[str, Any]] = {
    "string": "", "bool": False, "int32": 0, "int64": 0, "double": 0,
    "resource.Quantity": "0", "intstr.IntOrString": 0, "bytes": None,
}  # fmt: skip

Shape = Callable[[Any], Any]
#: Types whose JSON is one of several, each with the fields of all of them.
_UNIONS: Final[Mapping[str, Shape]] = {
    f"{_SCHEMA}OrArray": lambda value: _union(value, {"JSONSchemas": _each(value)}),
    f"{_SCHEMA}OrBool": lambda value: {"Allows": value is not False, **_union(value, {})},
    f"{_SCHEMA}OrStringArray": lambda value: _union(
        value, {"Property": value if isinstance(value, list) else None}
    ),
}


def internal_form(type_name: str, value: Mapping[str, Any] | None) -> Any:
    """Return a struct of a served type (``core.v1.Toleration``) in its internal form."""
    return None if value is None else _struct(type_name)(value)


def internal_value(type_name: str, value: Any) -> Any:
    """Return a value of any served type (``apiextensions.v1.JSONSchemaPropsOrArray``) likewise."""
    return None if value is None else _value(type_name)(value)


def internal_selector(value: Mapping[str, Any] | None) -> Any:
    """Return a label selector in its internal form: like all metadata, as clients see it."""
    return None if value is None else _value("meta.v1.LabelSelector")(value)


def internal_map(value: Mapping[str, str] | None) -> dict[str, str] | None:
    """Return labels, or another map of texts, as messages show them: by key."""
    return None if value is None else dict(sorted(value.items()))


def show_internal(type_name: str, value: Mapping[str, Any] | None) -> str:
    """Return a struct as messages show it in one line."""
    return orjson.dumps(internal_form(type_name, value)).decode()


@cache
def _struct(type_name: str) -> Shape:
    members = _members(type_name)
    moved = _MOVED.get(type_name)

    def shape(value: Mapping[str, Any]) -> dict[str, Any]:
        shown: dict[str, Any] = {}
        for field, label, convert in members:
            item = member(value, field.name)
            if moved and field.name == moved[0]:
                shown[label] = _with_moved(item, value, moved[1], convert)
            elif field.type == _METADATA:
                shown.update(convert(item))
            else:
                shown[label] = convert(item)
        return shown

    return shape


def _with_moved(
    item: Any, parent: Mapping[str, Any], names: tuple[str, ...], convert: Shape
) -> dict[str, Any] | None:
    if item is None and not any(name in parent for name in names):
        return None
    shown = {
        _NAMES.get(name, _go_name(name)): parent.get(name, False if name in _FLAGS else None)
        for name in names
    }
    return {**shown, **convert(item or {})}


def _members(type_name: str) -> list[tuple[Field, str, Shape]]:
    fields: dict[str, Field] = {}
    for field in struct_type(type_name).fields:
        if field.embedded:
            for inner, _, _ in _members(field.type):
                fields[inner.name] = inner
        else:
            fields[field.name] = field
    order = _ORDER.get(type_name)
    names = list(fields) if order is None else [name for name in order if name in fields]
    return [
        (fields[name], _NAMES.get(name) or fields[name].label, _shape(type_name, fields[name]))
        for name in names
    ]


def _shape(type_name: str, field: Field) -> Shape:
    if field.is_map:
        each = _value(field.value_type)
        return lambda value: (
            None if value is None else {key: each(value[key]) for key in sorted(value)}
        )
    if field.repeated:
        one = _value(field.type)
        return lambda value: None if value is None else [one(item) for item in value]
    if field.pointer and (type_name, field.name) not in _NEVER_NULL:
        one = _value(field.type)
        return lambda value: None if value is None else one(value)
    if field.type in _ZEROS:
        zero = _ZEROS[field.type]
        return lambda value: zero if value is None else value
    one = _value(field.type)
    if field.type in LEAVES:
        return one
    return lambda value: one({} if value is None else value)


def _union(value: Any, others: Mapping[str, Any]) -> dict[str, Any]:
    shown = _struct(_SCHEMA)(value) if isinstance(value, dict) else None
    return {"Schema": shown, **others}


def _each(value: Any) -> list[Any] | None:
    return [_struct(_SCHEMA)(item) for item in value] if isinstance(value, list) else None


def _value(type_name: str) -> Shape:
    if type_name in _UNIONS:
        return _UNIONS[type_name]
    if type_name in LEAVES:
        return lambda value: value
    if type_name.startswith("meta."):
        struct = struct_type(type_name)
        return lambda value: in_order(struct, value)
    return lambda value: _struct(type_name)(value)


def _go_name(name: str) -> str:
    return name[:1].upper() + name[1:]
