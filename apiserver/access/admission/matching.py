"""Which requests a webhook or a policy applies to: rules, and selectors of namespaces and objects.

With the match policy Equivalent, a rule that does not name the resource of a request may name
another version of it. Then the webhook or policy gets the object in that version.

See "Matching requests: rules" and the sections after it in the documentation of dynamic admission
control.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, Generic, Protocol, TypeVar

from apiserver.access.admission.chain import AdmissionAttributes
from apiserver.client.client import Reader
from apiserver.machinery.builtin_resources import NAMESPACES
from apiserver.machinery.errors import NotFound
from apiserver.machinery.gvk import GroupResource, GroupVersionKind, GroupVersionResource
from apiserver.machinery.labels import LabelSelector, label_selector_of
from apiserver.machinery.objects import Object, metadata_of
from apiserver.machinery.valueclasses import valueclass

_ANY: Final = "*"
_GROUP: Final = "admissionregistration.k8s.io"
_EXEMPT: Final = frozenset(
    """
    mutatingadmissionpolicies mutatingadmissionpolicybindings mutatingwebhookconfigurations
    validatingadmissionpolicies validatingadmissionpolicybindings validatingwebhookconfigurations
    """.split()
)


@valueclass
class ResourceVersion:
    """A resource in one version, and the kind of its objects or of one of its subresources."""

    resource: GroupVersionResource
    kind: GroupVersionKind


class ResourceVersions(Protocol):
    """The versions in which objects are served."""

    def equivalents(
        self, resource: GroupVersionResource, subresource: str
    ) -> Sequence[ResourceVersion]:
        """Return the other versions of a resource that have a subresource (``""`` is none)."""
        ...

    async def convert(
        self, document: Object, version: ResourceVersion, wanted: ResourceVersion
    ) -> Object:
        """Return an object in another version. Raises InternalError."""
        ...

    def decode(
        self, document: Any, version: ResourceVersion, subresource: str, *, strict: bool = False
    ) -> Object:
        """Return a changed document as an object with its defaults.

        Raises InternalError, with ``strict`` also for unknown members of a built-in type.
        """
        ...


def is_exempt(resource: GroupVersionResource) -> bool:
    """Return whether a resource configures admission, and is therefore exempt from webhooks."""
    return resource.group == _GROUP and resource.resource in _EXEMPT


def request_namespace(attributes: AdmissionAttributes) -> str:
    """Return the namespace of a request; a request for a Namespace is in that namespace itself."""
    if attributes.gvr == NAMESPACES:
        return attributes.name
    return attributes.namespace


@valueclass
class _Rule:
    operations: frozenset[str]
    groups: frozenset[str]
    versions: frozenset[str]
    resources: tuple[tuple[str, str], ...]
    scope: str
    names: frozenset[str]

    @classmethod
    def of(cls, document: Mapping[str, Any]) -> _Rule:
        resources = (name.partition("/") for name in document.get("resources") or ())
        return cls(
            operations=frozenset(document.get("operations") or ()),
            groups=frozenset(document.get("apiGroups") or ()),
            versions=frozenset(document.get("apiVersions") or ()),
            resources=tuple((resource, sub) for resource, _, sub in resources),
            scope=document.get("scope") or _ANY,
            names=frozenset(document.get("resourceNames") or ()),
        )

    def names_resource(
        self, operation: str, resource: GroupVersionResource, subresource: str
    ) -> bool:
        return (
            _has(self.operations, operation)
            and _has(self.groups, resource.group)
            and _has(self.versions, resource.version)
            and any(
                name in (_ANY, resource.resource) and sub in (_ANY, subresource)
                for name, sub in self.resources
            )
        )

    def allows(self, attributes: AdmissionAttributes) -> bool:
        """Return whether the scope and the names of the rule include a request."""
        if self.names and attributes.name not in self.names:
            return False
        if self.scope == _ANY:
            return True
        namespaced = bool(attributes.namespace) and attributes.gvr != NAMESPACES
        return namespaced == (self.scope == "Namespaced")


def _has(names: frozenset[str], name: str) -> bool:
    return name in names or _ANY in names


@valueclass
class Match:
    """The requests that a webhook, a policy or a binding applies to."""

    rules: tuple[_Rule, ...]
    excluded: tuple[_Rule, ...]
    namespaces: LabelSelector
    objects: LabelSelector
    equivalent: bool
    #: Whether it applies to every resource if there are no rules.
    unbounded: bool = False

    @classmethod
    def of_webhook(cls, document: Mapping[str, Any]) -> Match:
        """Return the match criteria of a webhook. Raises ValueError for an invalid selector."""
        return _match(document, "rules", unbounded=False)

    @classmethod
    def of_policy(cls, document: Mapping[str, Any]) -> Match:
        """Return the matchConstraints of a policy, or the matchResources of a binding.

        Raises ValueError for an invalid selector.
        """
        return _match(document, "resourceRules", unbounded=True)

    def may_match(
        self,
        operation: str,
        resource: GroupVersionResource,
        subresource: str,
        equivalents: Sequence[ResourceVersion],
    ) -> bool:
        """Return whether the rules may include requests of this kind."""
        if self.unbounded and not self.rules:
            return True
        resources = [resource]
        if self.equivalent:
            resources += [other.resource for other in equivalents]
        return any(
            rule.names_resource(operation, each, subresource)
            for rule in self.rules
            for each in resources
        )

    def version(
        self, attributes: AdmissionAttributes, equivalents: Sequence[ResourceVersion]
    ) -> ResourceVersion | None:
        """Return the version that the rules name, ``None`` if they do not include a request."""
        if self.excluded and self._first(self.excluded, attributes, equivalents) is not None:
            return None
        if self.unbounded and not self.rules:
            return ResourceVersion(attributes.gvr, attributes.gvk)
        return self._first(self.rules, attributes, equivalents)

    def _first(
        self,
        rules: Sequence[_Rule],
        attributes: AdmissionAttributes,
        equivalents: Sequence[ResourceVersion],
    ) -> ResourceVersion | None:
        operation, subresource = attributes.operation, attributes.subresource
        own = ResourceVersion(attributes.gvr, attributes.gvk)
        allowed = [rule for rule in rules if rule.allows(attributes)]
        for rule in allowed:
            if rule.names_resource(operation, own.resource, subresource):
                return own
        if not self.equivalent:
            return None
        for rule in allowed:
            for version in equivalents:
                if rule.names_resource(operation, version.resource, subresource):
                    return version
        return None

    def selects_namespace(self, attributes: AdmissionAttributes, reader: Reader) -> bool:
        """Return whether the namespace of a request is selected. Raises NotFound.

        Requests for cluster-scoped objects are always selected, but for Namespaces. Of a Namespace
        that is created or updated the new labels count.
        """
        if not self.namespaces:
            return True
        name = request_namespace(attributes)
        if not name and attributes.gvr != NAMESPACES:
            return True
        return self.namespaces.matches(_namespace_labels(attributes, name, reader))

    def selects_object(self, attributes: AdmissionAttributes) -> bool:
        """Return whether the object is selected, before the change or after it."""
        if not self.objects:
            return True
        documents = attributes.object, attributes.old_object
        return any(
            self.objects.matches(metadata_of(document).get("labels") or {})
            for document in documents
            if document is not None and "metadata" in document
        )


def _match(document: Mapping[str, Any], rules: str, *, unbounded: bool) -> Match:
    return Match(
        rules=tuple(map(_Rule.of, document.get(rules) or ())),
        excluded=tuple(map(_Rule.of, document.get("excludeResourceRules") or ())),
        namespaces=label_selector_of(document.get("namespaceSelector") or {}) or LabelSelector(),
        objects=label_selector_of(document.get("objectSelector") or {}) or LabelSelector(),
        equivalent=document.get("matchPolicy") != "Exact",
        unbounded=unbounded,
    )


def _namespace_labels(
    attributes: AdmissionAttributes, name: str, reader: Reader
) -> Mapping[str, str]:
    changes = attributes.operation in ("CREATE", "UPDATE") and not attributes.subresource
    if attributes.gvr == NAMESPACES and changes:
        namespace = attributes.object
    else:
        namespace = reader.get(NAMESPACES, "", name)
    if namespace is None:
        raise NotFound.of(GroupResource("", "namespaces"), name)
    return metadata_of(namespace).get("labels") or {}


class Matching(Protocol):
    """Something that applies to some requests."""

    @property
    def match(self) -> Match:
        """What it applies to."""
        ...


M = TypeVar("M", bound=Matching)


@valueclass
class Candidates(Generic[M]):
    """The items that may apply to requests of a kind, and other versions of the resource."""

    items: Sequence[M]
    equivalents: Sequence[ResourceVersion]


class MatchIndex(Generic[M]):
    """Finds the items that may apply to requests of a kind, by an index instead of a scan."""

    def __init__(
        self,
        versions: ResourceVersions,
        exempt: Callable[[GroupVersionResource], bool] = is_exempt,
    ) -> None:
        self._versions = versions
        self._exempt = exempt
        self._items: Sequence[M] = ()
        self._known: dict[tuple[str, GroupVersionResource, str], Candidates[M]] = {}
        self._listeners: list[Callable[[], None]] = []

    def on_change(self, listener: Callable[[], None]) -> None:
        """Register a function to be called after every change."""
        self._listeners.append(listener)

    def replace(self, items: Sequence[M]) -> None:
        """Set the items, in order."""
        self._items = items
        self.forget()
        for listener in self._listeners:
            listener()

    def forget(self) -> None:
        """Clear the cache, because the served versions may have changed."""
        self._known.clear()

    def candidates(
        self, operation: str, resource: GroupVersionResource, subresource: str
    ) -> Candidates[M]:
        """Return the items that may apply to requests of a kind: none for exempt resources."""
        key = operation, resource, subresource
        known = self._known.get(key)
        if known is None:
            known = self._known[key] = self._found(*key)
        return known

    def _found(
        self, operation: str, resource: GroupVersionResource, subresource: str
    ) -> Candidates[M]:
        if not self._items or self._exempt(resource):
            return Candidates((), ())
        equivalents = self._versions.equivalents(resource, subresource)
        items = tuple(
            item
            for item in self._items
            if item.match.may_match(operation, resource, subresource, equivalents)
        )
        return Candidates(items, equivalents)
