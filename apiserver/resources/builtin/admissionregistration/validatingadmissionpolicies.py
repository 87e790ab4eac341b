"""ValidatingAdmissionPolicy."""

from __future__ import annotations

from typing import Any, Final

from apiserver.machinery.fielderrors import (
    FieldError,
    duplicate,
    invalid,
    not_supported,
    required,
)
from apiserver.machinery.jsonpathsyntax import JSONPathSyntaxError, parse_jsonpath
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
    validate_choice,
    validate_match,
)
from apiserver.resources.builtin.parts.names import validate_qualified_name
from apiserver.resources.builtin.policy import conditions
from apiserver.resources.printing import Column
from apiserver.resources.strategy import with_metadata_of

_NOTHING: Final = "validations or auditAnnotations must contain at least one item"
_EMPTY: Final = "must be non-empty if specified"
_MAX_AUDITS: Final = 20
_LONGEST_VALUE: Final = 5 * 1024
_REASONS: Final = ("Forbidden", "Invalid", "RequestEntityTooLarge")


class ValidatingAdmissionPolicyStrategy(PolicyStrategy):
    """A validating policy rejects requests that violate its rules, or warns about them."""

    reset_fields = {"status": {"f:metadata": {}, "f:spec": {}}}  # noqa: RUF012
    printer = policy_printer(
        Column(
            "Validations",
            "Validations indicates the number of validation rules defined in this configuration",
            type="integer",
        ),
        "validations",
    )

    def validate(self, document: Object) -> list[FieldError]:
        spec = document["spec"]
        validations, audits = spec.get("validations") or [], spec.get("auditAnnotations") or []
        match = spec.get("matchConstraints")
        errors = validate_choice(spec.get("failurePolicy"), FAILURE_POLICIES, "spec.failurePolicy")
        errors += validate_param_kind(spec.get("paramKind"), "spec.paramKind")
        path = "spec.matchConstraints"
        if match is None:
            errors.append(required(path))
        else:
            errors += validate_match(match, path, rules_needed=True)
        has_params = spec.get("paramKind") is not None
        path = "spec.matchConditions"
        errors += validate_conditions(
            spec.get("matchConditions") or [], path, has_params=has_params
        )
        variables = spec.get("variables") or []
        expressions = ExpressionValidator(has_params=has_params, composes=bool(variables))
        errors += validate_variables(variables, "spec.variables", expressions)
        if not validations and not audits:
            errors.append(required("spec.validations", _NOTHING))
            errors.append(required("spec.auditAnnotations", _NOTHING))
        for index, validation in enumerate(validations):
            errors += _validate_rule(validation, f"spec.validations[{index}]", expressions)
        return errors + _validate_audits(audits, document["metadata"].get("name", ""), expressions)

    def prepare_for_status_update(self, document: Object, old: Object) -> Object:
        return super().prepare_for_status_update(with_metadata_of(document, old), old)

    def validate_status_update(self, document: Object, old: Object) -> list[FieldError]:
        status = document.get("status") or {}
        warnings = (status.get("typeChecking") or {}).get("expressionWarnings") or ()
        errors: list[FieldError] = []
        for index, warning in enumerate(warnings):
            path = f"status.typeChecking.expressionWarnings[{index}]"
            if not warning.get("warning"):
                errors.append(required(f"{path}.warning"))
            errors += _validate_field_ref(warning.get("fieldRef", "").strip(), f"{path}.fieldRef")
        return errors + conditions.validate_conditions(
            status.get("conditions") or (), "status.conditions"
        )


def _validate_field_ref(reference: str, path: str) -> list[FieldError]:
    if not reference:
        return [required(path)]
    try:
        parse_jsonpath(reference)
    except JSONPathSyntaxError as error:
        return [invalid(path, reference, f"invalid JSONPath: {error}")]
    return []


def _validate_rule(
    rule: dict[str, Any], path: str, expressions: ExpressionValidator
) -> list[FieldError]:
    expression, message = rule.get("expression", ""), rule.get("message", "")
    if not expression.strip():
        errors = [required(f"{path}.expression", "expression is not specified")]
    else:
        errors = expressions.validate(expression, f"{path}.expression", "bool")
    shown = rule.get("messageExpression", "")
    where = f"{path}.messageExpression"
    if shown.strip():
        errors += expressions.validate(shown, where, "string", authorizes=False)
    elif shown:
        errors.append(invalid(where, shown, _EMPTY))
    if message and not message.strip():
        errors.append(invalid(f"{path}.message", message, _EMPTY))
    elif not {"\n", "\r"}.isdisjoint(message.strip()):
        errors.append(invalid(f"{path}.message", message, "must not contain line breaks"))
    reason = rule.get("reason")
    if reason is not None and reason not in _REASONS:
        errors.append(not_supported(f"{path}.reason", reason, _REASONS))
    return errors


def _shown(audit: dict[str, Any]) -> dict[str, str]:
    # The error message gives these names to the members of an annotation.
    return {"Key": audit.get("key", ""), "ValueExpression": audit.get("valueExpression", "")}


def _validate_audits(
    audits: list[dict[str, Any]], policy: str, expressions: ExpressionValidator
) -> list[FieldError]:
    errors: list[FieldError] = []
    if len(audits) > _MAX_AUDITS:
        detail = f"must not have more than {_MAX_AUDITS} auditAnnotations"
        errors.append(invalid("spec.auditAnnotations", [_shown(audit) for audit in audits], detail))
    keys: set[str] = set()
    for index, audit in enumerate(audits):
        path, key = f"spec.auditAnnotations[{index}]", audit.get("key", "")
        if policy:
            errors += validate_qualified_name(f"{policy}/{key}", f"{path}.key")
        else:
            errors.append(invalid(f"{path}.key", key, "requires metadata.name be non-empty"))
        if key in keys:
            errors.append(duplicate(f"{path}.key", key))
        keys.add(key)
        expression, where = audit.get("valueExpression", "").strip(), f"{path}.valueExpression"
        if not expression:
            errors.append(required(where, "valueExpression is not specified"))
        elif len(expression.encode()) > _LONGEST_VALUE:
            detail = f"must not exceed {_LONGEST_VALUE} bytes in length"
            errors.append(required(where, detail))
        else:
            errors += expressions.validate(audit["valueExpression"], where, "string", "null_type")
    return errors


STRATEGY = ValidatingAdmissionPolicyStrategy
