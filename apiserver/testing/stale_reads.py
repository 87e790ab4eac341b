"""StaleReads: answers reads from an old state, as a lagging replica does."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from aiohttp import web

from apiserver.endpoints.errors import error_response
from apiserver.endpoints.handlers.request_scope import RequestScope
from apiserver.endpoints.http_request import HTTPRequest
from apiserver.endpoints.negotiation import negotiate
from apiserver.endpoints.response_writers import send_list, send_object
from apiserver.machinery.options import list_options
from apiserver.registry.list import list_objects
from apiserver.registry.registry import Registry
from apiserver.registry.resource import Resource
from storage.interface import FeedStore

_READS: Final = frozenset(["get", "list"])
_ANSWERED: Final = frozenset([200, 404])


class StaleReads:
    """Reads the objects of a registry as of ``revisions`` ago; `attach` sets the registry."""

    def __init__(self) -> None:
        self._registry: Registry | None = None
        self._store: FeedStore[bytes] | None = None

    def attach(self, registry: Registry, store: FeedStore[bytes]) -> None:
        """Read from this registry, and no further back than ``store`` can."""
        self._registry = registry
        self._store = store

    @staticmethod
    def concerns(request: HTTPRequest) -> bool:
        """Return whether a request may be answered with what is old."""
        version = request.query.get("resourceVersion", [""])[0]
        whole = not request.info.subresource and request.info.is_resource
        return request.verb in _READS and version == "0" and whole

    async def answer(
        self, options: Mapping[str, Any], request: HTTPRequest, response: web.StreamResponse
    ) -> web.StreamResponse:
        """Return the answer of some revisions ago instead of ``response``.

        Refusals are not changed.
        """
        assert self._registry is not None
        assert self._store is not None
        info = request.info
        resource = self._registry.resource(info.group, info.version, info.resource)
        if resource is None or response.status not in _ANSWERED:
            return response
        oldest = max(self._store.compact_revision(), 1)
        revision = max(self._registry.store.cached_revision - options["revisions"], oldest)
        if request.verb == "get":
            return await _get(request, resource, revision)
        return await _list(request, resource, revision)


async def _get(request: HTTPRequest, resource: Resource, revision: int) -> web.StreamResponse:
    context, accept = RequestScope(resource).context(request), request.header("Accept")
    key = resource.key(context.namespace, context.name)
    record = await resource.store.get(key, revision=revision)
    if record is None:
        return error_response(resource.not_found(context.name), accept)
    if resource.webhook_view is not None:
        await resource.webhook_view.ready([record])
    return await send_object(request, negotiate(accept), resource, record.value)


async def _list(request: HTTPRequest, resource: Resource, revision: int) -> web.StreamResponse:
    exact = {"resourceVersion": [str(revision)], "resourceVersionMatch": ["Exact"]}
    options = list_options({**request.query, **exact})
    namespace = RequestScope(resource).context(request).namespace
    found = await list_objects(resource, namespace, options)
    return await send_list(request, negotiate(request.header("Accept")), resource, found)
