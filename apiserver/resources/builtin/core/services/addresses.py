"""The addresses of a Service within the cluster and their families: what goes together."""

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

    Clients of old know only the first. On an update, ``before`` tells which of the two was changed.
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
    """Return what is wrong with the addresses and families of a Service that has some.

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
    """Return what is wrong with a change of addresses: those that are there stay."""
    if is_headless(spec) and is_headless(before):
        return []
    errors = _validate_same(spec, before, "clusterIPs", "clusterIP")
    if not is_headless(spec) and not is_headless(before):
        errors += _validate_same(spec, before, "ipFamilies", "ipFamily")
    return errors


def _validate_same(
    spec: dict[str, Any], before: dict[str, Any], member: str, singular: str
) -> list[FieldError]:
    new, old = spec.get(member) or [], before.get(member) or []
    if len(new) == len(old):
        return [
            invalid(f"spec.{member}[{index}]", new, _ONCE)
            for index in range(len(new))
            if new[index] != old[index]
        ]
    if len(new) > len(old):
        return [
            invalid(f"spec.{member}[{index}]", new, _ONCE)
            for index in range(len(old))
            if new[index] != old[index]
        ]
    if not new:
        return [invalid(f"spec.{member}[0]", None, f"primary {singular} can not be unset")]
    errors = []
    if new[0] != old[0]:
        errors.append(invalid(f"spec.{member}[0]", new, _ONCE))
    policy = spec.get("ipFamilyPolicy")
    if policy != SINGLE_STACK:
        detail = f"must be set to '{SINGLE_STACK}' when releasing the secondary {singular}"
        errors.append(invalid("spec.ipFamilyPolicy", policy, detail))
    return errors


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
    if HEADLESS in addresses and len(addresses) > 1:
        return [invalid(path, addresses, "'None' must be the first and only value")]
    if addresses == [HEADLESS]:
        return []
    errors: list[FieldError] = []
    for index, text in enumerate(addresses):
        errors += validate_new_ip(text, f"{path}[{index}]", known)
    if len(addresses) > 2:
        errors.append(invalid(path, addresses, "may only hold up to 2 values"))
    families = [family_of(text) for text in addresses]
    if len(addresses) == 2 and families[0] == families[1]:
        detail = "may specify no more than one IP for each IP family"
        errors.append(invalid(path, addresses, detail))
    given = spec.get("ipFamilies") or []
    for index, (expected, family) in enumerate(zip(given, families, strict=False)):
        if family and expected in FAMILIES and expected != family:
            detail = f"expected an {expected} value as indicated by `ipFamilies[{index}]`"
            errors.append(invalid(f"{path}[{index}]", addresses[index], detail))
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
