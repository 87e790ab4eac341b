"""Loopback: an in-process client of the API, for parts of the server itself.

Its requests use the verbs of the registry like all others, with admission, validation and
ownership, as a named user. Only authorization is skipped, since the server is trusted.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing
from functools import partial
from typing import Any, Final, overload

import orjson

from apiserver.client.client import (
    MERGE_PATCH,
    STRATEGIC_MERGE_PATCH,
    APIResource,
    ListedObjects,
    MetadataEvent,
    ObjectEvent,
)
from apiserver.machinery.errors import BadRequest, NotFound, UnsupportedMediaType
from apiserver.machinery.gvk import GroupVersionKind, GroupVersionResource
from apiserver.machinery.objects import Object, metadata_of, name_of, namespace_of
from apiserver.machinery.options import DeleteOptions, WriteOptions, list_options
from apiserver.machinery.users import AUTHENTICATED, SYSTEM_USER, UserInfo
from apiserver.registry import watch as watches
from apiserver.registry.apply import apply_object
from apiserver.registry.context import RequestContext
from apiserver.registry.create import create_object
from apiserver.registry.delete import delete_object
from apiserver.registry.deletecollection import delete_collection
from apiserver.registry.get import get_object
from apiserver.registry.list import list_objects
from apiserver.registry.offload import offload
from apiserver.registry.patch import Patch, patch_object
from apiserver.registry.registry import Registry
from apiserver.registry.resource import Resource
from apiserver.registry.stored import Stored
from apiserver.registry.subresources.scale import get_scale
from apiserver.registry.update import update_object
from apiserver.registry.watch_events import (
    follow,
    metadata_events,
    object_events,
    read_objects,
    unselected,
)
from apiserver.resources.catalog import Catalog
from apiserver.resources.definition import ResourceDefinition
from apiserver.resources.kind import Kind
from apiserver.schema.kindtypes import DecodeError
from storage.errors import StorageError

# Under load, one wake-up for many changes is cheaper than one for each, in seconds.
_PAUSE: Final = 0.01
# The name of controllers in managedFields.
_MANAGER: Final = "kube-controller-manager"
_NAMESPACE: Final = "kube-system"
_SCALE: Final = "scale"
_ACCOUNTS: Final = "system:serviceaccounts"


class Loopback:
    """`apiserver.client.client.Client` over the registry, for one user.

    ``unserved`` is a resource that is not in the catalogue, beside those that are.
    """

    def __init__(
        self,
        registry: Registry,
        user: UserInfo,
        user_agent: str,
        unserved: Resource | None = None,
    ) -> None:
        self._registry = registry
        self._user = user
        self._user_agent = user_agent
        self._unserved = unserved

    async def resources(self) -> Sequence[APIResource]:
        catalog = self._registry.catalog
        return catalog.derived("preferred resources", lambda: _preferred(catalog))

    async def resource_of(self, kind: GroupVersionKind) -> APIResource | None:
        catalog = self._registry.catalog
        return catalog.derived("resources of kinds", lambda: _of_kinds(catalog)).get(kind)

    async def get(
        self, resource: GroupVersionResource, namespace: str, name: str, subresource: str = ""
    ) -> Object:
        found = self._found(resource)
        if subresource and found.definition.subresource(subresource) is None:
            raise NotFound.path()
        if subresource == _SCALE:
            return await get_scale(found, namespace, name)
        return read_objects(found, "get", [await get_object(found, namespace, name)])[0]

    def get_cached(
        self, resource: GroupVersionResource, namespace: str, name: str
    ) -> Object | None:
        found = self._found(resource)
        record = found.store.get_newest_known(found.key(namespace, name))
        return None if record is None else read_objects(found, "get", [record.value])[0]

    async def get_metadata(
        self, resource: GroupVersionResource, namespace: str, name: str
    ) -> Mapping[str, Any]:
        found = self._found(resource).as_stored()
        (document,) = read_objects(found, "get", [await get_object(found, namespace, name)])
        return metadata_of(document)

    async def list(
        self, resource: GroupVersionResource, namespace: str = "", *, field_selector: str = ""
    ) -> ListedObjects:
        options = list_options({"fieldSelector": [field_selector]})
        found = self._found(resource)
        listed = await list_objects(found, namespace, options)
        return ListedObjects(_Decoded(found, listed.items), listed.resource_version)

    async def create(self, resource: GroupVersionResource, document: Object) -> Object:
        found = self._found(resource)
        context = self._context(namespace_of(document), name_of(document))
        context.size = len(orjson.dumps(document))
        canonical = await offload(context.size, _canonical, found, document)
        written = await create_object(found, context, canonical, WriteOptions())
        return written.stored.object

    async def update(
        self, resource: GroupVersionResource, document: Object, subresource: str = ""
    ) -> Object:
        found = self._found(resource)
        definition = found.definition
        if subresource and definition.subresource(subresource) is None:
            raise NotFound.path()
        context = self._context(namespace_of(document), name_of(document), subresource)
        context.size = len(orjson.dumps(document))
        canonical = await offload(context.size, _canonical, found, document)
        written = await update_object(found, context, canonical, WriteOptions())
        return written.stored.object

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
        found, context = self._found(resource), self._context(namespace, name, subresource)
        if media_type == STRATEGIC_MERGE_PATCH and not found.types.strategic_merge:
            raise UnsupportedMediaType(f"{found.definition.kind} takes no {media_type}")
        sent = Patch(media_type, orjson.dumps(patch))
        written = await patch_object(found, context, sent, WriteOptions())
        return written.stored.object

    async def apply(
        self,
        resource: GroupVersionResource,
        document: Object,
        *,
        manager: str,
        subresource: str = "",
    ) -> Object:
        context = self._context(namespace_of(document), name_of(document), subresource)
        options = WriteOptions(field_manager=manager, force=True)
        body = orjson.dumps(document)
        written = await apply_object(self._found(resource), context, body, options)
        return written.stored.object

    async def delete(
        self, resource: GroupVersionResource, namespace: str, name: str, options: DeleteOptions
    ) -> None:
        await delete_object(self._found(resource), self._context(namespace, name), options)

    async def delete_collection(
        self, resource: GroupVersionResource, namespace: str, options: DeleteOptions
    ) -> None:
        found, everything = self._found(resource), list_options({})
        try:
            await delete_collection(found, self._context(namespace), options, everything)
        except StorageError as error:
            raise found.failed(error, "deletecollection") from error

    async def watch(
        self,
        resource: GroupVersionResource,
        namespace: str = "",
        *,
        field_selector: str = "",
        resource_version: str = "",
    ) -> AsyncGenerator[Sequence[ObjectEvent], None]:
        options = list_options(
            {"fieldSelector": [field_selector], "resourceVersion": [resource_version]}
        )
        found = self._found(resource)
        watch = await watches.watch_objects(found, namespace, options)
        events = follow(watch, partial(object_events, found), watch.select)
        async with aclosing(events) as batches:
            async for batch in batches:
                if batch or not resource_version:
                    yield batch

    async def watch_metadata(
        self, resource: GroupVersionResource
    ) -> AsyncGenerator[Sequence[MetadataEvent], None]:
        found = self._found(resource).as_stored()
        watch = await watches.watch_objects(found, "", list_options({}))
        events = follow(watch, partial(metadata_events, found), unselected, _PAUSE)
        async with aclosing(events) as batches:
            async for batch in batches:
                yield batch

    def _found(self, resource: GroupVersionResource) -> Resource:
        if self._unserved is not None and self._unserved.definition.gvr == resource:
            return self._unserved
        found = self._registry.resource(*resource)
        if found is None:
            raise NotFound.path()
        return found

    def _context(self, namespace: str, name: str = "", subresource: str = "") -> RequestContext:
        return RequestContext(self._user, namespace, name, subresource, self._user_agent)


class _Decoded(Sequence[Object]):
    """The objects of a list, decoded when they are read. Reading raises StatusError.

    A decoded object takes several times the memory of a stored one, and lists may be long.
    """

    def __init__(self, resource: Resource, items: Sequence[Stored]) -> None:
        self._resource = resource
        self._items = items

    def __len__(self) -> int:
        return len(self._items)

    @overload
    def __getitem__(self, index: int) -> Object: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Object]: ...
    def __getitem__(self, index: int | slice) -> Object | Sequence[Object]:
        if isinstance(index, slice):
            return read_objects(self._resource, "list", self._items[index])
        return read_objects(self._resource, "list", [self._items[index]])[0]


def _canonical(resource: Resource, document: Object) -> Object:
    definition = resource.definition
    try:
        canonical = resource.types.decode_json(document)
    except DecodeError as error:
        raise BadRequest(str(error)) from error
    return {"kind": definition.kind, "apiVersion": definition.api_version, **canonical.object}


def controller_client(registry: Registry, name: str) -> Loopback:
    """Return a client for a controller, with the service account that it has in Kubernetes."""
    groups = (_ACCOUNTS, f"{_ACCOUNTS}:{_NAMESPACE}", AUTHENTICATED)
    user = UserInfo(f"system:serviceaccount:{_NAMESPACE}:{name}", groups=groups)
    return Loopback(registry, user, _MANAGER)


def system_client(registry: Registry, unserved: Kind | None = None) -> Loopback:
    """Return a client for the server itself; ``unserved`` is another kind, not served."""
    resource = None if unserved is None else registry.unserved(unserved)
    return Loopback(registry, SYSTEM_USER, "kube-apiserver", resource)


def _preferred(catalog: Catalog) -> Sequence[APIResource]:
    found: dict[tuple[str, str], APIResource] = {}
    for group in catalog.groups():
        for version in catalog.versions(group):
            for definition in catalog.resources(group, version):
                key = group, definition.resource
                stored = definition.version == definition.storage_kind.version
                if key not in found or (stored and definition.converted_by_webhook):
                    found[key] = _api_resource(definition)
    return list(found.values())


def _of_kinds(catalog: Catalog) -> dict[GroupVersionKind, APIResource]:
    return {each.gvk: _api_resource(each) for each in catalog.definitions()}


def _api_resource(definition: ResourceDefinition) -> APIResource:
    return APIResource(
        definition.gvr,
        definition.namespaced,
        frozenset(definition.verbs),
        definition.kind,
        frozenset(each.name for each in definition.subresources),
    )
