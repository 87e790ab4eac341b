"""Router: finds the handler of a request by the shape of its path.

Resources come and go while the server runs, so nothing is registered per path. A path that names no
resource goes to `NonResourcePaths`. An unknown path is answered with a plain 404, or with a Status
below a group that is served.
"""

from __future__ import annotations

from collections.abc import Awaitable, Mapping

from aiohttp import web

from apiserver.endpoints.errors import plain_not_found
from apiserver.endpoints.handlers.component_health import ComponentStatusHandlers
from apiserver.endpoints.handlers.create import create
from apiserver.endpoints.handlers.create_virtual import ResourceHandler
from apiserver.endpoints.handlers.delete import delete, deletecollection
from apiserver.endpoints.handlers.get import get
from apiserver.endpoints.handlers.list import list_
from apiserver.endpoints.handlers.patch import patch
from apiserver.endpoints.handlers.request_scope import RequestScope
from apiserver.endpoints.handlers.subresource import SubresourceHandler
from apiserver.endpoints.handlers.update import update
from apiserver.endpoints.handlers.watch import watch
from apiserver.endpoints.http_request import HTTPRequest
from apiserver.endpoints.negotiation import check_accept, patch_type
from apiserver.endpoints.non_resource import NonResourcePaths
from apiserver.endpoints.watch_streams import WatchStreams
from apiserver.machinery.errors import BadRequest, MethodNotSupported, NotFound
from apiserver.machinery.gvk import GroupResource
from apiserver.machinery.options import list_options
from apiserver.machinery.valueclasses import valueclass
from apiserver.registry.offload import offload
from apiserver.registry.registry import Registry
from apiserver.registry.resource import Resource
from apiserver.resources.definition import Subresource

_OBJECT: Mapping[str, ResourceHandler] = {
    "get": get,
    "update": update,
    "patch": patch,
    "delete": delete,
}
# Handlers of subresources that read and write the whole object, such as status.
_WHOLE: Mapping[str, ResourceHandler] = {"get": get, "update": update, "patch": patch}
_COLLECTION_VERBS = frozenset(["list", "create", "deletecollection"])
_BY_VERB: Mapping[str, ResourceHandler] = {
    **_OBJECT, "create": create, "deletecollection": deletecollection,
}  # fmt: skip
# The verbs on all namespaces together.
_EVERYWHERE = frozenset(["list", "watch"])
_COMPONENT_STATUSES = GroupResource("", "componentstatuses")


