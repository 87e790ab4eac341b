"""The IP families of a Service, by its policy and its addresses.

The rules are those of KEP-563, dual-stack networking.
"""

from __future__ import annotations

from typing import Any

from apiserver.machinery.fielderrors import FieldError, invalid
from apiserver.resources.builtin.core.services.addresses import (
    FAMILIES,
    PREFER_DUAL_STACK,
    REQUIRE_DUAL_STACK,
    SINGLE_STACK,
    family_of,
    validate_cluster_addresses,
)
from apiserver.resources.builtin.core.services.defaults import EXTERNAL_NAME, HEADLESS

Spec = dict[str, Any]

_POLICY = "spec.ipFamilyPolicy"


def assign_families(
    spec: Spec, before: Spec | None, configured: tuple[str, ...]
) -> list[FieldError]:
    """Fill in, in place, policy and families of a Service; return the errors of contradictions.

    ``configured`` are the families of the cluster, the preferred one first.
    """
    if spec.get("type") == EXTERNAL_NAME or keeps_dual_stack(spec, before):
        return []
    unselected = spec.get("clusterIP") == HEADLESS and not spec.get("selector")
    if "ipFamilyPolicy" not in spec:
        inherited = before.get("ipFamilyPolicy") if before else None
        default = REQUIRE_DUAL_STACK if unselected else SINGLE_STACK
        spec["ipFamilyPolicy"] = inherited or default
    errors = validate_cluster_addresses(spec, before)
    if errors:
        return errors
    if before is not None:
        errors += _released(spec, before)
    errors += _check_single(spec) + _infer_families(spec, configured)
    if errors:
        return errors
    if unselected:
        # Its addresses are found without the cluster's ranges, so they may be of any family.
        families = spec.get("ipFamilies") or [configured[0]]
        spec["ipFamilies"] = _completed(spec, families, FAMILIES)
        return []
    return _check_configured(spec, configured)


def keeps_dual_stack(spec: Spec, before: Spec | None) -> bool:
    """Return whether an update keeps the result of PreferDualStack.

    A Service does not get or lose an address because the cluster got or lost a family.
    """
    if before is None or spec.get("type") != before.get("type"):
        return False
    if not spec.get("ipFamilyPolicy") == before.get("ipFamilyPolicy") == PREFER_DUAL_STACK:
        return False
    members = ("clusterIP", "clusterIPs", "ipFamilies")
    return all((spec.get(name) or None) == (before.get(name) or None) for name in members)


def _released(spec: Spec, before: Spec) -> list[FieldError]:
    """Remove, in place, the second address and family of a Service that becomes single-stack."""
    errors: list[FieldError] = []
    for member, what in (("clusterIPs", "cluster IP"), ("ipFamilies", "IP family")):
        new, old = spec.get(member) or [], before.get(member) or []
        if spec["ipFamilyPolicy"] == SINGLE_STACK:
            if new == old and len(new) > 1:
                spec[member] = new[:1]
        elif new and len(new) < len(old):
            detail = f"must be '{SINGLE_STACK}' to release the secondary {what}"
            errors.append(invalid(_POLICY, spec["ipFamilyPolicy"], detail))
    return errors


def _check_single(spec: Spec) -> list[FieldError]:
    if spec["ipFamilyPolicy"] != SINGLE_STACK:
        return []
    errors = []
    for member, what in (("clusterIPs", "cluster IPs"), ("ipFamilies", "IP families")):
        if len(spec.get(member) or ()) == 2:
            detail = (
                f"must be '{REQUIRE_DUAL_STACK}' or '{PREFER_DUAL_STACK}' "
                f"when multiple {what} are specified"
            )
            errors.append(invalid(_POLICY, SINGLE_STACK, detail))
    return errors


def _infer_families(spec: Spec, configured: tuple[str, ...]) -> list[FieldError]:
    addresses, families = spec.get("clusterIPs") or [], list(spec.get("ipFamilies") or ())
    errors = []
    for index in range(len(families), len(addresses)):
        if addresses[index] == HEADLESS:
            break
        family = family_of(addresses[index])
        if family in configured:
            families.append(family)
        else:
            detail = f"{family} is not configured on this cluster"
            errors.append(invalid(f"spec.clusterIPs[{index}]", addresses, detail))
    if families:
        spec["ipFamilies"] = families
    return errors


def _check_configured(spec: Spec, configured: tuple[str, ...]) -> list[FieldError]:
    policy, families = spec["ipFamilyPolicy"], spec.get("ipFamilies") or []
    errors = []
    if policy == REQUIRE_DUAL_STACK and len(configured) < 2:
        detail = "this cluster is not configured for dual-stack services"
        errors.append(invalid(_POLICY, policy, detail))
    errors += [
        invalid(f"spec.ipFamilies[{index}]", family, "not configured on this cluster")
        for index, family in enumerate(families)
        if family not in configured
    ]
    if not errors:
        spec["ipFamilies"] = _completed(spec, families or [configured[0]], configured)
    return errors


def _completed(spec: Spec, families: list[str], possible: tuple[str, ...]) -> list[str]:
    if spec["ipFamilyPolicy"] == SINGLE_STACK or len(families) > 1:
        return families
    return [*families, *(family for family in possible if family not in families)]
