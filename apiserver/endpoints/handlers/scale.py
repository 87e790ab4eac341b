"""GET, PUT and PATCH of a Scale."""

from __future__ import annotations

from aiohttp import web

from apiserver.endpoints.body import read_body
from apiserver.endpoints.handlers.field_validation import read_object
from apiserver.endpoints.handlers.request_scope import Target
from apiserver.endpoints.negotiation import content_type, negotiate, patch_type
from apiserver.endpoints.request import Exchange
from apiserver.endpoints.response_writers import send_plain
from apiserver.machinery.options import first, patch_options, write_options
from apiserver.registry.patch import APPLY, Patch
from apiserver.registry.subresources.scale import get_scale, patch_scale, update_scale
from apiserver.resources.scaling import SCALE_PRINTER


async def scale(exchange: Exchange, target: Target) -> web.StreamResponse:
    """Answer with the Scale of an object, as it is or as the request makes it."""
    context, resource = target.context(exchange), target.resource
    if exchange.info.verb == "get":
        representation = negotiate(exchange.header("Accept"))
        version = first(exchange.query, "resourceVersion")
        document = await get_scale(resource, context.namespace, context.name, version)
        return send_plain(exchange, representation, document, printer=SCALE_PRINTER)
    if exchange.info.verb == "patch":
        media_type = patch_type(exchange.header("Content-Type"))
        representation = negotiate(exchange.header("Accept"))
        data = await read_body(exchange.http)
        options = patch_options(exchange.query, apply=media_type == APPLY)
        document = await patch_scale(resource, context, Patch(media_type, data), options)
        return send_plain(exchange, representation, document, printer=SCALE_PRINTER)
    representation = negotiate(exchange.header("Accept"))
    data = await read_body(exchange.http)
    options = write_options(exchange.query, "UpdateOptions")
    media_type = content_type(exchange.header("Content-Type"))
    given = read_object(exchange, target, data, media_type, options)
    document = await update_scale(resource, context, given, options)
    return send_plain(exchange, representation, document, printer=SCALE_PRINTER)
