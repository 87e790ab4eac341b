"""Defaults of pod specs; they are set in place, so the document must belong to the caller."""

from __future__ import annotations

from typing import Any

from apiserver.resources.builtin.parts.environment import default_env
from apiserver.resources.builtin.parts.images import default_pull_policy
from apiserver.resources.builtin.parts.podresources import default_pod_requirements
from apiserver.resources.builtin.parts.ports import default_ports
from apiserver.resources.builtin.parts.probes import PROBES, default_lifecycle, default_probe
from apiserver.resources.builtin.parts.resources import (
    default_quantities,
    default_requests,
    default_requirements,
)
from apiserver.resources.builtin.parts.volumes import default_volumes


def default_spec(spec: dict[str, Any]) -> None:
    """Set the defaults of every pod spec, in a Pod or in a template."""
    for member, value in _USUAL:
        if not spec.get(member):
            spec[member] = value
    if "terminationGracePeriodSeconds" not in spec:
        spec["terminationGracePeriodSeconds"] = 30
    if "securityContext" not in spec:
        spec["securityContext"] = {}
    _mirror_service_account(spec)
    for part in ("containers", "initContainers", "ephemeralContainers"):
        for container in spec.get(part) or ():
            default_container(container)
    if "volumes" in spec:
        default_volumes(spec["volumes"])
    if "overhead" in spec:
        default_quantities(spec["overhead"])
    if "resources" in spec:
        default_requirements(spec["resources"])


_USUAL = (
    ("dnsPolicy", "ClusterFirst"),
    ("restartPolicy", "Always"),
    ("schedulerName", "default-scheduler"),
)


def _mirror_service_account(spec: dict[str, Any]) -> None:
    # The deprecated field is used if only it is set, and both are always returned.
    name = spec.get("serviceAccountName") or spec.get("serviceAccount")
    if name:
        spec["serviceAccountName"] = spec["serviceAccount"] = name


def default_container(container: dict[str, Any]) -> None:
    """Set the defaults of a container of any sort."""
    if not container.get("terminationMessagePath"):
        container["terminationMessagePath"] = "/dev/termination-log"
    if not container.get("terminationMessagePolicy"):
        container["terminationMessagePolicy"] = "File"
    if not container.get("imagePullPolicy"):
        container["imagePullPolicy"] = default_pull_policy(container.get("image", ""))
    if "ports" in container:
        default_ports(container["ports"])
    if "env" in container:
        default_env(container["env"])
    if container.get("resources"):
        default_requirements(container["resources"])
    for kind in PROBES:
        if kind in container:
            default_probe(container[kind])
    if "lifecycle" in container:
        default_lifecycle(container["lifecycle"])


def default_pod(spec: dict[str, Any]) -> None:
    """Set the defaults that Pods have and templates do not, after `default_spec`."""
    for part in ("containers", "initContainers"):
        for container in spec.get(part) or ():
            if container.get("resources"):
                default_requests(container["resources"])
    default_pod_requirements(spec)
    if "enableServiceLinks" not in spec:
        spec["enableServiceLinks"] = True
    if spec.get("hostNetwork"):
        for part in ("containers", "initContainers"):
            for container in spec.get(part) or ():
                for port in container.get("ports") or ():
                    if not port.get("hostPort") and port["containerPort"]:
                        port["hostPort"] = port["containerPort"]
