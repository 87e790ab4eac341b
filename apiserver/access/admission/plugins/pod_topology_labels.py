"""PodTopologyLabels: copies topology labels of a node to the Pods bound to it."""

from __future__ import annotations

from typing import Final

from apiserver.access.admission.chain import CREATE, AdmissionAttributes
from apiserver.client.client import Reader
from apiserver.machinery.builtin_resources import NODES, PODS
from apiserver.machinery.gvk import GroupVersionResource
from apiserver.machinery.objects import Object, metadata_of, with_metadata

_LABELS: Final = ("topology.kubernetes.io/zone", "topology.kubernetes.io/region")


class PodTopologyLabels:
    """Copies zone and region labels of the node to Pods and Bindings."""

    name = "PodTopologyLabels"

    def handles(self, operation: str, resource: GroupVersionResource, subresource: str) -> bool:
        return resource == PODS and operation == CREATE and subresource in ("", "binding")

    def mutate(self, attributes: AdmissionAttributes, reader: Reader) -> Object | None:
        document = attributes.object
        assert document is not None
        if attributes.subresource:
            target = document.get("target") or {}
            name = target.get("name") if target.get("kind", "Node") in ("", "Node") else ""
        else:
            name = document["spec"].get("nodeName")
        node = reader.get(NODES, "", name) if name else None
        if node is None:
            return None
        labels = metadata_of(node).get("labels") or {}
        known = {label: labels[label] for label in _LABELS if label in labels}
        if not known:
            return None
        return with_metadata(
            document, labels={**(metadata_of(document).get("labels") or {}), **known}
        )
