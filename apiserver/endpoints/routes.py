"""Paths -> handlers, by their shape: resources come and go while the server runs.

A path belongs to a resource, to discovery, to the documents of OpenAPI, or to the health and the
metrics of the server. What belongs to none is a plain 404; below a group that is served it is a
Status.
"""

from __future__ import annotations

from dataclasses import dataclass

from aiohttp import web

from apiserver.endpoints import documents
from apiserver.endpoints.errors import plain_not_found
from apiserver.endpoints.exchange import Exchange
from apiserver.endpoints.handlers.create import create
from apiserver.endpoints.handlers.delete import delete, deletecollection
from apiserver.endpoints.handlers.get import get
from apiserver.endpoints.handlers.list import list_
from apiserver.endpoints.handlers.target import Target
from apiserver.endpoints.handlers.update import update
from apiserver.endpoints.handlers.watch import watch
from apiserver.endpoints.health import Health
from apiserver.endpoints.metrics import Metrics
from apiserver.endpoints.negotiation import PATCH_TYPES, bare
from apiserver.endpoints.openapi import OpenAPIDocuments
from apiserver.endpoints.stream import Streams
from apiserver.machinery.errors import MethodNotSupported, NotFound, UnsupportedMediaType
from apiserver.machinery.options import list_options
from apiserver.registry.registry import Registry
from apiserver.resources.definition import Subresource

_ITEM = {"get": get, "update": update, "delete": delete}
_OBJECT_VERBS = frozenset(["get", "update", "patch", "delete"])
_COLLECTION_VERBS = frozenset(["list", "create", "deletecollection"])


@dataclass(frozen=True, slots=True)
class Router:
    """Everything that a request can reach."""

    registry: Registry
    streams: Streams
    health: Health
    metrics: Metrics
    openapi: OpenAPIDocuments
    address: str

    async def handle(self, exchange: Exchange) -> web.StreamResponse:
        """Answer a request that has passed the filters."""
        if exchange.info.is_resource:
            return await self._resource(exchange)
        return await documents.handle(self, exchange)

    async def _resource(self, exchange: Exchange) -> web.StreamResponse:
        info = exchange.info
        resource = self.registry.resource(info.group, info.version, info.resource)
        if resource is None:
            if self.registry.catalog.has_group(info.group):
                raise NotFound.path()
            return plain_not_found()
        definition = resource.definition
        in_namespace = bool(info.namespace) and not (
            info.resource == "namespaces" and info.namespace == info.name
        )
        if in_namespace != definition.namespaced and not (
            definition.namespaced and info.is_collection
        ):
            raise NotFound.path()
        if info.subresource or info.parts > 2:
            return await self._subresource(exchange, Target(resource, self._sub(exchange)))
        target = Target(resource)
        if info.watch_prefix:
            return await self._watch(exchange, target)
        if info.is_collection:
            return await self._collection(exchange, target)
        return await self._object(exchange, target)

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
            return await create(exchange, target)
        if info.verb == "deletecollection":
            return await deletecollection(exchange, target)
        options = list_options(exchange.query)
        if options.watch:
            return await self._watch(exchange, target)
        return await list_(exchange, target, options)

    async def _watch(self, exchange: Exchange, target: Target) -> web.StreamResponse:
        definition = target.resource.definition
        if "watch" not in definition.verbs:
            raise MethodNotSupported.of(definition.group_resource, "watch")
        if exchange.method != "GET":
            raise MethodNotSupported.on_path()
        options = list_options(exchange.query)
        return await watch(exchange, target, options, self.streams)

    async def _object(self, exchange: Exchange, target: Target) -> web.StreamResponse:
        verb, definition = exchange.info.verb, target.resource.definition
        if (
            exchange.method == "HEAD"
            or verb not in _OBJECT_VERBS
            or verb not in definition.verbs
        ):
            raise MethodNotSupported.on_path()
        if verb == "patch":
            self._refuse_patch(exchange)
        return await _ITEM[verb](exchange, target)

    async def _subresource(self, exchange: Exchange, target: Target) -> web.StreamResponse:
        verb, subresource = exchange.info.verb, target.subresource
        assert subresource is not None
        if exchange.method == "HEAD" or verb not in subresource.verbs:
            raise MethodNotSupported.on_path()
        if verb == "patch":
            self._refuse_patch(exchange)
        if subresource.name != "status":
            raise MethodNotSupported.on_path()
        return await _ITEM[verb](exchange, target)

    def _refuse_patch(self, exchange: Exchange) -> None:
        if bare(exchange.header("Content-Type")) not in PATCH_TYPES:
            raise UnsupportedMediaType("415: Unsupported Media Type", {})
        raise MethodNotSupported.on_path()

    def _sub(self, exchange: Exchange) -> Subresource:
        info = exchange.info
        resource = self.registry.resource(info.group, info.version, info.resource)
        found = resource.definition.subresource(info.subresource) if resource else None
        if found is None or info.parts > 3:
            raise NotFound.path()
        return found
