"""The modules with the behaviour of built-in kinds.

A module is imported on the first request for its resource, because importing all of them would make
the start of the server too slow. Kinds that are not listed here use the default `Strategy`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from importlib import import_module
from typing import Final, TypeAlias

from apiserver.machinery.gvk import GroupResource
from apiserver.resources.strategy import Strategy

Loader: TypeAlias = Callable[[], type[Strategy]]

# Resources by their group and by the package that has a module for each of them.
_RESOURCES: Final[Mapping[tuple[str, str], str]] = {
    ("", "core"): (
        "componentstatuses configmaps endpoints events limitranges namespaces nodes "
        "persistentvolumeclaims persistentvolumes pods podtemplates "
        "replicationcontrollers resourcequotas secrets serviceaccounts services"
    ),
    ("apiregistration.k8s.io", "apiregistration"): "apiservices",
    ("apps", "apps"): ("controllerrevisions daemonsets deployments replicasets statefulsets"),
    ("events.k8s.io", "events"): "events",
    ("autoscaling", "autoscaling"): "horizontalpodautoscalers",
    ("batch", "batch"): "cronjobs jobs",
    ("certificates.k8s.io", "certificates"): "certificatesigningrequests",
    ("networking.k8s.io", "networking"): (
        "ingressclasses ingresses ipaddresses networkpolicies servicecidrs"
    ),
    ("policy", "policy"): "poddisruptionbudgets",
    ("rbac.authorization.k8s.io", "rbac"): ("clusterrolebindings clusterroles rolebindings roles"),
    ("storage.k8s.io", "storage"): (
        "csidrivers csinodes csistoragecapacities storageclasses volumeattachments "
        "volumeattributesclasses"
    ),
    ("admissionregistration.k8s.io", "admissionregistration"): (
        "mutatingadmissionpolicies mutatingadmissionpolicybindings "
        "mutatingwebhookconfigurations validatingadmissionpolicies "
        "validatingadmissionpolicybindings validatingwebhookconfigurations"
    ),
    ("apiextensions.k8s.io", "apiextensions"): "customresourcedefinitions",
    ("scheduling.k8s.io", "scheduling"): "priorityclasses",
    ("coordination.k8s.io", "coordination"): "leases",
    ("node.k8s.io", "node"): "runtimeclasses",
    ("discovery.k8s.io", "discovery"): "endpointslices",
    ("flowcontrol.apiserver.k8s.io", "flowcontrol"): ("flowschemas prioritylevelconfigurations"),
    ("resource.k8s.io", "resource"): (
        "deviceclasses resourceclaims resourceclaimtemplates resourceslices"
    ),
}


def _load(module: str) -> type[Strategy]:
    found: type[Strategy] = import_module(f"apiserver.resources.builtin.{module}").STRATEGY
    return found


#: What loads the behaviour of a resource.
LOADERS: Final[Mapping[GroupResource, Loader]] = {
    GroupResource(group, name): partial(_load, f"{package}.{name}")
    for (group, package), names in _RESOURCES.items()
    for name in names.split()
}


def strategy_class(resource: GroupResource) -> type[Strategy]:
    """Return the behaviour of a built-in resource."""
    loader = LOADERS.get(resource)
    return Strategy if loader is None else loader()
