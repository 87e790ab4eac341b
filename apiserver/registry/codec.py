"""The codec of the store.

A value is JSON, or protobuf of another server; it may have been encrypted, and may be unreadable.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import orjson

from apiserver.machinery.documents import dump_json_to_keep
from apiserver.machinery.objects import Object
from apiserver.registry.stored import Stored, arrange
from apiserver.schema.structtypes import StructType
from storage.errors import Corrupt, TransformError
from storage.transform import Stale, Unreadable

_PROTOBUF_MAGIC = b"k8s\x00"
#: Returns the type of a kind by apiVersion and kind, ``None`` if it is not built in.
StructOf: TypeAlias = Callable[[str, str], StructType | None]


class ObjectCodec:
    """`storage.codec.Codec` of objects; ``struct_of`` knows the types of built-in kinds."""

    def __init__(self, struct_of: StructOf) -> None:
        self._struct_of = struct_of

    def encode(self, value: Stored) -> bytes:
        """Return the bytes to store."""
        return dump_json_to_keep(arrange(value.object))

    def decode(self, key: str, data: bytes, revision: int) -> Stored:
        """Return a stored object; invalid data raises an error only when the object is used."""
        if data.startswith(_PROTOBUF_MAGIC):
            stale = type(data) is Stale
            return StoredProtobuf(key, data, revision, self._struct_of, stale=stale)
        if type(data) is bytes:
            return Stored(key, data, revision)
        if isinstance(data, Unreadable):
            return UnreadableStored(key, data, revision)
        return StaleStored(key, data, revision)


class StaleStored(Stored):
    """An object that would be stored in another form now, encrypted with another key for example.

    An update that changes nothing writes it, too.
    """

    __slots__ = ()

    def is_stale(self) -> bool:
        return True


class UnreadableStored(Stored):
    """An object whose stored form cannot be transformed back, for ``reason``."""

    __slots__ = ("_reason",)

    def __init__(self, key: str, raw: Unreadable, revision: int) -> None:
        super().__init__(key, raw, revision)
        self._reason = raw.reason

    def _splice(self, raw: bytes) -> Object | None:
        raise TransformError(self.key, self._reason)


class StoredProtobuf(Stored):
    """An object that another server stored as protobuf; it is converted to JSON on first use."""

    __slots__ = ("_stale", "_struct_of")

    def __init__(
        self, key: str, raw: bytes, revision: int, struct_of: StructOf, *, stale: bool
    ) -> None:
        super().__init__(key, raw, revision)
        self._struct_of = struct_of
        self._stale = stale

    def is_stale(self) -> bool:
        return self._stale

    def _splice(self, raw: bytes) -> Object | None:
        document = _from_protobuf(self.key, raw, self._struct_of)
        return super()._splice(orjson.dumps(arrange(document)))


def _from_protobuf(key: str, raw: bytes, struct_of: StructOf) -> Object:
    from apiserver.schema.protobuf import decode_envelope, decode_message
    from apiserver.schema.wire import ProtobufError

    try:
        envelope = decode_envelope(raw)
        struct = struct_of(envelope.api_version, envelope.kind)
        if struct is None:
            raise Corrupt(key, f"its kind is unknown: {envelope.api_version} {envelope.kind}")
        document = decode_message(struct, envelope.raw)
    except ProtobufError as error:
        raise Corrupt(key, str(error)) from error
    return {"kind": envelope.kind, "apiVersion": envelope.api_version, **document}
