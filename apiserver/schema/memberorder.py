"""The order in which types declare their members, which is the order of a Go server's JSON.

The order has no meaning for clients, but some error messages quote whole documents. Most members
are declared in the order of their protobuf numbers; a table lists the exceptions. Maps, and
documents without a built-in type, are sorted by name.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from typing import Any, Final

from apiserver.machinery import sorting
from apiserver.machinery.objects import Object
from apiserver.schema.structtypes import LEAVES, StructType, struct_type

_CONTAINER: Final = {
    "envFrom": "ports",
    "resizePolicy": "resources",
    "restartPolicy": "resizePolicy",
    "restartPolicyRules": "restartPolicy",
    "volumeDevices": "volumeMounts",
    "startupProbe": "readinessProbe",
    "terminationMessagePolicy": "terminationMessagePath",
}
_CONDITION: Final = {"lastUpdateTime": "status", "lastTransitionTime": "lastUpdateTime"}

# For each type, the members that are not declared in the order of their numbers, by the member that
# they follow; those after "" come first.
_AFTER: Final[Mapping[str, Mapping[str, str]]] = {
    "apps.v1.DeploymentCondition": _CONDITION,
    "apps.v1.DeploymentStatus": {
        "readyReplicas": "updatedReplicas",
        "terminatingReplicas": "unavailableReplicas",
    },
    "apps.v1.ReplicaSetSpec": {"minReadySeconds": "replicas"},
    "batch.v1.CronJobSpec": {"timeZone": "schedule"},
    "batch.v1.JobSpec": {
        "podFailurePolicy": "activeDeadlineSeconds",
        "successPolicy": "podFailurePolicy",
        "backoffLimit": "successPolicy",
        "backoffLimitPerIndex": "backoffLimit",
        "maxFailedIndexes": "backoffLimitPerIndex",
    },
    "core.v1.ConfigMap": {"immutable": "metadata"},
    "core.v1.Container": _CONTAINER,
    "core.v1.EphemeralContainerCommon": _CONTAINER,
    "core.v1.NodeSpec": {"podCIDRs": "podCIDR", "externalID": "configSource"},
    "core.v1.PersistentVolumeClaimSpec": {"selector": "accessModes"},
    "core.v1.PodCondition": {"observedGeneration": "type"},
    "core.v1.PodSecurityContext": {
        "windowsOptions": "seLinuxOptions",
        "runAsGroup": "runAsUser",
        "supplementalGroupsPolicy": "supplementalGroups",
    },
    "core.v1.PodSpec": {
        "initContainers": "volumes",
        "ephemeralContainers": "containers",
        "automountServiceAccountToken": "serviceAccount",
        "shareProcessNamespace": "hostIPC",
    },
    "core.v1.PodStatus": {
        "observedGeneration": "",
        "nominatedNodeName": "reason",
        "hostIPs": "hostIP",
        "podIPs": "podIP",
        "initContainerStatuses": "startTime",
    },
    "core.v1.Secret": {"immutable": "metadata", "stringData": "data"},
    "core.v1.SecurityContext": {"windowsOptions": "seLinuxOptions", "runAsGroup": "runAsUser"},
    "core.v1.ServicePort": {"appProtocol": "protocol"},
    "core.v1.ServiceSpec": {
        "clusterIPs": "clusterIP",
        "ipFamilies": "sessionAffinityConfig",
    },
    "core.v1.VolumeMount": {"recursiveReadOnly": "readOnly"},
    "core.v1.VolumeSource": {"projected": "photonPersistentDisk"},
    "discovery.v1.EndpointSlice": {"addressType": "metadata"},
    "meta.v1.OwnerReference": {"apiVersion": ""},
    "networking.v1.IngressSpec": {"ingressClassName": ""},
}

Arrange = Callable[[Any], Any]


def in_order(struct: StructType | None, document: Any) -> Any:
    """Return a copy with its members in order; sorted by name if it has no type."""
    return by_name(document) if struct is None else _struct(struct.name)(document)


def by_name(value: Any) -> Any:
    """Return a copy of a document with all members sorted by name."""
    if isinstance(value, dict):
        return {name: by_name(value[name]) for name in sorting.in_order(value)}
    if isinstance(value, list):
        return [by_name(item) for item in value]
    return value


def metadata_in_order(document: Object) -> Object:
    """Return a document with the members of its metadata in the order of their type."""
    return {**document, "metadata": in_order_of_metadata(document["metadata"])}


def in_order_of_metadata(metadata: Object) -> Object:
    """Return metadata with its members in the order of their type, without others."""
    return {name: metadata[name] for name in _metadata_members() if name in metadata}


def metadata_by_name(document: Object) -> Object:
    """Return a document with the members of its metadata sorted by name."""
    metadata = document["metadata"]
    return {**document, "metadata": {name: metadata[name] for name in sorted(metadata)}}


@cache
def _metadata_members() -> tuple[str, ...]:
    return tuple(_declared(struct_type("meta.v1.ObjectMeta")))


@cache
def _struct(name: str) -> Arrange:
    struct = struct_type(name)
    order: list[str] = ["kind", "apiVersion"] if struct.is_kind else []
    order += _declared(struct)
    types = {field.name: field for field in struct.members()}

    def arrange(value: Any) -> Any:
        if not isinstance(value, dict):
            return by_name(value)
        arranged = {}
        for member in order:
            if member in value:
                field = types.get(member)
                item = value[member]
                if field is None or isinstance(item, str):
                    arranged[member] = item
                elif field.is_map and isinstance(item, dict):
                    convert = _value(field.value_type)
                    arranged[member] = {key: convert(item[key]) for key in sorting.in_order(item)}
                elif field.repeated and isinstance(item, list):
                    arranged[member] = [_value(field.type)(each) for each in item]
                else:
                    arranged[member] = _value(field.type)(item)
        for member in sorting.in_order(value.keys() - arranged.keys()):
            arranged[member] = by_name(value[member])
        return arranged

    return arrange


def _value(type_: str) -> Arrange:
    return by_name if type_ in LEAVES or type_.startswith("map<") else _struct(type_)


def _declared(struct: StructType) -> list[str]:
    names: list[str] = []
    for field in struct.fields:
        names += _declared(struct_type(field.type)) if field.embedded else [field.name]
    for name, before in _AFTER.get(struct.name, {}).items():
        if name in names:
            names.remove(name)
            names.insert(names.index(before) + 1 if before in names else 0, name)
    return names
