"""Bytes -> object, strictly or not."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from aiohttp import web

from apiserver.endpoints import negotiation
from apiserver.machinery import documents
from apiserver.machinery.documents import DocumentError
from apiserver.machinery.errors import BadRequest, RequestEntityTooLarge
from apiserver.machinery.gvk import GroupVersionKind, format_api_version, parse_api_version
from apiserver.machinery.objects import Object
from apiserver.machinery.quoting import quote
from apiserver.schema.layout import Layout, layout_of
from apiserver.schema.protobuf import ProtobufError, decode_envelope, decode_message
from apiserver.schema.typed import DecodeError, canonicalise

LIMIT = 3 * 1024 * 1024
_EXCERPT = 30


@dataclass(frozen=True, slots=True)
class Decoded:
    """An object as the layout of its kind has it, and what was wrong with the document."""

    document: Object
    problems: list[str]


async def read_body(request: web.BaseRequest) -> bytes:
    """Return the body. Raises RequestEntityTooLarge above 3 MiB, BadRequest when it breaks off."""
    too_large = RequestEntityTooLarge(f"Request entity too large: limit is {LIMIT}")
    if (request.content_length or 0) > LIMIT:
        raise too_large
    if not request.body_exists:
        return b""
    chunks = []
    size = 0
    try:
        async for chunk in request.content.iter_any():
            size += len(chunk)
            if size > LIMIT:
                raise too_large
            chunks.append(chunk)
    except (web.RequestPayloadError, ValueError) as error:
        raise BadRequest(f"unable to read the body: {error}") from error
    return chunks[0] if len(chunks) == 1 else b"".join(chunks)


def decode_object(data: bytes, media_type: str, kind: GroupVersionKind) -> Decoded:
    """Read an object of ``kind``, which an endpoint expects. Raises BadRequest."""
    layout = layout_of(kind.api_version, kind.kind)
    if layout is None:
        raise BadRequest(f"objects of kind {kind.kind} cannot be read")
    if media_type == negotiation.PROTOBUF:
        return _from_protobuf(data, kind, layout)
    document, duplicates = _parse(data, media_type, kind)
    found = _check_kind(document, kind)
    try:
        canonical = canonicalise(layout, document)
    except DecodeError as error:
        raise _unhandled(found, kind, str(error)) from error
    return Decoded(_with_kind(kind, canonical.object), [*duplicates, *canonical.problems])


def strict_refusal(decoded: Decoded, kind: GroupVersionKind) -> BadRequest:
    """Return the refusal of a document with unknown or duplicate fields."""
    return _unhandled(kind, kind, "strict decoding error: " + ", ".join(decoded.problems))


def _from_protobuf(data: bytes, kind: GroupVersionKind, layout: Layout) -> Decoded:
    try:
        envelope = decode_envelope(data)
    except ProtobufError as error:
        raise _unrecognised(kind, str(error), data) from error
    found = _check_kind({"apiVersion": envelope.api_version, "kind": envelope.kind}, kind)
    try:
        canonical = canonicalise(layout, decode_message(layout, envelope.raw))
    except (ProtobufError, DecodeError) as error:
        raise _unhandled(found, kind, str(error)) from error
    return Decoded(_with_kind(kind, canonical.object), [])


def _parse(data: bytes, media_type: str, kind: GroupVersionKind) -> tuple[Object, list[str]]:
    try:
        if media_type == negotiation.YAML:
            document: Any = documents.parse_yaml(data)
            duplicates = documents.yaml_duplicates(data)
        else:
            document = documents.parse_json(data)
            fields = documents.duplicate_fields(data, document)
            duplicates = [f"duplicate field {quote(field)}" for field in fields]
    except DocumentError as error:
        what = "yaml: " if media_type == negotiation.YAML else "json parse error: "
        what = "" if str(error).startswith(what) else what
        cause = f"couldn't get version/kind; {what}{error}"
        raise _unrecognised(kind, cause, data) from error
    if document is None:
        document = {}
    if not isinstance(document, dict):
        name = {list: "array", str: "string", bool: "bool"}.get(type(document), "number")
        cause = (
            f"couldn't get version/kind; json parse error: json: cannot unmarshal {name} into Go "
            'value of type struct { APIVersion string "json:\\"apiVersion,omitempty\\""; '
            'Kind string "json:\\"kind,omitempty\\"" }'
        )
        raise _unrecognised(kind, cause, data)
    return document, duplicates


def _check_kind(document: Object, kind: GroupVersionKind) -> GroupVersionKind:
    named, version = document.get("kind") or kind.kind, document.get("apiVersion") or ""
    if not isinstance(named, str) or not isinstance(version, str):
        raise BadRequest("couldn't get version/kind; apiVersion and kind must be strings")
    try:
        group, version = parse_api_version(version or kind.api_version)
    except ValueError:
        group, version = kind.group, kind.version
    found = GroupVersionKind(group, version, named)
    if found == kind:
        return kind
    if layout_of(found.api_version, named) is None:
        raise _unhandled(
            found,
            kind,
            f'no kind {quote(named)} is registered for version {quote(found.api_version)} '
            'in scheme "pkg/api/legacyscheme/scheme.go:30"',
        )
    if named != kind.kind:
        raise _unhandled(
            found,
            kind,
            f"converting ({_go_package(found)}.{named}) to "
            f"({kind.group.partition('.')[0] or 'core'}.{kind.kind}): unknown conversion",
        )
    raise BadRequest(
        f"the API version in the data ({found.api_version}) does not match the expected API "
        f"version ({kind.api_version})"
    )


def _go_package(kind: GroupVersionKind) -> str:
    return kind.version


def _with_kind(kind: GroupVersionKind, members: Object) -> Object:
    api_version = format_api_version(kind.group, kind.version)
    return {"kind": kind.kind, "apiVersion": api_version, **members}


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
    cut = " ..." if len(data) > _EXCERPT else ""
    head = data[:_EXCERPT]
    if data.startswith(b"{"):
        return head.decode("utf-8", "replace") + cut
    return head.hex() + cut
