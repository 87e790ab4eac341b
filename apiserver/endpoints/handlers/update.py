"""PUT."""

from __future__ import annotations

from aiohttp import web

from apiserver.endpoints.body import read_body
from apiserver.endpoints.handlers.field_validation import read_object
from apiserver.endpoints.handlers.request_scope import Target
from apiserver.endpoints.negotiation import content_type, negotiate
from apiserver.endpoints.request import Exchange
from apiserver.endpoints.response_writers import send_object
from apiserver.machinery.options import write_options
from apiserver.registry.update import update_object


async def update(exchange: Exchange, target: Target) -> web.StreamResponse:
    """Replace an object, or its status, by the one in the body."""
    representation = negotiate(exchange.header("Accept"))
    data = await read_body(exchange.http)
    options = write_options(exchange.query, "UpdateOptions")
    media_type = content_type(exchange.header("Content-Type"))
    document = read_object(exchange, target, data, media_type, options)
    written = await update_object(
        target.resource, target.context(exchange), document, options
    )
    status = 201 if written.created else 200
    return send_object(
        exchange, representation, target.resource, written.stored, status
    )
