"""The types of a built-in kind: its struct, its published schema, the order of its members."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from typing import Any

from apiserver.machinery.empties import made_of
from apiserver.machinery.gvk import GroupVersionKind
from apiserver.machinery.objects import Object
from apiserver.machinery.quoting import quote
from apiserver.schema.jsondecoder import decode_json, from_unstructured
from apiserver.schema.kindtypes import Canonical, Decoded, DecodeError, KindVersions, Undecodable
from apiserver.schema.memberorder import in_order, metadata_in_order
from apiserver.schema.openapi import builtin_schema
from apiserver.schema.protobuf import decode_envelope, decode_message
from apiserver.schema.scheme import Scheme, expect_object, identify
from apiserver.schema.structtypes import StructType
from apiserver.schema.structural import Schema
from apiserver.schema.wire import ProtobufError


class BuiltinTypes:
    """`apiserver.schema.kindtypes.Types` of a built-in kind.

    ``scheme`` contains the other kinds that a document may have; ``versions`` are the versions of
    the kind, if it has more than one.
    """

    protobuf = True
    strategic_merge = True

    def __init__(
        self,
        kind: GroupVersionKind,
        struct: StructType,
        scheme: Scheme,
        versions: KindVersions | None = None,
    ) -> None:
        self.kind = kind
        self.versions = versions or KindVersions({kind.api_version: self})
        self._struct = struct
        self._scheme = scheme

    @cached_property
    def schema(self) -> Schema:
        """The published schema of the kind."""
        schema = builtin_schema(self.kind.api_version, self.kind.kind)
        if schema is None:
            raise LookupError(f"no schema of {self.kind.kind} in {self.kind.api_version}")
        return schema

    def decode(self, document: Any) -> Decoded:
        members = expect_object(document)
        found = identify(members.get("apiVersion"), members.get("kind"), self.kind)
        return self._decoded(found, lambda struct: decode_json(struct, members))

    def decode_protobuf(self, data: bytes) -> Decoded:
        envelope = decode_envelope(data)
        found = identify(envelope.api_version, envelope.kind, self.kind)

        def read(struct: StructType) -> Canonical:
            try:
                return Canonical(decode_message(struct, envelope.raw), [])
            except ProtobufError as error:
                raise DecodeError(str(error)) from error

        return self._decoded(found, read)

    def decode_patched(self, document: Any) -> Decoded:
        if not isinstance(document, dict) or document.get("apiVersion"):
            return self.decode(document)
        # A patched document without an apiVersion is decoded as the internal version, in which the
        # members have other names, so all of them are unknown.
        unknown = [name for name in document if name not in ("apiVersion", "kind")]
        problems = [f"unknown field {quote(name)}" for name in unknown]
        return Decoded(self._whole({"metadata": {}}), problems, self.kind)

    def decode_json(self, document: Any) -> Canonical:
        return decode_json(self._struct, document)

    def from_unstructured(self, document: Object) -> Canonical:
        return from_unstructured(self._struct, document)

    def empty(self) -> Object:
        return decode_json(self._struct, {}).object

    def in_order(self, document: Any) -> Any:
        return in_order(self._struct, document)

    def arrange_metadata(self, document: Object) -> Object:
        return metadata_in_order(document)

    def _decoded(self, found: GroupVersionKind, read: Callable[[StructType], Canonical]) -> Decoded:
        expected = self.kind
        struct = self._struct if found == expected else self._scheme.struct(found, self._struct)
        try:
            canonical = read(struct)
        except DecodeError as error:
            raise Undecodable(found, str(error)) from error
        if found.kind != expected.kind:
            raise Undecodable(
                found,
                f"converting ({found.version}.{found.kind}) to "
                f"({expected.group.partition('.')[0] or 'core'}.{expected.kind}): "
                "unknown conversion",
            )
        return Decoded(self._whole(canonical.object), canonical.problems, found)

    def _whole(self, members: Object) -> Object:
        head = {"kind": self.kind.kind, "apiVersion": self.kind.api_version}
        return made_of(members, {**head, **members})
