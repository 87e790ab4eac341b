"""FlowSchemas: which requests are of which flow."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, Final, NamedTuple, Protocol, TypeAlias

from apiserver.machinery.objects import Object
from apiserver.machinery.users import ACCOUNT_PREFIX, UserInfo
from apiserver.machinery.valueclasses import valueclass

BY_USER, BY_NAMESPACE = "ByUser", "ByNamespace"
_ANY: Final = "*"


@valueclass
class FlowRequest:
    """The attributes that determine the flow of a request; ``resource`` has the subresource."""

    user: UserInfo
    verb: str
    path: str
    is_resource: bool
    group: str = ""
    resource: str = ""
    namespace: str = ""


class Target(Protocol):
    """The target of a request; see `apiserver.endpoints.request_info.RequestInfo`."""

    @property
    def path(self) -> str: ...
    @property
    def is_resource(self) -> bool: ...
    @property
    def group(self) -> str: ...
    @property
    def version(self) -> str: ...
    @property
    def resource(self) -> str: ...
    @property
    def subresource(self) -> str: ...
    @property
    def namespace(self) -> str: ...
    @property
    def name(self) -> str: ...


def flow_request(user: UserInfo, verb: str, target: Target) -> FlowRequest:
    """Return the attributes that select the flow of a request."""
    resource = target.resource
    if target.subresource:
        resource = f"{resource}/{target.subresource}"
    return FlowRequest(
        user, verb, target.path, target.is_resource, target.group, resource, target.namespace
    )


_Test: TypeAlias = Callable[[FlowRequest], bool]
_OfSubject: TypeAlias = Callable[[UserInfo], bool]


class FlowKey(NamedTuple):
    """Identifies a flow."""

    schema: str
    distinguisher: str


class FlowSchema:
    """One FlowSchema, compiled. Raises KeyError, TypeError or ValueError if it is malformed."""

    def __init__(self, schema: Object) -> None:
        metadata, spec = schema["metadata"], schema["spec"]
        self.name: str = metadata["name"]
        self.uid: str = metadata.get("uid", "")
        self.level: str = spec["priorityLevelConfiguration"]["name"]
        #: The order in which schemas are tried.
        self.order = (int(spec.get("matchingPrecedence", 0)), self.name)
        #: The namespaces that its rules name.
        self.namespaces = frozenset(_namespaces(spec.get("rules") or ()))
        self._distinguisher = (spec.get("distinguisherMethod") or {}).get("type", "")
        self._rules = [
            (
                _subjects(rule.get("subjects") or ()),
                [_resource_rule(each) for each in rule.get("resourceRules") or ()],
                [_path_rule(each) for each in rule.get("nonResourceRules") or ()],
            )
            for rule in spec.get("rules") or ()
        ]

    def matches(self, request: FlowRequest) -> bool:
        """Return whether a request is one of this schema."""
        for is_subject, of_resources, of_paths in self._rules:
            if is_subject(request.user):
                for test in of_resources if request.is_resource else of_paths:
                    if test(request):
                        return True
        return False

    @property
    def by_namespace(self) -> bool:
        """Whether requests in different namespaces are of different flows."""
        return bool(self._distinguisher == BY_NAMESPACE)

    def flow(self, request: FlowRequest) -> FlowKey:
        """Return the flow of a request of this schema."""
        if self._distinguisher == BY_USER:
            return FlowKey(self.name, request.user.name)
        if self._distinguisher == BY_NAMESPACE:
            return FlowKey(self.name, request.namespace)
        return FlowKey(self.name, "")


def _namespaces(rules: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    for rule in rules:
        for inner in rule.get("resourceRules") or ():
            yield from inner.get("namespaces") or ()


def _subjects(subjects: Sequence[Mapping[str, Any]]) -> _OfSubject:
    names, groups, prefixes = set(), set(), []
    for subject in subjects:
        kind = subject["kind"]
        if kind == "Group":
            groups.add(subject["group"]["name"])
        elif kind == "ServiceAccount":
            account = subject["serviceAccount"]
            prefix = f"{ACCOUNT_PREFIX}{account['namespace']}:"
            if account["name"] == _ANY:
                prefixes.append(prefix)
            else:
                names.add(prefix + account["name"])
        else:
            names.add(subject["user"]["name"])
    if _ANY in names or _ANY in groups:
        return lambda _: True
    beginnings = tuple(prefixes)

    def test(user: UserInfo) -> bool:
        return (
            user.name in names
            or not groups.isdisjoint(user.groups)
            or user.name.startswith(beginnings)
        )

    return test


def _resource_rule(rule: Mapping[str, Any]) -> _Test:
    verbs, groups = _set(rule["verbs"]), _set(rule["apiGroups"])
    resources, namespaces = _set(rule["resources"]), _set(rule.get("namespaces"))
    of_cluster = bool(rule.get("clusterScope"))

    def test(request: FlowRequest) -> bool:
        if not (
            (verbs is None or request.verb in verbs)
            and (groups is None or request.group in groups)
            and (resources is None or request.resource in resources)
        ):
            return False
        if not request.namespace:
            return of_cluster
        return namespaces is None or request.namespace in namespaces

    return test


def _path_rule(rule: Mapping[str, Any]) -> _Test:
    verbs, paths = _set(rule["verbs"]), _set(rule["nonResourceURLs"])
    # As in Kubernetes, a path stands for those below it, whether or not it ends with an asterisk.
    beginnings = tuple(
        path.removesuffix(_ANY).removesuffix("/") + "/" for path in rule["nonResourceURLs"]
    )

    def test(request: FlowRequest) -> bool:
        if verbs is not None and request.verb not in verbs:
            return False
        return paths is None or request.path in paths or request.path.startswith(beginnings)

    return test


def _set(values: Sequence[str] | None) -> frozenset[str] | None:
    """Return the values, None for any."""
    found = frozenset(values or ())
    return None if _ANY in found else found
