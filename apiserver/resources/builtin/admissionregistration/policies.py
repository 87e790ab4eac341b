"""Common rules of validating and mutating policies, and of their bindings."""

from __future__ import annotations

import re
from typing import Any, Final

from apiserver.cel.propertynames import RESERVED
from apiserver.machinery.fielderrors import (
    FieldError,
    duplicate,
    forbidden,
    invalid,
    not_supported,
    required,
    too_many,
)
from apiserver.machinery.gvk import parse_api_version
from apiserver.machinery.names import dns1035_label_problems, dns1123_subdomain_problems
from apiserver.machinery.objects import Object
from apiserver.resources.builtin.admissionregistration.expressions import ExpressionValidator
from apiserver.resources.builtin.admissionregistration.rules import default_match, default_rules
from apiserver.resources.builtin.parts.hosts import validate_path_segment
from apiserver.resources.builtin.parts.labelselector import show_struct, validate_label_selector
from apiserver.resources.builtin.parts.names import validate_qualified_name
from apiserver.resources.printing import UNSET, Column, Printer, aged
from apiserver.resources.strategy import WHOLE, Strategy

_IDENTIFIER: Final = re.compile(r"[_a-zA-Z][_a-zA-Z0-9]*")
_NOT_FOUND_ACTIONS: Final = ("Deny", "Allow")
_MAX_CONDITIONS: Final = 64
_RULES: Final = ("resourceRules", "excludeResourceRules")


class PolicyStrategy(Strategy):
    """A policy applies to requests that its constraints match."""

    metadata_checks = (WHOLE,)
    qualifies_finalizers = False
    allow_unconditional_update = False
    generation_of = ("spec",)

    @property
    def validates_slowly(self) -> bool:
        return True

    def default(self, document: Object) -> None:
        spec = document["spec"]
        spec.setdefault("failurePolicy", "Fail")
        _default_constraints(spec.get("matchConstraints"))


class PolicyBindingStrategy(Strategy):
    """A binding activates a policy, with parameters."""

    metadata_checks = (WHOLE,)
    qualifies_finalizers = False
    allow_unconditional_update = False
    generation_of = ("spec",)

    def default(self, document: Object) -> None:
        _default_constraints(document["spec"].get("matchResources"))


def _default_constraints(match: dict[str, Any] | None) -> None:
    if match is None:
        return
    default_match(match)
    for member in _RULES:
        default_rules(match.get(member))


def policy_printer(count: Column, member: str) -> Printer:
    """Return the printer of a policy kind, which shows the number of rules in ``member``."""

    def cells(document: Object) -> list[Any]:
        spec = document.get("spec") or {}
        kind = spec.get("paramKind")
        shown = UNSET if kind is None else f"{kind.get('apiVersion', '')}/{kind.get('kind', '')}"
        return [len(spec.get(member) or ()), shown]

    detail = "ParamKind specifies the kind of resources used to parameterize this policy"
    return aged((count, Column("ParamKind", detail)), cells)


def binding_printer(param_detail: str) -> Printer:
    """Return the printer of a kind of binding."""
    detail = "PolicyName indicates the policy definition which the policy binding binded to"
    return aged((Column("PolicyName", detail), Column("ParamRef", param_detail)), _binding_cells)


def _binding_cells(document: Object) -> list[Any]:
    spec = document.get("spec") or {}
    reference = spec.get("paramRef")
    return [spec.get("policyName", ""), UNSET if reference is None else _shown(reference)]


def _shown(reference: dict[str, Any]) -> str:
    named, selector = reference.get("name"), reference.get("selector")
    if named:
        return f"{reference.get('namespace') or '*'}/{named}"
    return UNSET if selector is None else show_struct(selector)


