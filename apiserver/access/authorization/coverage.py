"""Which rights of rules are not covered by others, and the message that lists them. Pure.

Rules are compared right by right, one right being a verb on a resource of a group, with or without
a name, or a verb on a path.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import product
from typing import Any, Final

from apiserver.access.authorization.policy_rules import PathProbe, Probe
from apiserver.machinery.objects import Object
from apiserver.machinery.quoting import quote

#: Rules that multiply to more rights are not compared.
MAX_RIGHTS: Final = 100_000
#: ``verbs``, ``apiGroups``... as in the text of a refusal.
_SHOWN: Final = {
    "apiGroups": "APIGroups",
    "resources": "Resources",
    "nonResourceURLs": "NonResourceURLs",
    "resourceNames": "ResourceNames",
    "verbs": "Verbs",
}


class TooManyRights(ValueError):
    """The rules multiply to more than `MAX_RIGHTS` rights."""


def count_rights(rules: Sequence[Object]) -> int:
    """Return the number of single rights in rules."""
    return sum(map(_count, rules))


def missing_rules(
    rules: Sequence[Object], covers: Callable[[Probe | PathProbe], bool]
) -> list[Object]:
    """Return the rights of ``rules`` that are not covered, each as a rule. Raises TooManyRights."""
    if count_rights(rules) > MAX_RIGHTS:
        raise TooManyRights
    return [right for rule in rules for right, probe in _rights(rule) if not covers(probe)]


def describe(rules: Sequence[Object]) -> list[str]:
    """Return the lines that tell missing rights; verbs of the same objects share a line."""
    verbs: dict[tuple[str, str, str | None], list[str]] = {}
    lines: list[str] = []
    for rule in rules:
        if "nonResourceURLs" in rule:
            lines.append(_line(rule))
            continue
        names = rule.get("resourceNames")
        key = rule["apiGroups"][0], rule["resources"][0], names[0] if names else None
        verbs.setdefault(key, []).extend(rule["verbs"])
    for (group, resource, name), joined in verbs.items():
        rule = {"apiGroups": [group], "resources": [resource], "verbs": joined}
        lines.append(_line(rule if name is None else {**rule, "resourceNames": [name]}))
    return sorted(set(lines))


def quoted_list(values: Sequence[str]) -> str:
    """Return a list as Go's ``%q`` prints it."""
    return f"[{' '.join(map(quote, values))}]"


def _count(rule: Object) -> int:
    verbs = len(rule.get("verbs") or ())
    names = len(rule.get("resourceNames") or ()) or 1
    groups, resources = len(rule.get("apiGroups") or ()), len(rule.get("resources") or ())
    return verbs * (groups * resources * names + len(rule.get("nonResourceURLs") or ()))


def _rights(rule: Object) -> Iterator[tuple[Object, Probe | PathProbe]]:
    verbs = rule.get("verbs") or ()
    names: Sequence[str | None] = rule.get("resourceNames") or (None,)
    objects = product(rule.get("apiGroups") or (), rule.get("resources") or (), verbs, names)
    for group, resource, verb, name in objects:
        right: dict[str, Any] = {"verbs": [verb], "apiGroups": [group], "resources": [resource]}
        if name is not None:
            right["resourceNames"] = [name]
        yield right, Probe(verb, group, resource, name)
    for url, verb in product(rule.get("nonResourceURLs") or (), verbs):
        yield {"verbs": [verb], "nonResourceURLs": [url]}, PathProbe(verb, url)


def _line(rule: Object) -> str:
    shown = [
        f"{title}:{quoted_list(rule[member])}" for member, title in _SHOWN.items() if member in rule
    ]
    return f"{{{', '.join(shown)}}}"
