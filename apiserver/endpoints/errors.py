"""Translates any exception into a metav1.Status. The last of three translation layers."""

from __future__ import annotations

import logging

from aiohttp import web

from apiserver.endpoints.buffered_response import buffered_response
from apiserver.endpoints.negotiation import YAML, error_media_type
from apiserver.machinery.documents import dump_json, dump_yaml
from apiserver.machinery.errors import InternalError, StatusError
from apiserver.machinery.quoting import quote
from apiserver.registry.errors import status_of_unreadable

log = logging.getLogger(__name__)


def status_error(error: Exception) -> StatusError:
    """Return the error as a StatusError. Any other exception is a bug here, and is logged."""
    if not isinstance(error, StatusError) and status_of_unreadable(error) is None:
        log.error("unhandled exception in request, answering 500", exc_info=error)
    return described(error)


def described(error: Exception) -> StatusError:
    """Return the StatusError that clients get for an error."""
    if isinstance(error, StatusError):
        return error
    return status_of_unreadable(error) or InternalError(type(error).__name__)


def error_response(error: StatusError, accept: str) -> web.StreamResponse:
    """Return the response for an error."""
    body = error.status()
    media_type = error_media_type(accept) if accept else "application/json"
    data = dump_yaml(body) if media_type == YAML else dump_json(body) + b"\n"
    response = buffered_response(error.code, data, media_type)
    if error.retry_after:
        response.headers["Retry-After"] = str(error.retry_after)
    return response


def plain_internal_error(target: str, problem: str) -> web.StreamResponse:
    """Return the 500 for a request that is malformed before it is authenticated."""
    text = f"Internal Server Error: {quote(target)}: {problem}"
    for character, entity in (("&", "&amp;"), ("<", "&lt;"), (">", "&gt;")):
        text = text.replace(character, entity)
    response = buffered_response(500, f"{text}\n".encode(), "text/plain; charset=utf-8")
    response.headers["X-Content-Type-Options"] = "nosniff"
    return response


def plain_not_found() -> web.StreamResponse:
    """Return the 404 for a path outside of all API groups."""
    response = buffered_response(404, b"404 page not found\n", "text/plain; charset=utf-8")
    response.headers["X-Content-Type-Options"] = "nosniff"
    return response
