"""FlowSchema."""

from __future__ import annotations

from typing import Any, Final

from apiserver.machinery.fielderrors import (
    FieldError,
    forbidden,
    invalid,
    not_supported,
    required,
)
from apiserver.machinery.objects import Object
from apiserver.resources.builtin.parts.names import validate_dns_subdomain
from apiserver.resources.printing import AGE, NAME, NONE, Column, Printer, age_of
from apiserver.resources.strategy import WHOLE, Strategy

_SPEC: Final = "api.flowcontrol.v1.FlowSchemaSpec"
_DEFAULT_PRECEDENCE, _HIGHEST_PRECEDENCE = 1000, 10000
_EXEMPT: Final = "exempt"
_METHODS: Final = ("ByNamespace", "ByUser")
_VERBS: Final = frozenset(
    [
        "get", "list", "create", "update", "delete", "deletecollection", "patch", "watch", "proxy",
        "head", "post", "put", "options", "*",
    ]
)  # fmt: skip
# The kinds of subjects, and the member that each must have, and no other.
_SUBJECTS: Final = {"Group": "group", "ServiceAccount": "serviceAccount", "User": "user"}

COLUMNS: Final = (
    NAME,
    Column("PriorityLevel", source="api.flowcontrol.v1.PriorityLevelConfigurationReference.name"),
    Column("MatchingPrecedence", source=f"{_SPEC}.matchingPrecedence"),
    Column("DistinguisherMethod", source=f"{_SPEC}.distinguisherMethod"),
    AGE,
    Column("MissingPL", "references a broken or non-existent PriorityLevelConfiguration"),
)


def _cells(document: Object, now: float) -> list[Any]:
    metadata, spec = document["metadata"], document.get("spec") or {}
    missing = "?"
    for condition in (document.get("status") or {}).get("conditions") or ():
        if condition.get("type") == "Dangling":
            missing = condition.get("status", "")
            break
    return [
        metadata.get("name", ""),
        (spec.get("priorityLevelConfiguration") or {}).get("name", ""),
        spec.get("matchingPrecedence", 0),
        (spec.get("distinguisherMethod") or {}).get("type", NONE),
        age_of(metadata.get("creationTimestamp"), now),
        missing,
    ]


class FlowSchemaStrategy(Strategy):
    """A FlowSchema sorts requests into flows of a priority level."""

    metadata_checks = (WHOLE,)
    generation_of = ("spec",)
    printer = Printer(COLUMNS, _cells)

    def default(self, document: Object) -> None:
        spec = document["spec"]
        if not spec.get("matchingPrecedence"):
            spec["matchingPrecedence"] = _DEFAULT_PRECEDENCE

    def validate(self, document: Object) -> list[FieldError]:
        spec, name = document["spec"], document["metadata"].get("name", "")
        errors = _validate_precedence(spec.get("matchingPrecedence", 0), name)
        method = spec.get("distinguisherMethod")
        if method is not None and method.get("type", "") not in _METHODS:
            shown = method.get("type", "")
            errors.append(not_supported("spec.distinguisherMethod", shown, _METHODS))
        level = (spec.get("priorityLevelConfiguration") or {}).get("name", "")
        path = "spec.priorityLevelConfiguration.name"
        errors += validate_dns_subdomain(level, path) if level else [required(path)]
        for index, rule in enumerate(spec.get("rules") or ()):
            errors += _validate_rule(rule, f"spec.rules[{index}]")
        return errors


def _validate_precedence(precedence: int, name: str) -> list[FieldError]:
    path = "spec.matchingPrecedence"
    errors = []
    if precedence <= 0:
        errors.append(invalid(path, precedence, "must be a positive value"))
    if precedence > _HIGHEST_PRECEDENCE:
        detail = f"must not be greater than {_HIGHEST_PRECEDENCE}"
        errors.append(invalid(path, precedence, detail))
    if precedence == 1 and name != _EXEMPT:
        detail = "only the schema named 'exempt' may have matchingPrecedence 1"
        errors.append(invalid(path, precedence, detail))
    return errors


