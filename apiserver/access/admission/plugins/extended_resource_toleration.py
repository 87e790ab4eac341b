"""ExtendedResourceToleration: Pods that request a device tolerate the nodes reserved for it."""

from __future__ import annotations

from typing import Any, Final

from apiserver.access.admission.chain import CREATE, UPDATE, AdmissionAttributes
from apiserver.client.client import Reader
from apiserver.machinery.builtin_resources import PODS
from apiserver.machinery.gvk import GroupVersionResource
from apiserver.machinery.objects import Object, with_spec

_TRIPLE: Final = ("key", "operator", "effect")


class ExtendedResourceToleration:
    """Adds a toleration of the taint with the name of each extended resource."""

    name = "ExtendedResourceToleration"

    def handles(self, operation: str, resource: GroupVersionResource, subresource: str) -> bool:
        return resource == PODS and operation in (CREATE, UPDATE) and not subresource

    def mutate(self, attributes: AdmissionAttributes, reader: Reader) -> Object | None:
        pod = attributes.object
        assert pod is not None
        before = pod["spec"].get("tolerations") or []
        tolerations = before
        for name in sorted(_extended_resources(pod)):
            tolerations = _with(tolerations, name)
        return None if tolerations == before else with_spec(pod, tolerations=tolerations)


def _extended_resources(pod: Object) -> set[str]:
    return {
        name
        for member in ("containers", "initContainers")
        for container in pod["spec"].get(member) or ()
        for name in (container.get("resources") or {}).get("requests") or ()
        if _is_extended(name)
    }


def _is_extended(name: str) -> bool:
    return "/" in name and "kubernetes.io/" not in name and not name.startswith("requests.")


def _with(tolerations: list[dict[str, Any]], name: str) -> list[dict[str, Any]]:
    added = {"key": name, "operator": "Exists", "effect": "NoSchedule"}
    for index, each in enumerate(tolerations):
        # One for the same taint is replaced, whatever its tolerationSeconds.
        if all(each.get(member, "") == added[member] for member in _TRIPLE) and not each.get(
            "value"
        ):
            return [*tolerations[:index], added, *tolerations[index + 1 :]]
    return [*tolerations, added]
