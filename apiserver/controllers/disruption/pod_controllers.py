"""The controllers of Pods, and how many Pods each of them wants.

The scale of a ReplicaSet is that of its Deployment, if it has one: during a rollout the Pods of
several ReplicaSets are those of one Deployment.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

from apiserver.client.client import APIResource, Client
from apiserver.machinery.errors import NotFound
from apiserver.machinery.gvk import GroupResource, GroupVersionKind, parse_api_version
from apiserver.machinery.objects import Object, name_of, namespace_of
from apiserver.machinery.quoting import quote

_SCALE: Final = "scale"
_WORKLOAD_GROUPS: Final = ("apps", "extensions")
_REPLICA_SET: Final = "ReplicaSet"
_DEPLOYMENT: Final = "Deployment"

#: The uid of a controller, and the number of its Pods.
ControllerScale = tuple[str, int]


async def expected_scale(client: Client, pods: Iterable[Object]) -> int:
    """Return the number of Pods that the controllers of ``pods`` want.

    Pods without a controller are not counted. Raises ValueError if the scale of a controller is
    unknown, StatusError if it cannot be read.
    """
    scales: dict[str, int] = {}
    known: set[str] = set()
    for pod in pods:
        reference = controller_of(pod)
        if reference is None or reference["uid"] in known:
            continue
        found = await _scale_of(client, reference, namespace_of(pod))
        if found is None:
            raise ValueError(f"found no controllers for pod {quote(name_of(pod))}")
        known.add(reference["uid"])
        scales[found[0]] = found[1]
    return sum(scales.values())


def controller_of(document: Object) -> Mapping[str, Any] | None:
    """Return the owner reference of the controller of an object."""
    references = document["metadata"].get("ownerReferences") or ()
    return next((each for each in references if each.get("controller")), None)


async def _scale_of(
    client: Client, reference: Mapping[str, Any], namespace: str
) -> ControllerScale | None:
    group, version = parse_api_version(reference["apiVersion"])
    if group in _WORKLOAD_GROUPS and reference["kind"] == _REPLICA_SET:
        found = await _deployment_scale(client, reference, namespace)
        if found is not None:
            return found
    resource = await client.resource_of(GroupVersionKind(group, version, reference["kind"]))
    if resource is None:
        api_version = reference["apiVersion"]
        raise ValueError(f'no matches for kind "{reference["kind"]}" in version "{api_version}"')
    if _SCALE not in resource.subresources:
        shown = GroupResource(group, resource.name.resource)
        raise ValueError(f"{shown} does not implement the scale subresource")
    return await _read_scale(client, resource, reference, namespace)


async def _deployment_scale(
    client: Client, reference: Mapping[str, Any], namespace: str
) -> ControllerScale | None:
    replica_sets = await client.resource_of(GroupVersionKind("apps", "v1", _REPLICA_SET))
    deployments = await client.resource_of(GroupVersionKind("apps", "v1", _DEPLOYMENT))
    if replica_sets is None or deployments is None:
        return None
    try:
        replica_set = await client.get(replica_sets.name, namespace, reference["name"])
    except NotFound:
        return None
    owner = controller_of(replica_set)
    if replica_set["metadata"]["uid"] != reference["uid"] or owner is None:
        return None
    group, _ = parse_api_version(owner["apiVersion"])
    if group not in _WORKLOAD_GROUPS or owner["kind"] != _DEPLOYMENT:
        return None
    return await _read_scale(client, deployments, owner, namespace)


async def _read_scale(
    client: Client, resource: APIResource, reference: Mapping[str, Any], namespace: str
) -> ControllerScale | None:
    try:
        where = namespace if resource.namespaced else ""
        scale = await client.get(resource.name, where, reference["name"], _SCALE)
    except NotFound:
        return None
    uid = scale["metadata"]["uid"]
    return (uid, scale["spec"].get("replicas", 0)) if uid == reference["uid"] else None
