"""The Endpoints of a Service, as the controller writes them. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from apiserver.controllers.serviceendpoints.endpoint_pods import EndpointPod
from apiserver.controllers.serviceendpoints.endpoint_ports import is_headless
from apiserver.controllers.serviceendpoints.endpoint_subsets import service_subsets, truncated
from apiserver.controllers.serviceendpoints.slice_metadata import HEADLESS
from apiserver.controllers.serviceendpoints.trigger_times import with_last_change
from apiserver.machinery.objects import Object, with_metadata

MANAGED_BY: Final = "endpoints.kubernetes.io/managed-by"
CONTROLLER: Final = "endpoint-controller"
OVER_CAPACITY: Final = "endpoints.kubernetes.io/over-capacity"
_TRUNCATED: Final = "truncated"


def changed_endpoints(
    service: Object, pods: Iterable[EndpointPod], existing: Object | None, last_change: str
) -> Object | None:
    """Return the Endpoints of a Service if they have to be written, else ``None``.

    ``last_change`` is the value of the annotation if they are.
    """
    before = existing or _empty(service)
    subsets, lost = truncated(service_subsets(service, pods))
    labels = _labels(service)
    known = before["metadata"].get("annotations") or {}
    if (
        existing is not None
        and (before.get("subsets") or []) == subsets
        and (before["metadata"].get("labels") or {}) == labels
        and (OVER_CAPACITY in known) == lost
    ):
        return None
    annotations = {name: value for name, value in known.items() if name != OVER_CAPACITY}
    if lost:
        annotations[OVER_CAPACITY] = _TRUNCATED
    changed = with_metadata(
        before, labels=labels, annotations=with_last_change(annotations, last_change)
    )
    return {**changed, "subsets": subsets}


def _empty(service: Object) -> Object:
    metadata = service["metadata"]
    return {
        "apiVersion": "v1",
        "kind": "Endpoints",
        "metadata": {"namespace": metadata["namespace"], "name": metadata["name"]},
    }


def _labels(service: Object) -> dict[str, str]:
    labels = {**(service["metadata"].get("labels") or {}), MANAGED_BY: CONTROLLER}
    labels.pop(HEADLESS, None)
    if is_headless(service["spec"]):
        labels[HEADLESS] = ""
    return labels
