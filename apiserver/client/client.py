"""How one part reads and writes without knowing what serves it: `Reader` and `Client`.

Objects that come out of either are shared and never to be changed.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Iterable, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

from apiserver.machinery.gvk import GroupVersionResource
from apiserver.machinery.objects import Object
from apiserver.machinery.options import DeleteOptions

ADDED: Final = "ADDED"
MODIFIED: Final = "MODIFIED"
DELETED: Final = "DELETED"


@dataclass(frozen=True, slots=True)
class APIResource:
    """A served resource, as discovery tells of it."""

    name: GroupVersionResource
    namespaced: bool
    verbs: frozenset[str]


@dataclass(frozen=True, slots=True)
class ListedObjects:
    """Objects as of a resourceVersion, from which a watch may follow."""

    items: Sequence[Object]
    resource_version: str


@dataclass(frozen=True, slots=True)
class ObjectEvent:
    """What happened to an object; one that is DELETED is as it last was."""

    type: str
    object: Object


class Reader(Protocol):
    """Reads objects from memory, at once.

    What it returns may be older than what the store holds: whoever refuses something because of it
    is asked again when the records are confirmed.
    """

    def get(self, resource: GroupVersionResource, namespace: str, name: str) -> Object | None:
        """Return an object, ``None`` where there is none; ``""`` is the namespace of none."""
        ...

    def list(self, resource: GroupVersionResource, namespace: str = "") -> Iterable[Object]:
        """Return all objects of a resource, or those of one namespace, in the order of names."""
        ...


class Client(Protocol):
    """The verbs of the API for one user; they raise StatusError as the API answers with one.

    ``""`` is the namespace of objects that have none, and of a list or a watch of all namespaces.
    """

    async def resources(self) -> Sequence[APIResource]:
        """Return what is served: every resource once, in the version that its group prefers."""
        ...

    async def get(self, resource: GroupVersionResource, namespace: str, name: str) -> Object:
        """Return an object as it is now."""
        ...

    async def list(
        self, resource: GroupVersionResource, namespace: str = "", *, field_selector: str = ""
    ) -> ListedObjects:
        """Return the objects that there are now, all of them."""
        ...

    async def create(self, resource: GroupVersionResource, document: Object) -> Object:
        """Create an object, and return it as it is then."""
        ...

    async def update(
        self, resource: GroupVersionResource, document: Object, subresource: str = ""
    ) -> Object:
        """Replace an object, or what a subresource covers, and return it as it is then.

        With a resourceVersion or a uid in ``document``, it must be the object's.
        """
        ...

    async def delete(
        self, resource: GroupVersionResource, namespace: str, name: str, options: DeleteOptions
    ) -> None:
        """Delete an object, or mark it while something holds it."""
        ...

    async def delete_collection(
        self, resource: GroupVersionResource, namespace: str, options: DeleteOptions
    ) -> None:
        """Delete all objects of a namespace, or mark those that something holds."""
        ...

    def watch(
        self,
        resource: GroupVersionResource,
        namespace: str = "",
        *,
        field_selector: str = "",
        resource_version: str = "",
    ) -> AsyncGenerator[Sequence[ObjectEvent], None]:
        """Yield what happens after a version; without one, all objects as ADDED and what follows.

        It ends where the server ends it, and is then to be begun anew. Close it (``aclose``) to end
        it earlier.
        """
        ...
