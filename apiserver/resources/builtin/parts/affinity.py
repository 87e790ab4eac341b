"""Node selectors, node affinity and Pod affinity."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Any, Final

from apiserver.machinery.fielderrors import FieldError, forbidden, invalid, required
from apiserver.machinery.names import dns1123_label_problems, dns1123_subdomain_problems
from apiserver.resources.builtin.parts.labelselector import validate_label_selector
from apiserver.resources.builtin.parts.names import validate_label_value, validate_qualified_name
from apiserver.resources.builtin.parts.podrules import PodRules

REQUIRED: Final = "requiredDuringSchedulingIgnoredDuringExecution"
PREFERRED: Final = "preferredDuringSchedulingIgnoredDuringExecution"
_NOT_AN_OPERATOR: Final = "not a valid selector operator"
_WEIGHT: Final = "must be in the range 1-100"


def validate_node_selector(
    selector: Mapping[str, Any], path: str, *, any_value: bool = True
) -> list[FieldError]:
    """Validate a node selector; ``any_value``: values need not be valid label values."""
    terms = selector.get("nodeSelectorTerms") or ()
    if not terms:
        detail = "must have at least one node selector term"
        return [required(f"{path}.nodeSelectorTerms", detail)]
    errors: list[FieldError] = []
    for index, term in enumerate(terms):
        where = f"{path}.nodeSelectorTerms[{index}]"
        errors += validate_node_selector_term(term, where, any_value=any_value)
    return errors


def validate_node_selector_term(
    term: Mapping[str, Any], path: str, *, any_value: bool = True
) -> list[FieldError]:
    """Validate one node selector term."""
    errors: list[FieldError] = []
    for index, requirement in enumerate(term.get("matchExpressions") or ()):
        where = f"{path}.matchExpressions[{index}]"
        errors += _label_requirement(requirement, where, any_value=any_value)
    for index, requirement in enumerate(term.get("matchFields") or ()):
        errors += _field_requirement(requirement, f"{path}.matchFields[{index}]")
    return errors


def _label_requirement(
    requirement: Mapping[str, Any], path: str, *, any_value: bool
) -> list[FieldError]:
    errors: list[FieldError] = []
    operator, values = requirement.get("operator", ""), requirement.get("values") or []
    if operator in ("In", "NotIn"):
        if not values:
            detail = "must be specified when `operator` is 'In' or 'NotIn'"
            errors.append(required(f"{path}.values", detail))
    elif operator in ("Exists", "DoesNotExist"):
        if values:
            detail = "may not be specified when `operator` is 'Exists' or 'DoesNotExist'"
            errors.append(forbidden(f"{path}.values", detail))
    elif operator in ("Gt", "Lt"):
        if len(values) != 1:
            detail = "must be specified single value when `operator` is 'Lt' or 'Gt'"
            errors.append(required(f"{path}.values", detail))
    else:
        errors.append(invalid(f"{path}.operator", operator, _NOT_AN_OPERATOR))
    errors += validate_qualified_name(requirement.get("key", ""), f"{path}.key")
    if not any_value:
        for index, value in enumerate(values):
            errors += validate_label_value(value, f"{path}.values[{index}]")
    return errors


def _field_requirement(requirement: Mapping[str, Any], path: str) -> list[FieldError]:
    errors: list[FieldError] = []
    operator, values = requirement.get("operator", ""), requirement.get("values") or []
    if operator not in ("In", "NotIn"):
        errors.append(invalid(f"{path}.operator", operator, _NOT_AN_OPERATOR))
    elif len(values) != 1:
        detail = "must be only one value when `operator` is 'In' or 'NotIn' for node field selector"
        errors.append(required(f"{path}.values", detail))
    key = requirement.get("key", "")
    if key != "metadata.name":
        errors.append(invalid(f"{path}.key", key, "not a valid field selector key"))
        return errors
    for index, value in enumerate(values):
        problems = dns1123_subdomain_problems(value)
        errors += [invalid(f"{path}.values[{index}]", value, problem) for problem in problems]
    return errors


def validate_affinity(affinity: Mapping[str, Any], path: str, rules: PodRules) -> list[FieldError]:
    """Validate the affinity of a Pod."""
    errors: list[FieldError] = []
    nodes = affinity.get("nodeAffinity")
    if nodes is not None:
        errors += _node_affinity(nodes, f"{path}.nodeAffinity", rules)
    for kind in ("podAffinity", "podAntiAffinity"):
        if kind in affinity:
            errors += _pod_affinity(affinity[kind], f"{path}.{kind}", rules)
    return errors


def _node_affinity(nodes: Mapping[str, Any], path: str, rules: PodRules) -> list[FieldError]:
    errors: list[FieldError] = []
    if REQUIRED in nodes:
        any_value = rules.any_node_affinity_value
        errors += validate_node_selector(nodes[REQUIRED], f"{path}.{REQUIRED}", any_value=any_value)
    for index, term in enumerate(nodes.get(PREFERRED) or ()):
        where = f"{path}.{PREFERRED}[{index}]"
        if not 1 <= term["weight"] <= 100:
            errors.append(invalid(f"{where}.weight", term["weight"], _WEIGHT))
        # Values that no label has only draw a warning here.
        errors += validate_node_selector_term(term["preference"], f"{where}.preference")
    return errors


def _pod_affinity(affinity: Mapping[str, Any], path: str, rules: PodRules) -> list[FieldError]:
    errors: list[FieldError] = []
    for index, term in enumerate(affinity.get(REQUIRED) or ()):
        errors += _pod_term(term, f"{path}.{REQUIRED}[{index}]", rules)
    for index, weighted in enumerate(affinity.get(PREFERRED) or ()):
        where = f"{path}.{PREFERRED}[{index}]"
        if not 1 <= weighted["weight"] <= 100:
            errors.append(invalid(f"{where}.weight", weighted["weight"], _WEIGHT))
        errors += _pod_term(weighted["podAffinityTerm"], f"{where}.podAffinityTerm", rules)
    return errors


def _pod_term(term: Mapping[str, Any], path: str, rules: PodRules) -> list[FieldError]:
    lenient = rules.any_selector_value
    errors: list[FieldError] = []
    for name in ("labelSelector", "namespaceSelector"):
        errors += validate_label_selector(term.get(name), f"{path}.{name}", lenient=lenient)
    for name in term.get("namespaces") or ():
        problems = dns1123_label_problems(name)
        errors += [invalid(f"{path}.namespace", name, problem) for problem in problems]
    errors += _label_keys(term, path)
    key = term.get("topologyKey", "")
    if not key:
        errors.append(required(f"{path}.topologyKey", "can not be empty"))
    return errors + validate_qualified_name(key, f"{path}.topologyKey")


def _label_keys(term: Mapping[str, Any], path: str) -> list[FieldError]:
    matched, mismatched = term.get("matchLabelKeys") or (), term.get("mismatchLabelKeys") or ()
    if not matched and not mismatched:
        return []
    selector = term.get("labelSelector")
    errors: list[FieldError] = []
    for name, keys in (("matchLabelKeys", matched), ("mismatchLabelKeys", mismatched)):
        errors += _keys(keys, selector, f"{path}.{name}")
    if selector is not None:
        errors += merged_key_errors(matched, selector, path)
    others = frozenset(mismatched)
    for index, key in enumerate(matched):
        if key in others:
            detail = "exists in both matchLabelKeys and mismatchLabelKeys"
            errors.append(invalid(f"{path}.matchLabelKeys[{index}]", key, detail))
    return errors


def _keys(keys: Collection[str], selector: Mapping[str, Any] | None, path: str) -> list[FieldError]:
    if keys and selector is None:
        return [forbidden(path, "must not be specified when labelSelector is not set")]
    errors: list[FieldError] = []
    for index, key in enumerate(keys):
        errors += validate_qualified_name(key, f"{path}[{index}]")
    return errors


def merged_key_errors(
    keys: Iterable[str], selector: Mapping[str, Any], path: str
) -> list[FieldError]:
    """Reject keys that the selector has in addition to the conditions generated from them."""
    positions = {key: index for index, key in enumerate(keys)}
    seen = set(selector.get("matchLabels") or ())
    errors = []
    for expression in selector.get("matchExpressions") or ():
        key = expression["key"]
        if key in positions and key in seen:
            detail = "exists in both matchLabelKeys and labelSelector"
            errors.append(invalid(f"{path}[{positions[key]}]", key, detail))
        seen.add(key)
    return errors
