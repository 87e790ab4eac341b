"""PodNodeSelector: the namespace of a Pod says on which nodes it may run."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from apiserver.access.admission.chain import CREATE, AdmissionAttributes
from apiserver.client.client import Reader
from apiserver.machinery.builtin_resources import NAMESPACES, PODS
from apiserver.machinery.errors import UnknownError
from apiserver.machinery.gvk import GroupVersionResource
from apiserver.machinery.objects import Object, annotations_of, with_spec

_SELECTOR: Final = "scheduler.alpha.kubernetes.io/node-selector"


class PodNodeSelector:
    """Adds the node selector in an annotation of the namespace to that of a Pod."""

    name = "PodNodeSelector"

    def handles(self, operation: str, resource: GroupVersionResource, subresource: str) -> bool:
        return resource == PODS and operation == CREATE and not subresource

    def mutate(self, attributes: AdmissionAttributes, reader: Reader) -> Object | None:
        pod = attributes.object
        assert pod is not None
        wanted = _checked(attributes, reader)
        own = pod["spec"].get("nodeSelector") or {}
        return None if wanted.items() <= own.items() else with_spec(pod, nodeSelector=wanted | own)

    def validate(self, attributes: AdmissionAttributes, reader: Reader) -> None:
        _checked(attributes, reader)


def _checked(attributes: AdmissionAttributes, reader: Reader) -> dict[str, str]:
    """Return the selector of the namespace. Raises Forbidden if that of the Pod conflicts."""
    assert attributes.object is not None
    namespace = reader.get(NAMESPACES, "", attributes.namespace)
    wanted = _parsed(annotations_of(namespace or {}).get(_SELECTOR, ""))
    own: Mapping[str, str] = attributes.object["spec"].get("nodeSelector") or {}
    if any(own.get(key, value) != value for key, value in wanted.items()):
        raise attributes.forbidden(
            "pod node label selector conflicts with its namespace node label selector"
        )
    return wanted


def _parsed(text: str) -> dict[str, str]:
    selector = {}
    for requirement in text.split(",") if text else ():
        parts = requirement.split("=")
        if len(parts) != 2:
            raise UnknownError(f"invalid selector: [{' '.join(parts)}]")
        selector[parts[0].strip()] = parts[1].strip()
    return selector
