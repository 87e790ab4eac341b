"""TaintNodesByCondition: a new node is tainted until it is ready."""

from __future__ import annotations

from typing import Final

from apiserver.access.admission.chain import CREATE, AdmissionAttributes
from apiserver.client.client import Reader
from apiserver.machinery.builtin_resources import NODES
from apiserver.machinery.gvk import GroupVersionResource
from apiserver.machinery.objects import Object, with_spec

_NOT_READY: Final = {"key": "node.kubernetes.io/not-ready", "effect": "NoSchedule"}


class TaintNodesByCondition:
    """Taints new nodes."""

    name = "TaintNodesByCondition"

    def handles(self, operation: str, resource: GroupVersionResource, subresource: str) -> bool:
        return resource == NODES and operation == CREATE and not subresource

    def mutate(self, attributes: AdmissionAttributes, reader: Reader) -> Object | None:
        node = attributes.object
        assert node is not None
        taints = (node.get("spec") or {}).get("taints") or []
        if any(_NOT_READY.items() <= taint.items() for taint in taints):
            return None
        return with_spec(node, taints=[*taints, dict(_NOT_READY)])
