"""Any exception becomes a Status; and the headers that every answer carries."""

from __future__ import annotations

import uuid

from aiohttp import web

from apiserver.endpoints.errors import error_response, status_error
from apiserver.endpoints.exchange import Exchange, Handler

_MAX_WARNINGS = 4096
_CUT_WARNING = 256


def with_recovery(handler: Handler) -> Handler:
    """Return ``handler`` with its errors answered. The last place where one can be caught."""

    async def recovered(exchange: Exchange) -> web.StreamResponse:
        try:
            response = await handler(exchange)
        except web.HTTPException as error:
            return error
        except Exception as error:  # noqa: BLE001 - this is the last door: nothing passes it
            response = error_response(status_error(error), exchange.header("Accept"))
        if not response.prepared:
            _complete(exchange, response)
        return response

    return recovered


def _complete(exchange: Exchange, response: web.StreamResponse) -> None:
    headers = response.headers
    headers["Audit-Id"] = exchange.header("Audit-Id") or str(uuid.uuid4())
    headers.setdefault("Cache-Control", "no-cache, private")
    for header in warning_headers(exchange.warnings):
        headers.add("Warning", header)


def warning_headers(warnings: list[str]) -> list[str]:
    """Return warnings as RFC 7234 headers; many are cut short, so that headers stay small."""
    texts = [text for text in dict.fromkeys(warnings) if text.isprintable()]
    if sum(map(len, texts)) > _MAX_WARNINGS:
        texts = _shortened(texts)
    return ['299 - "' + text.replace("\\", "\\\\").replace('"', '\\"') + '"' for text in texts]


def _shortened(texts: list[str]) -> list[str]:
    kept: list[str] = []
    room = _MAX_WARNINGS
    for text in texts:
        cut = text[:_CUT_WARNING]
        room -= len(cut)
        if room < 0:
            break
        kept.append(cut)
    return kept
