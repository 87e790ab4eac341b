"""What a user may do, told as rules: for people and consoles to look at, not to decide by."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final, Protocol, runtime_checkable

from apiserver.machinery.users import UserInfo

_ALL: Final = ("*",)


@dataclass(frozen=True, slots=True)
class ResourceRule:
    """Verbs on resources; without names, on every one of them."""

    verbs: tuple[str, ...]
    api_groups: tuple[str, ...] = ()
    resources: tuple[str, ...] = ()
    resource_names: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class NonResourceRule:
    """Verbs on paths that are about no resource."""

    verbs: tuple[str, ...]
    urls: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Rules:
    """Everything that is known; ``incomplete`` where somebody cannot tell all that he allows."""

    resource_rules: Sequence[ResourceRule] = ()
    non_resource_rules: Sequence[NonResourceRule] = ()
    incomplete: bool = False
    errors: Sequence[str] = ()


EVERYTHING: Final = Rules([ResourceRule(_ALL, _ALL, _ALL)], [NonResourceRule(_ALL, _ALL)])


@runtime_checkable
class RuleResolver(Protocol):
    """An authorizer that can tell what it allows."""

    async def rules_for(self, user: UserInfo, namespace: str) -> Rules:
        """Return what a user may do in a namespace, and outside of all."""
        ...


def merge_rules(parts: Iterable[Rules]) -> Rules:
    """Return the rules of several authorizers as one, in their order."""
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