def _validate_rule(rule: dict[str, Any], path: str) -> list[FieldError]:
    subjects = rule.get("subjects") or []
    errors: list[FieldError] = []
    if not subjects:
        errors.append(required(f"{path}.subjects", "subjects must contain at least one value"))
    for index, subject in enumerate(subjects):
        errors += _validate_subject(subject, f"{path}.subjects[{index}]")
    resources, others = rule.get("resourceRules") or [], rule.get("nonResourceRules") or []
    if not resources and not others:
        detail = "at least one of resourceRules and nonResourceRules has to be non-empty"
        errors.append(required(path, detail))
    for index, inner in enumerate(resources):
        errors += _validate_resource_rule(inner, f"{path}.resourceRules[{index}]")
    for index, inner in enumerate(others):
        errors += _validate_other_rule(inner, f"{path}.nonResourceRules[{index}]")
    return errors


def _validate_subject(subject: dict[str, Any], path: str) -> list[FieldError]:
    kind = subject.get("kind", "")
    if kind not in _SUBJECTS:
        return [not_supported(f"{path}.kind", kind, _SUBJECTS)]
    member = _SUBJECTS[kind]
    errors = []
    if subject.get(member) is None:
        detail = f"{member} is required when subject kind is '{kind}'"
        errors.append(required(f"{path}.{member}", detail))
    else:
        names = ("namespace", "name") if kind == "ServiceAccount" else ("name",)
        errors += [
            required(f"{path}.{member}.{name}")
            for name in names
            if not subject[member].get(name)
        ]
    errors += [
        forbidden(f"{path}.{other}", f"{other} is forbidden when subject kind is not '{name}'")
        for name, other in _SUBJECTS.items()
        if name != kind and subject.get(other) is not None
    ]
    return errors


def _validate_verbs(verbs: list[str], path: str) -> list[FieldError]:
    if not verbs:
        return [required(f"{path}.verbs", "verbs must contain at least one value")]
    if "*" in verbs and len(verbs) > 1:
        detail = "if '*' is present, must not specify other verbs"
        return [invalid(f"{path}.verbs", verbs, detail)]
    unknown = [verb for verb in verbs if verb not in _VERBS]
    return [not_supported(f"{path}.verbs", verbs, sorted(_VERBS - {"*"}))] if unknown else []


def _validate_resource_rule(rule: dict[str, Any], path: str) -> list[FieldError]:
    errors = _validate_verbs(rule.get("verbs") or [], path)
    for member, what in (("apiGroups", "api group"), ("resources", "resource")):
        values = rule.get(member) or []
        if not values:
            detail = f"resource rules must supply at least one {what}"
            errors.append(required(f"{path}.{member}", detail))
        elif "*" in values and len(values) > 1:
            plural = "api groups" if member == "apiGroups" else "resources"
            detail = f"if '*' is present, must not specify other {plural}"
            errors.append(invalid(f"{path}.{member}", values, detail))
    if not rule.get("namespaces") and not rule.get("clusterScope"):
        detail = "resource rules that are not cluster scoped must supply at least one namespace"
        errors.append(required(f"{path}.namespaces", detail))
    return errors


def _validate_other_rule(rule: dict[str, Any], path: str) -> list[FieldError]:
    errors = _validate_verbs(rule.get("verbs") or [], path)
    urls = rule.get("nonResourceURLs") or []
    where = f"{path}.nonResourceURLs"
    if not urls:
        return [*errors, required(where, "nonResourceURLs must contain at least one value")]
    if "*" in urls:
        if len(urls) > 1:
            detail = "if '*' is present, must not specify other non-resource URLs"
            errors.append(invalid(where, urls, detail))
        return errors
    for index, url in enumerate(urls):
        if not url.startswith("/"):
            detail = "must start with slash"
            errors.append(invalid(f"{where}[{index}]", url, detail))
    return errors


STRATEGY = FlowSchemaStrategy
