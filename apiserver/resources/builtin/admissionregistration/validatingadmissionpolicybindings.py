"""ValidatingAdmissionPolicyBinding."""

from __future__ import annotations

from typing import Final

from apiserver.machinery.fielderrors import (
    FieldError,
    duplicate,
    invalid,
    not_supported,
    required,
)
from apiserver.machinery.objects import Object
from apiserver.resources.builtin.admissionregistration.policies import (
    PolicyBindingStrategy,
    binding_printer,
    validate_param_reference,
    validate_policy_name,
)
from apiserver.resources.builtin.admissionregistration.rules import validate_match

_ACTIONS: Final = ("Audit", "Deny", "Warn")
_PATH: Final = "spec.validationActions"


class ValidatingAdmissionPolicyBindingStrategy(PolicyBindingStrategy):
    """A binding of a validating policy sets the actions for requests that violate it."""

    printer = binding_printer(
        "ParamRef indicates the param resource which sets the configration param"
    )

    def validate(self, document: Object) -> list[FieldError]:
        spec = document["spec"]
        errors = validate_policy_name(spec.get("policyName", ""), "spec.policyName")
        errors += validate_param_reference(spec.get("paramRef"), "spec.paramRef")
        match = spec.get("matchResources")
        if match is not None:
            errors += validate_match(match, "spec.matchResources", rules_needed=False)
        return errors + _validate_actions(spec.get("validationActions") or [])


def _validate_actions(actions: list[str]) -> list[FieldError]:
    if not actions:
        return [required(_PATH, "at least one validation action is required")]
    errors: list[FieldError] = []
    seen: set[str] = set()
    for index, action in enumerate(actions):
        if action not in _ACTIONS:
            errors.append(not_supported(f"{_PATH}[{index}]", action, _ACTIONS))
        if action in seen:
            errors.append(duplicate(f"{_PATH}[{index}]", action))
        seen.add(action)
    if {"Deny", "Warn"} <= set(actions):
        detail = (
            "must not contain both Deny and Warn (repeating the same validation failure "
            "information in the API response and headers serves no purpose)"
        )
        errors.append(invalid(_PATH, actions, detail))
    return errors


STRATEGY = ValidatingAdmissionPolicyBindingStrategy
