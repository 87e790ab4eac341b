"""Fields of Pods of disabled feature gates.

They are dropped, unless the existing object uses them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

Spec = dict[str, Any]
Status = dict[str, Any]

#: Projected volume sources of disabled feature gates.
_PROJECTIONS: Final = ("podCertificate", "clusterTrustBundle")


def drop_disabled_spec_fields(spec: Spec, old: Mapping[str, Any] | None = None) -> Spec:
    """Return a spec without the fields of disabled features that ``old`` does not use."""
    before = old or {}
    if "schedulingGroup" in spec and "schedulingGroup" not in before:
        spec = {name: value for name, value in spec.items() if name != "schedulingGroup"}
    if _uses_stop_signal(spec) and not _uses_stop_signal(before):
        spec = _without_stop_signals(spec)
    for kind in _PROJECTIONS:
        if _projects(spec, kind) and not _projects(before, kind):
            spec = {**spec, "volumes": [_without(volume, kind) for volume in spec["volumes"]]}
    return spec


def _projects(spec: Mapping[str, Any], kind: str) -> bool:
    return any(
        kind in part
        for volume in spec.get("volumes") or ()
        if "projected" in volume
        for part in volume["projected"].get("sources") or ()
    )


def _without(volume: dict[str, Any], kind: str) -> dict[str, Any]:
    if "projected" not in volume:
        return volume
    projected = volume["projected"]
    parts = [
        {name: value for name, value in part.items() if name != kind}
        for part in projected.get("sources") or ()
    ]
    return {**volume, "projected": {**projected, "sources": parts}}


_PARTS: Final = ("containers", "initContainers", "ephemeralContainers")


def _uses_stop_signal(spec: Mapping[str, Any]) -> bool:
    return any(
        "stopSignal" in container["lifecycle"]
        for part in _PARTS
        for container in spec.get(part) or ()
        if "lifecycle" in container
    )


def _without_stop_signals(spec: Spec) -> Spec:
    changed = dict(spec)
    for part in _PARTS:
        # Containers that are not there are shown as null.
        if spec.get(part):
            changed[part] = [_without_stop_signal(container) for container in spec[part]]
    return changed


def _without_stop_signal(container: dict[str, Any]) -> dict[str, Any]:
    lifecycle = container.get("lifecycle") or {}
    if "stopSignal" not in lifecycle:
        return container
    rest = {name: value for name, value in lifecycle.items() if name != "stopSignal"}
    return {**container, "lifecycle": rest}


_NODE_CLAIMS: Final = "nodeAllocatableResourceClaimStatuses"
_STATUSES: Final = ("containerStatuses", "initContainerStatuses", "ephemeralContainerStatuses")
_VOLUME_STATUS: Final = "volumeStatus"


def drop_disabled_status_fields(status: Status, old: Mapping[str, Any]) -> Status:
    """Return a status without the fields of disabled features that ``old`` does not use."""
    if _NODE_CLAIMS in status and _NODE_CLAIMS not in old:
        status = {name: value for name, value in status.items() if name != _NODE_CLAIMS}
    if not _shows_volumes(status) or _shows_volumes(old):
        return status
    changed = dict(status)
    for part in _STATUSES:
        if status.get(part):
            changed[part] = [_without_volume_status(container) for container in status[part]]
    return changed


def _shows_volumes(status: Mapping[str, Any]) -> bool:
    return any(
        _VOLUME_STATUS in mount
        for part in _STATUSES
        for container in status.get(part) or ()
        for mount in container.get("volumeMounts") or ()
    )


def _without_volume_status(container: dict[str, Any]) -> dict[str, Any]:
    if not container.get("volumeMounts"):
        return container
    mounts = [
        {name: value for name, value in mount.items() if name != _VOLUME_STATUS}
        for mount in container["volumeMounts"]
    ]
    return {**container, "volumeMounts": mounts}
