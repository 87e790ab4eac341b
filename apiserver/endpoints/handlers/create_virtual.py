"""POST of what is not stored: a Binding, an Eviction, a TokenRequest, a review."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from aiohttp import web

from apiserver.endpoints.body import read_body
from apiserver.endpoints.handlers.field_validation import read_object
from apiserver.endpoints.handlers.request_scope import Target
from apiserver.endpoints.negotiation import content_type, negotiate
from apiserver.endpoints.request import Exchange
from apiserver.endpoints.response_writers import send_document, send_plain
from apiserver.machinery.objects import Object
from apiserver.machinery.options import write_options
from apiserver.registry.subresources.submission import Submission

Handle = Callable[[Exchange, Target], Awaitable[web.StreamResponse]]
#: Does what a submission asks for; returns what is answered.
Act = Callable[[Submission, Object], Awaitable[Object]]


def submitting(act: Act) -> Handle:
    """Return the handler of requests that ``act`` carries out."""

    async def submit(exchange: Exchange, target: Target) -> web.StreamResponse:
        representation = negotiate(exchange.header("Accept"))
        media_type = content_type(exchange.header("Content-Type"))
        data = await read_body(exchange.http)
        options = write_options(exchange.query, "CreateOptions")
        document = read_object(exchange, target, data, media_type, options)
        context = target.context(exchange)
        submission = Submission(target.resource, context, options, target.kind)
        answer = await act(submission, document)
        if answer["kind"] == "Status":
            return send_document(exchange, representation, answer, 201)
        return send_plain(exchange, representation, answer, 201)

    return submit