@valueclass
class Router:
    """The handlers of a server.

    ``subresources`` have handlers of their own; ``virtual_resources`` are created and never stored,
    ``component_statuses`` are read and never stored.
    """

    registry: Registry
    subresources: Mapping[str, SubresourceHandler]
    virtual_resources: Mapping[GroupResource, ResourceHandler]
    component_statuses: ComponentStatusHandlers
    streams: WatchStreams
    non_resource: NonResourcePaths

    def handle(self, request: HTTPRequest) -> Awaitable[web.StreamResponse]:
        """Serve a request that has passed the filters."""
        if request.may_write:
            request.outlive_client()
        if request.info.is_resource:
            return self._resource(request)
        return self.non_resource.handle(request)

    def _resource(self, request: HTTPRequest) -> Awaitable[web.StreamResponse]:
        info = request.info
        resource = self.registry.resource(info.group, info.version, info.resource)
        if resource is None:
            return self._not_served(info.group)
        definition = resource.definition
        if definition.routed_by_verb:
            return self._by_verb(request, resource)
        _check_scope(request, resource)
        if info.parts > 2:
            return self._subresource(request, resource)
        if info.watch_prefix:
            return self._watch(request, _routed(request, resource))
        if info.parts == 1:
            return self._collection(request, resource)
        if _OBJECT.keys().isdisjoint(definition.verbs):
            raise NotFound.path()
        verb = info.verb
        handle = _OBJECT.get(verb)
        if handle is None or verb not in definition.verbs or request.method == "HEAD":
            raise MethodNotSupported.on_path()
        if info.resource == _COMPONENT_STATUSES.resource and not info.group:
            handle = self.component_statuses.get
        return handle(request, _routed(request, resource))

    async def _not_served(self, group: str) -> web.StreamResponse:
        if self.registry.served.has_builtin_group(group):
            raise NotFound.path()
        return plain_not_found()

    async def _by_verb(self, request: HTTPRequest, resource: Resource) -> web.StreamResponse:
        """Serve a request for a resource that has no routes of its own."""
        info, definition, verb = request.info, resource.definition, request.verb
        everywhere = definition.namespaced and verb in _EVERYWHERE
        if bool(info.namespace) != definition.namespaced and (info.namespace or not everywhere):
            return plain_not_found()
        if resource.strategy.deprecation:
            request.warnings.append(resource.strategy.deprecation)
        scope = RequestScope(resource)
        if info.subresource:
            return await self._subresource_by_verb(request, resource)
        _check_headers(request, resource)
        if verb in _EVERYWHERE:
            options = await offload(request.query_cost, list_options, request.query)
            if verb == "watch":
                return await watch(request, scope, options, self.streams)
            return await list_(request, scope, options)
        handle = _BY_VERB.get(verb)
        if handle is None:
            raise MethodNotSupported.of(definition.group_resource, verb)
        if not info.name and verb in _OBJECT:
            raise BadRequest("name must be provided")
        return await handle(request, scope)

    async def _subresource_by_verb(
        self, request: HTTPRequest, resource: Resource
    ) -> web.StreamResponse:
        info, definition, verb = request.info, resource.definition, request.verb
        subresource = definition.subresource(info.subresource)
        if subresource is None:
            raise resource.not_found(info.name)
        if verb not in subresource.verbs:
            raise MethodNotSupported.of(definition.group_resource, verb)
        _check_headers(request, resource)
        own = self.subresources.get(info.subresource)
        handle = _WHOLE[verb] if own is None else own.handle
        return await handle(request, RequestScope(resource, subresource))

    def _collection(
        self, request: HTTPRequest, resource: Resource
    ) -> Awaitable[web.StreamResponse]:
        info, definition = request.info, resource.definition
        everywhere = definition.namespaced and not info.namespace
        if (
            request.method == "HEAD"
            or info.verb not in _COLLECTION_VERBS
            or info.verb not in definition.verbs
            or (everywhere and info.verb != "list")
        ):
            raise MethodNotSupported.on_path()
        scope = _routed(request, resource)
        if info.verb == "create":
            handle = self.virtual_resources.get(definition.group_resource, create)
            return handle(request, scope)
        if info.verb == "deletecollection":
            return deletecollection(request, scope)
        if request.verb == "watch":
            return self._watch(request, scope)
        return self._list(request, scope)

    async def _list(self, request: HTTPRequest, scope: RequestScope) -> web.StreamResponse:
        options = await offload(request.query_cost, list_options, request.query)
        if scope.resource.definition.group_resource == _COMPONENT_STATUSES:
            return await self.component_statuses.list(request, scope, options)
        return await list_(request, scope, options)

    async def _watch(self, request: HTTPRequest, scope: RequestScope) -> web.StreamResponse:
        definition = scope.resource.definition
        if "watch" not in definition.verbs:
            raise MethodNotSupported.of(definition.group_resource, "watch")
        if request.method != "GET":
            raise MethodNotSupported.on_path()
        options = await offload(request.query_cost, list_options, request.query)
        return await watch(request, scope, options, self.streams)

    async def _subresource(self, request: HTTPRequest, resource: Resource) -> web.StreamResponse:
        info, definition = request.info, resource.definition
        subresource = definition.subresource(info.subresource)
        own = self.subresources.get(info.subresource)
        allows_subpath = own is not None and own.allows_subpath
        if subresource is None or (info.parts > 3 and not allows_subpath):
            raise NotFound.path()
        # OPTIONS has no verb. Like HEAD it is of use to a backend only.
        if request.method in ("HEAD", "OPTIONS"):
            allowed = allows_subpath
        else:
            allowed = info.verb in subresource.verbs
        if not allowed:
            raise MethodNotSupported.on_path()
        scope = _routed(request, resource, subresource)
        if own is not None:
            return await own.handle(request, scope)
        if info.subresource not in resource.strategy.updates:
            raise MethodNotSupported.on_path()
        return await _WHOLE[info.verb](request, scope)


def _routed(
    request: HTTPRequest, resource: Resource, subresource: Subresource | None = None
) -> RequestScope:
    """Return the scope of a request that has a route; only those are warned of a deprecation."""
    if resource.strategy.deprecation:
        request.warnings.append(resource.strategy.deprecation)
    return RequestScope(resource, subresource)


class ServedRouter(Router):
    """The handlers of a server that serves only some of its kinds."""

    __slots__ = ()

    def handle(self, request: HTTPRequest) -> Awaitable[web.StreamResponse]:
        """Serve a request that has passed the filters."""
        info = request.info
        if info.is_resource and not self.registry.served.resource(
            info.group, info.version, info.resource
        ):
            return self._not_served(info.group)
        return Router.handle(self, request)


def _check_scope(request: HTTPRequest, resource: Resource) -> None:
    info, definition = request.info, resource.definition
    in_namespace = bool(info.namespace) and not (
        info.resource == "namespaces" and info.namespace == info.name
    )
    if in_namespace != definition.namespaced and not (definition.namespaced and info.is_collection):
        raise NotFound.path()


def _check_headers(request: HTTPRequest, resource: Resource) -> None:
    """Check the media types that a route would check. Raises a StatusError."""
    if request.verb == "patch":
        content_type = request.header("Content-Type")
        patch_type(content_type, strategic_merge=resource.types.strategic_merge)
    check_accept(request.header("Accept"), stream=request.verb == "watch")
