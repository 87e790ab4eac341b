"""POST."""

from __future__ import annotations

from aiohttp import web

from apiserver.endpoints.body import read_body
from apiserver.endpoints.handlers.field_validation import read_object
from apiserver.endpoints.handlers.request_scope import Target
from apiserver.endpoints.negotiation import content_type, negotiate
from apiserver.endpoints.request import Exchange
from apiserver.endpoints.response_writers import send_object
from apiserver.machinery.options import write_options
from apiserver.registry.create import create_object


async def create(exchange: Exchange, target: Target) -> web.StreamResponse:
    """Create the object in the body."""
    representation = negotiate(exchange.header("Accept"))
    media_type = content_type(exchange.header("Content-Type"))
    data = await read_body(exchange.http)
    options = write_options(exchange.query, "CreateOptions")
    document = read_object(exchange, target, data, media_type, options)
    written = await create_object(
        target.resource, target.context(exchange), document, options
    )
    return send_object(
        exchange, representation, target.resource, written.stored, status=201
    )
