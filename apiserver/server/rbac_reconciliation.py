"""Reconciliation of existing roles and bindings with the default ones. Pure.

Upstream's rules: missing rights, subjects, labels and annotations are added at every start. What
else an object holds is kept. An object with the annotation
``rbac.authorization.kubernetes.io/autoupdate: "false"`` is left alone. A binding to another role is
replaced, as the role of a binding cannot change.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from apiserver.access.authorization.coverage import missing_rules
from apiserver.access.authorization.policy_rules import CompiledRules
from apiserver.machinery.objects import Object
from apiserver.resources.builtin.rbac.bootstrap import AUTO_UPDATE


def is_left_alone(existing: Object) -> bool:
    """Return whether an object is not to be reconciled."""
    annotations = existing["metadata"].get("annotations") or {}
    return bool(annotations.get(AUTO_UPDATE) == "false")


def is_rebound(existing: Object, wanted: Object) -> bool:
    """Return whether an existing binding is one to another role than the default one."""
    return "roleRef" in wanted and existing["roleRef"] != wanted["roleRef"]


def reconciled(existing: Object, wanted: Object) -> Object | None:
    """Return ``existing`` with the missing parts of a default object, ``None`` if complete."""
    metadata = existing["metadata"]
    more: dict[str, Any] = {}
    for member in ("labels", "annotations"):
        mine = metadata.get(member) or {}
        lacking = {key: v for key, v in wanted["metadata"][member].items() if key not in mine}
        if lacking:
            more[member] = {**mine, **lacking}
    changed: dict[str, Any] = {"metadata": {**metadata, **more}} if more else {}
    if "aggregationRule" in wanted:
        # The rules of such a role are the work of a controller.
        mine = existing.get("aggregationRule") or {}
        member = "clusterRoleSelectors"
        selectors = _extended(mine.get(member), wanted["aggregationRule"][member])
        if selectors is not None:
            changed["aggregationRule"] = {**mine, member: selectors}
    elif "rules" in wanted:
        rules = existing.get("rules") or []
        lacking_rules = missing_rules(wanted["rules"], CompiledRules(rules).covers)
        if lacking_rules:
            changed["rules"] = [*rules, *lacking_rules]
    elif "subjects" in wanted:
        subjects = _extended(existing.get("subjects"), wanted["subjects"])
        if subjects is not None:
            changed["subjects"] = subjects
    return {**existing, **changed} if changed else None


def _extended(mine: Sequence[Object] | None, theirs: Sequence[Object]) -> list[Object] | None:
    lacking = [each for each in theirs if each not in (mine or ())]
    return [*(mine or ()), *lacking] if lacking else None
