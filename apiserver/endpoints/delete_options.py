"""DeleteOptions in the body of a DELETE request."""

from __future__ import annotations

from typing import Any, Final

from apiserver.endpoints import negotiation
from apiserver.endpoints.body import parse_document
from apiserver.machinery.documentlimits import DocumentError
from apiserver.machinery.errors import BadRequest
from apiserver.machinery.gvk import GroupVersionKind
from apiserver.machinery.objects import Object
from apiserver.machinery.options import DeleteOptions, delete_options_of
from apiserver.machinery.quoting import quote
from apiserver.schema.jsondecoder import decode_json
from apiserver.schema.kindtypes import DecodeError
from apiserver.schema.protobuf import decode_envelope, decode_message
from apiserver.schema.scheme import expect_object, identify
from apiserver.schema.structtypes import struct_type
from apiserver.schema.wire import ProtobufError

_KIND: Final = GroupVersionKind("", "v1", "DeleteOptions")
_DEFAULTS: Final = {"kind": _KIND.kind, "apiVersion": "meta.k8s.io/v1"}
_MESSAGE: Final = "meta.v1.DeleteOptions"
_SCHEME: Final = "k8s.io/apimachinery/pkg/apis/meta/internalversion/scheme/register.go:27"


def decode_delete_options(data: bytes, media_type: str) -> tuple[DeleteOptions, Object]:
    """Read DeleteOptions of any group version; return also their document.

    Raises BadRequest or Invalid.
    """
    try:
        if media_type == negotiation.PROTOBUF:
            envelope = decode_envelope(data)
            _check_kind(envelope.api_version, envelope.kind)
            content = decode_message(struct_type(_MESSAGE), envelope.raw)
            kind = {"kind": envelope.kind, "apiVersion": envelope.api_version}
            return delete_options_of(content), {**kind, **content}
        document = expect_object(parse_document(data, media_type)[0])
        _check_kind(document.get("apiVersion"), document.get("kind"))
        content = decode_json(struct_type(_MESSAGE), document).object
        return delete_options_of(content), {**_DEFAULTS, **document}
    except (DocumentError, ProtobufError, DecodeError) as error:
        raise BadRequest(str(error)) from error


def _check_kind(api_version: Any, kind: Any) -> None:
    found = identify(api_version, kind, _KIND)
    if found.kind != _KIND.kind:
        raise BadRequest(
            f"no kind {quote(found.kind)} is registered for version {quote(found.api_version)} "
            f'in scheme "{_SCHEME}"'
        )
