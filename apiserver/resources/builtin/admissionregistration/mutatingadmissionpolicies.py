"""MutatingAdmissionPolicy."""

from __future__ import annotations

from typing import Any, Final

from apiserver.machinery.fielderrors import FieldError, invalid, not_supported, required
from apiserver.machinery.objects import Object
from apiserver.resources.builtin.admissionregistration.expressions import ExpressionValidator
from apiserver.resources.builtin.admissionregistration.policies import (
    PolicyStrategy,
    policy_printer,
    validate_conditions,
    validate_param_kind,
    validate_variables,
)
from apiserver.resources.builtin.admissionregistration.rules import (
    FAILURE_POLICIES,
    REINVOCATION_POLICIES,
    validate_choice,
    validate_match,
    validate_mutable,
)
from apiserver.resources.printing import Column

# The types of patches, the member that holds the expression of one, and what that makes.
_PATCHES: Final = {"ApplyConfiguration": "applyConfiguration", "JSONPatch": "jsonPatch"}
_MADE: Final = {"ApplyConfiguration": "Object", "JSONPatch": "list<JSONPatch>"}


class MutatingAdmissionPolicyStrategy(PolicyStrategy):
    """A mutating policy changes objects."""

    printer = policy_printer(
        Column(
            "Mutations",
            "Mutation indicates the number of mutations rules defined in this configuration",
            type="integer",
        ),
        "mutations",
    )

    def validate(self, document: Object) -> list[FieldError]:
        spec = document["spec"]
        match, path = spec.get("matchConstraints"), "spec.matchConstraints"
        errors = validate_choice(spec.get("failurePolicy"), FAILURE_POLICIES, "spec.failurePolicy")
        errors += validate_param_kind(spec.get("paramKind"), "spec.paramKind")
        if match is None:
            errors.append(required(path))
        else:
            errors += validate_match(match, path, rules_needed=True)
            errors += validate_mutable(match, path)
        conditions = spec.get("matchConditions") or []
        has_params = spec.get("paramKind") is not None
        path = "spec.matchConditions"
        errors += validate_conditions(conditions, path, has_params=has_params)
        expressions = ExpressionValidator(has_params=has_params, composes=True)
        variables = spec.get("variables") or []
        errors += validate_variables(variables, "spec.variables", expressions)
        mutations = spec.get("mutations") or []
        if not mutations:
            detail = "mutations must contain at least one item"
            errors.append(required("spec.mutations", detail))
        for index, mutation in enumerate(mutations):
            errors += _validate_mutation(mutation, f"spec.mutations[{index}]", expressions)
        policy = spec.get("reinvocationPolicy", "")
        where = "spec.reinvocationPolicy"
        if not policy:
            return [*errors, required(where)]
        return errors + validate_choice(policy, REINVOCATION_POLICIES, where)


def _validate_mutation(
    mutation: dict[str, Any], path: str, expressions: ExpressionValidator
) -> list[FieldError]:
    type_ = mutation.get("patchType", "")
    if not type_:
        return [required(f"{path}.patchType")]
    if type_ not in _PATCHES:
        return [not_supported(f"{path}.patchType", type_, _PATCHES)]
    member = _PATCHES[type_]
    patch = mutation.get(member)
    if patch is None:
        detail = f"must be specified when patchType is {type_}"
        errors = [required(f"{path}.{member}", detail)]
    elif expression := patch.get("expression", "").strip():
        where = f"{path}.{member}.expression"
        errors = expressions.validate_patch(expression, where, _MADE[type_])
    else:
        errors = [required(f"{path}.{member}.expression")]
    return errors + [
        invalid(
            f"{path}.{other}", f"{{{other}}}", f"must not be specified when patchType is {type_}"
        )
        for other in _PATCHES.values()
        if other != member and mutation.get(other) is not None
    ]


STRATEGY = MutatingAdmissionPolicyStrategy
