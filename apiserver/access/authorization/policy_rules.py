"""CompiledRules: the rules of a role, compiled to lookups.

What a rule allows, per the RBAC documentation of Kubernetes:

- a resource rule allows its verbs on its resources of its groups, for all objects or, with
  ``resourceNames``, for those. ``*`` stands for every verb, group, or resource with all its
  subresources, ``*/scale`` for that subresource of every resource. Everything else, ``pods/*``
  included, is a literal.
- a path rule allows its verbs on paths. Only a trailing ``*`` is a wildcard.

A role may have 100,000 rules, so a lookup must not depend on their number.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence, Set
from sys import intern
from typing import Final, TypeAlias

from apiserver.machinery.objects import Object
from apiserver.machinery.valueclasses import valueclass

ALL: Final = "*"
_ALL_OF_ALL: Final = (ALL, ALL)
#: A rule that multiplies to more entries is kept as sets.
_MAX_ENTRIES: Final = 1024

#: By verb and group the names of the objects; ``None`` for all.
_Grants: TypeAlias = dict[tuple[str, str], set[str] | None]
_NO_NAMES: Final[set[str]] = set()


class Probe:
    """A right on a resource that is looked for: a verb, a resource of a group, and a name.

    ``resource`` includes the subresource, after a slash; ``name`` is ``None`` for the right on all
    objects, and empty for a request without a name. The probe may also be a rule's own
    literal, such as ``*``, which only a rule that is as wide allows.
    """

    __slots__ = ("group", "keys", "name", "patterns", "verb")

    def __init__(self, verb: str, group: str, resource: str, name: str | None) -> None:
        self.verb = verb
        self.group = group
        self.name = name
        self.keys = ((verb, group), (verb, ALL), (ALL, group), _ALL_OF_ALL)
        _, slash, subresource = resource.partition("/")
        self.patterns = (resource, ALL, f"{ALL}/{subresource}") if slash else (resource, ALL)


@valueclass
class PathProbe:
    """A right on a path that is looked for."""

    verb: str
    path: str


@valueclass
class _WideRule:
    """A rule with so many verbs, groups and resources that their combinations are not listed."""

    verbs: Set[str]
    groups: Set[str]
    resources: Set[str]
    names: Set[str] | None

    def allows(self, probe: Probe) -> bool:
        return (
            (probe.verb in self.verbs or ALL in self.verbs)
            and (probe.group in self.groups or ALL in self.groups)
            and not self.resources.isdisjoint(probe.patterns)
            and (self.names is None or probe.name in self.names)
        )


class CompiledRules:
    """The rules of one role."""

    __slots__ = ("_lengths", "_paths", "_prefixes", "_resources", "_wide")

    def __init__(self, rules: Iterable[Object]) -> None:
        self._resources: dict[str, _Grants] = {}
        self._wide: list[_WideRule] = []
        self._paths: dict[str, set[str]] = {}
        self._prefixes: dict[str, set[str]] = {}
        for rule in rules:
            self._add(rule)
        self._lengths = sorted({len(prefix) for prefix in self._prefixes})

    def allows(self, probe: Probe) -> bool:
        """Return whether a rule allows the probed right on a resource."""
        resources = self._resources
        for pattern in probe.patterns:
            grants = resources.get(pattern)
            if grants is not None:
                for key in probe.keys:
                    names = grants.get(key, _NO_NAMES)
                    if names is None or probe.name in names:
                        return True
        if not self._wide:
            return False
        return any(rule.allows(probe) for rule in self._wide)

    def allows_path(self, probe: PathProbe) -> bool:
        """Return whether a rule allows the probed right on a path."""
        verb, path = probe.verb, probe.path
        verbs = self._paths.get(path, ())
        if verb in verbs or ALL in verbs:
            return True
        for length in self._lengths:
            if length > len(path):
                return False
            verbs = self._prefixes.get(path[:length], ())
            if verb in verbs or ALL in verbs:
                return True
        return False

    def covers(self, probe: Probe | PathProbe) -> bool:
        """Return whether a rule allows the probed right."""
        return self.allows(probe) if isinstance(probe, Probe) else self.allows_path(probe)

    def _add(self, rule: Object) -> None:
        verbs = rule.get("verbs") or ()
        for url in rule.get("nonResourceURLs") or ():
            # Other rules may have the literal of a wildcard, so it is kept as well.
            self._paths.setdefault(url, set()).update(verbs)
            if url.endswith(ALL):
                self._prefixes.setdefault(url.rstrip(ALL), set()).update(verbs)
        groups, resources = rule.get("apiGroups") or (), rule.get("resources") or ()
        names = rule.get("resourceNames") or ()
        entries = len(verbs) * len(groups) * len(resources) * max(1, len(names))
        if entries > _MAX_ENTRIES:
            limited = set(names) if names else None
            self._wide.append(_WideRule(set(verbs), set(groups), set(resources), limited))
            return
        # Roles repeat the same few words; all of them together keep each word once.
        pairs = [(intern(verb), intern(group)) for verb in verbs for group in groups]
        for resource in map(intern, resources):
            grants = self._resources.setdefault(resource, {})
            for pair in pairs:
                _grant(grants, pair, names)


def _grant(grants: _Grants, key: tuple[str, str], names: Sequence[str]) -> None:
    """Allow ``key`` on more objects; on all of them if there are no names."""
    if not names:
        grants[key] = None
    elif key not in grants:
        grants[key] = set(names)
    elif (known := grants[key]) is not None:
        known.update(names)
