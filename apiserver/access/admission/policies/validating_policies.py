"""Validating policies: which validations fail for a request, and with which messages.

Evaluation is pure: it may be begun again, or run in a thread (`ExpressionEvaluator`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from apiserver.access.admission.policies.compiled_policies import CompiledPolicy, compile_common
from apiserver.cel.errors import EvaluationError
from apiserver.cel.matchconditions import ConditionError
from apiserver.cel.requestevaluation import (
    POLICY_LIMIT,
    Allowance,
    Evaluation,
    Expression,
    OutOfBudgetError,
    RequestValues,
)
from apiserver.machinery.valueclasses import valueclass

_LONGEST_MESSAGE: Final = 5 * 1024


@valueclass
class Validation:
    """One rule of a policy; without a ``reason`` the request is invalid."""

    expression: Expression
    message_expression: Expression | None
    message: str
    reason: str

    def failure(self) -> str:
        """Return the message that needs no evaluation."""
        return self.message or f"failed expression: {self.expression.source.strip()}"


@valueclass
class CompiledValidatingPolicy(CompiledPolicy):
    """The expressions of a ValidatingAdmissionPolicy; annotations are by their keys."""

    validations: Sequence[Validation]
    annotations: Sequence[tuple[str, Expression]]


@valueclass
class Failure:
    """A validation that failed, by its index."""

    index: int
    message: str
    reason: str = ""


@dataclass(slots=True)
class PolicyResult:
    """The result of a policy: the validations that failed, and annotations of the audit event.

    ``refusals`` deny the request whatever the actions of the binding are: annotations that could
    not be evaluated.
    """

    failures: list[Failure] = field(default_factory=list)
    annotations: list[tuple[str, str]] = field(default_factory=list)
    refusals: list[str] = field(default_factory=list)


def compile_validating_policy(spec: Mapping[str, Any]) -> CompiledValidatingPolicy:
    """Compile a policy."""
    expressions, conditions, variables = compile_common(spec)
    validations = []
    for rule in spec.get("validations") or ():
        source = rule.get("messageExpression") or ""
        message = (
            Expression.compile(expressions, source, "string", authorizes=False)
            if source.strip()
            else None
        )
        validations.append(
            Validation(
                Expression.compile(expressions, rule.get("expression") or "", "bool"),
                message,
                (rule.get("message") or "").strip(),
                rule.get("reason") or "",
            )
        )
    annotations = [
        (
            each.get("key") or "",
            Expression.compile(
                expressions, each.get("valueExpression") or "", "string", "null_type"
            ),
        )
        for each in spec.get("auditAnnotations") or ()
    ]
    return CompiledValidatingPolicy(conditions, variables, validations, annotations)


def evaluate_validations(
    policy: CompiledValidatingPolicy, values: RequestValues, allowance: Allowance, *, fails: bool
) -> PolicyResult:
    """Return the result of a policy for a request; ``fails``: its failure policy is Fail."""
    try:
        if not policy.applies(values, allowance, fails=fails):
            return PolicyResult()
        result = PolicyResult()
        evaluation = policy.evaluation(values, POLICY_LIMIT, allowance, authorizes=True)
        failed = _failed(policy, evaluation, result, fails=fails)
        if failed:
            messages = policy.evaluation(values, evaluation.left, allowance, authorizes=False)
            _add_failures(policy, failed, messages, result, fails=fails)
        if policy.annotations:
            evaluation = policy.evaluation(values, POLICY_LIMIT, allowance, authorizes=False)
            _annotate(policy, evaluation, result, fails=fails)
    except (ConditionError, OutOfBudgetError) as error:
        # Other failures are not reported then.
        return PolicyResult([Failure(0, str(error))] if fails else [])
    result.failures.sort(key=lambda failure: failure.index)
    return result


def _failed(
    policy: CompiledValidatingPolicy, evaluation: Evaluation, result: PolicyResult, *, fails: bool
) -> list[int]:
    """Return the indexes of the validations that are not true; errors are failures at once."""
    failed = []
    for index, validation in enumerate(policy.validations):
        try:
            if evaluation.value(validation.expression) is not True:
                failed.append(index)
        except EvaluationError as error:
            if fails:
                result.failures.append(Failure(index, str(error)))
    return failed


def _add_failures(
    policy: CompiledValidatingPolicy,
    failed: Sequence[int],
    evaluation: Evaluation,
    result: PolicyResult,
    *,
    fails: bool,
) -> None:
    """Add the failed validations with their messages; the cost of all messages counts."""
    try:
        messages = [_message(validation, evaluation) for validation in policy.validations]
    except OutOfBudgetError as error:
        # As in the API server, even validations that are true fail then.
        text = f"failed messageExpression: {error}"
        known = {failure.index for failure in result.failures}
        result.failures += [
            Failure(index, text)
            for index in range(len(policy.validations))
            if fails and index not in known
        ]
        return
    for index in failed:
        validation = policy.validations[index]
        text = messages[index] or validation.failure()
        result.failures.append(Failure(index, text, validation.reason))


def _message(validation: Validation, evaluation: Evaluation) -> str:
    """Return the value of a message expression, "" if it has none that can be shown."""
    if validation.message_expression is None:
        return ""
    try:
        value = evaluation.value(validation.message_expression)
    except EvaluationError:
        return ""
    text = value.strip() if type(value) is str else ""
    return "" if "\n" in text or len(text.encode()) > _LONGEST_MESSAGE else str(text)


def _annotate(
    policy: CompiledValidatingPolicy, evaluation: Evaluation, result: PolicyResult, *, fails: bool
) -> None:
    for key, expression in policy.annotations:
        try:
            value = evaluation.value(expression)
        except EvaluationError as error:
            if fails:
                result.refusals.append(str(error))
            continue
        if type(value) is str and value.strip():
            result.annotations.append((key, value.strip()))
