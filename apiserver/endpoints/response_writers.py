"""Builds the response for an object, a list or a Status."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import partial
from typing import Any, Final

from aiohttp import web

from apiserver.endpoints import table
from apiserver.endpoints.buffered_response import buffered_response
from apiserver.endpoints.http_request import HTTPRequest
from apiserver.endpoints.list_encoding import (
    AS_YAML,
    COMPACT,
    INDENTED,
    Render,
    encode_list,
    serialized_list,
)
from apiserver.endpoints.negotiation import (
    JSON,
    PARTIAL,
    PARTIAL_LIST,
    TABLE,
    YAML,
    Representation,
)
from apiserver.endpoints.payloads import GzipPayload, SlicedPayload
from apiserver.machinery.documents import dump_json, dump_json_indented, dump_yaml
from apiserver.machinery.errors import NotAcceptable
from apiserver.machinery.objects import Object
from apiserver.machinery.options import first, parse_bool
from apiserver.registry.list import ObjectList
from apiserver.registry.offload import SMALL, offload
from apiserver.registry.resource import Resource
from apiserver.registry.stored import Stored
from apiserver.registry.yielding import BATCH_SIZE, SLICE
from apiserver.resources.definition import ResourceDefinition
from apiserver.resources.printing import DEFAULT, Printer

_GZIP_THRESHOLD: Final = 128 * 1024
_BROWSERS: Final = ("curl", "Wget", "Mozilla/5.0")
_TYPE_META: Final = ("kind", "apiVersion")


def wants_indent(request: HTTPRequest) -> bool:
    """Return whether JSON is indented: on request, or for browsers, curl and wget."""
    pretty = request.query.get("pretty")
    if pretty:
        return parse_bool(pretty[0])
    return request.header("User-Agent").startswith(_BROWSERS)


async def send_object(
    request: HTTPRequest,
    representation: Representation,
    resource: Resource,
    stored: Stored,
    status: int = 200,
) -> web.StreamResponse:
    """Return one object in the negotiated representation."""
    transform = representation.transform
    if not transform:
        if representation.media_type == JSON and not wants_indent(request):
            rest = stored.read_rest() if stored.rest is None else stored.rest
            return send_bytes(request, b"".join((stored.head, rest, b"\n")), status)
        document = stored.object
    elif transform == TABLE:
        shown = _table_format(request, representation, resource.strategy.printer)
        document = shown.table([stored], table.object_metadata(stored))
    elif transform == PARTIAL:
        document = table.partial(stored.object, representation.version)
    else:
        definition = resource.definition
        raise NotAcceptable(
            f"you requested {PARTIAL_LIST}, but the requested object is not a list "
            f"(*{_go_package(definition)}.{definition.kind})"
        )
    return await offload(stored.size, send_document, request, representation, document, status)


async def send_unstored(
    request: HTTPRequest,
    representation: Representation,
    document: Object,
    status: int = 200,
    printer: Printer | None = None,
) -> web.StreamResponse:
    """Return an object that is not stored, such as a Scale or a review."""
    transform = representation.transform
    stored = Stored.preview("", document, 0)
    if not transform:
        shown = document
    elif transform == TABLE:
        as_table = _table_format(request, representation, printer)
        shown = as_table.table([stored], table.object_metadata(stored))
    elif transform == PARTIAL:
        shown = table.partial(document, representation.version)
    else:
        raise NotAcceptable(
            f"you requested {PARTIAL_LIST}, but the requested object is not a list "
            f"(*v1.{document['kind']})"
        )
    return await offload(stored.size, send_document, request, representation, shown, status)


async def send_list(
    request: HTTPRequest, representation: Representation, resource: Resource, found: ObjectList
) -> web.StreamResponse:
    """Return a list in the negotiated representation."""
    metadata, transform, items = list_metadata(found), representation.transform, found.items
    if not transform and representation.media_type == JSON and not wants_indent(request):
        body = await serialized_list(
            _list_document(resource, metadata, ()),
            items,
            typed=resource.definition.typed_items,
        )
        return _send_parts(request, body, body.size)
    if len(items) > BATCH_SIZE or sum(stored.size for stored in items) > SMALL:
        return await _send_long_list(request, representation, resource, found)
    if not transform:
        document = _list_document(resource, metadata, items)
    elif transform == TABLE:
        shown = _table_format(request, representation, resource.strategy.printer)
        document = shown.table(items, metadata)
    elif transform == PARTIAL_LIST:
        document = table.partial_list(items, metadata, representation.version)
    else:
        raise _no_list(resource)
    return send_document(request, representation, document)


async def _send_long_list(
    request: HTTPRequest, representation: Representation, resource: Resource, found: ObjectList
) -> web.StreamResponse:
    metadata, transform, items = list_metadata(found), representation.transform, found.items
    indented = representation.media_type == JSON and wants_indent(request)
    member, show = "items", _items_of(resource)
    if not transform:
        document = _list_document(resource, metadata, ())
    elif transform == TABLE:
        shown = _table_format(request, representation, resource.strategy.printer)
        document = shown.table((), metadata)
        member, show = "rows", shown.rows
    elif transform == PARTIAL_LIST:
        document = table.partial_list((), metadata, representation.version) | {"metadata": metadata}
        show = partial(table.partials, version=representation.version)
    else:
        raise _no_list(resource)
    form = AS_YAML if representation.media_type == YAML else INDENTED if indented else COMPACT
    parts = await encode_list(document, member, items, show, form)
    return _send_parts(request, parts, sum(map(len, parts)), 200, representation.media_type)


def _table_format(
    request: HTTPRequest, representation: Representation, printer: Printer | None
) -> table.TableFormat:
    include = table.included(first(request.query, "includeObject"))
    return table.TableFormat(printer or DEFAULT, include, representation.version)


def _no_list(resource: Resource) -> NotAcceptable:
    definition = resource.definition
    return NotAcceptable(
        f"you requested {PARTIAL}, but the requested object is a list "
        f"(*{_go_package(definition)}.{definition.list_kind})"
    )


def _items_of(resource: Resource) -> Render:
    return _with_type if resource.definition.typed_items else _without_type


def _with_type(items: Sequence[Stored]) -> list[Object]:
    return [stored.decoded() for stored in items]


def _without_type(items: Sequence[Stored]) -> list[Object]:
    return [
        {key: value for key, value in stored.decoded().items() if key not in _TYPE_META}
        for stored in items
    ]


def send_document(
    request: HTTPRequest,
    representation: Representation,
    document: dict[str, Any],
    status: int = 200,
) -> web.StreamResponse:
    """Return a document as JSON or YAML."""
    if request.audit is not None and document.get("kind") == "Status":
        request.audit.set_response_status(document)
    if representation.media_type == YAML:
        return send_bytes(request, dump_yaml(document), status, YAML)
    if wants_indent(request):
        return send_bytes(request, dump_json_indented(document), status)
    return send_bytes(request, dump_json(document) + b"\n", status)


def send_bytes(
    request: HTTPRequest, data: bytes, status: int = 200, media_type: str = JSON
) -> web.StreamResponse:
    """Return bytes, compressed if they are many and the client accepts gzip."""
    if request.audit is not None:
        request.audit.set_response_object([data], len(data), media_type)
    if len(data) > _GZIP_THRESHOLD:
        return _send_parts(request, [data], len(data), status, media_type)
    return buffered_response(status, data, media_type)


def list_metadata(found: ObjectList) -> dict[str, Any]:
    """Return the metadata of a list."""
    version = found.resource_version
    metadata: dict[str, Any] = {"resourceVersion": version} if version else {}
    if found.continue_token:
        metadata["continue"] = found.continue_token
    if found.remaining is not None:
        metadata["remainingItemCount"] = found.remaining
    return metadata


def _send_parts(
    request: HTTPRequest,
    parts: Iterable[bytes],
    size: int,
    status: int = 200,
    media_type: str = JSON,
) -> web.StreamResponse:
    headers = {"Content-Type": media_type}
    if request.audit is not None:
        request.audit.set_response_object(parts, size, media_type)
    if size > _GZIP_THRESHOLD and _takes_gzip(request):
        headers["Content-Encoding"] = "gzip"
        headers["Vary"] = "Accept-Encoding"
        return web.Response(status=status, body=GzipPayload(parts, media_type), headers=headers)
    if size <= SLICE:
        return buffered_response(status, b"".join(parts), media_type)
    return web.Response(status=status, body=SlicedPayload(parts, size, media_type), headers=headers)


def _go_package(definition: ResourceDefinition) -> str:
    # Upstream states its internal type here, which is the same for all versions.
    return definition.group.partition(".")[0] or "core"


def _takes_gzip(request: HTTPRequest) -> bool:
    accepted = request.header("Accept-Encoding").split(",")
    return any(token.strip() == "gzip" for token in accepted)


def _list_document(
    resource: Resource, metadata: dict[str, Any], items: Sequence[Stored]
) -> dict[str, Any]:
    definition = resource.definition
    if definition.typed_items:
        # Such lists are maps in Go, which omit nothing.
        metadata = {"continue": "", **metadata}
    return {
        "kind": definition.list_kind,
        "apiVersion": definition.api_version,
        "metadata": metadata,
        "items": _items_of(resource)(items),
    }
