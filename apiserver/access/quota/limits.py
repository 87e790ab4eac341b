"""What one quota says to one object: it is no concern of it, may be charged, or is refused."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from apiserver.access.quota.resource_lists import Amounts, added, amount
from apiserver.access.quota.resource_totals import increase
from apiserver.access.quota.scopes import requirements_of
from apiserver.access.quota.usage import Evaluator
from apiserver.machinery.objects import Object, name_of


class Refusal(Exception):
    """A quota does not allow an object; the text says why."""


@dataclass(frozen=True, slots=True)
class Subject:
    """What is to be written, in place of what; ``now`` in seconds since 1970."""

    evaluator: Evaluator
    document: Object
    old: Object | None
    now: float


def hard_of(quota: Object) -> Amounts:
    """Return the limits that are in force: those that the controller has seen."""
    return (quota.get("status") or {}).get("hard") or {}


def used_of(quota: Object) -> Amounts:
    """Return what is used according to a quota."""
    return (quota.get("status") or {}).get("used") or {}


def in_scopes(quota: Object, evaluator: Evaluator, document: Object) -> bool:
    """Tell whether an object is within all scopes of a quota."""
    return all(evaluator.in_scope(each, document) for each in requirements_of(quota))


def charged(quota: Object, subject: Subject) -> Object | None:
    """Return a quota with what the subject uses in addition, ``None`` where that is nothing.

    Raises Refusal.
    """
    evaluator, document = subject.evaluator, subject.document
    names = sorted(filter(evaluator.counts, hard_of(quota)))
    if not names or not in_scopes(quota, evaluator, document):
        return None
    missing = evaluator.missing(names, document)
    if missing:
        raise Refusal(f"failed quota: {name_of(quota)}: must specify {_each(missing)}")
    used = used_of(quota)
    if any(name not in used for name in names):
        text = ",".join(names)
        raise Refusal(f"status unknown for quota: {name_of(quota)}, resources: {text}")
    requested = _requested(quota, subject, names)
    if not requested:
        return None
    _check(quota, requested)
    # What is counted has a figure already, so that nothing appears that is not limited.
    status = {**(quota.get("status") or {}), "used": added(used, requested)}
    return {**quota, "status": status}


def _requested(quota: Object, subject: Subject, names: Iterable[str]) -> Amounts:
    evaluator, old, now = subject.evaluator, subject.old, subject.now
    before: Amounts = {}
    if old is not None and in_scopes(quota, evaluator, old):
        before = evaluator.usage(old, now)
    grown = increase(evaluator.usage(subject.document, now), before)
    return {name: grown[name] for name in names if name in grown}


def _check(quota: Object, requested: Amounts) -> None:
    hard, used = hard_of(quota), used_of(quota)
    exceeded = [
        name
        for name, quantity in requested.items()
        if amount(used[name]) + amount(quantity) > amount(hard[name])
    ]
    if exceeded:
        raise Refusal(
            f"exceeded quota: {name_of(quota)}, requested: {_listed(requested, exceeded)}, "
            f"used: {_listed(used, exceeded)}, limited: {_listed(hard, exceeded)}"
        )


def _listed(amounts: Amounts, names: Iterable[str]) -> str:
    return ",".join(f"{name}={amounts[name]}" for name in names)


def _each(missing: Mapping[str, Iterable[str]]) -> str:
    return "; ".join(
        f"{name} for: {','.join(sorted(set(missing[name])))}" for name in sorted(missing)
    )
