"""Amounts of resources, and what a Pod has of them altogether."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from functools import lru_cache
from typing import Any

from apiserver.machinery.quantity import Format, canonical, parse_quantity

Amounts = Mapping[str, str]


#: A quantity -> its number and how it is written; the same few are met over and over.
parsed = lru_cache(maxsize=4096)(parse_quantity)


def amount(quantity: str) -> Decimal:
    """Return the number that a quantity means."""
    return parsed(quantity)[0]


# Pods of one template add up to the same, and there are many of them.
@lru_cache(maxsize=4096)
def total(quantity: str, other: str) -> str:
    """Return the sum of two quantities, written as the first one is."""
    number, family = parsed(quantity)
    return written(number + amount(other), family if number else parsed(other)[1])


def written(number: Decimal, family: Format) -> str:
    """Return a number as a quantity of a family."""
    if family is Format.BINARY:
        return canonical(f"{number / 1024:f}Ki")
    return canonical(f"{number:f}")


def added(amounts: Amounts, others: Amounts) -> dict[str, str]:
    """Return the sums of the amounts of each resource."""
    sums = dict(amounts)
    for name, quantity in others.items():
        sums[name] = total(sums[name], quantity) if name in sums else quantity
    return sums


def largest(amounts: Amounts, others: Amounts) -> dict[str, str]:
    """Return the larger of the amounts of each resource."""
    most = dict(amounts)
    for name, quantity in others.items():
        if name not in most or amount(quantity) > amount(most[name]):
            most[name] = quantity
    return most


def requests_of_pod(spec: Mapping[str, Any]) -> dict[str, str]:
    """Return what a Pod requests."""
    return _of_pod(spec, "requests")


def limits_of_pod(spec: Mapping[str, Any]) -> dict[str, str]:
    """Return what a Pod is limited to."""
    return _of_pod(spec, "limits")


def _of_pod(spec: Mapping[str, Any], member: str) -> dict[str, str]:
    # Containers run together; before them the others, one after the other, beside those that stay.
    running: dict[str, str] = {}
    for container in spec.get("containers") or ():
        running = added(running, _of(container, member))
    staying: dict[str, str] = {}
    starting: dict[str, str] = {}
    for container in spec.get("initContainers") or ():
        its = _of(container, member)
        if container.get("restartPolicy") == "Always":
            running, staying = added(running, its), added(staying, its)
            starting = largest(starting, staying)
        else:
            starting = largest(starting, added(its, staying))
    return {**largest(running, starting), **_of(spec, member)}


def _of(holder: Mapping[str, Any], member: str) -> dict[str, str]:
    return (holder.get("resources") or {}).get(member) or {}
