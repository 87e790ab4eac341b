"""GET many."""

from __future__ import annotations

from aiohttp import web

from apiserver.endpoints.handlers.request_scope import Target
from apiserver.endpoints.negotiation import negotiate
from apiserver.endpoints.request import Exchange
from apiserver.endpoints.response_writers import send_list
from apiserver.machinery.options import ListOptions
from apiserver.registry.list import list_objects


async def list_(exchange: Exchange, target: Target, options: ListOptions) -> web.StreamResponse:
    """Answer with the objects of a collection, or a page of them."""
    representation = negotiate(exchange.header("Accept"))
    context = target.context(exchange)
    found = await list_objects(target.resource, context.namespace, options)
    return await send_list(exchange, representation, target.resource, found)
