"""The DeleteOptions in the body of a DELETE."""

from __future__ import annotations

from typing import Any

from apiserver.endpoints import negotiation
from apiserver.machinery import documents
from apiserver.machinery.documents import DocumentError
from apiserver.machinery.errors import BadRequest
from apiserver.machinery.options import DeleteOptions, delete_options_of
from apiserver.machinery.quoting import quote
from apiserver.schema.layout import layout_of
from apiserver.schema.protobuf import decode_envelope, decode_message
from apiserver.schema.typed import DecodeError, canonicalise
from apiserver.schema.wire import ProtobufError

_KIND = "DeleteOptions"
_SCHEME = "k8s.io/apimachinery/pkg/apis/meta/internalversion/scheme/register.go:27"


def decode_delete_options(data: bytes, media_type: str) -> DeleteOptions:
    """Read DeleteOptions of any group version. Raises BadRequest or Invalid."""
    layout = layout_of("v1", _KIND)
    if layout is None:
        raise BadRequest("DeleteOptions cannot be read")
    try:
        if media_type == negotiation.PROTOBUF:
            envelope = decode_envelope(data)
            _check_kind(envelope.kind, envelope.api_version)
            document = decode_message(layout, envelope.raw)
        else:
            document = _parse(data, media_type)
            _check_kind(document.get("kind"), document.get("apiVersion"))
        return delete_options_of(canonicalise(layout, document).object)
    except (DocumentError, ProtobufError, DecodeError) as error:
        raise BadRequest(str(error)) from error


def _parse(data: bytes, media_type: str) -> dict[str, Any]:
    yaml = media_type == negotiation.YAML
    document = documents.parse_yaml(data) if yaml else documents.parse_json(data)
    if document is None:
        return {}
    if not isinstance(document, dict):
        raise BadRequest("couldn't get version/kind; the body is not an object")
    return document


def _check_kind(kind: Any, api_version: Any) -> None:
    if kind and kind != _KIND:
        raise BadRequest(
            f"no kind {quote(str(kind))} is registered for version "
            f'{quote(str(api_version or "v1"))} in scheme "{_SCHEME}"'
        )
