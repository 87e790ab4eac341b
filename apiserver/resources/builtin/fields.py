"""What built-in kinds can be selected by, beside name and namespace.

Most are paths into the object. A table, so that a kind's row is all there is to say of it; a kind
that computes a field has a function in its row.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from apiserver.machinery.gvk import GroupResource
from apiserver.machinery.objects import Object

Field = Callable[[Object], str]


def path(dotted: str) -> Field:
    """Return a reader of the field at a dotted path; what is missing reads as empty."""
    parts = dotted.split(".")

    def read(document: Object) -> str:
        value: Any = document
        for part in parts:
            value = value.get(part) if isinstance(value, dict) else None
        if isinstance(value, bool):
            return "true" if value else "false"
        return "" if value is None else str(value)

    return read


def flag(dotted: str) -> Field:
    """Return a reader of a boolean that is false when it is missing."""
    read = path(dotted)
    return lambda document: read(document) or "false"


def number(dotted: str) -> Field:
    """Return a reader of a number that is 0 when it is missing."""
    read = path(dotted)
    return lambda document: read(document) or "0"


def _paths(*dotted: str) -> dict[str, Field]:
    return {name: path(name) for name in dotted}


def _event_source(document: Object) -> str:
    source = (document.get("source") or {}).get("component")
    return source or document.get("reportingComponent") or ""


_REFERENCE = ("kind", "namespace", "name", "uid", "apiVersion", "resourceVersion", "fieldPath")

SELECTABLE: Mapping[GroupResource, Mapping[str, Field]] = {
    GroupResource("", "pods"): {
        **_paths(
            "spec.nodeName",
            "spec.restartPolicy",
            "spec.schedulerName",
            "spec.serviceAccountName",
            "status.phase",
            "status.podIP",
            "status.nominatedNodeName",
        ),
        "spec.host": path("spec.nodeName"),
        "spec.hostNetwork": flag("spec.hostNetwork"),
    },
    GroupResource("", "nodes"): {"spec.unschedulable": flag("spec.unschedulable")},
    GroupResource("", "replicationcontrollers"): {"status.replicas": number("status.replicas")},
    GroupResource("", "events"): {
        **_paths(*(f"involvedObject.{name}" for name in _REFERENCE)),
        **_paths("reason", "reportingComponent", "type"),
        "source": _event_source,
    },
    GroupResource("events.k8s.io", "events"): {
        **_paths(*(f"regarding.{name}" for name in _REFERENCE)),
        **_paths("reason", "reportingController", "type"),
    },
    GroupResource("", "namespaces"): _paths("status.phase"),
    GroupResource("", "secrets"): _paths("type"),
    GroupResource("", "services"): _paths("spec.clusterIP", "spec.type"),
    GroupResource("batch", "jobs"): {"status.successful": number("status.succeeded")},
    GroupResource("certificates.k8s.io", "certificatesigningrequests"): _paths("spec.signerName"),
    GroupResource("resource.k8s.io", "resourceslices"): _paths("spec.nodeName", "spec.driver"),
}
