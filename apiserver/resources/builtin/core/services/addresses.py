"""The cluster IPs of a Service and their families, which must agree."""

from __future__ import annotations

from typing import Any, Final

from apiserver.machinery.fielderrors import (
    FieldError,
    duplicate,
    invalid,
    not_supported,
    required,
)
from apiserver.resources.builtin.core.services.defaults import HEADLESS, is_headless
from apiserver.resources.builtin.parts.addresses import is_canonical_ipv4, parse_ip
from apiserver.resources.builtin.parts.ipforms import validate_new_ip

FAMILIES: Final = ("IPv4", "IPv6")
SINGLE_STACK: Final = "SingleStack"
PREFER_DUAL_STACK: Final = "PreferDualStack"
REQUIRE_DUAL_STACK: Final = "RequireDualStack"
POLICIES: Final = (PREFER_DUAL_STACK, REQUIRE_DUAL_STACK, SINGLE_STACK)
_ONCE: Final = "may not change once set"


def normalized(spec: dict[str, Any], before: dict[str, Any] | None = None) -> dict[str, Any]:
    """Return ``spec`` with its first address and its addresses made to agree.

    Old clients know only the first. On an update, ``before`` shows which of the two was changed.
    """
    first, addresses = spec.get("clusterIP", ""), spec.get("clusterIPs") or []
    if before is None:
        return {**spec, "clusterIPs": [first]} if first and not addresses else spec
    old_first, old_addresses = before.get("clusterIP", ""), before.get("clusterIPs") or []
    if not old_addresses:
        return {**spec, "clusterIPs": [first]} if first and not addresses else spec
    if not addresses and first == old_first:
        return {**spec, "clusterIPs": old_addresses}
    if first != old_first and addresses in ([], old_addresses):
        kept = {key: value for key, value in spec.items() if key != "clusterIPs"}
        return {**kept, "clusterIPs": [first]} if first else kept
    return spec


def validate_cluster_addresses(
    spec: dict[str, Any], before: dict[str, Any] | None
) -> list[FieldError]:
    """Return the problem with the addresses and families of a Service that has some.

    Those that it had ``before`` may be written as they were.
    """
    first, addresses = spec.get("clusterIP", ""), spec.get("clusterIPs") or []
    known = (before or {}).get("clusterIPs") or []
    errors = []
    if not addresses:
        # Until they are allocated a Service has none; then it has one of each sort or none at all.
        if first:
            errors.append(required("spec.clusterIPs"))
    elif not first:
        detail = "must be empty when `clusterIP` is not specified"
        errors.append(invalid("spec.clusterIPs", addresses, detail))
    elif addresses[0] != first:
        errors.append(invalid("spec.clusterIPs", addresses, "first value must match `clusterIP`"))
    return [*errors, *_validate_families(spec), *_validate_addresses(spec, addresses, known)]


def validate_same_addresses(spec: dict[str, Any], before: dict[str, Any]) -> list[FieldError]:
    """Return the problem with a change of addresses: existing ones are immutable."""
    if is_headless(spec) and is_headless(before):
        return []
    errors = _validate_same_ips(spec, before)
    if not is_headless(spec) and not is_headless(before):
        errors += _validate_same_families(spec, before)
    return errors


def _validate_same_ips(spec: dict[str, Any], before: dict[str, Any]) -> list[FieldError]:
    new, old = spec.get("clusterIPs") or [], before.get("clusterIPs") or []
    if not new and old:
        return [invalid("spec.clusterIPs[0]", None, "primary clusterIP can not be unset")]
    # Only as many as before are compared beyond the first.
    compared = len(new) if len(new) == len(old) else 1
    errors = [
        invalid(f"spec.clusterIPs[{index}]", new, _ONCE)
        for index, (one, other) in enumerate(zip(new[:compared], old[:compared], strict=False))
        if one != other
    ]
    return errors + _validate_release(spec, len(new), len(old), "clusterIP")


