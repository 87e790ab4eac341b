"""Changes of node selectors while a Pod has scheduling gates: they may only become narrower."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from apiserver.machinery.fielderrors import FieldError, invalid
from apiserver.resources.builtin.parts.affinity import REQUIRED
from apiserver.schema.internalform import internal_form

Spec = Mapping[str, Any]

_PATH: Final = "spec.affinity.nodeAffinity"


def validate_selector_change(
    selector: Mapping[str, str], old: Mapping[str, str]
) -> list[FieldError]:
    """Reject a node selector with a removed label or a changed value."""
    changed = any(selector.get(key) != value for key, value in old.items())
    if not changed:
        return []
    detail = "only additions to spec.nodeSelector are allowed (no mutations or deletions)"
    return [invalid("spec.nodeSelector", dict(selector), detail)]


def validate_affinity_change(spec: Spec, old: Spec) -> list[FieldError]:
    """Reject node affinity that may match a node that the old one did not match."""
    affinity, before = _nodes(spec), _nodes(old)
    wanted, required = (affinity or {}).get(REQUIRED), (before or {}).get(REQUIRED)
    if affinity == before or not before or not required:
        return []
    path = f"{_PATH}.{REQUIRED}"
    terms, old_terms = (it.get("nodeSelectorTerms") or () for it in (wanted or {}, required))
    if len(terms) != len(old_terms):
        shown = (internal_form("core.v1.NodeSelector", wanted) or {}).get("NodeSelectorTerms")
        detail = "no additions/deletions to non-empty NodeSelectorTerms list are allowed"
        return [invalid(f"{path}.nodeSelectorTerms", shown, detail)]
    errors = []
    for index, (term, known) in enumerate(zip(terms, old_terms, strict=True)):
        where = f"{path}.nodeSelectorTerms[{index}]"
        if not known.get("matchExpressions") and not known.get("matchFields"):
            if term.get("matchExpressions") or term.get("matchFields"):
                shown = internal_form("core.v1.NodeSelectorTerm", term)
                detail = "only additions are allowed (no mutations or deletions)"
                errors.append(invalid(where, shown, detail))
            continue
        errors += [
            invalid(
                where,
                internal_form("core.v1.NodeSelectorTerm", term),
                "only additions are allowed (no mutations or deletions)",
            )
            for part in ("matchExpressions", "matchFields")
            if (term.get(part) or [])[: len(known.get(part) or [])] != (known.get(part) or [])
        ][:1]
    return errors


def with_node_affinity(spec: Spec, old: Spec) -> dict[str, Any]:
    """Return a spec with the node affinity of another."""
    before = _nodes(old)
    affinity = {k: v for k, v in (spec.get("affinity") or {}).items() if k != "nodeAffinity"}
    if before is not None:
        affinity["nodeAffinity"] = before
    kept = {name: value for name, value in spec.items() if name != "affinity"}
    if affinity or (spec.get("affinity") is not None and old.get("affinity") is not None):
        return {**kept, "affinity": affinity}
    return kept


def _nodes(spec: Spec) -> dict[str, Any] | None:
    nodes: dict[str, Any] | None = (spec.get("affinity") or {}).get("nodeAffinity")
    return nodes
