"""Object, list or Status -> response."""

from __future__ import annotations

import gzip
from collections.abc import Sequence
from typing import Any

from aiohttp import web

from apiserver.endpoints import table
from apiserver.endpoints.exchange import Exchange
from apiserver.endpoints.negotiation import (
    JSON,
    PARTIAL,
    PARTIAL_LIST,
    TABLE,
    YAML,
    Representation,
)
from apiserver.machinery.documents import dump_json, dump_json_indented, dump_yaml
from apiserver.machinery.errors import NotAcceptable
from apiserver.machinery.options import first, parse_bool
from apiserver.registry.codec import Stored
from apiserver.registry.list import ObjectList
from apiserver.resources.definition import ResourceDefinition

_GZIP_THRESHOLD = 128 * 1024
_BROWSERS = ("curl", "Wget", "Mozilla/5.0")


def wants_indent(exchange: Exchange) -> bool:
    """Tell whether JSON is to be indented: asked for, or for a person at a terminal."""
    pretty = exchange.query.get("pretty")
    if pretty:
        return parse_bool(pretty[0])
    return exchange.header("User-Agent").startswith(_BROWSERS)


def send_object(
    exchange: Exchange,
    representation: Representation,
    definition: ResourceDefinition,
    stored: Stored,
    status: int = 200,
) -> web.Response:
    """Answer with one object, in the form that the client asked for."""
    match representation.transform:
        case "":
            if representation.media_type == JSON and not wants_indent(exchange):
                return send_bytes(exchange, stored.body + b"\n", status)
            return send_document(exchange, representation, stored.object, status)
        case _ if representation.transform == TABLE:
            include = table.included(first(exchange.query, "includeObject"))
            document = table.of_objects([stored], include, table.object_metadata(stored))
            return send_document(exchange, representation, document, status)
        case _ if representation.transform == PARTIAL:
            document = table.partial(stored.object, representation.version)
            return send_document(exchange, representation, document, status)
        case _:
            raise NotAcceptable(
                f"you requested {PARTIAL_LIST}, but the requested object is not a list "
                f"(*{definition.version}.{definition.kind})"
            )


def send_list(
    exchange: Exchange,
    representation: Representation,
    definition: ResourceDefinition,
    found: ObjectList,
) -> web.Response:
    """Answer with a list, in the form that the client asked for."""
    metadata = list_metadata(found)
    match representation.transform:
        case "":
            if representation.media_type == JSON and not wants_indent(exchange):
                return send_bytes(exchange, _list_bytes(definition, metadata, found.items))
            document = _list_document(definition, metadata, found.items)
        case _ if representation.transform == TABLE:
            include = table.included(first(exchange.query, "includeObject"))
            document = table.of_objects(found.items, include, metadata)
        case _ if representation.transform == PARTIAL_LIST:
            document = table.partial_list(found.items, metadata, representation.version)
        case _:
            raise NotAcceptable(
                f"you requested {PARTIAL}, but the requested object is a list "
                f"(*{definition.version}.{definition.list_kind})"
            )
    return send_document(exchange, representation, document)


def send_document(
    exchange: Exchange,
    representation: Representation,
    document: dict[str, Any],
    status: int = 200,
) -> web.Response:
    """Answer with a document as JSON or YAML."""
    if representation.media_type == YAML:
        return send_bytes(exchange, dump_yaml(document), status, YAML)
    if wants_indent(exchange):
        return send_bytes(exchange, dump_json_indented(document), status)
    return send_bytes(exchange, dump_json(document) + b"\n", status)


def send_bytes(
    exchange: Exchange, data: bytes, status: int = 200, media_type: str = JSON
) -> web.Response:
    """Answer with bytes, compressed where they are many and the client takes it."""
    headers = {"Content-Type": media_type}
    if len(data) > _GZIP_THRESHOLD and _takes_gzip(exchange):
        data = gzip.compress(data, compresslevel=1, mtime=0)
        headers["Content-Encoding"] = "gzip"
        headers["Vary"] = "Accept-Encoding"
    return web.Response(status=status, body=data, headers=headers)


def list_metadata(found: ObjectList) -> dict[str, Any]:
    """Return the metadata of a list."""
    metadata: dict[str, Any] = {"resourceVersion": found.resource_version}
    if found.continue_token:
        metadata["continue"] = found.continue_token
    if found.remaining is not None:
        metadata["remainingItemCount"] = found.remaining
    return metadata


def _takes_gzip(exchange: Exchange) -> bool:
    accepted = exchange.header("Accept-Encoding").split(",")
    return any(token.strip() == "gzip" for token in accepted)


def _list_bytes(
    definition: ResourceDefinition, metadata: dict[str, Any], items: Sequence[Stored]
) -> bytes:
    head = b'{"kind":"%s","apiVersion":"%s","metadata":%s,"items":[' % (
        definition.list_kind.encode(),
        definition.api_version.encode(),
        dump_json(metadata),
    )
    return head + b",".join([stored.item for stored in items]) + b"]}\n"


def _list_document(
    definition: ResourceDefinition, metadata: dict[str, Any], items: Sequence[Stored]
) -> dict[str, Any]:
    return {
        "kind": definition.list_kind,
        "apiVersion": definition.api_version,
        "metadata": metadata,
        "items": [
            {key: value for key, value in stored.object.items() if key not in _TYPE_META}
            for stored in items
        ],
    }


_TYPE_META = ("kind", "apiVersion")
