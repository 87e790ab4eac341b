"""Validation rules for an update: it may keep what the existing object already violates."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from apiserver.machinery.objects import Object
from apiserver.resources.builtin.parts.affinity import PREFERRED, REQUIRED, validate_node_selector
from apiserver.resources.builtin.parts.labelselector import validate_label_selector
from apiserver.resources.builtin.parts.paths import validate_local_path
from apiserver.resources.builtin.parts.podannotations import DELETION_COST, is_deletion_cost
from apiserver.resources.builtin.parts.podresources import is_restartable
from apiserver.resources.builtin.parts.podrules import PodRules, annotations_of
from apiserver.resources.builtin.parts.resources import is_divisible, is_huge_page
from apiserver.resources.builtin.parts.restarts import restarts_on_resize
from apiserver.resources.builtin.parts.securitycontext import host_sysctl_errors
from apiserver.resources.builtin.parts.topologyspread import spread_key_errors

Spec = Mapping[str, Any]


def rules_for_update(old: Object, *, is_pod: bool) -> PodRules:
    """Return the rules for the replacement of a Pod or a Pod template."""
    spec: Spec = old.get("spec") or {}
    context = spec.get("securityContext") or {}
    cost = annotations_of(old).get(DELETION_COST)
    own_users = spec.get("hostUsers") is False
    return PodRules(
        is_pod=is_pod,
        any_deletion_cost=cost is not None and not is_deletion_cost(cost),
        any_page_count=_has_odd_pages(spec),
        any_selector_value="affinity" in spec and _has_odd_selector(spec["affinity"]),
        any_node_affinity_value="affinity" in spec and _has_odd_node_value(spec["affinity"]),
        any_spread_selector=_has_odd_spread_selector(spec),
        any_spread_keys=_has_odd_spread_keys(spec),
        any_token_path=_has_odd_token_path(spec),
        sysctls_of_the_host=any(
            host_sysctl_errors(sysctl["name"], spec, "") for sysctl in context.get("sysctls") or ()
        ),
        label_by_mount_option=context.get("seLinuxChangePolicy") == "MountOption",
        users_with_host_network=own_users and bool(spec.get("hostNetwork")),
        users_with_devices=own_users and any("volumeDevices" in it for it in _containers(spec)),
        any_init_resize_policy=any(
            not is_restartable(it) and restarts_on_resize(it, "")
            for it in spec.get("initContainers") or ()
        ),
    )


def _containers(spec: Spec) -> Iterator[Mapping[str, Any]]:
    for part in ("containers", "initContainers", "ephemeralContainers"):
        yield from spec.get(part) or ()


def _has_odd_pages(spec: Spec) -> bool:
    lists = [spec.get("overhead") or {}]
    for container in _containers(spec):
        requirements = container.get("resources")
        if requirements:
            lists += [requirements.get("limits") or {}, requirements.get("requests") or {}]
    return any(
        is_huge_page(name) and not is_divisible(name, text)
        for resources in lists
        for name, text in resources.items()
    )


def _has_odd_selector(affinity: Spec) -> bool:
    for kind in ("podAffinity", "podAntiAffinity"):
        terms = affinity.get(kind) or {}
        found = [*(terms.get(REQUIRED) or ())]
        found += [weighted["podAffinityTerm"] for weighted in terms.get(PREFERRED) or ()]
        if any(
            validate_label_selector(term.get(name), "")
            for term in found
            for name in ("labelSelector", "namespaceSelector")
        ):
            return True
    return False


def _has_odd_node_value(affinity: Spec) -> bool:
    selector = (affinity.get("nodeAffinity") or {}).get(REQUIRED)
    if not selector:
        return False
    return bool(validate_node_selector(selector, "", any_value=False))


def _has_odd_spread_selector(spec: Spec) -> bool:
    constraints = spec.get("topologySpreadConstraints") or ()
    return any(validate_label_selector(it.get("labelSelector"), "") for it in constraints)


def _has_odd_spread_keys(spec: Spec) -> bool:
    return any(
        spread_key_errors(constraint["matchLabelKeys"], constraint.get("labelSelector"), "")
        for constraint in spec.get("topologySpreadConstraints") or ()
        if constraint.get("matchLabelKeys")
    )


def _has_odd_token_path(spec: Spec) -> bool:
    return any(
        validate_local_path(part["serviceAccountToken"].get("path", ""), "")
        for volume in spec.get("volumes") or ()
        for part in (volume.get("projected") or {}).get("sources") or ()
        if "serviceAccountToken" in part
    )
