"""The rules that apply to a user, for display in SelfSubjectRulesReview."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final, Protocol, runtime_checkable

from apiserver.machinery.users import UserInfo
from apiserver.machinery.valueclasses import valueclass

_ALL: Final = ("*",)


@valueclass
class ResourceRule:
    """Verbs on resources; without names, on all objects of them."""

    verbs: tuple[str, ...]
    api_groups: tuple[str, ...] = ()
    resources: tuple[str, ...] = ()
    resource_names: tuple[str, ...] = ()


@valueclass
class NonResourceRule:
    """Verbs on non-resource paths."""

    verbs: tuple[str, ...]
    urls: tuple[str, ...] = ()


@valueclass
class Rules:
    """The known rules; ``incomplete`` if an authorizer cannot list its rules."""

    resource_rules: Sequence[ResourceRule] = ()
    non_resource_rules: Sequence[NonResourceRule] = ()
    incomplete: bool = False
    errors: Sequence[str] = ()


EVERYTHING: Final = Rules([ResourceRule(_ALL, _ALL, _ALL)], [NonResourceRule(_ALL, _ALL)])


@runtime_checkable
class RuleResolver(Protocol):
    """An authorizer that can list its rules."""

    async def rules_for(self, user: UserInfo, namespace: str) -> Rules:
        """Return the rules for a user in a namespace."""
        ...


def merge_rules(parts: Iterable[Rules]) -> Rules:
    """Return the rules of several authorizers, in their order."""
    resource_rules: list[ResourceRule] = []
    non_resource_rules: list[NonResourceRule] = []
    errors: list[str] = []
    incomplete = False
    for part in parts:
        resource_rules += part.resource_rules
        non_resource_rules += part.non_resource_rules
        errors += part.errors
        incomplete = incomplete or part.incomplete
    return Rules(resource_rules, non_resource_rules, incomplete, errors)
