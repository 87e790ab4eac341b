"""The metadata of EndpointSlices that controllers write. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from apiserver.controllers.serviceendpoints.endpoint_ports import is_headless
from apiserver.machinery.names import dns1123_subdomain_problems
from apiserver.machinery.objects import Object

SERVICE_NAME: Final = "kubernetes.io/service-name"
MANAGED_BY: Final = "endpointslice.kubernetes.io/managed-by"
HEADLESS: Final = "service.kubernetes.io/headless"
SLICE_CONTROLLER: Final = "endpointslice-controller.k8s.io"
MIRRORING_CONTROLLER: Final = "endpointslicemirroring-controller.k8s.io"
_RESERVED: Final = (SERVICE_NAME, MANAGED_BY, HEADLESS)


def slice_labels(service: Object) -> dict[str, str]:
    """Return the labels of the slices of a Service: its own, and those that link to it."""
    given: Mapping[str, str] = service["metadata"].get("labels") or {}
    labels = {name: value for name, value in given.items() if name not in _RESERVED}
    if is_headless(service["spec"]):
        labels[HEADLESS] = ""
    labels[SERVICE_NAME] = service["metadata"]["name"]
    labels[MANAGED_BY] = SLICE_CONTROLLER
    return labels


def owned_metadata(owner: Object, kind: str, labels: Mapping[str, str]) -> dict[str, Any]:
    """Return the metadata of a new slice that an object of core/v1 controls."""
    metadata = owner["metadata"]
    reference = {
        "apiVersion": "v1",
        "kind": kind,
        "name": metadata["name"],
        "uid": metadata["uid"],
        "controller": True,
        "blockOwnerDeletion": True,
    }
    return {
        "namespace": metadata["namespace"],
        "generateName": name_prefix(metadata["name"]),
        "labels": dict(labels),
        "ownerReferences": [reference],
    }


def is_owned_by(document: Object, service: Object) -> bool:
    """Return whether a slice belongs to this Service, not to a namesake before it."""
    references = document["metadata"].get("ownerReferences") or ()
    uid = service["metadata"]["uid"]
    return any(
        each["uid"] == uid and each["kind"] == "Service" and each["apiVersion"] == "v1"
        for each in references
    )


def name_prefix(name: str) -> str:
    """Return the ``generateName`` of the slices of a Service."""
    prefix = f"{name}-"
    # A generated name has a suffix, so its prefix may end with a dash.
    return name if dns1123_subdomain_problems(prefix[:-1] + "a") else prefix


def managed_by(document: Object) -> tuple[str, str]:
    """Return the controller and the Service that the labels of a slice name."""
    labels = document["metadata"].get("labels") or {}
    return labels.get(MANAGED_BY, ""), labels.get(SERVICE_NAME, "")
