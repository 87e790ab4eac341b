"""PodResizeValidator: a Pod is resized only if it fits on its node.

The kubelet would find the resize infeasible; here the client learns it at once. The cause in the
details of the error says why, for clients that try another size.
"""

from __future__ import annotations

from collections.abc import Mapping
from math import ceil
from typing import Any, Final

from apiserver.access.admission.chain import UPDATE, AdmissionAttributes
from apiserver.access.quota.resource_lists import add_lists, pod_requests, quantity_value
from apiserver.client.client import Reader
from apiserver.machinery.builtin_resources import NODES, PODS
from apiserver.machinery.errors import Forbidden
from apiserver.machinery.gvk import GroupVersionResource
from apiserver.machinery.objects import Object, metadata_of
from apiserver.machinery.quoting import quote

_OPERATING_SYSTEM: Final = "kubernetes.io/os"
# By name: how many of the units of messages there are in one.
_UNITS: Final = {"cpu": 1000, "memory": 1}


class PodResizeValidator:
    """Rejects resizes beyond the capacity of the node, or on nodes that do not support them."""

    name = "PodResizeValidator"

    def handles(self, operation: str, resource: GroupVersionResource, subresource: str) -> bool:
        return resource == PODS and operation == UPDATE and subresource == "resize"

    def validate(self, attributes: AdmissionAttributes, reader: Reader) -> None:
        pod, old = attributes.object, attributes.old_object
        assert pod is not None
        assert old is not None
        node_name = pod["spec"].get("nodeName")
        # The generation counts the changes of the spec.
        unchanged = metadata_of(pod).get("generation") == metadata_of(old).get("generation")
        if not node_name or unchanged:
            return
        node = reader.get(NODES, "", node_name)
        if node is None:
            raise attributes.forbidden(f"node {quote(node_name)} not found")
        exceeded = "; ".join(_exceeded(pod, (node.get("status") or {}).get("allocatable") or {}))
        if exceeded:
            why = f"Node didn't have enough allocatable resources: {exceeded}"
            raise _because(attributes.forbidden(why), "NodeCapacity")
        system = (metadata_of(node).get("labels") or {}).get(_OPERATING_SYSTEM, "")
        if system != "linux":
            why = (
                f"pod resize is only supported on linux nodes, node {quote(node_name)} is "
                f"{quote(system)}"
            )
            raise _because(attributes.forbidden(why), "UnsupportedPlatform")


def _exceeded(pod: Object, allocatable: Mapping[str, str]) -> list[str]:
    spec: Mapping[str, Any] = pod["spec"]
    requests = add_lists(pod_requests(spec), spec.get("overhead") or {})
    found = []
    for name in _UNITS:
        requested, available = (_amount(amounts, name) for amounts in (requests, allocatable))
        if requested > available:
            found.append(f"{name}, requested: {requested}, allocatable: {available}")
    return found


def _amount(amounts: Mapping[str, str], name: str) -> int:
    return ceil(quantity_value(amounts.get(name, "0")) * _UNITS[name])


def _because(error: Forbidden, reason: str) -> Forbidden:
    error.details = {**(error.details or {}), "causes": [{"reason": reason}]}
    return error
