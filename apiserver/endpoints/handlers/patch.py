"""PATCH."""

from __future__ import annotations

from aiohttp import web

from apiserver.endpoints.body import read_body
from apiserver.endpoints.handlers.request_scope import Target
from apiserver.endpoints.negotiation import negotiate, patch_type
from apiserver.endpoints.request import Exchange
from apiserver.endpoints.response_writers import send_object
from apiserver.machinery.options import patch_options
from apiserver.registry.patch import APPLY, Patch, patch_object


async def patch(exchange: Exchange, target: Target) -> web.StreamResponse:
    """Change an object as the patch in the body says; an apply may create it."""
    media_type = patch_type(exchange.header("Content-Type"))
    representation = negotiate(exchange.header("Accept"))
    data = await read_body(exchange.http)
    options = patch_options(exchange.query, apply=media_type == APPLY)
    written = await patch_object(
        target.resource, target.context(exchange), Patch(media_type, data), options
    )
    status = 201 if written.created else 200
    return send_object(exchange, representation, target.resource, written.stored, status)