def validate_param_kind(kind: dict[str, Any] | None, path: str) -> list[FieldError]:
    """Validate the kind of a policy's parameters."""
    if kind is None:
        return []
    version, errors = kind.get("apiVersion", ""), []
    if not version:
        errors.append(required(f"{path}.apiVersion"))
    else:
        errors += _validate_api_version(version, f"{path}.apiVersion")
    name, where = kind.get("kind", ""), f"{path}.kind"
    if not name:
        return [*errors, required(where)]
    problems = dns1035_label_problems(name.lower())
    if problems:
        detail = f"may have mixed case, but should otherwise match: {','.join(problems)}"
        errors.append(invalid(where, name, detail))
    return errors


def _validate_api_version(text: str, path: str) -> list[FieldError]:
    try:
        group, version = parse_api_version(text)
    except ValueError as error:
        return [invalid(path, text, str(error))]
    errors = []
    problems = dns1123_subdomain_problems(group) if group else []
    if problems:
        errors.append(invalid(path, group, ",".join(problems)))
    if not version:
        return [*errors, invalid(path, text, "version must be specified")]
    problems = dns1035_label_problems(version)
    return [*errors, invalid(path, version, ",".join(problems))] if problems else errors


def validate_conditions(
    conditions: list[dict[str, Any]], path: str, *, has_params: bool = False
) -> list[FieldError]:
    """Validate match conditions."""
    errors: list[FieldError] = []
    expressions = ExpressionValidator(has_params=has_params)
    if len(conditions) > _MAX_CONDITIONS:
        errors.append(too_many(path, len(conditions), _MAX_CONDITIONS))
    names: set[str] = set()
    for index, condition in enumerate(conditions):
        where, name = f"{path}[{index}]", condition.get("name", "")
        expression = condition.get("expression", "").strip()
        if not expression:
            errors.append(required(f"{where}.expression"))
        else:
            errors += expressions.validate(expression, f"{where}.expression", "bool")
        if not name:
            errors.append(required(f"{where}.name"))
        else:
            errors += validate_qualified_name(name, f"{where}.name")
        if name and name in names:
            errors.append(duplicate(f"{where}.name", name))
        names.add(name)
    return errors


def validate_variables(
    variables: list[dict[str, Any]], path: str, expressions: ExpressionValidator
) -> list[FieldError]:
    """Validate variables, and declare them to the expressions that follow.

    Of two with the same name the later one counts.
    """
    errors: list[FieldError] = []
    for index, variable in enumerate(variables):
        where, name = f"{path}[{index}]", variable.get("name", "")
        if not name.strip():
            errors.append(required(f"{where}.name", "name is not specified"))
        elif not _IDENTIFIER.fullmatch(name) or name in RESERVED:
            errors.append(invalid(f"{where}.name", name, "must be a valid CEL identifier"))
        expression = variable.get("expression", "")
        if not expression.strip():
            errors.append(required(f"{where}.expression", "expression is not specified"))
        else:
            errors += expressions.declare(name, expression, f"{where}.expression")
    return errors


def validate_param_reference(reference: dict[str, Any] | None, path: str) -> list[FieldError]:
    """Validate the parameter reference of a binding."""
    if reference is None:
        return []
    name, selector = reference.get("name"), reference.get("selector")
    action = reference.get("parameterNotFoundAction")
    exclusive = "name and selector are mutually exclusive"
    errors: list[FieldError] = []
    if name:
        errors += validate_path_segment(name, f"{path}.name")
        if selector is not None:
            errors.append(forbidden(f"{path}.name", exclusive))
    if selector is not None:
        errors += validate_label_selector(selector, f"{path}.selector")
        if name:
            errors.append(forbidden(f"{path}.selector", exclusive))
    if not name and selector is None:
        errors.append(required(path, "one of name or selector must be specified"))
    if not action:
        errors.append(required(f"{path}.parameterNotFoundAction"))
    elif action not in _NOT_FOUND_ACTIONS:
        where = f"{path}.parameterNotFoundAction"
        errors.append(not_supported(where, action, _NOT_FOUND_ACTIONS))
    return errors


def validate_policy_name(name: str, path: str) -> list[FieldError]:
    """Reject a value that is not a valid policy name."""
    if not name:
        return [required(path)]
    return [invalid(path, name, problem) for problem in dns1123_subdomain_problems(name)]
