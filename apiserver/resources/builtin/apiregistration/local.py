"""The APIServices of the group versions that the server itself serves."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from apiserver.machinery.objects import Object
from apiserver.resources.definition import ResourceDefinition

API_VERSION: Final = "apiregistration.k8s.io/v1"
_GROUP: Final = "apiregistration.k8s.io"
#: Who keeps an APIService as it is: ``onstart`` for built-in ones, ``true`` for custom kinds.
AUTOMANAGED: Final = "kube-aggregator.kubernetes.io/automanaged"


def local_api_services(definitions: Iterable[ResourceDefinition]) -> list[Object]:
    """Return an APIService for each group version of built-in resources but its own."""
    found: dict[str, Object] = {}
    for definition in definitions:
        if definition.custom or definition.group == _GROUP:
            continue
        name = f"{definition.version}.{definition.group}"
        spec = {
            "version": definition.version,
            "groupPriorityMinimum": definition.group_priority,
            "versionPriority": definition.version_priority,
        }
        if definition.group:
            spec["group"] = definition.group
        found[name] = {
            "kind": "APIService",
            "apiVersion": API_VERSION,
            "metadata": {"name": name, "labels": {AUTOMANAGED: "onstart"}},
            "spec": spec,
            "status": {},
        }
    return list(found.values())
