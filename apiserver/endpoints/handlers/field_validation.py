"""The object in a request's body, with complaints about it where the client wants them."""

from __future__ import annotations

from apiserver.endpoints.body import decode_object, strict_refusal
from apiserver.endpoints.handlers.request_scope import Target
from apiserver.endpoints.request import Exchange
from apiserver.machinery.objects import Object
from apiserver.machinery.options import WriteOptions


def read_object(
    exchange: Exchange, target: Target, data: bytes, media_type: str, options: WriteOptions
) -> Object:
    """Return the object. Unknown and duplicate fields are ignored, warned of or refused."""
    decoded = decode_object(data, media_type, target.kind)
    if decoded.problems:
        if options.field_validation == "Strict":
            raise strict_refusal(decoded, target.kind)
        if options.field_validation == "Warn":
            exchange.warnings.extend(decoded.problems)
    return decoded.document
