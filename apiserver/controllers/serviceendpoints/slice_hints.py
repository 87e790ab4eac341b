"""Hints in EndpointSlices that keep traffic close, as ``spec.trafficDistribution`` asks. Pure.

KEP-4444 and KEP-3015: every ready endpoint is for its own zone, with PreferSameNode for its own
node as well.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from apiserver.controllers.serviceendpoints.slice_filling import without_hints
from apiserver.machinery.objects import Object

_SAME_NODE: Final = "PreferSameNode"
_CLOSE: Final = ("PreferClose", "PreferSameZone", _SAME_NODE)
_TOPOLOGY_MODES: Final = (
    "service.kubernetes.io/topology-aware-hints", "service.kubernetes.io/topology-mode",
)  # fmt: skip


def hinted(service: Object, endpoint: Object) -> Object:
    """Return an endpoint with the hints that its Service asks for."""
    plain = without_hints(endpoint)
    wanted = service["spec"].get("trafficDistribution")
    if wanted not in _CLOSE or _has_topology_mode(service) or not _is_ready(endpoint):
        return plain
    hints: Object = {}
    if endpoint.get("zone"):
        hints["forZones"] = [{"name": endpoint["zone"]}]
    if wanted == _SAME_NODE and endpoint.get("nodeName"):
        hints["forNodes"] = [{"name": endpoint["nodeName"]}]
    return {**plain, "hints": hints} if hints else plain


def _is_ready(endpoint: Mapping[str, Any]) -> bool:
    return bool((endpoint.get("conditions") or {}).get("ready"))


def _has_topology_mode(service: Object) -> bool:
    """Return whether the older annotation is in force, which has precedence."""
    annotations = service["metadata"].get("annotations") or {}
    mode = next((annotations[name] for name in _TOPOLOGY_MODES if name in annotations), "")
    return mode in ("Auto", "auto")
