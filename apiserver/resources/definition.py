"""What the server knows of a resource before it has seen an object of it."""

from __future__ import annotations

from dataclasses import dataclass

from apiserver.machinery.gvk import GroupResource, GroupVersionKind, GroupVersionResource


@dataclass(frozen=True, slots=True)
class Subresource:
    """A path below an object: ``status``, ``scale``; ``kind`` is what it reads and writes.

    ``accepts``: the apiVersions of the kind that a request may have beside that one.
    """

    name: str
    kind: GroupVersionKind
    verbs: tuple[str, ...]
    accepts: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ResourceDefinition:
    """One resource of one group version.

    ``verbs`` are those of discovery. ``storage_kind`` is the kind that objects are stored as,
    whatever version they are served in, and ``storage_prefix`` the folder that they are stored
    in, below the root: ``minions``, ``services/specs``; empty where nothing is stored. The
    priorities order discovery: of the group among groups, and of the version in its group; the
    higher one goes first. ``typed_items``: the items of lists have their apiVersion and kind.
    ``custom``: a CustomResourceDefinition brought it, which discovery and OpenAPI show.
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

    @property
    def gvr(self) -> GroupVersionResource:
        """The resource as a URL names it."""
        return GroupVersionResource(self.group, self.version, self.resource)

    @property
    def gvk(self) -> GroupVersionKind:
        """The kind of its objects."""
        return GroupVersionKind(self.group, self.version, self.kind)

    @property
    def group_resource(self) -> GroupResource:
        """The resource as messages name it."""
        return GroupResource(self.group, self.resource)

    @property
    def api_version(self) -> str:
        """``apiVersion`` of its objects."""
        return self.gvk.api_version

    @property
    def persisted(self) -> bool:
        """Whether objects of it are stored; reviews are answered and forgotten."""
        return "get" in self.verbs and bool(self.storage_prefix)

    def subresource(self, name: str) -> Subresource | None:
        """Return the subresource ``name``, ``None`` where there is none."""
        return next((sub for sub in self.subresources if sub.name == name), None)
