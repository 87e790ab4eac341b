"""What to tell those who write Services that are not quite wrong."""

from __future__ import annotations

from typing import Any, Final

from apiserver.machinery.objects import Object, metadata_of
from apiserver.resources.builtin.core.services.defaults import (
    CLIENT_IP,
    CLUSTER_IP,
    EXTERNAL_NAME,
    is_headless,
)

AWARE_HINTS: Final = "service.kubernetes.io/topology-aware-hints"


def warnings_for(document: Object) -> list[str]:
    """Return what to say of a Service."""
    spec = document["spec"]
    warnings = []
    if AWARE_HINTS in (metadata_of(document).get("annotations") or {}):
        warnings.append(
            f"annotation {AWARE_HINTS} is deprecated, "
            "please use service.kubernetes.io/topology-mode instead"
        )
    if spec.get("type") == CLUSTER_IP and is_headless(spec):
        warnings += _ignored_without_address(spec)
    if spec.get("externalIPs"):
        if spec.get("type") == EXTERNAL_NAME:
            warnings.append('spec.externalIPs is ignored when spec.type is "ExternalName"')
        else:
            warnings.append(
                "spec.externalIPs is deprecated and may no longer be implemented in some clusters"
            )
    if spec.get("type") != EXTERNAL_NAME and spec.get("externalName"):
        warnings.append('spec.externalName is ignored when spec.type is not "ExternalName"')
    if spec.get("trafficDistribution") == "PreferClose":
        warnings.append(
            'spec.trafficDistribution: "PreferClose" is deprecated; use "PreferSameZone"'
        )
    return warnings


def _ignored_without_address(spec: dict[str, Any]) -> list[str]:
    ignored = [name for name in ("loadBalancerIP", "externalIPs") if spec.get(name)]
    if spec.get("sessionAffinity") == CLIENT_IP:
        ignored.append("SessionAffinity")
    return [f"spec.{name} is ignored for headless services" for name in ignored]
