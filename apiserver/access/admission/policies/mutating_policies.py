"""The mutations of a mutating policy: configurations to merge, and JSON patches.

Evaluation is pure: it may be begun again, or run in a thread (`ExpressionEvaluator`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from apiserver.access.admission.policies.compiled_policies import CompiledPolicy, compile_common
from apiserver.cel.errors import EvaluationError
from apiserver.cel.objectvalues import (
    OBJECT,
    MismatchError,
    check_types,
    to_document,
)
from apiserver.cel.requestevaluation import (
    POLICY_LIMIT,
    Allowance,
    Expression,
    OutOfBudgetError,
    RequestValues,
)
from apiserver.cel.values import ObjectValue
from apiserver.machinery.objects import Object
from apiserver.machinery.valueclasses import valueclass

_UNMARSHALABLE: Final = (
    "JSONPath valueExpression evaluated to a type that could not marshal to JSON"
)


class MutationError(Exception):
    """A mutation fails; the text is that of the API server."""


@valueclass
class Mutation:
    """One mutation of a policy: its expression makes a configuration, or a list of operations."""

    merges: bool
    expression: Expression


@valueclass
class CompiledMutatingPolicy(CompiledPolicy):
    """The expressions of a MutatingAdmissionPolicy.

    ``reinvoked``: it is evaluated again if others have changed the object after it.
    """

    mutations: Sequence[Mutation]
    reinvoked: bool


def compile_mutating_policy(spec: Mapping[str, Any]) -> CompiledMutatingPolicy:
    """Compile a policy."""
    expressions, conditions, variables = compile_common(spec)
    mutations = []
    for each in spec.get("mutations") or ():
        merges = each.get("patchType") == "ApplyConfiguration"
        patch = each.get("applyConfiguration" if merges else "jsonPatch") or {}
        type_ = OBJECT if merges else "list<JSONPatch>"
        source = patch.get("expression") or ""
        mutations.append(Mutation(merges, Expression.compile_patch(expressions, source, type_)))
    reinvoked = spec.get("reinvocationPolicy") == "IfNeeded"
    return CompiledMutatingPolicy(conditions, variables, mutations, reinvoked)


def evaluate_mutation(
    policy: CompiledMutatingPolicy, mutation: Mutation, values: RequestValues, allowance: Allowance
) -> Any:
    """Return the configuration, or the operations, of a mutation. Raises MutationError."""
    if mutation.expression.program is None:
        raise MutationError(mutation.expression.error)
    evaluation = policy.evaluation(values, POLICY_LIMIT, allowance, authorizes=True)
    try:
        value = evaluation.value(mutation.expression)
    except (EvaluationError, OutOfBudgetError) as error:
        raise MutationError(str(error)) from error
    return _configuration(value) if mutation.merges else list(map(_operation, value))


def _configuration(value: Any) -> Object:
    try:
        check_types(value, OBJECT)
    except MismatchError as error:
        raise MutationError(f"type mismatch: {error}") from error
    try:
        document: Object = to_document(value)
    except MismatchError as error:
        raise MutationError(f"invalid return type: {error}") from error
    return document


def _operation(value: ObjectValue) -> dict[str, Any]:
    """Return an operation of a JSON patch."""
    members = value.members
    operation = {"op": members.get("op", ""), "path": members.get("path", "")}
    if members.get("from"):
        operation["from"] = members["from"]
    if "value" in members:
        operation["value"] = _json(members["value"])
    return operation


def _json(value: Any) -> Any:
    if type(value) is ObjectValue:
        try:
            check_types(value, value.cel_type)
        except MismatchError as error:
            raise MutationError(f"type mismatch: {error}") from error
    try:
        return to_document(value)
    except MismatchError as error:
        raise MutationError(f"{_UNMARSHALABLE}: {error}") from error
