"""Arithmetic on resource lists (resource name to quantity), and the resources of a Pod."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from apiserver.machinery.quantity import format_quantity, parse_quantity
from apiserver.machinery.textcache import cache_by_text

ResourceList = Mapping[str, str]


#: Parses a quantity into number and format. Few distinct quantities occur.
parse_cached = cache_by_text(4096)(parse_quantity)


def quantity_value(quantity: str) -> Decimal:
    """Return the number of a quantity."""
    return parse_cached(quantity)[0]


# The Pods of one template have the same sums.
@cache_by_text(4096)
def add_quantities(quantity: str, other: str) -> str:
    """Return the sum of two quantities, in the format of the first."""
    number, family = parse_cached(quantity)
    return format_quantity(
        number + quantity_value(other), family if number else parse_cached(other)[1]
    )


def add_lists(amounts: ResourceList, others: ResourceList) -> dict[str, str]:
    """Return the sum of two resource lists."""
    sums = dict(amounts)
    for name, quantity in others.items():
        sums[name] = add_quantities(sums[name], quantity) if name in sums else quantity
    return sums


def max_lists(amounts: ResourceList, others: ResourceList) -> dict[str, str]:
    """Return the maximum of two resource lists, per resource."""
    most = dict(amounts)
    for name, quantity in others.items():
        if name not in most or quantity_value(quantity) > quantity_value(most[name]):
            most[name] = quantity
    return most


def pod_requests(spec: Mapping[str, Any]) -> dict[str, str]:
    """Return the total requests of a Pod."""
    return _of_pod(spec, "requests")


def pod_limits(spec: Mapping[str, Any]) -> dict[str, str]:
    """Return the total limits of a Pod."""
    return _of_pod(spec, "limits")


def _of_pod(spec: Mapping[str, Any], member: str) -> dict[str, str]:
    # Containers run concurrently. Init containers run before them, one after the other, beside
    # the restartable init containers already started.
    running: dict[str, str] = {}
    for container in spec.get("containers") or ():
        running = add_lists(running, _of(container, member))
    staying: dict[str, str] = {}
    starting: dict[str, str] = {}
    for container in spec.get("initContainers") or ():
        its = _of(container, member)
        if container.get("restartPolicy") == "Always":
            running, staying = add_lists(running, its), add_lists(staying, its)
            starting = max_lists(starting, staying)
        else:
            starting = max_lists(starting, add_lists(its, staying))
    return {**max_lists(running, starting), **_of(spec, member)}


def _of(holder: Mapping[str, Any], member: str) -> dict[str, str]:
    return (holder.get("resources") or {}).get(member) or {}
