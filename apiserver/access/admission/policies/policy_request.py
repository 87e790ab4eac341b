"""A write while policies are evaluated: its versions, its variables, and the policies for it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import cached_property
from typing import Any, TypeVar

from apiserver.access.admission.admission_request import MatchedRequest
from apiserver.access.admission.chain import AdmissionAttributes
from apiserver.access.admission.evaluating import ExpressionEvaluator
from apiserver.access.admission.matching import (
    Match,
    ResourceVersion,
    request_namespace,
)
from apiserver.access.admission.policies.params import (
    PolicyConfigurationError,
    params_of,
    resource_of_params,
)
from apiserver.access.admission.policies.policy_dependencies import PolicyDependencies
from apiserver.access.admission.policies.policy_documents import (
    BoundPolicy,
    Policy,
    PolicyBinding,
)
from apiserver.access.admission.request_values import (
    namespace_of_request,
    request_values,
)
from apiserver.cel.requestevaluation import Allowance, RequestValues
from apiserver.client.client import Reader
from apiserver.machinery.errors import StatusError
from apiserver.machinery.objects import Object
from apiserver.machinery.valueclasses import valueclass
from apiserver.schema.asyncresults import run_with_results

R = TypeVar("R")


@valueclass
class Invocation:
    """A policy is to be evaluated for a binding and one of its parameters."""

    binding: PolicyBinding
    params: Object | None


@valueclass
class Problem:
    """A policy cannot be evaluated, or not for a binding (by its name, "" for all)."""

    binding: str
    text: str


class PolicyRequest:
    """One write, for all policies."""

    def __init__(
        self, attributes: AdmissionAttributes, reader: Reader, dependencies: PolicyDependencies
    ) -> None:
        self.attributes = attributes
        self._reader = reader
        self._dependencies = dependencies
        self._own = ResourceVersion(attributes.gvr, attributes.gvk)

    @cached_property
    def _evaluator(self) -> ExpressionEvaluator:
        dependencies = self._dependencies
        return ExpressionEvaluator(self.attributes, dependencies.authorizer, dependencies.in_thread)

    @cached_property
    def _namespace(self) -> Object | None:
        return namespace_of_request(self.attributes, self._reader)

    def version_of(
        self, match: Match, equivalents: Sequence[ResourceVersion]
    ) -> ResourceVersion | None:
        """Return the version in which a policy or binding applies, ``None`` if it does not."""
        if not match.selects_namespace(self.attributes, self._reader):
            return None
        if not match.selects_object(self.attributes):
            return None
        return match.version(self.attributes, equivalents)

    async def invocations(
        self, bound: BoundPolicy[Any], equivalents: Sequence[ResourceVersion]
    ) -> Sequence[Invocation | Problem]:
        """Return the invocations of a matching policy: one per binding and parameter."""
        # A webhook may have to convert the parameters.
        return await run_with_results(lambda: list(self._invocations(bound, equivalents)))

    def _invocations(
        self, bound: BoundPolicy[Any], equivalents: Sequence[ResourceVersion]
    ) -> Iterator[Invocation | Problem]:
        try:
            resource = resource_of_params(bound.policy.param_kind, self._dependencies.kinds)
        except PolicyConfigurationError as error:
            yield Problem("", f"failed to configure policy: {error}")
            return
        namespace = request_namespace(self.attributes)
        for binding in bound.bindings:
            if binding.match is not None and not self.version_of(binding.match, equivalents):
                continue
            try:
                found = params_of(resource, binding.reference, namespace, self._reader)
            except PolicyConfigurationError as error:
                yield Problem(binding.name, f"failed to configure binding: {error}")
                continue
            yield from (Invocation(binding, params) for params in found)

    async def matched(self, version: ResourceVersion) -> MatchedRequest:
        """Return the write in a version. Raises PolicyConfigurationError."""
        attributes = self.attributes
        if version == self._own:
            return MatchedRequest(version, attributes.object, attributes.old_object)
        try:
            return MatchedRequest(
                version,
                await self._converted(attributes.object, version),
                await self._converted(attributes.old_object, version),
            )
        except StatusError as error:
            raise PolicyConfigurationError(f"failed to convert object version: {error}") from error

    async def _converted(self, document: Object | None, version: ResourceVersion) -> Object | None:
        if document is None:
            return None
        return await self._dependencies.kinds.convert(document, self._own, version)

    async def replace_object(self, matched: MatchedRequest) -> None:
        """Make the changed object of a version that of the write. Raises StatusError."""
        document = matched.object
        assert document is not None
        if matched.version != self._own:
            kinds = self._dependencies.kinds
            document = await kinds.convert(document, matched.version, self._own)
        self.attributes.object = document

    def merge(self, document: Object, configuration: Object, version: ResourceVersion) -> Object:
        """Return an object after a configuration was merged. Raises ConfigurationRefused."""
        subresource = self.attributes.subresource
        return self._dependencies.kinds.merge(document, configuration, version, subresource)

    def decode(self, document: Any, version: ResourceVersion, *, strict: bool) -> Object:
        """Return a changed document as an object, with defaults. Raises InternalError."""
        subresource = self.attributes.subresource
        return self._dependencies.kinds.decode(document, version, subresource, strict=strict)

    def values(self, matched: MatchedRequest) -> RequestValues:
        """Return the values of the variables, without parameters."""
        return request_values(
            self.attributes, matched, self._namespace, self._evaluator.authorizers
        )

    async def run(self, work: Callable[[Allowance], R]) -> R:
        """Return the result of an evaluation."""
        return await self._evaluator.run(work)

    async def compiled(self, policy: Policy[R]) -> R:
        """Return the compiled expressions of a policy."""
        if not policy.is_compiled:
            # Compiling takes some milliseconds, loading the language more.
            return await self._dependencies.in_thread(lambda: policy.compiled)
        return policy.compiled


def with_params(values: RequestValues, params: Object | None) -> RequestValues:
    """Return values with the parameters of an invocation."""
    return values if params is None else replace(values, params=params)
