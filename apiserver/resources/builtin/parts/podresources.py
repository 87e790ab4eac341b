"""Resources of a Pod as a whole: the total of its containers, its own resources, its QoS class.

Containers run at the same time. Init containers run before them, one after the other; a restartable
init container runs alongside all containers after it. A Pod needs the larger of the two totals.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Final

from apiserver.machinery.fielderrors import FieldError, forbidden, invalid
from apiserver.machinery.quantity import canonical, parse_quantity
from apiserver.resources.builtin.parts.resources import (
    COMPUTE,
    add,
    amount,
    is_huge_page,
    may_overcommit,
    of_whole_pods,
    validate_pod_requirements,
)

BEST_EFFORT, BURSTABLE, GUARANTEED = "BestEffort", "Burstable", "Guaranteed"
_PARTS: Final = ("limits", "requests")


def is_restartable(container: Mapping[str, Any]) -> bool:
    """Return whether an init container keeps running alongside the others."""
    return container.get("restartPolicy") == "Always"


def together(spec: Mapping[str, Any], part: str) -> dict[str, str]:
    """Return the total of the ``requests`` or of the ``limits`` of all containers."""
    running: dict[str, Decimal] = {}
    families: dict[str, str] = {}
    for container in spec.get("containers") or ():
        _add(running, families, container, part)
    beside: dict[str, Decimal] = {}
    starting: dict[str, Decimal] = {}
    for container in spec.get("initContainers") or ():
        if is_restartable(container):
            _add(running, families, container, part)
            _add(beside, families, container, part)
            needed = dict(beside)
        else:
            needed = dict(beside)
            _add(needed, families, container, part)
        for name, number in needed.items():
            starting[name] = max(starting.get(name, number), number)
    for name, number in starting.items():
        running[name] = max(running.get(name, number), number)
    return {name: _shown(number, families[name]) for name, number in running.items()}


def _add(
    total: dict[str, Decimal], families: dict[str, str], container: Mapping[str, Any], part: str
) -> None:
    resources = (container.get("resources") or {}).get(part)
    add(total, resources)
    for name, text in (resources or {}).items():
        families.setdefault(name, text)


def _shown(number: Decimal, like: str) -> str:
    # A sum is written in the family of suffixes of its first summand.
    family = parse_quantity(like)[1].value
    text = format(number, "f")
    if family == "BinarySI" and number == number.to_integral_value() and number >= 1024:
        return canonical(f"{int(number) // 1024}Ki") if number % 1024 == 0 else text
    if family == "DecimalExponent":
        return canonical(f"{text}e0")
    return canonical(text)


def default_pod_requirements(spec: dict[str, Any]) -> None:
    """Complete the requirements of a Pod as a whole from those of its containers.

    Nothing is filled in for a Pod that has no requirements of its own.
    """
    requirements = spec.get("resources")
    if not requirements:
        return
    limits = requirements.get("limits", {})
    if limits or requirements.get("requests"):
        pages = {
            name: text for name, text in together(spec, "limits").items() if is_huge_page(name)
        }
        limits = {**pages, **limits}
        if limits:
            requirements["limits"] = limits
    if not limits:
        return
    requests = {
        name: text
        for name, text in together(spec, "requests").items()
        if name in COMPUTE and may_overcommit(name)
    }
    requests |= requirements.get("requests", {})
    for name, text in limits.items():
        if of_whole_pods(name):
            requests.setdefault(name, text)
    if requests:
        requirements["requests"] = requests


def validate_pod_resources(
    spec: Mapping[str, Any], path: str, *, any_page_count: bool = False
) -> list[FieldError]:
    """Validate the requirements of a Pod as a whole."""
    requirements = spec["resources"]
    if (spec.get("os") or {}).get("name") == "windows":
        return [forbidden(path, "may not be set for a windows pod")]
    errors = validate_pod_requirements(requirements, path, any_page_count=any_page_count)
    own_limits = requirements.get("limits") or {}
    for part in ("requests", "limits"):
        own = requirements.get(part) or {}
        for name, text in sorted(together(spec, part).items()):
            counts = part == "requests" or is_huge_page(name)
            if counts and name in own and amount(own[name]) < amount(text):
                detail = f"must be greater than or equal to aggregate container {part} of {text}"
                errors.append(invalid(f"{path}.{part}[{name}]", own[name], detail))
    for index, container in enumerate(spec.get("containers") or ()):
        limits = (container.get("resources") or {}).get("limits") or {}
        for name, text in sorted(limits.items()):
            if name in own_limits and amount(text) > amount(own_limits[name]):
                detail = f"must be less than or equal to pod limits of {own_limits[name]}"
                where = f"{path}.containers[{index}][{name}].limits"
                errors.append(invalid(where, text, detail))
    return errors


def qos_class(spec: Mapping[str, Any]) -> str:
    """Return the QoS class of a Pod, which determines the order of eviction under pressure."""
    own = spec.get("resources")
    containers = (
        [own]
        if own is not None
        else [
            container.get("resources") or {}
            for part in ("containers", "initContainers")
            for container in spec.get(part) or ()
        ]
    )
    if not any(containers):
        return BEST_EFFORT
    total: dict[str, dict[str, Decimal]] = {"limits": {}, "requests": {}}
    limited = True
    for requirements in containers:
        for part in _PARTS:
            counted = _compute(requirements.get(part))
            add(total[part], counted)
            if part == "limits" and len(counted) < len(COMPUTE) and not (own and not counted):
                limited = False
    if not total["limits"] and not total["requests"]:
        return BEST_EFFORT
    return GUARANTEED if limited and total["limits"] == total["requests"] else BURSTABLE


def _compute(resources: Mapping[str, str] | None) -> dict[str, str]:
    return {
        name: text
        for name, text in (resources or {}).items()
        if name in COMPUTE and amount(text) > 0
    }
