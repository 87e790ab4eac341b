"""AuditPolicy: the rules of a policy, of which the first that matches a request decides."""

from __future__ import annotations

from collections.abc import Sequence
from enum import IntEnum
from typing import Final, NamedTuple

from apiserver.machinery.valueclasses import valueclass

REQUEST_RECEIVED: Final = "RequestReceived"
RESPONSE_STARTED: Final = "ResponseStarted"
RESPONSE_COMPLETE: Final = "ResponseComplete"
PANIC: Final = "Panic"
STAGES: Final = (REQUEST_RECEIVED, RESPONSE_STARTED, RESPONSE_COMPLETE, PANIC)

#: The limits of the cache of decisions: entries, and characters of a key, which clients choose.
_MAX_CACHED: Final = 4096
_LONGEST_CACHED: Final = 1024


class Level(IntEnum):
    """How much of a request is recorded."""

    NONE = 0
    METADATA = 1
    REQUEST = 2
    REQUEST_RESPONSE = 3

    @property
    def wire_name(self) -> str:
        """The name in policies and events."""
        return _NAMES[self]


_NAMES: Final = {
    Level.NONE: "None",
    Level.METADATA: "Metadata",
    Level.REQUEST: "Request",
    Level.REQUEST_RESPONSE: "RequestResponse",
}
LEVELS: Final = {name: level for level, name in _NAMES.items()}


class AuditedRequest(NamedTuple):
    """The attributes of a request that rules match."""

    user: str
    groups: tuple[str, ...]
    verb: str
    is_resource: bool
    path: str = ""
    namespace: str = ""
    group: str = ""
    resource: str = ""
    subresource: str = ""
    name: str = ""


@valueclass
class GroupResources:
    """Resources of one group; without any, all of them. ``names`` restricts them to objects."""

    group: str
    resources: tuple[str, ...]
    names: frozenset[str]

    def matches(self, request: AuditedRequest) -> bool:
        """Return whether a request is about one of the resources."""
        if self.group != request.group:
            return False
        if not self.resources:
            return True
        if self.names and request.name not in self.names:
            return False
        return any(_covers(pattern, request) for pattern in self.resources)


def _covers(pattern: str, request: AuditedRequest) -> bool:
    resource, subresource = request.resource, request.subresource
    whole = f"{resource}/{subresource}" if subresource else resource
    if pattern in ("*", whole):
        return True
    if subresource and pattern == f"*/{subresource}":
        return True
    return pattern == f"{resource}/*"


@valueclass
class AuditRule:
    """One rule. An empty condition matches all requests."""

    level: Level
    users: frozenset[str] = frozenset()
    groups: frozenset[str] = frozenset()
    verbs: frozenset[str] = frozenset()
    resources: tuple[GroupResources, ...] = ()
    namespaces: frozenset[str] = frozenset()
    non_resource_urls: tuple[str, ...] = ()
    omit_stages: frozenset[str] = frozenset()
    omit_managed_fields: bool = False

    def matches(self, request: AuditedRequest) -> bool:
        """Return whether all conditions hold."""
        if self.users and request.user not in self.users:
            return False
        if self.groups and self.groups.isdisjoint(request.groups):
            return False
        if self.verbs and request.verb not in self.verbs:
            return False
        if self.namespaces or self.resources:
            return request.is_resource and self._matches_resource(request)
        if self.non_resource_urls:
            urls = self.non_resource_urls
            return not request.is_resource and any(_covers_path(url, request.path) for url in urls)
        return True

    def _matches_resource(self, request: AuditedRequest) -> bool:
        # A rule can name the empty namespace of cluster-scoped objects.
        if self.namespaces and request.namespace not in self.namespaces:
            return False
        return not self.resources or any(each.matches(request) for each in self.resources)


def _covers_path(pattern: str, path: str) -> bool:
    if pattern in ("*", path):
        return True
    return pattern.endswith("*") and path.startswith(pattern.rstrip("*"))


#: The decision about requests that no rule matches.
NOT_AUDITED: Final = AuditRule(Level.NONE)


class AuditPolicy:
    """The rules in their order."""

    def __init__(self, rules: Sequence[AuditRule]) -> None:
        self._rules = rules
        self._by_name = any(each.names for rule in rules for each in rule.resources)
        self._cached: dict[AuditedRequest, AuditRule] = {}

    @property
    def by_name(self) -> bool:
        """Whether the names of objects matter."""
        return self._by_name

    def evaluate(self, request: AuditedRequest) -> AuditRule:
        """Return the first rule that matches."""
        found = self._cached.get(request)
        if found is None:
            matching = (rule for rule in self._rules if rule.matches(request))
            found = next(matching, NOT_AUDITED)
            if _length(request) <= _LONGEST_CACHED:
                if len(self._cached) >= _MAX_CACHED:
                    self._cached.clear()
                self._cached[request] = found
        return found


def _length(request: AuditedRequest) -> int:
    texts = (
        request.user, *request.groups, request.verb, request.path, request.namespace,
        request.group, request.resource, request.subresource, request.name,
    )  # fmt: skip
    return sum(map(len, texts))
