"""Paths -> handlers, by their shape: resources come and go while the server runs.

A path belongs to a resource, to discovery, to the documents of OpenAPI, or to the health and the
metrics of the server. What belongs to none is a plain 404; below a group that is served it is a
Status.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from aiohttp import web

from apiserver.endpoints import non_resource
from apiserver.endpoints.errors import plain_not_found
from apiserver.endpoints.handlers.create import create
from apiserver.endpoints.handlers.create_virtual import Handle
from apiserver.endpoints.handlers.delete import delete, deletecollection
from apiserver.endpoints.handlers.get import get
from apiserver.endpoints.handlers.list import list_
from apiserver.endpoints.handlers.patch import patch
from apiserver.endpoints.handlers.request_scope import Target
from apiserver.endpoints.handlers.subresource import Own
from apiserver.endpoints.handlers.update import update
from apiserver.endpoints.handlers.watch import watch
from apiserver.endpoints.health import Health
from apiserver.endpoints.metrics import Metrics
from apiserver.endpoints.openapi import OpenAPIDocuments
from apiserver.endpoints.request import Exchange
from apiserver.endpoints.watch_streams import Streams
from apiserver.machinery.errors import MethodNotSupported, NotFound
from apiserver.machinery.gvk import GroupResource
from apiserver.machinery.options import list_options
from apiserver.registry.registry import Registry
from apiserver.registry.resource import Resource

_OBJECT: Mapping[str, Handle] = {"get": get, "update": update, "patch": patch, "delete": delete}
# Of subresources that read and write the object itself.
_WHOLE: Mapping[str, Handle] = {"get": get, "update": update, "patch": patch}
_COLLECTION_VERBS = frozenset(["list", "create", "deletecollection"])


@dataclass(frozen=True, slots=True)
class Router:
    """Everything that a request can reach.

    ``subresources`` are those with a handler of their own, and ``unstored`` is how resources are
    created that are never stored.
    """

    registry: Registry
    subresources: Mapping[str, Own]
    unstored: Mapping[GroupResource, Handle]
    streams: Streams
    health: Health
    metrics: Metrics
    openapi: OpenAPIDocuments
    address: str
    issuer: Mapping[str, bytes]

    async def handle(self, exchange: Exchange) -> web.StreamResponse:
        """Answer a request that has passed the filters."""
        if exchange.info.is_resource:
            return await self._resource(exchange)
        return await non_resource.handle(self, exchange)

    async def _resource(self, exchange: Exchange) -> web.StreamResponse:
        info = exchange.info
        resource = self.registry.resource(info.group, info.version, info.resource)
        if resource is None:
            if self.registry.catalog.has_builtin_group(info.group):
                raise NotFound.path()
            return plain_not_found()
        _check_scope(exchange, resource)
        if resource.strategy.deprecation:
            exchange.warnings.append(resource.strategy.deprecation)
        if info.parts > 2:
            return await self._subresource(exchange, resource)
        target = Target(resource)
        if info.watch_prefix:
            return await self._watch(exchange, target)
        if info.parts == 1:
            return await self._collection(exchange, target)
        verb = info.verb
        handle = _OBJECT.get(verb)
        if handle is None or verb not in resource.definition.verbs or exchange.method == "HEAD":
            raise MethodNotSupported.on_path()
        return await handle(exchange, target)

    async def _collection(self, exchange: Exchange, target: Target) -> web.StreamResponse:
        info, definition = exchange.info, target.resource.definition
        everywhere = definition.namespaced and not info.namespace
        if (
            exchange.method == "HEAD"
            or info.verb not in _COLLECTION_VERBS
            or info.verb not in definition.verbs
            or (everywhere and info.verb != "list")
        ):
            raise MethodNotSupported.on_path()
        if info.verb == "create":
            handle = self.unstored.get(definition.group_resource, create)
            return await handle(exchange, target)
        if info.verb == "deletecollection":
            return await deletecollection(exchange, target)
        if exchange.verb == "watch":
            return await self._watch(exchange, target)
        return await list_(exchange, target, list_options(exchange.query))

    async def _watch(self, exchange: Exchange, target: Target) -> web.StreamResponse:
        definition = target.resource.definition
        if "watch" not in definition.verbs:
            raise MethodNotSupported.of(definition.group_resource, "watch")
        if exchange.method != "GET":
            raise MethodNotSupported.on_path()
        options = list_options(exchange.query)
        return await watch(exchange, target, options, self.streams)

    async def _subresource(self, exchange: Exchange, resource: Resource) -> web.StreamResponse:
        info, definition = exchange.info, resource.definition
        subresource = definition.subresource(info.subresource)
        own = self.subresources.get(info.subresource)
        deep = own is not None and own.deep
        if subresource is None or (info.parts > 3 and not deep):
            raise NotFound.path()
        if (exchange.method == "HEAD" and not deep) or info.verb not in subresource.verbs:
            raise MethodNotSupported.on_path()
        target = Target(resource, subresource)
        if own is not None:
            return await own.handle(exchange, target)
        if info.subresource not in resource.strategy.updates:
            raise MethodNotSupported.on_path()
        return await _WHOLE[info.verb](exchange, target)


def _check_scope(exchange: Exchange, resource: Resource) -> None:
    info, definition = exchange.info, resource.definition
    in_namespace = bool(info.namespace) and not (
        info.resource == "namespaces" and info.namespace == info.name
    )
    if in_namespace != definition.namespaced and not (
        definition.namespaced and info.is_collection
    ):
        raise NotFound.path()