def _validate_same_families(spec: dict[str, Any], before: dict[str, Any]) -> list[FieldError]:
    new, old = spec.get("ipFamilies") or [], before.get("ipFamilies") or []
    path = "spec.ipFamilies[0]"
    if len(new) == len(old):
        # Every change is one of the first, as in Kubernetes.
        changes = sum(one != other for one, other in zip(new, old, strict=True))
        return [invalid(path, new, _ONCE)] * changes
    addresses = spec.get("clusterIPs") or []
    errors = []
    if len(new) < len(old) and not addresses:
        errors.append(invalid(path, new or None, "primary ipFamily can not be unset"))
    if new and old and new[0] != old[0]:
        errors.append(invalid(path, addresses, _ONCE))
    return errors + _validate_release(spec, len(new), len(old), "ipFamily")


def _validate_release(spec: dict[str, Any], new: int, old: int, singular: str) -> list[FieldError]:
    policy = spec.get("ipFamilyPolicy")
    if not new == 1 < old or policy == SINGLE_STACK:
        return []
    detail = f"must be set to '{SINGLE_STACK}' when releasing the secondary {singular}"
    return [invalid("spec.ipFamilyPolicy", policy, detail)]


def _validate_families(spec: dict[str, Any]) -> list[FieldError]:
    errors: list[FieldError] = []
    seen: set[str] = set()
    for index, family in enumerate(spec.get("ipFamilies") or ()):
        path = f"spec.ipFamilies[{index}]"
        if family not in FAMILIES:
            errors.append(not_supported(path, family, FAMILIES))
        if family in seen:
            errors.append(duplicate(path, family))
        seen.add(family)
    policy = spec.get("ipFamilyPolicy")
    if policy is not None and policy not in POLICIES:
        errors.append(not_supported("spec.ipFamilyPolicy", policy, POLICIES))
    return errors


def _validate_addresses(
    spec: dict[str, Any], addresses: list[str], known: list[str]
) -> list[FieldError]:
    path = "spec.clusterIPs"
    if not addresses or (len(addresses) == 1 and _is_plain(addresses[0], spec)):
        # Most Services have one address, whose form says all.
        return []
    if addresses == [HEADLESS]:
        return []
    wrong = _validate_forms(addresses, known)
    errors = list(wrong)
    if len(addresses) > 2:
        errors.append(invalid(path, addresses, "may only hold up to 2 values"))
    if wrong:
        return errors
    families = [family_of(text) for text in addresses]
    if len(addresses) > 1 and len(set(families)) == 1:
        detail = "may specify no more than one IP for each IP family"
        errors.append(invalid(path, addresses, detail))
    given = spec.get("ipFamilies") or []
    for index, (expected, family) in enumerate(zip(given, families, strict=False)):
        if family and expected in FAMILIES and expected != family:
            detail = f"expected an {expected} value as indicated by `ipFamilies[{index}]`"
            errors.append(invalid(f"{path}[{index}]", addresses[index], detail))
    return errors


def _validate_forms(addresses: list[str], known: list[str]) -> list[FieldError]:
    path = "spec.clusterIPs"
    errors: list[FieldError] = []
    if addresses[0] == HEADLESS:
        errors.append(invalid(path, addresses, "'None' must be the first and only value"))
    for index, text in enumerate(addresses):
        if index or text != HEADLESS:
            errors += validate_new_ip(text, f"{path}[{index}]", known)
    return errors


def _is_plain(text: str, spec: dict[str, Any]) -> bool:
    families = spec.get("ipFamilies")
    return is_canonical_ipv4(text) and (not families or families[0] == FAMILIES[0])


def family_of(text: str) -> str:
    """Return the IP family of an address, an empty text where it is none."""
    if is_canonical_ipv4(text):
        return FAMILIES[0]
    address = parse_ip(text)
    return f"IPv{address.version}" if address else ""
