"""Resource: the definition, strategy, field manager, admission and store of a served resource."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TypeAlias

from apiserver.access.admission.chain import AdmissionChain
from apiserver.fieldmanager.manager import FieldManager
from apiserver.machinery.errors import NotFound, StatusError
from apiserver.machinery.gvk import GroupResource
from apiserver.machinery.objects import Object
from apiserver.machinery.valueclasses import valueclass
from apiserver.registry import errors
from apiserver.registry.field_managers import field_manager_of
from apiserver.registry.keys import collection_prefix
from apiserver.registry.lifetime import Lifetime
from apiserver.registry.locks import Locks
from apiserver.registry.stored import Stored
from apiserver.registry.value_index import ValueIndexes
from apiserver.registry.view import ObjectView
from apiserver.registry.webhook_view import WebhookView
from apiserver.resources.allocation import ServiceRanges
from apiserver.resources.conversion import Conversion
from apiserver.resources.definition import ResourceDefinition
from apiserver.resources.kind import Kind
from apiserver.resources.strategy import Strategy
from apiserver.schema.kindtypes import Types
from storage.errors import StorageError


@valueclass
class CachedSelection:
    """The objects in the cache that matched a selection, as of a revision."""

    revision: int
    items: Sequence[Stored]


@valueclass
class CachedList:
    """All objects below a prefix, which were last changed at a revision."""

    revision: int
    objects: Sequence[Object]


@valueclass
class SubresourceKind:
    """The kind that a subresource reads and writes, if not the resource's own: Scale, Binding."""

    types: Types
    field_manager: FieldManager


# Without slots: cached properties need a ``__dict__``.
@dataclass(frozen=True)
class Resource:
    """Everything that the verbs need to know about one resource.

    ``subresources`` are those that read and write another kind, by name. ``conversion`` converts
    to and from the stored version, if another version is served. ``ttl`` is the lifetime of
    objects, in seconds; 0 means that they do not expire.
    """

    kind: Kind
    definition: ResourceDefinition
    types: Types
    store: ObjectView
    root: str
    admission: AdmissionChain
    #: Finds other served resources.
    find: Find
    conversion: Conversion | None = None
    #: The store, if a webhook converts its objects.
    webhook_view: WebhookView | None = None
    #: The ranges from which addresses and node ports are allocated.
    ranges: ServiceRanges = field(default_factory=ServiceRanges)
    subresources: Mapping[str, SubresourceKind] = field(default_factory=dict)
    ttl: int = 0
    #: A cache of recent list results, by prefix and conditions.
    selected: dict[Hashable, CachedSelection] = field(default_factory=dict)
    #: The objects in the cache by values that selectors have asked for.
    indexes: ValueIndexes = field(default_factory=ValueIndexes)
    #: A cache of short lists, by prefix.
    listed: dict[str, CachedList] = field(default_factory=dict)
    lifetime: Lifetime = field(default_factory=Lifetime)
    #: Serializes the writers of objects that many writes change, by key.
    locks: Locks = field(default_factory=Locks)

    @cached_property
    def strategy(self) -> Strategy:
        """The behaviour of the kind, which is loaded when it is first used."""
        return self.kind.strategy

    @cached_property
    def field_manager(self) -> FieldManager:
        """The field manager of the objects."""
        return field_manager_of(self.types, self.strategy)

    @property
    def group_resource(self) -> GroupResource:
        """The resource as named in messages."""
        return self.definition.group_resource

    def types_at(self, subresource: str) -> Types:
        """Return the types of an endpoint: those of the objects, or of a subresource."""
        other = self.subresources.get(subresource)
        return self.types if other is None else other.types

    def field_manager_at(self, subresource: str) -> FieldManager:
        """Return the field manager for the writes of an endpoint."""
        other = self.subresources.get(subresource)
        return self.field_manager if other is None else other.field_manager

    def key(self, namespace: str, name: str) -> str:
        """Return the key of an object."""
        return self.prefix(namespace) + name

    def prefix(self, namespace: str = "") -> str:
        """Return the prefix of the keys of all objects, or of those in one namespace."""
        return f"{self._prefix}{namespace}/" if namespace else self._prefix

    @cached_property
    def _prefix(self) -> str:
        return collection_prefix(self.root, self.definition)

    def as_stored(self) -> Resource:
        """Return the resource for readers of metadata, for which no webhook is asked.

        No conversion changes identity, owners or finalizers of an object.
        """
        if self.webhook_view is None:
            return self
        return replace(self, store=self.webhook_view.as_stored(), webhook_view=None)

    def not_found(self, name: str) -> NotFound:
        """Return the error for an object that does not exist."""
        return NotFound.of(self.group_resource, name)

    def failed(self, error: StorageError, verb: str) -> StatusError:
        """Return the Status for an error of the store."""
        return errors.status_of(error, self.group_resource, verb)


#: Finds a resource by group, version and name; ``None`` if it does not exist.
Find: TypeAlias = Callable[[str, str, str], Resource | None]
