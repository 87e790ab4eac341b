"""The paths of a resource, derived from its row in the catalogue.

A resource has the paths of its collection and of its items; a namespaced resource also has the
collection of all namespaces. Verbs become operations. Common parameters are moved to the path.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

from apiserver.endpoints.negotiation import JSON, PATCH_TYPES, PROTOBUF, YAML
from apiserver.endpoints.openapi.definitions import META
from apiserver.endpoints.openapi.naming import capitalised, root, tag, title, with_article
from apiserver.endpoints.openapi.operations import (
    ANY,
    PRODUCED,
    TEXT,
    Operation,
    Parameter,
    Path,
    common,
    factored,
    table,
)
from apiserver.machinery.gvk import GroupResource, GroupVersionKind
from apiserver.resources.definition import ResourceDefinition, Subresource

Model = Callable[[GroupVersionKind], str]

_STREAM = ";stream=watch"
_VERSION = "resourceVersion"
_WATCHED = (*PRODUCED, JSON + _STREAM, PROTOBUF + _STREAM)
_CUSTOM_PRODUCED = (JSON, YAML)
_CUSTOM_PATCH_TYPES = tuple(name for name in PATCH_TYPES if "strategic" not in name)
_DEPRECATED = "deprecated: use the 'watch' parameter with a list operation instead"
#: Kinds whose deletion returns the object; that of the others returns a Status.
_RETURNED_WHEN_DELETED = frozenset([
    *(GroupResource("", name) for name in (
        "persistentvolumeclaims", "persistentvolumes", "pods", "podtemplates", "resourcequotas",
        "serviceaccounts", "services",
    )),
    *(GroupResource("storage.k8s.io", name) for name in (
        "csidrivers", "csinodes", "storageclasses", "volumeattachments", "volumeattributesclasses",
    )),
    *(GroupResource("resource.k8s.io", name) for name in (
        "deviceclasses", "resourceclaims", "resourceclaimtemplates", "resourceslices",
    )),
])  # fmt: skip
_PROXY_METHODS = ("get", "put", "post", "delete", "options", "head", "patch")
_CONNECTED = frozenset(["attach", "exec", "portforward", "proxy"])


def resource_paths(definition: ResourceDefinition, model: Model) -> list[Path]:
    """Return the paths of a resource; ``model`` returns the definition name of a kind."""
    return [factored(path) for path in _Paths(definition, model).all()]


class _Paths:
    """The paths of one resource."""

    def __init__(self, definition: ResourceDefinition, model: Model) -> None:
        self.definition = definition
        self.kind = definition.gvk
        self.model = model
        self.object = model(definition.gvk)
        self.list = model(definition.gvk._replace(kind=definition.list_kind))
        self.tag = tag(definition.group, definition.version)
        self.title = title(definition.group, definition.version)
        self.scope = "Namespaced" if definition.namespaced else ""
        self.root = root(definition.group, definition.version)
        folder = f"{self.root}/namespaces/{{namespace}}" if definition.namespaced else self.root
        self.collection = f"{folder}/{definition.resource}"
        self.item = f"{self.collection}/{{name}}"
        custom = definition.custom
        self.produces = _CUSTOM_PRODUCED if custom else PRODUCED
        self.watches = _CUSTOM_PRODUCED if custom else _WATCHED
        self.consumes = _CUSTOM_PRODUCED if custom else (ANY,)
        self.patches = _CUSTOM_PATCH_TYPES if custom else PATCH_TYPES
        # Custom kinds are watched like others, but their documents do not say so.
        watched = "watch" in definition.verbs and not custom
        self.listing = "list or watch" if watched else "list"
        self.read = tuple(each for each in table("list") if custom and each.name == _VERSION)
        self.pretty = common("pretty")
        self.everywhere = (common("namespace"),) if definition.namespaced else ()

    def all(self) -> Iterator[Path]:
        """Yield all paths."""
        operations = [each for verb in self.definition.verbs for each in self._collection(verb)]
        if operations:
            yield Path(self.collection, self.tag, operations)
        operations = [each for verb in self.definition.verbs for each in self._item(verb)]
        if operations:
            yield Path(self.item, self.tag, operations)
        if self.definition.namespaced and "list" in self.definition.verbs:
            yield Path(f"{self.root}/{self.definition.resource}", self.tag, [self._list_all()])
        if "watch" in self.definition.verbs and not self.definition.custom:
            yield from self._watches()
        for subresource in self.definition.subresources:
            yield from self._subresource(subresource)

    def _name(self, verb: str, suffix: str = "") -> str:
        return f"{verb}{self.title}{self.scope}{self.kind.kind}{suffix}"

    def _named(self, kind: str) -> tuple[Parameter, ...]:
        name = common("name", f"name of the {kind}")
        return (name, *self.everywhere)

    def _collection(self, verb: str) -> Iterator[Operation]:
        kind = self.kind.kind
        where = (*self.everywhere, self.pretty)
        if verb == "list":
            yield Operation(
                "get", self._name("list"), f"{self.listing} objects of kind {kind}",
                {200: self.list}, self.watches, (*where, *table("list")), "list", self.kind,
            )  # fmt: skip
        elif verb == "create":
            yield Operation(
                "post", self._name("create"), f"create {with_article(kind)}",
                dict.fromkeys((200, 201, 202), self.object), self.produces,
                (*where, *table("write")), "post", self.kind, self.object,
                consumes=self.consumes,
            )  # fmt: skip
        elif verb == "deletecollection" and self.definition.custom:
            yield Operation(
                "delete", f"delete{self.title}Collection{self.scope}{kind}",
                f"delete collection of {kind}", {200: f"{META}Status"}, self.produces,
                (*where, *table("list")), "deletecollection", self.kind,
            )  # fmt: skip
        elif verb == "deletecollection":
            listed = [
                each for each in table("list") if each.name not in ("allowWatchBookmarks", "watch")
            ]
            yield Operation(
                "delete", f"delete{self.title}Collection{self.scope}{kind}",
                f"delete collection of {kind}", {200: f"{META}Status"}, self.produces,
                (*where, *listed, *table("delete")), "deletecollection", self.kind,
                f"{META}DeleteOptions", False, self.consumes,  # noqa: FBT003
            )  # fmt: skip

    def _item(self, verb: str) -> Iterator[Operation]:
        kind = self.kind.kind
        if verb == "delete":
            returned = self.definition.group_resource in _RETURNED_WHEN_DELETED
            deleted = self.object if returned else f"{META}Status"
            yield Operation(
                "delete", self._name("delete"), f"delete {with_article(kind)}",
                {200: deleted, 202: deleted}, self.produces,
                (*self._named(kind), self.pretty, *table("delete")), "delete", self.kind,
                f"{META}DeleteOptions", False, self.consumes,  # noqa: FBT003
            )  # fmt: skip
        else:
            yield from self._access(verb, "", self.kind, "")

    def _access(
        self, verb: str, what: str, kind: GroupVersionKind, suffix: str
    ) -> Iterator[Operation]:
        """Yield the get, put and patch operations of an item, or of its subresource ``what``."""
        # Whatever a subresource of a custom kind reads, its operations are of the kind itself.
        shown = self.kind if self.definition.custom else kind
        where = (*self._named(shown.kind), self.pretty)
        subject = f"{what} of the specified" if what else "the specified"
        model, changed = self.model(kind), dict.fromkeys((200, 201), self.model(kind))
        patched = {200: model} if self.definition.custom else changed
        if verb == "get":
            yield Operation(
                "get", self._name("read", suffix), f"read {subject} {self.kind.kind}",
                {200: model}, self.produces, (*where, *self.read), "get", shown,
            )  # fmt: skip
        elif verb == "update":
            yield Operation(
                "put", self._name("replace", suffix), f"replace {subject} {self.kind.kind}",
                changed, self.produces, (*where, *table("write")), "put", shown, model,
                consumes=self.consumes,
            )  # fmt: skip
        elif verb == "patch":
            yield Operation(
                "patch", self._name("patch", suffix),
                f"partially update {subject} {self.kind.kind}", patched,
                self.produces, (*where, *table("patch")), "patch", shown,
                f"{META}Patch", consumes=self.patches,
            )  # fmt: skip

    def _list_all(self) -> Operation:
        kind = self.kind.kind
        return Operation(
            "get", f"list{self.title}{kind}ForAllNamespaces",
            f"{self.listing} objects of kind {kind}", {200: self.list}, self.watches,
            (self.pretty, *table("list")), "list", self.kind,
        )  # fmt: skip

    def _watches(self) -> Iterator[Path]:
        kind, resource = self.kind.kind, self.definition.resource
        listed = (self.pretty, *table("list"))
        many = f"watch individual changes to a list of {kind}. {_DEPRECATED}."
        one = (
            f"watch changes to an object of kind {kind}. {_DEPRECATED}, filtered to a single item "
            "with the 'fieldSelector' parameter."
        )
        watched = self.collection.replace(self.root, f"{self.root}/watch", 1)
        wanted: list[tuple[str, str, str, tuple[Parameter, ...], str]] = [
            (watched, self._name("watch", "List"), many, self.everywhere, "watchlist")
        ]
        if "get" in self.definition.verbs:
            wanted.append(
                (watched + "/{name}", self._name("watch"), one, self._named(kind), "watch")
            )
        if self.definition.namespaced:
            name = f"watch{self.title}{kind}ListForAllNamespaces"
            wanted.append((f"{self.root}/watch/{resource}", name, many, (), "watchlist"))
        for path, name, description, where, action in wanted:
            yield Path(path, self.tag, [Operation(
                "get", name, description, {200: f"{META}WatchEvent"}, self.watches,
                (*where, *listed), action, self.kind,
            )])  # fmt: skip

    def _subresource(self, subresource: Subresource) -> Iterator[Path]:
        path = f"{self.item}/{subresource.name}"
        if subresource.name in _CONNECTED:
            yield from self._connections(path, subresource)
            return
        operations = [each for verb in subresource.verbs for each in self._sub(verb, subresource)]
        yield Path(path, self.tag, operations)

    def _sub(self, verb: str, subresource: Subresource) -> Iterator[Operation]:
        kind = subresource.kind
        suffix = capitalised(subresource.name)
        if subresource.name == "log":
            (read,) = self._access("get", "log", kind, suffix)
            yield replace(
                read,
                responses={200: TEXT},
                produces=("text/plain", *self.produces),
                parameters=(*read.parameters, *table("log")),
            )
        elif verb == "create":
            model = self.model(kind)
            yield Operation(
                "post", self._name("create", suffix),
                f"create {subresource.name} of {with_article(self.kind.kind)}",
                dict.fromkeys((200, 201, 202), model), self.produces,
                (*self._named(kind.kind), self.pretty, *table("write")), "post", kind, model,
                consumes=self.consumes,
            )  # fmt: skip
        else:
            yield from self._access(verb, subresource.name, kind, suffix)

    def _connections(self, path: str, subresource: Subresource) -> Iterator[Path]:
        kind = subresource.kind
        methods = _PROXY_METHODS if "delete" in subresource.verbs else ("get", "post")
        where = (*self._named(kind.kind), *table(kind.kind))
        ends: list[tuple[str, str, tuple[Parameter, ...]]] = [("", "", ())]
        if subresource.name == "proxy":
            ends.append(("/{path}", "WithPath", (common("path"),)))
        for end, suffix, more in ends:
            yield Path(path + end, self.tag, [
                Operation(
                    method,
                    f"connect{self.title}{method.title()}{self.scope}{self.kind.kind}"
                    f"{capitalised(subresource.name)}{suffix}",
                    f"connect {method.upper()} requests to {subresource.name} of {self.kind.kind}",
                    {200: TEXT}, (ANY,), (*where, *more), "connect", kind,
                )
                for method in methods
            ])  # fmt: skip
