"""Warnings about Services that are valid but may not work as intended."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from apiserver.machinery.objects import Object, metadata_of
from apiserver.resources.builtin.core.services.defaults import (
    CLIENT_IP,
    CLUSTER_IP,
    EXTERNAL_NAME,
    HEADLESS,
)
from apiserver.resources.builtin.parts.ipforms import warnings_for_cidr, warnings_for_ip

AWARE_HINTS: Final = "service.kubernetes.io/topology-aware-hints"


def warnings_for(document: Object) -> list[str]:
    """Return the warnings about a Service."""
    spec = document["spec"]
    headless = spec.get("type") == CLUSTER_IP and spec.get("clusterIP") == HEADLESS
    warnings = []
    if AWARE_HINTS in (metadata_of(document).get("annotations") or {}):
        warnings.append(
            f"annotation {AWARE_HINTS} is deprecated, "
            "please use service.kubernetes.io/topology-mode instead"
        )
    addresses = spec.get("clusterIPs") or []
    if addresses != [HEADLESS]:
        warnings += _forms(warnings_for_ip, "clusterIPs", addresses)
    if headless:
        warnings += _ignored_without_address(spec)
    external = spec.get("externalIPs") or []
    warnings += _forms(warnings_for_ip, "externalIPs", external)
    if external and not headless and spec.get("type") != EXTERNAL_NAME:
        warnings.append(
            "spec.externalIPs is deprecated and may no longer be implemented in some clusters"
        )
    if spec.get("loadBalancerIP"):
        warnings += warnings_for_ip(spec["loadBalancerIP"], "spec.loadBalancerIP")
    ranges = spec.get("loadBalancerSourceRanges") or []
    warnings += _forms(warnings_for_cidr, "loadBalancerSourceRanges", ranges)
    return warnings + _ignored_by_type(spec)


def warnings_for_status(document: Object) -> list[str]:
    """Return the warnings about the addresses of a load balancer."""
    balancer = (document.get("status") or {}).get("loadBalancer") or {}
    path = "status.loadBalancer.ingress"
    return [
        warning
        for index, point in enumerate(balancer.get("ingress") or ())
        for warning in warnings_for_ip(point.get("ip") or "", f"{path}[{index}]")
    ]


def _forms(warn: Callable[[str, str], list[str]], member: str, texts: list[str]) -> list[str]:
    return [
        warning
        for index, text in enumerate(texts)
        for warning in warn(text, f"spec.{member}[{index}]")
    ]


def _ignored_by_type(spec: dict[str, Any]) -> list[str]:
    warnings = []
    if spec.get("type") == EXTERNAL_NAME and spec.get("externalIPs"):
        warnings.append('spec.externalIPs is ignored when spec.type is "ExternalName"')
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
