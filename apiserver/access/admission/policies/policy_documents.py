"""Policies and their bindings as this server uses them: read from their documents, not compiled.

See the API documentation of ValidatingAdmissionPolicy and MutatingAdmissionPolicy. The expressions
of a policy are compiled by the first write that it applies to.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from apiserver.access.admission.matching import Match
from apiserver.machinery.gvk import GroupVersionKind, parse_api_version
from apiserver.machinery.labels import LabelSelector, label_selector_of
from apiserver.machinery.objects import Object, name_of
from apiserver.machinery.valueclasses import valueclass

C = TypeVar("C")


@valueclass
class ParamReference:
    """Which parameters a binding gives to its policy: one by name, or those of a selector.

    ``denies``: the request is denied if there are none.
    """

    name: str
    namespace: str
    selector: LabelSelector | None
    denies: bool

    @classmethod
    def of(cls, document: Mapping[str, Any] | None) -> ParamReference | None:
        """Read a ``paramRef``. Raises ValueError for an invalid selector."""
        if document is None:
            return None
        return cls(
            document.get("name") or "",
            document.get("namespace") or "",
            label_selector_of(document.get("selector")),
            document.get("parameterNotFoundAction") == "Deny",
        )


@valueclass
class PolicyBinding:
    """A binding; without ``match`` it applies wherever its policy does."""

    name: str
    policy_name: str
    reference: ParamReference | None
    match: Match | None
    actions: tuple[str, ...]

    @classmethod
    def of(cls, document: Object) -> PolicyBinding:
        """Read a binding. Raises ValueError for an invalid selector."""
        spec = document["spec"]
        match = spec.get("matchResources")
        return cls(
            name_of(document),
            spec.get("policyName") or "",
            ParamReference.of(spec.get("paramRef")),
            None if match is None else Match.of_policy(match),
            tuple(spec.get("validationActions") or ()),
        )


@dataclass(slots=True, eq=False, weakref_slot=True)
class Policy(Generic[C]):
    """A policy; ``fails``: an error of it denies the request (failurePolicy Fail)."""

    name: str
    spec: Mapping[str, Any]
    match: Match
    fails: bool
    param_kind: GroupVersionKind | None
    _compile: Callable[[Mapping[str, Any]], C]
    _compiled: C | None = field(default=None, repr=False)

    @classmethod
    def of(cls, document: Object, compile_spec: Callable[[Mapping[str, Any]], C]) -> Policy[C]:
        """Read a policy. Raises ValueError for an invalid selector or apiVersion."""
        spec = document["spec"]
        kind = spec.get("paramKind")
        return cls(
            name_of(document),
            spec,
            Match.of_policy(spec.get("matchConstraints") or {}),
            spec.get("failurePolicy") != "Ignore",
            None if kind is None else _param_kind(kind),
            compile_spec,
        )

    @property
    def is_compiled(self) -> bool:
        """Return whether `compiled` is known already: compiling takes some milliseconds."""
        return self._compiled is not None

    @property
    def compiled(self) -> C:
        """The compiled expressions."""
        if self._compiled is None:
            self._compiled = self._compile(self.spec)
        return self._compiled


def _param_kind(document: Mapping[str, Any]) -> GroupVersionKind:
    group, version = parse_api_version(document.get("apiVersion") or "")
    return GroupVersionKind(group, version, document.get("kind") or "")


@valueclass
class BoundPolicy(Generic[C]):
    """An active policy, with its bindings."""

    policy: Policy[C]
    bindings: tuple[PolicyBinding, ...]

    @property
    def match(self) -> Match:
        """What the policy applies to."""
        return self.policy.match
