"""MutatingAdmissionPolicyBinding."""

from __future__ import annotations

from apiserver.machinery.fielderrors import FieldError
from apiserver.machinery.objects import Object
from apiserver.resources.builtin.admissionregistration.policies import (
    PolicyBindingStrategy,
    binding_printer,
    validate_param_reference,
    validate_policy_name,
)
from apiserver.resources.builtin.admissionregistration.rules import (
    validate_match,
    validate_mutable,
)


class MutatingAdmissionPolicyBindingStrategy(PolicyBindingStrategy):
    """A binding of a mutating policy."""

    printer = binding_printer(
        "ParamRef indicates the param resource which sets the configuration param"
    )

    def validate(self, document: Object) -> list[FieldError]:
        spec = document["spec"]
        errors = validate_policy_name(spec.get("policyName", ""), "spec.policyName")
        errors += validate_param_reference(spec.get("paramRef"), "spec.paramRef")
        match = spec.get("matchResources")
        if match is not None:
            errors += validate_match(match, "spec.matchResources", rules_needed=False)
            errors += validate_mutable(match, "spec.matchResources")
        return errors


STRATEGY = MutatingAdmissionPolicyBindingStrategy
