"""Resource: one served resource's definition, behaviour, ownership, admission and store."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

from apiserver.access.admission.chain import AdmissionChain
from apiserver.fieldmanager.manager import FieldManager
from apiserver.machinery.errors import NotFound, StatusError
from apiserver.machinery.gvk import GroupResource
from apiserver.registry import errors, keys
from apiserver.registry.codec import Stored
from apiserver.registry.lifetime import Lifetime
from apiserver.registry.locks import Locks
from apiserver.registry.view import ObjectView
from apiserver.resources.allocation import ServiceRanges
from apiserver.resources.conversion import Conversion
from apiserver.resources.definition import ResourceDefinition
from apiserver.resources.strategy import Strategy
from apiserver.schema.kindtypes import Types
from storage.errors import StorageError


@dataclass(frozen=True, slots=True)
class Selected:
    """What a selection found in memory as of a revision."""

    revision: int
    items: Sequence[Stored]


@dataclass(frozen=True, slots=True)
class SubresourceKind:
    """What a subresource reads and writes that is no object of the resource: Scale, Binding."""

    types: Types
    field_manager: FieldManager


@dataclass(frozen=True, slots=True)
class Resource:
    """Everything that the verbs need to know of one resource.

    ``subresources`` are those that read and write another kind, by name.
    ``conversion`` is the way to the version that is stored, where another one is served. ``ttl``
    is how long its objects live, in seconds; 0 is for ever.
    """

    definition: ResourceDefinition
    types: Types
    strategy: Strategy
    store: ObjectView
    root: str
    field_manager: FieldManager
    admission: AdmissionChain
    #: Finds the other resources that are served.
    find: Find
    conversion: Conversion | None = None
    #: What objects are given addresses and node ports from.
    ranges: ServiceRanges = field(default_factory=ServiceRanges)
    subresources: Mapping[str, SubresourceKind] = field(default_factory=dict)
    ttl: int = 0
    #: What lists have selected lately, by prefix and conditions.
    selected: dict[Hashable, Selected] = field(default_factory=dict)
    lifetime: Lifetime = field(default_factory=Lifetime)
    #: Whose turn it is to change an object that many writes change, by key.
    locks: Locks = field(default_factory=Locks)

    @property
    def group_resource(self) -> GroupResource:
        """The resource as messages name it."""
        return self.definition.group_resource

    def types_at(self, subresource: str) -> Types:
        """Return the types of what a path reads and writes: of objects, or of a subresource."""
        other = self.subresources.get(subresource)
        return self.types if other is None else other.types

    def field_manager_at(self, subresource: str) -> FieldManager:
        """Return what keeps the ownership of what a path writes."""
        other = self.subresources.get(subresource)
        return self.field_manager if other is None else other.field_manager

    def key(self, namespace: str, name: str) -> str:
        """Return where an object is stored."""
        return keys.object_key(self.root, self.definition, namespace, name)

    def prefix(self, namespace: str = "") -> str:
        """Return where the objects are stored, all or those of one namespace."""
        return keys.collection_prefix(self.root, self.definition, namespace)

    def not_found(self, name: str) -> NotFound:
        """Return the answer for an object that is not there."""
        return NotFound.of(self.group_resource, name)

    def failed(self, error: StorageError, verb: str) -> StatusError:
        """Return what a client is told when the store refused."""
        return errors.status_of(error, self.group_resource, verb)


#: Finds a resource by group, version and name, ``None`` where there is none.
Find: TypeAlias = Callable[[str, str, str], Resource | None]
