"""Decodes the object of a request body, with the field validation that the request asks for."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from apiserver.endpoints.body import decode_object, strict_decoding_error
from apiserver.endpoints.handlers.request_scope import RequestScope
from apiserver.endpoints.http_request import HTTPRequest
from apiserver.machinery.objects import Object
from apiserver.machinery.options import WriteOptions
from apiserver.registry.offload import offload


async def read_object(
    request: HTTPRequest, scope: RequestScope, data: bytes, media_type: str, options: WriteOptions
) -> Object:
    """Return the object. Unknown and duplicate fields are ignored, warned about or rejected."""
    accepts = () if scope.subresource is None else scope.subresource.accepts
    decoded = await offload(len(data), decode_object, data, media_type, scope.types, accepts)
    if decoded.problems:
        if options.field_validation == "Strict":
            raise strict_decoding_error(decoded, scope.types.kind)
        if options.field_validation == "Warn":
            request.warnings.extend(_warnings(decoded.problems))
    if request.audit is not None:
        request.audit.set_request_object(decoded.document, len(data))
    return decoded.document


def _warnings(problems: Iterable[str]) -> Iterator[str]:
    """Yield a warning for each problem; that of YAML has a line for each duplicate key."""
    for problem in problems:
        first, *lines = problem.splitlines()
        yield from map(str.strip, lines) if lines else (first,)
