"""GET ?watch."""

from __future__ import annotations

from dataclasses import replace

from aiohttp import web

from apiserver.endpoints.handlers.request_scope import Target
from apiserver.endpoints.negotiation import negotiate
from apiserver.endpoints.request import Exchange
from apiserver.endpoints.watch_streams import Streams
from apiserver.machinery.errors import BadRequest
from apiserver.machinery.fieldselectors import FieldSelector, FieldTerm
from apiserver.machinery.options import ListOptions
from apiserver.registry.watch import watch_objects


async def watch(
    exchange: Exchange, target: Target, options: ListOptions, streams: Streams
) -> web.StreamResponse:
    """Stream what happens in a collection, or to one object."""
    representation = negotiate(exchange.header("Accept"), stream=True)
    context = target.context(exchange)
    if context.name and exchange.info.watch_prefix:
        options = replace(options, field_selector=_named(options.field_selector, context.name))
    opened = await watch_objects(target.resource, context.namespace, options)
    return await streams.send(exchange, representation, opened, options.timeout_seconds)


def _named(selector: FieldSelector, name: str) -> FieldSelector:
    required = selector.required("metadata.name")
    if required is not None and required != name:
        raise BadRequest("fieldSelector metadata.name doesn't match requested name")
    return FieldSelector((*selector.terms, FieldTerm("metadata.name", equal=True, value=name)))
