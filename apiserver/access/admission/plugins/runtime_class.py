"""RuntimeClass: applies the overhead and scheduling of a Pod's RuntimeClass."""

from __future__ import annotations

from typing import Any, Final

from apiserver.access.admission.chain import CREATE, AdmissionAttributes
from apiserver.access.admission.covering_tolerations import merged
from apiserver.access.quota.resource_lists import quantity_value
from apiserver.client.client import Reader
from apiserver.machinery.builtin_resources import PODS, RUNTIME_CLASSES
from apiserver.machinery.gvk import GroupVersionResource
from apiserver.machinery.objects import Object, with_spec
from apiserver.machinery.quoting import quote

_MISMATCH: Final = "pod rejected: Pod's Overhead doesn't match RuntimeClass's defined Overhead"
_UNDEFINED: Final = (
    "pod rejected: Pod Overhead set without corresponding RuntimeClass defined Overhead"
)


class RuntimeClass:
    """Sets overhead, node selector and tolerations, and rejects unknown classes."""

    name = "RuntimeClass"

    def handles(self, operation: str, resource: GroupVersionResource, subresource: str) -> bool:
        return resource == PODS and operation == CREATE and not subresource

    def mutate(self, attributes: AdmissionAttributes, reader: Reader) -> Object | None:
        pod = attributes.object
        assert pod is not None
        class_ = _class(attributes, reader)
        if class_ is None:
            return None
        fixed = (class_.get("overhead") or {}).get("podFixed")
        if fixed:
            given = pod["spec"].get("overhead")
            if given and not _same(given, fixed):
                raise attributes.forbidden(_MISMATCH)
            pod = with_spec(pod, overhead=fixed)
        scheduling = class_.get("scheduling")
        return pod if scheduling is None else _scheduled(attributes, pod, scheduling)

    def validate(self, attributes: AdmissionAttributes, reader: Reader) -> None:
        pod = attributes.object
        assert pod is not None
        overhead = pod["spec"].get("overhead")
        class_ = _class(attributes, reader)
        if class_ is not None and class_.get("overhead") is not None:
            fixed = class_["overhead"].get("podFixed") or {}
            if not _same(overhead or {}, fixed):
                raise attributes.forbidden(_MISMATCH)
        elif overhead:
            raise attributes.forbidden(_UNDEFINED)


def _class(attributes: AdmissionAttributes, reader: Reader) -> Object | None:
    assert attributes.object is not None
    name = attributes.object["spec"].get("runtimeClassName")
    if name is None:
        return None
    class_ = reader.get(RUNTIME_CLASSES, "", name)
    if class_ is None:
        raise attributes.forbidden(f"pod rejected: RuntimeClass {quote(name)} not found")
    return class_


def _same(amounts: dict[str, str], others: dict[str, str]) -> bool:
    return amounts.keys() == others.keys() and all(
        quantity_value(quantity) == quantity_value(others[name])
        for name, quantity in amounts.items()
    )


def _scheduled(attributes: AdmissionAttributes, pod: Object, scheduling: dict[str, Any]) -> Object:
    chosen = dict(pod["spec"].get("nodeSelector") or {})
    for key, value in (scheduling.get("nodeSelector") or {}).items():
        if chosen.get(key, value) != value:
            raise attributes.forbidden(
                f"conflict: runtimeClass.scheduling.nodeSelector[{key}] = {value}; "
                f"pod.spec.nodeSelector[{key}] = {chosen[key]}"
            )
        chosen[key] = value
    own, added = pod["spec"].get("tolerations") or (), scheduling.get("tolerations") or ()
    tolerations = merged([*own, *added])
    changes: dict[str, Any] = {}
    if chosen:
        changes["nodeSelector"] = chosen
    if tolerations:
        changes["tolerations"] = tolerations
    return with_spec(pod, **changes)
