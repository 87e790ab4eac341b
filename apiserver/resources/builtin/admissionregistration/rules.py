"""Matching of requests by webhooks and policies: rules, namespace and object selectors."""

from __future__ import annotations

from collections.abc import Container, Sequence
from typing import Any, Final

from apiserver.machinery.fielderrors import (
    FieldError,
    duplicate,
    invalid,
    not_supported,
    required,
)
from apiserver.resources.builtin.parts.hosts import validate_path_segment
from apiserver.resources.builtin.parts.labelselector import validate_label_selector

WILDCARD: Final = "*"
OPERATIONS: Final = (WILDCARD, "CONNECT", "CREATE", "DELETE", "UPDATE")
_MUTABLE: Final = tuple(each for each in OPERATIONS if each != "DELETE")
FAILURE_POLICIES: Final = ("Fail", "Ignore")
MATCH_POLICIES: Final = ("Equivalent", "Exact")
REINVOCATION_POLICIES: Final = ("IfNeeded", "Never")
_SCOPES: Final = (WILDCARD, "Cluster", "Namespaced")
_SELECTORS: Final = ("namespaceSelector", "objectSelector")


def default_rules(rules: Sequence[dict[str, Any]] | None) -> None:
    """Set the default scope of rules, in place: all scopes."""
    for rule in rules or ():
        rule.setdefault("scope", WILDCARD)


def default_match(match: dict[str, Any]) -> None:
    """Set the default matchPolicy, in place: ``Equivalent``."""
    match.setdefault("matchPolicy", "Equivalent")
    for member in _SELECTORS:
        match.setdefault(member, {})


def validate_choice(value: str | None, choices: Sequence[str], path: str) -> list[FieldError]:
    """Reject a value that is neither empty nor one of the choices."""
    return [] if value is None or value in choices else [not_supported(path, value, choices)]


def validate_selectors(match: dict[str, Any], path: str) -> list[FieldError]:
    """Validate the selectors of namespaces and objects."""
    errors: list[FieldError] = []
    for member in _SELECTORS:
        if match.get(member) is not None:
            errors += validate_label_selector(match[member], f"{path}.{member}")
    return errors


def validate_rule(rule: dict[str, Any], path: str) -> list[FieldError]:
    """Validate a rule: operations on resources."""
    operations = rule.get("operations") or []
    errors = _validate_list(operations, f"{path}.operations", "operations")
    for index, operation in enumerate(operations):
        if operation not in OPERATIONS:
            errors.append(not_supported(f"{path}.operations[{index}]", operation, OPERATIONS))
    errors += _validate_list(rule.get("apiGroups") or [], f"{path}.apiGroups", "API groups")
    versions = rule.get("apiVersions") or []
    errors += _validate_list(versions, f"{path}.apiVersions", "API versions")
    for index, version in enumerate(versions):
        if not version:
            errors.append(required(f"{path}.apiVersions[{index}]"))
    errors += _validate_resources(rule.get("resources") or [], f"{path}.resources")
    return errors + validate_choice(rule.get("scope"), _SCOPES, f"{path}.scope")


def validate_match(match: dict[str, Any], path: str, *, rules_needed: bool) -> list[FieldError]:
    """Validate the match resources of a policy or of a binding."""
    errors = validate_choice(match.get("matchPolicy"), MATCH_POLICIES, f"{path}.matchPolicy")
    errors += validate_selectors(match, path)
    rules = match.get("resourceRules") or []
    for index, rule in enumerate(rules):
        errors += _validate_named_rule(rule, f"{path}.resourceRules[{index}]")
    for index, rule in enumerate(match.get("excludeResourceRules") or ()):
        errors += _validate_named_rule(rule, f"{path}.excludeResourceRules[{index}]")
    if rules_needed and not rules:
        errors.append(required(f"{path}.resourceRules"))
    return errors


def validate_mutable(match: dict[str, Any], path: str) -> list[FieldError]:
    """Validate the operations that a mutating policy matches: nothing changes a deletion."""
    return [
        not_supported(f"{path}.resourceRules.operations", operation, _MUTABLE)
        for rule in match.get("resourceRules") or ()
        for operation in rule.get("operations") or ()
        if operation not in _MUTABLE
    ]


def _validate_named_rule(rule: dict[str, Any], path: str) -> list[FieldError]:
    errors: list[FieldError] = []
    seen: set[str] = set()
    for index, name in enumerate(rule.get("resourceNames") or ()):
        where = f"{path}.resourceNames[{index}]"
        errors += validate_path_segment(name, where)
        if name in seen:
            errors.append(duplicate(where, name))
        seen.add(name)
    return errors + validate_rule(rule, path)


def _covering(name: str, before: Container[str]) -> list[str]:
    resource, slash, sub = name.partition("/")
    wider = (f"{resource}/{WILDCARD}", f"{WILDCARD}/{sub}") if slash else ()
    return [other for other in wider if other in before]


def _validate_list(values: list[str], path: str, what: str) -> list[FieldError]:
    if not values:
        return [required(path)]
    if WILDCARD in values and len(values) > 1:
        detail = f"if '*' is present, must not specify other {what}"
        return [invalid(path, values, detail)]
    return []


def _validate_resources(resources: list[str], path: str) -> list[FieldError]:
    if not resources:
        return [required(path)]
    errors: list[FieldError] = []
    before: set[str] = set()
    for index, name in enumerate(resources):
        where = f"{path}[{index}]"
        if not name:
            errors.append(required(where))
            continue
        covering = _covering(name, before)
        before.add(name)
        errors += [
            invalid(where, name, f"if '{other}' is present, must not specify {name}")
            for other in covering
        ]
    if "*/*" in resources and len(resources) > 1:
        detail = "if '*/*' is present, must not specify other resources"
        errors.append(invalid(path, resources, detail))
    whole = [name for name in resources if name and "/" not in name]
    # Kubernetes remembers the last resource without a subresource only.
    if WILDCARD in whole and whole[-1] != WILDCARD:
        detail = "if '*' is present, must not specify other resources without subresources"
        errors.append(invalid(path, resources, detail))
    return errors
