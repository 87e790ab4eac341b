"""Checks one object against one quota: not limited, charged or denied."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from apiserver.access.quota.resource_lists import ResourceList, add_lists, quantity_value
from apiserver.access.quota.resource_totals import increase
from apiserver.access.quota.scopes import requirements_of
from apiserver.access.quota.usage import Evaluator
from apiserver.machinery.objects import Object, name_of
from apiserver.machinery.valueclasses import valueclass


class QuotaDenied(Exception):
    """A quota does not allow an object; the text says why."""


@valueclass
class QuotaRequest:
    """An object to be written and the one that it replaces; ``now`` in seconds since 1970."""

    evaluator: Evaluator
    document: Object
    old: Object | None
    now: float


def hard_of(quota: Object) -> ResourceList:
    """Return the limits in force: those that the controller has observed."""
    return (quota.get("status") or {}).get("hard") or {}


def used_of(quota: Object) -> ResourceList:
    """Return the usage in a quota's status."""
    return (quota.get("status") or {}).get("used") or {}


def in_scopes(quota: Object, evaluator: Evaluator, document: Object) -> bool:
    """Return whether an object is within all scopes of a quota."""
    return all(evaluator.in_scope(each, document) for each in requirements_of(quota))


def charge(quota: Object, subject: QuotaRequest) -> Object | None:
    """Return the quota with the additional usage, ``None`` if there is none.

    Raises QuotaDenied.
    """
    evaluator, document = subject.evaluator, subject.document
    names = sorted(filter(evaluator.counts, hard_of(quota)))
    if not names or not in_scopes(quota, evaluator, document):
        return None
    missing = evaluator.missing(names, document)
    if missing:
        raise QuotaDenied(f"failed quota: {name_of(quota)}: must specify {_each(missing)}")
    used = used_of(quota)
    if any(name not in used for name in names):
        text = ",".join(names)
        raise QuotaDenied(f"status unknown for quota: {name_of(quota)}, resources: {text}")
    requested = _requested(quota, subject, names)
    if not requested:
        return None
    _check(quota, requested)
    # Only names that are already in the status are charged, so no unlimited ones appear.
    status = {**(quota.get("status") or {}), "used": add_lists(used, requested)}
    return {**quota, "status": status}


def _requested(quota: Object, subject: QuotaRequest, names: Iterable[str]) -> ResourceList:
    evaluator, old, now = subject.evaluator, subject.old, subject.now
    before: ResourceList = {}
    if old is not None and in_scopes(quota, evaluator, old):
        before = evaluator.usage(old, now)
    grown = increase(evaluator.usage(subject.document, now), before)
    return {name: grown[name] for name in names if name in grown}


def _check(quota: Object, requested: ResourceList) -> None:
    hard, used = hard_of(quota), used_of(quota)
    exceeded = [
        name
        for name, quantity in requested.items()
        if quantity_value(used[name]) + quantity_value(quantity) > quantity_value(hard[name])
    ]
    if exceeded:
        raise QuotaDenied(
            f"exceeded quota: {name_of(quota)}, requested: {_listed(requested, exceeded)}, "
            f"used: {_listed(used, exceeded)}, limited: {_listed(hard, exceeded)}"
        )


def _listed(amounts: ResourceList, names: Iterable[str]) -> str:
    return ",".join(f"{name}={amounts[name]}" for name in names)


def _each(missing: Mapping[str, Iterable[str]]) -> str:
    return "; ".join(
        f"{name} for: {','.join(sorted(set(missing[name])))}" for name in sorted(missing)
    )
