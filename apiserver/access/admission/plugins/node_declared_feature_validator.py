"""NodeDeclaredFeatureValidator: updates of a Pod need features that its node declares.

Nodes declare their features in ``status.declaredFeatures`` (KEP-5328). Of the features of this
version, two are needed for updates of Pods, both for a resize.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from apiserver.access.admission.chain import UPDATE, AdmissionAttributes
from apiserver.client.client import Reader
from apiserver.machinery.builtin_resources import NODES, PODS
from apiserver.machinery.gvk import GroupVersionResource
from apiserver.machinery.objects import Object
from apiserver.machinery.quoting import quote


class NodeDeclaredFeatureValidator:
    """Rejects updates that need what the node of the Pod does not declare."""

    name = "NodeDeclaredFeatureValidator"

    def handles(self, operation: str, resource: GroupVersionResource, subresource: str) -> bool:
        return resource == PODS and operation == UPDATE and subresource in ("", "resize")

    def validate(self, attributes: AdmissionAttributes, reader: Reader) -> None:
        pod, old = attributes.object, attributes.old_object
        assert pod is not None
        assert old is not None
        node_name = pod["spec"].get("nodeName")
        if not node_name or pod["spec"] == old["spec"]:
            return
        needed = [name for name, is_needed in _FEATURES.items() if is_needed(old, pod)]
        if not needed:
            return
        node = reader.get(NODES, "", node_name)
        if node is None:
            raise attributes.forbidden(f"node {quote(node_name)} not found")
        declared = (node.get("status") or {}).get("declaredFeatures") or ()
        missing = [name for name in needed if name not in declared]
        if missing:
            raise attributes.forbidden(
                f"pod update requires features {', '.join(missing)} which are not available on "
                f"node {quote(node_name)}"
            )


def _resizes_init_containers(old: Object, pod: Object) -> bool:
    return any(
        container.get("resources") != other.get("resources")
        for container, other in zip(
            *(it["spec"].get("initContainers") or () for it in (old, pod)), strict=False
        )
        if container.get("restartPolicy") != "Always"
    )


def _resizes_pod(old: Object, pod: Object) -> bool:
    return bool(old["spec"].get("resources") != pod["spec"].get("resources"))


# By name: whether an update needs the feature, given the old and the new Pod.
_FEATURES: Final[Mapping[str, Callable[[Object, Object], bool]]] = {
    "InPlacePodLevelResourcesVerticalScaling": _resizes_pod,
    "InPlacePodVerticalScalingInitContainers": _resizes_init_containers,
}
