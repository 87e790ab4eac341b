"""`Reader` and `Client`: reading and writing objects without knowledge of their implementation.

Objects returned by either are shared and must not be changed.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Iterable, Mapping, Sequence
from typing import Any, Final, Protocol

from apiserver.machinery.gvk import GroupVersionKind, GroupVersionResource
from apiserver.machinery.objects import Object
from apiserver.machinery.options import DeleteOptions
from apiserver.machinery.valueclasses import valueclass

ADDED: Final = "ADDED"
MODIFIED: Final = "MODIFIED"
DELETED: Final = "DELETED"

MERGE_PATCH: Final = "application/merge-patch+json"
STRATEGIC_MERGE_PATCH: Final = "application/strategic-merge-patch+json"


@valueclass
class APIResource:
    """A served resource, as in discovery."""

    name: GroupVersionResource
    namespaced: bool
    verbs: frozenset[str]
    kind: str = ""
    subresources: frozenset[str] = frozenset()


@valueclass
class ListedObjects:
    """Objects as of a resourceVersion, from which a watch can start.

    Reading an item may decode it, so reading a long list must yield to other tasks.
    """

    items: Sequence[Object]
    resource_version: str


@valueclass
class ObjectEvent:
    """A watch event; a DELETED object is in its last state."""

    type: str
    object: Object


@valueclass
class MetadataEvent:
    """A watch event without the object.

    ``metadata`` has name, namespace, uid, ownerReferences, finalizers and deletionTimestamp, as far
    as the object has them; other members may be missing.
    """

    type: str
    metadata: Mapping[str, Any]


class Reader(Protocol):
    """Reads objects from the cache, without waiting.

    Results may be stale. An operation that is rejected because of them is decided again after the
    records are confirmed.
    """

    def get(self, resource: GroupVersionResource, namespace: str, name: str) -> Object | None:
        """Return an object, ``None`` if it does not exist; ``""`` is the cluster's namespace."""
        ...

    def list(self, resource: GroupVersionResource, namespace: str = "") -> Iterable[Object]:
        """Return all objects of a resource, or of one namespace, ordered by name."""
        ...


class Client(Protocol):
    """The verbs of the API, for one user. They raise StatusError for an error response.

    ``""`` is the namespace of cluster-scoped objects, and of lists and watches of all namespaces.
    """

    async def resources(self) -> Sequence[APIResource]:
        """Return every served resource once, in the preferred version of its group.

        Where a webhook converts the objects, it is the version in which they are stored, so that a
        webhook that fails or hangs does not delay those who look after all kinds.
        """
        ...

    async def resource_of(self, kind: GroupVersionKind) -> APIResource | None:
        """Return the resource of a kind in any served version, ``None`` if it is not served."""
        ...

    async def get(
        self, resource: GroupVersionResource, namespace: str, name: str, subresource: str = ""
    ) -> Object:
        """Return the current object, or its Scale as the subresource ``scale``."""
        ...

    def get_cached(
        self, resource: GroupVersionResource, namespace: str, name: str
    ) -> Object | None:
        """Return the newest state of an object that this process knows, ``None`` if there is none.

        It may be stale, but not older than what this process has written or a watch has shown. A
        deletion is known when a watch has shown it.
        """
        ...

    async def get_metadata(
        self, resource: GroupVersionResource, namespace: str, name: str
    ) -> Mapping[str, Any]:
        """Return the metadata of an object. Labels and annotations may be those of any version."""
        ...

    async def list(
        self, resource: GroupVersionResource, namespace: str = "", *, field_selector: str = ""
    ) -> ListedObjects:
        """Return all current objects."""
        ...

    async def create(self, resource: GroupVersionResource, document: Object) -> Object:
        """Create an object; return it as stored."""
        ...

    async def update(
        self, resource: GroupVersionResource, document: Object, subresource: str = ""
    ) -> Object:
        """Replace an object, or a subresource of it; return it as stored.

        A resourceVersion or uid in ``document`` is a precondition.
        """
        ...

    async def patch(
        self,
        resource: GroupVersionResource,
        namespace: str,
        name: str,
        patch: Object,
        media_type: str = MERGE_PATCH,
        *,
        subresource: str = "",
    ) -> Object:
        """Patch an object, or a subresource of it; return it as stored.

        A resourceVersion or uid in the patch is a precondition. Raises UnsupportedMediaType if the
        kind does not support the type of patch.
        """
        ...

    async def apply(
        self,
        resource: GroupVersionResource,
        document: Object,
        *,
        manager: str,
        subresource: str = "",
    ) -> Object:
        """Apply what a manager wants of an object, or of a subresource of it, by force.

        Returns the object as stored.
        """
        ...

    async def delete(
        self, resource: GroupVersionResource, namespace: str, name: str, options: DeleteOptions
    ) -> None:
        """Delete an object, or mark it as deleted while it has finalizers."""
        ...

    async def delete_collection(
        self, resource: GroupVersionResource, namespace: str, options: DeleteOptions
    ) -> None:
        """Delete all objects of a namespace, or mark those that have finalizers."""
        ...

    def watch(
        self,
        resource: GroupVersionResource,
        namespace: str = "",
        *,
        field_selector: str = "",
        resource_version: str = "",
    ) -> AsyncGenerator[Sequence[ObjectEvent], None]:
        """Yield events after a version; without one, ADDED for all objects and then their changes.

        An empty sequence separates these two.
        The server may end a watch, which must then be restarted. Close it with ``aclose``.
        """
        ...

    def watch_metadata(
        self, resource: GroupVersionResource
    ) -> AsyncGenerator[Sequence[MetadataEvent], None]:
        """Yield ADDED for all objects and then their changes, like `watch`, at a lower cost."""
        ...
