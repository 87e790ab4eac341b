"""Evaluates the mutating policies that apply to a write, and changes the object (KEP-3962).

Policies run in the order of their names. In the second round of mutating admission only those run
again that may, and after which the object was changed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import orjson

from apiserver.access.admission.admission_request import MatchedRequest
from apiserver.access.admission.chain import AdmissionAttributes, Reinvocation
from apiserver.access.admission.matching import Candidates, ResourceVersion
from apiserver.access.admission.policies.mutating_policies import (
    CompiledMutatingPolicy,
    Mutation,
    MutationError,
    evaluate_mutation,
)
from apiserver.access.admission.policies.params import PolicyConfigurationError
from apiserver.access.admission.policies.policy_dependencies import ConfigurationRefused
from apiserver.access.admission.policies.policy_documents import BoundPolicy, Policy
from apiserver.access.admission.policies.policy_request import (
    Invocation,
    PolicyRequest,
    Problem,
    with_params,
)
from apiserver.cel.matchconditions import ConditionError
from apiserver.machinery.equality import deep_equal
from apiserver.machinery.errors import Forbidden, StatusError
from apiserver.machinery.gvk import format_api_version
from apiserver.machinery.objects import Object, metadata_of
from apiserver.machinery.quoting import quote
from apiserver.machinery.valueclasses import valueclass
from apiserver.patch import json_patch
from apiserver.patch.errors import PatchDoesNotApply, PatchError

_NAME: Final = "MutatingAdmissionPolicy"


class MutationDenied(StatusError):
    """A mutation fails: the error is Forbidden with another reason."""

    code, reason = 403, "Invalid"


@valueclass
class PolicyDenial:
    """Why a policy denies a request; without a binding the policy itself has failed."""

    policy: str
    binding: str
    message: str
    #: Whether the policy could not be configured; otherwise its mutation failed.
    unconfigured: bool

    def __str__(self) -> str:
        if self.binding:
            start = f"policy '{self.policy}' with binding '{self.binding}'"
        else:
            start = f"policy {quote(self.policy)}"
        return f"{start} denied request: {self.message}"


@dataclass(slots=True)
class ReinvocationState:
    """The state of the first round for the second one: policies that may run again, by key."""

    previous: set[tuple[str, ...]] = field(default_factory=set)
    again: set[tuple[str, ...]] = field(default_factory=set)
    output: Object | None = None

    def changed(self) -> None:
        """Let the policies that ran so far run again, because the object has changed."""
        self.again |= self.previous
        self.previous = set()


async def mutate(
    candidates: Candidates[BoundPolicy[CompiledMutatingPolicy]], request: PolicyRequest
) -> Object | None:
    """Return the object as changed by policies, ``None`` for no change. Raises StatusError."""
    attributes = request.attributes
    if attributes.object is None:
        return None
    reinvocation = attributes.reinvocation = attributes.reinvocation or Reinvocation()
    rounds = reinvocation.states.setdefault(_NAME, ReinvocationState())
    if reinvocation.running and not deep_equal(rounds.output, attributes.object):
        rounds.changed()
    before, denied = attributes.object, list[PolicyDenial]()
    for bound in candidates.items:
        version = request.version_of(bound.match, candidates.equivalents)
        if version is not None:
            dispatch = _Dispatch(bound.policy, version, request, rounds)
            for each in await request.invocations(bound, candidates.equivalents):
                await dispatch.invoke(each)
            denied += dispatch.denied
    rounds.output = attributes.object
    if denied:
        raise _denial(denied, attributes)
    return None if attributes.object is before else attributes.object


def _denial(denied: Sequence[PolicyDenial], attributes: AdmissionAttributes) -> StatusError:
    details = attributes.forbidden("").details or {}
    causes = [{"message": str(each)} for each in denied]
    error = Forbidden if denied[0].unconfigured else MutationDenied
    return error(str(denied[0]), {**details, "causes": causes})


class _Dispatch:
    """One policy that applies to a write."""

    def __init__(
        self,
        policy: Policy[CompiledMutatingPolicy],
        version: ResourceVersion,
        request: PolicyRequest,
        rounds: ReinvocationState,
    ) -> None:
        self._policy = policy
        self._version = version
        self._request = request
        self._rounds = rounds
        self.denied: list[PolicyDenial] = []

    async def invoke(self, invocation: Invocation | Problem) -> None:
        """Evaluate the policy for one parameter of a binding, and change the object."""
        if isinstance(invocation, Problem):
            self._fail(invocation.binding, invocation.text, unconfigured=True)
            return
        compiled = await self._request.compiled(self._policy)
        try:
            matched = await self._request.matched(self._version)
        except PolicyConfigurationError as error:
            self._fail("", f"failed to configure policy: {error}", unconfigured=True)
            return
        if not await self._applies(compiled, matched, invocation):
            return
        key = self._key(invocation)
        reinvocation = self._request.attributes.reinvocation
        assert reinvocation is not None
        if reinvocation.running and key not in self._rounds.again:
            return
        before = matched.object
        for mutation in compiled.mutations:
            await self._mutate(compiled, mutation, matched, invocation)
        if not deep_equal(before, matched.object):
            await self._request.replace_object(matched)
            self._rounds.changed()
            reinvocation.request()
        if compiled.reinvoked:
            self._rounds.previous.add(key)

    async def _applies(
        self, compiled: CompiledMutatingPolicy, matched: MatchedRequest, invocation: Invocation
    ) -> bool:
        values = with_params(self._request.values(matched), invocation.params)
        try:
            return await self._request.run(
                lambda allowance: compiled.applies(values, allowance, fails=self._policy.fails)
            )
        except ConditionError as error:
            self._fail(invocation.binding.name, str(error))
            return False

    async def _mutate(
        self,
        compiled: CompiledMutatingPolicy,
        mutation: Mutation,
        matched: MatchedRequest,
        invocation: Invocation,
    ) -> None:
        values = with_params(self._request.values(matched), invocation.params)
        assert matched.object is not None
        try:
            made = await self._request.run(
                lambda allowance: evaluate_mutation(compiled, mutation, values, allowance)
            )
            changed = (
                self._merged(matched.object, made)
                if mutation.merges
                else _patched(matched.object, made)
            )
        except MutationError as error:
            self._fail(invocation.binding.name, str(error))
            return
        if changed is not matched.object:
            strict = not mutation.merges
            matched.object = self._request.decode(changed, self._version, strict=strict)

    def _merged(self, document: Object, configuration: Object) -> Object:
        kind = self._version.kind
        applied = {
            **configuration,
            "apiVersion": format_api_version(kind.group, kind.version),
            "kind": kind.kind,
        }
        try:
            return self._request.merge(document, applied, self._version)
        except ConfigurationRefused as error:
            raise MutationError(f"error applying patch: {error}") from error

    def _fail(self, binding: str, text: str, *, unconfigured: bool = False) -> None:
        if self._policy.fails:
            self.denied.append(PolicyDenial(self._policy.name, binding, text, unconfigured))

    def _key(self, invocation: Invocation) -> tuple[str, ...]:
        metadata = metadata_of(invocation.params or {})
        params = metadata.get("namespace") or "", metadata.get("name") or ""
        return self._policy.name, invocation.binding.name, *params


def _patched(document: Object, operations: Sequence[dict[str, Any]]) -> Any:
    """Return a document after a JSON patch; a test that fails leaves it as it is."""
    try:
        parsed = json_patch.parse(orjson.dumps(operations), validated=False)
        return json_patch.apply(document, parsed) if operations else document
    except PatchError as error:
        if isinstance(error, PatchDoesNotApply) and error.test_failed:
            return document
        raise MutationError(f"JSON Patch: {error}") from error
