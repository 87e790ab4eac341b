"""FlowSchema."""

from __future__ import annotations

from functools import cache
from typing import Any, Final

from apiserver.machinery.equality import deep_equal
from apiserver.machinery.fielderrors import (
    FieldError,
    forbidden,
    invalid,
    not_supported,
    required,
)
from apiserver.machinery.names import dns1123_label_problems
from apiserver.machinery.objects import Object
from apiserver.resources.builtin.flowcontrol.bootstrap import bootstrap_flow_schemas
from apiserver.resources.builtin.flowcontrol.statuses import validate_status
from apiserver.resources.builtin.parts.names import validate_dns_label, validate_dns_subdomain
from apiserver.resources.printing import AGE, NAME, NONE, Column, Printer, age_of
from apiserver.resources.strategy import WHOLE, Strategy, with_metadata_of
from apiserver.schema.internalform import internal_form

_SPEC: Final = "api.flowcontrol.v1.FlowSchemaSpec"
_DEFAULT_PRECEDENCE, _HIGHEST_PRECEDENCE = 1000, 10000
_EXEMPT, _CATCH_ALL = "exempt", "catch-all"
_METHODS: Final = ("ByNamespace", "ByUser")
_VERBS: Final = (
    "create", "delete", "deletecollection", "get", "list", "patch", "proxy", "update", "watch",
)  # fmt: skip
_ANY: Final = "*"
_NAMESPACE: Final = "each member of this list must be '*' or a DNS-1123 label; "
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


def _precedence(document: Object) -> tuple[int, str]:
    precedence: int = (document.get("spec") or {}).get("matchingPrecedence", 0)
    return precedence, document["metadata"].get("name", "")


class FlowSchemaStrategy(Strategy):
    """A FlowSchema sorts requests into flows of a priority level."""

    metadata_checks = (WHOLE,)
    reset_fields = {"status": {"f:metadata": {}, "f:spec": {}}}  # noqa: RUF012
    generation_of = ("spec",)
    printer = Printer(COLUMNS, _cells, order=_precedence)

    def default(self, document: Object) -> None:
        spec = document["spec"]
        if not spec.get("matchingPrecedence"):
            spec["matchingPrecedence"] = _DEFAULT_PRECEDENCE

    def validate(self, document: Object) -> list[FieldError]:
        spec, name = document["spec"], document["metadata"].get("name", "")
        errors = _validate_precedence(spec.get("matchingPrecedence", 0), name)
        method = spec.get("distinguisherMethod")
        if method is not None and method.get("type", "") not in _METHODS:
            shown = {"Type": method.get("type", "")}
            errors.append(not_supported("spec.distinguisherMethod.type", shown, _METHODS))
        level = (spec.get("priorityLevelConfiguration") or {}).get("name", "")
        path = "spec.priorityLevelConfiguration.name"
        if level:
            errors += validate_dns_subdomain(level, path)
        else:
            errors.append(required(path, "must reference a priority level"))
        for index, rule in enumerate(spec.get("rules") or ()):
            errors += _validate_rule(rule, f"spec.rules[{index}]")
        mandatory = _mandatory().get(name)
        if mandatory is not None and not deep_equal(spec, mandatory):
            shown = internal_form("flowcontrol.v1.FlowSchemaSpec", spec)
            errors.append(invalid("spec", shown, f"spec of '{name}' must equal the fixed value"))
        return errors + validate_status(document)

    def prepare_for_status_update(self, document: Object, old: Object) -> Object:
        return super().prepare_for_status_update(with_metadata_of(document, old), old)

    def validate_status_update(self, document: Object, old: Object) -> list[FieldError]:
        return validate_status(document)


@cache
def _mandatory() -> dict[str, Object]:
    """Return the specs of the schemas that every cluster has."""
    return {
        schema["metadata"]["name"]: schema["spec"]
        for schema in bootstrap_flow_schemas()
        if schema["metadata"]["name"] in (_EXEMPT, _CATCH_ALL)
    }


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
        where = f"{path}.{member}"
        if kind == "ServiceAccount":
            errors += _validate_account(subject[member], where)
        elif not subject[member].get("name"):
            errors.append(required(f"{where}.name"))
    errors += [
        forbidden(f"{path}.{other}", f"{other} is forbidden when subject kind is not '{name}'")
        for name, other in _SUBJECTS.items()
        if name != kind and subject.get(other) is not None
    ]
    return errors


def _validate_account(account: dict[str, Any], path: str) -> list[FieldError]:
    name, namespace = account.get("name", ""), account.get("namespace", "")
    errors: list[FieldError] = []
    if not name:
        errors.append(required(f"{path}.name"))
    elif name != _ANY:
        errors += validate_dns_subdomain(name, f"{path}.name")
    if namespace:
        return errors + validate_dns_label(namespace, f"{path}.namespace")
    detail = "must specify namespace for service account"
    return [*errors, required(f"{path}.namespace", detail)]


def _validate_verbs(verbs: list[str], path: str) -> list[FieldError]:
    if not verbs:
        return [required(f"{path}.verbs", "verbs must contain at least one value")]
    if _ANY in verbs:
        detail = "if '*' is present, must not specify other verbs"
        return [invalid(f"{path}.verbs", verbs, detail)] if len(verbs) > 1 else []
    if all(verb in _VERBS for verb in verbs):
        return []
    return [not_supported(f"{path}.verbs", verbs, _VERBS)]


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
    namespaces, where = rule.get("namespaces") or [], f"{path}.namespaces"
    if not namespaces and not rule.get("clusterScope"):
        detail = "resource rules that are not cluster scoped must supply at least one namespace"
        errors.append(required(where, detail))
    elif _ANY in namespaces:
        if len(namespaces) > 1:
            detail = "if '*' is present, must not specify other namespaces"
            errors.append(invalid(where, namespaces, detail))
    else:
        errors += [
            invalid(f"{where}[{index}]", namespace, f"{_NAMESPACE}{problem}")
            for index, namespace in enumerate(namespaces)
            for problem in dns1123_label_problems(namespace)
        ]
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
        problem = _url_problem(url)
        if problem:
            errors.append(invalid(f"{where}[{index}]", url, problem))
    return errors


def _url_problem(url: str) -> str:
    if not url:
        return "must not be empty"
    if not url.startswith("/"):
        return "must start with slash"
    if " " in url:
        return "must not contain white-space"
    if "//" in url:
        return "must not contain double slash"
    if _ANY in url.removesuffix("/*"):
        return "wildcard can only do suffix matching"
    return ""


STRATEGY = FlowSchemaStrategy
