"""Evaluates the validating policies that apply to a write, and does what their bindings say."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import orjson

from apiserver.access.admission.chain import AdmissionAttributes
from apiserver.access.admission.matching import Candidates, ResourceVersion
from apiserver.access.admission.policies.params import PolicyConfigurationError
from apiserver.access.admission.policies.policy_documents import (
    BoundPolicy,
    PolicyBinding,
)
from apiserver.access.admission.policies.policy_request import (
    PolicyRequest,
    Problem,
    with_params,
)
from apiserver.access.admission.policies.validating_policies import (
    CompiledValidatingPolicy,
    Failure,
    PolicyResult,
    evaluate_validations,
)
from apiserver.cel.requestevaluation import RequestValues
from apiserver.machinery.errors import (
    Forbidden,
    Invalid,
    RequestEntityTooLarge,
    StatusError,
)
from apiserver.machinery.objects import Object
from apiserver.machinery.valueclasses import valueclass

# What a denial is, by the reason of the validation.
_ERRORS: Final[Mapping[str, Callable[[str, dict[str, Any]], StatusError]]] = {
    "Forbidden": Forbidden,
    "RequestEntityTooLarge": RequestEntityTooLarge,
}
_FAILED: Final = "validation.policy.admission.k8s.io/validation_failure"
_LONGEST_ANNOTATION: Final = 10 * 1024


@valueclass
class ValidationDenial:
    """Why a policy denies a request; without a binding the policy itself has failed."""

    policy: str
    binding: str
    message: str
    reason: str = ""

    def error(self, attributes: AdmissionAttributes) -> StatusError:
        """Return the error of the request."""
        bound = f" with binding '{self.binding}'" if self.binding else ""
        cause = f"ValidatingAdmissionPolicy '{self.policy}'{bound} denied request: {self.message}"
        forbidden = attributes.forbidden(cause)
        details = {**(forbidden.details or {}), "causes": [{"message": cause}]}
        return _ERRORS.get(self.reason, Invalid)(forbidden.message, details)


async def validate(
    candidates: Candidates[BoundPolicy[CompiledValidatingPolicy]], request: PolicyRequest
) -> None:
    """Evaluate policies. Raises StatusError for the first denial."""
    denied: list[ValidationDenial] = []
    for bound in candidates.items:
        version = request.version_of(bound.match, candidates.equivalents)
        if version is not None:
            dispatch = _Dispatch(bound, request)
            await dispatch.evaluate(version, candidates.equivalents)
            denied += dispatch.denied
    if denied:
        raise denied[0].error(request.attributes)


class _Dispatch:
    """One policy that applies to a write."""

    def __init__(
        self, bound: BoundPolicy[CompiledValidatingPolicy], request: PolicyRequest
    ) -> None:
        self._bound = bound
        self._policy = bound.policy
        self._request = request
        self.denied: list[ValidationDenial] = []

    async def evaluate(
        self, version: ResourceVersion, equivalents: Sequence[ResourceVersion]
    ) -> None:
        """Evaluate the policy for each of its bindings and their parameters."""
        request = self._request
        try:
            values = request.values(await request.matched(version))
        except PolicyConfigurationError as error:
            self._fail(Problem("", f"failed to configure policy: {error}"))
            return
        annotations: dict[str, dict[str, None]] = {}
        for invocation in await request.invocations(self._bound, equivalents):
            if isinstance(invocation, Problem):
                self._fail(invocation)
                continue
            result = await self._evaluated(values, invocation.params)
            self._act(invocation.binding, result)
            for key, value in result.annotations:
                annotations.setdefault(key, {})[value[:_LONGEST_ANNOTATION]] = None
        for key, distinct in annotations.items():
            request.attributes.annotate(f"{self._policy.name}/{key}", ", ".join(distinct))

    def _fail(self, problem: Problem) -> None:
        if self._policy.fails:
            self.denied.append(ValidationDenial(self._policy.name, problem.binding, problem.text))

    async def _evaluated(self, values: RequestValues, params: Object | None) -> PolicyResult:
        compiled = await self._request.compiled(self._policy)
        given, fails = with_params(values, params), self._policy.fails
        return await self._request.run(
            lambda allowance: evaluate_validations(compiled, given, allowance, fails=fails)
        )

    def _act(self, binding: PolicyBinding, result: PolicyResult) -> None:
        policy = self._policy.name
        for failure in result.failures:
            for action in binding.actions:
                if action == "Deny":
                    denied = ValidationDenial(policy, binding.name, failure.message, failure.reason)
                    self.denied.append(denied)
                elif action == "Warn":
                    self._request.attributes.warn(
                        f"Validation failed for ValidatingAdmissionPolicy '{policy}' "
                        f"with binding '{binding.name}': {failure.message}"
                    )
                else:
                    self._request.attributes.annotate(
                        _FAILED, _failure_annotation(policy, binding, failure)
                    )
        self.denied += [ValidationDenial(policy, binding.name, text) for text in result.refusals]


def _failure_annotation(policy: str, binding: PolicyBinding, failure: Failure) -> str:
    """Return the annotation of a failed validation, a list with one item."""
    value = {
        "message": failure.message,
        "policy": policy,
        "binding": binding.name,
        "expressionIndex": failure.index,
        "validationActions": list(binding.actions),
    }
    return orjson.dumps([value]).decode()
