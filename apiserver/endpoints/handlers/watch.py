"""GET of a collection with ``watch``."""

from __future__ import annotations

from dataclasses import replace

from aiohttp import web

from apiserver.endpoints.handlers.request_scope import RequestScope
from apiserver.endpoints.http_request import HTTPRequest
from apiserver.endpoints.negotiation import negotiate
from apiserver.endpoints.watch_streams import WatchStreams
from apiserver.machinery.errors import BadRequest
from apiserver.machinery.fieldselectors import FieldSelector, FieldTerm
from apiserver.machinery.options import ListOptions
from apiserver.registry.watch import watch_objects


async def watch(
    request: HTTPRequest, scope: RequestScope, options: ListOptions, streams: WatchStreams
) -> web.StreamResponse:
    """Stream the changes of a collection, or of one object."""
    representation = negotiate(request.header("Accept"), stream=True)
    context = scope.context(request)
    if context.name and request.info.watch_prefix:
        options = replace(options, field_selector=_named(options.field_selector, context.name))
    # The parameter is missing on the paths below "watch".
    opened = await watch_objects(
        scope.resource, context.namespace, options, as_list=not options.watch
    )
    return await streams.send(request, representation, opened, options.timeout_seconds)


def _named(selector: FieldSelector, name: str) -> FieldSelector:
    # On the path of an object, a field selector may only select its name.
    if selector.terms and selector.required("metadata.name") != name:
        raise BadRequest("fieldSelector metadata.name doesn't match requested name")
    return FieldSelector((FieldTerm("metadata.name", equal=True, value=name),))
