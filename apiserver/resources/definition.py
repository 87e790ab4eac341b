"""The static definition of a resource and its subresources."""

from __future__ import annotations

from dataclasses import field

from apiserver.machinery.gvk import GroupResource, GroupVersionKind, GroupVersionResource
from apiserver.machinery.valueclasses import valueclass


@valueclass
class Subresource:
    """A subresource such as ``status`` or ``scale``; ``kind`` is the kind that it reads and writes.

    ``accepts``: the additional apiVersions that the body of a request may have.
    """

    name: str
    kind: GroupVersionKind
    verbs: tuple[str, ...]
    accepts: tuple[str, ...] = ()


@valueclass
class ResourceDefinition:
    """One resource of one group version.

    ``verbs`` are those of discovery. ``storage_kind`` is the kind that objects are stored as,
    regardless of the served version. ``storage_prefix`` is the key prefix of the objects below the
    root, such as ``minions`` or ``services/specs``; empty if nothing is stored. The priorities
    order discovery: the group among groups, and the version within its group, highest first.
    ``typed_items``: list items include apiVersion and kind. ``custom``: the resource is defined by
    a CustomResourceDefinition, which shows in discovery and OpenAPI. ``converted_by_webhook``: a
    webhook converts its objects between versions.

    ``routed_by_verb``: requests are routed by their verb alone, not by path and method, with other
    responses to those that are not supported. ``form``: watches stay open when a definition is
    replaced by one with the same form, unless it is empty; ``since`` is the revision of the store
    from which on objects have been served in it, before which no watch can begin.
    """

    group: str
    version: str
    resource: str
    kind: str
    singular: str
    namespaced: bool
    verbs: tuple[str, ...]
    storage_kind: GroupVersionKind
    storage_prefix: str
    short_names: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    subresources: tuple[Subresource, ...] = ()
    list_kind: str = ""
    group_priority: int = 1000
    version_priority: int = 100
    typed_items: bool = False
    custom: bool = False
    converted_by_webhook: bool = False
    routed_by_verb: bool = False
    form: str = ""
    since: int = field(default=0, compare=False, repr=False)
    #: The resource as it appears in URLs.
    gvr: GroupVersionResource = field(init=False, compare=False)
    #: The kind of its objects.
    gvk: GroupVersionKind = field(init=False, compare=False)
    #: The resource as it appears in messages.
    group_resource: GroupResource = field(init=False, compare=False)

    def __post_init__(self) -> None:
        # Every request uses these names, so they are made once.
        gvr = GroupVersionResource(self.group, self.version, self.resource)
        object.__setattr__(self, "gvr", gvr)
        gvk = GroupVersionKind(self.group, self.version, self.kind)
        object.__setattr__(self, "gvk", gvk)
        group_resource = GroupResource(self.group, self.resource)
        object.__setattr__(self, "group_resource", group_resource)

    @property
    def api_version(self) -> str:
        """The ``apiVersion`` of its objects."""
        return self.gvk.api_version

    @property
    def persisted(self) -> bool:
        """Whether its objects are stored. Reviews, for example, are not."""
        return "get" in self.verbs and bool(self.storage_prefix)

    def subresource(self, name: str) -> Subresource | None:
        """Return the subresource ``name``, ``None`` if there is none."""
        return next((sub for sub in self.subresources if sub.name == name), None)
