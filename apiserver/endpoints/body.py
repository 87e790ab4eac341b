"""Request bodies: reading them, decoding them, and reporting unknown and duplicate fields."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any, Final, Protocol

from aiohttp import EMPTY_PAYLOAD, StreamReader, web
from multidict import istr

from apiserver.endpoints import negotiation
from apiserver.machinery import documents
from apiserver.machinery.documentlimits import DocumentError
from apiserver.machinery.errors import BadRequest, RequestEntityTooLarge
from apiserver.machinery.gvk import GroupVersionKind
from apiserver.machinery.objects import Object
from apiserver.machinery.quoting import quote
from apiserver.registry.errors import status_of_wrong_kind
from apiserver.schema.kindtypes import DecodeError, MissingKind, Types, Undecodable, WrongKind
from apiserver.schema.memberorder import by_name
from apiserver.schema.wire import ProtobufError

LIMIT = 3 * 1024 * 1024
_EXCERPT_BYTES = 30
_CONTENT_LENGTH: Final = istr("Content-Length")
_EXPECT: Final = istr("Expect")


class RequestWithBody(Protocol):
    """A request with a body; see `apiserver.endpoints.http_request.HTTPRequest`."""

    @property
    def headers(self) -> Mapping[str, str]: ...
    @property
    def content(self) -> StreamReader: ...
    @property
    def http(self) -> web.BaseRequest: ...


# Created for every request, so not frozen: frozen dataclasses are slower to create.
@dataclass(slots=True)
class DecodedBody:
    """An object in the form of its kind, and the unknown and duplicate fields of its document.

    ``kind`` is the kind that the document states.
    """

    document: Object
    problems: list[str]
    kind: GroupVersionKind


async def read_body(request: RequestWithBody) -> bytes:
    """Return the body. Raises RequestEntityTooLarge above 3 MiB, BadRequest if it is cut off."""
    content = request.content
    if content is EMPTY_PAYLOAD:
        return b""
    if int(request.headers.get(_CONTENT_LENGTH, "0")) > LIMIT:
        raise _too_large()
    await send_continue(request)
    if content.is_eof():
        # Most bodies arrive together with their head.
        whole = content.read_nowait()
        if len(whole) > LIMIT:
            raise _too_large()
        return whole
    chunks = []
    size = 0
    try:
        async for chunk in content.iter_any():
            size += len(chunk)
            if size > LIMIT:
                raise _too_large()
            chunks.append(chunk)
    except (web.RequestPayloadError, ValueError) as error:
        raise BadRequest(f"unable to read the body: {error}") from error
    return chunks[0] if len(chunks) == 1 else b"".join(chunks)


def _too_large() -> RequestEntityTooLarge:
    return RequestEntityTooLarge(f"Request entity too large: limit is {LIMIT}")


async def send_continue(request: RequestWithBody) -> None:
    """Send ``100 Continue`` to a client that waits for it before it sends the body."""
    if request.headers.get(_EXPECT, "").lower() == "100-continue":
        writer = request.http.writer
        await writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        # The counter shows whether a response has begun; the interim response does not count.
        writer.output_size = 0


def decode_object(
    data: bytes, media_type: str, types: Types, accepts: Collection[str] = ()
) -> DecodedBody:
    """Decode an object of the kind that the endpoint accepts. Raises BadRequest or Invalid.

    ``accepts``: other apiVersions of the kind, whose documents are the same.
    """
    kind = types.kind
    duplicates: list[str] = []
    try:
        if media_type == negotiation.PROTOBUF:
            decoded = types.decode_protobuf(data)
        else:
            document, duplicates = parse_document(data, media_type)
            decoded = types.decode(document)
    except WrongKind as error:
        raise status_of_wrong_kind(error) from error
    except MissingKind as error:
        cause = f"{error} in '{data.decode('utf-8', 'replace')}'"
        raise _unrecognised(kind, cause, data) from error
    except Undecodable as error:
        raise _unhandled(error.kind, kind, str(error)) from error
    except (DecodeError, DocumentError, ProtobufError) as error:
        raise _unrecognised(kind, str(error), data) from error
    if decoded.kind != kind and decoded.kind.api_version not in accepts:
        raise BadRequest(
            f"the API version in the data ({decoded.kind.api_version}) does not match the "
            f"expected API version ({kind.api_version})"
        )
    return DecodedBody(decoded.object, [*duplicates, *decoded.problems], decoded.kind)


def parse_document(data: bytes, media_type: str) -> tuple[Any, list[str]]:
    """Parse JSON or YAML; return the document and its duplicate fields. Raises DocumentError."""
    if media_type == negotiation.YAML:
        # Upstream converts YAML to JSON with sorted members; problems come in that order.
        parsed, duplicates = documents.parse_yaml(data)
        return by_name(parsed), duplicates
    try:
        document = documents.parse_json(data)
        fields = documents.duplicate_fields(data, document)
    except DocumentError as error:
        message = f"couldn't get version/kind; json parse error: {error}"
        raise DocumentError(message) from error
    return document, [f"duplicate field {quote(field)}" for field in fields]


def strict_decoding_error(decoded: DecodedBody, kind: GroupVersionKind) -> BadRequest:
    """Return the error for a document with unknown or duplicate fields."""
    return _unhandled(decoded.kind, kind, "strict decoding error: " + ", ".join(decoded.problems))


def _unhandled(found: GroupVersionKind, kind: GroupVersionKind, cause: str) -> BadRequest:
    return BadRequest(
        f"{found.kind} in version {quote(found.version)} cannot be handled as a {kind.kind}: "
        f"{cause}"
    )


def _unrecognised(kind: GroupVersionKind, cause: str, data: bytes) -> BadRequest:
    return BadRequest(
        f"the object provided is unrecognized (must be of type {kind.kind}): {cause} "
        f"({_excerpt(data)})"
    )


def _excerpt(data: bytes) -> str:
    if not data:
        return "<empty>"
    cut = " ..." if len(data) > _EXCERPT_BYTES else ""
    head = data[:_EXCERPT_BYTES]
    if data.startswith(b"{"):
        return head.decode("utf-8", "replace") + cut
    return head.hex() + cut
