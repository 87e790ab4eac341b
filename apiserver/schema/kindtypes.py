"""Types: the interface of one version of a kind to its documents. Each kind has one.

There are two implementations: `apiserver.schema.builtintypes` for built-in kinds, and
`apiserver.schema.structuraltypes` for kinds that have only a structural schema.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol, TypeAlias

from apiserver.machinery.gvk import GroupVersionKind
from apiserver.machinery.objects import Object
from apiserver.schema.structural import Schema


class DecodeError(ValueError):
    """A document does not match the type of its kind; the text is that of Go's decoder."""


class Unidentified(DecodeError):
    """A document does not state its kind and version, or states them in an invalid form."""


class MissingKind(DecodeError):
    """A document of a kind that is not built in does not state its kind, as it must."""


class WrongKind(DecodeError):
    """A document for a kind that is not built in states another kind, or another version of it.

    ``name`` is its name.
    """

    def __init__(self, found: GroupVersionKind, expected: GroupVersionKind, name: str) -> None:
        super().__init__(f"must be {expected.kind}")
        self.kind = found
        self.expected = expected
        self.name = name


class Undecodable(DecodeError):
    """A document is not of the expected kind; ``kind`` is the kind that it states."""

    def __init__(self, kind: GroupVersionKind, cause: str) -> None:
        super().__init__(cause)
        self.kind = kind


# Created for every write, so not frozen: frozen dataclasses are slower to create.
class Inconvertible(Exception):
    """An object cannot be converted to another version of its kind."""


@dataclass(slots=True)
class Canonical:
    """The members of an object except apiVersion and kind, and the errors in the document."""

    object: Object
    problems: list[str]


@dataclass(slots=True)
class Decoded:
    """A decoded object, the errors in its document, and the kind that the document states.

    ``kind`` may be another version of the expected kind. Then the document is decoded in that
    version, or, if that version is not served, in the expected one.
    """

    object: Object
    problems: list[str]
    kind: GroupVersionKind


class Types(Protocol):
    """One version of a kind. Documents are JSON values; arguments are never mutated."""

    @property
    def kind(self) -> GroupVersionKind:
        """The kind of the documents, in this version."""

    @property
    def schema(self) -> Schema:
        """The schema of whole objects, used for merging and ownership."""

    @property
    def versions(self) -> KindVersions:
        """All versions of the kind, including this one."""

    @property
    def protobuf(self) -> bool:
        """Whether the kind supports protobuf."""

    @property
    def strategic_merge(self) -> bool:
        """Whether the kind supports strategic merge patches."""

    def decode(self, document: Any) -> Decoded:
        """Decode the JSON document of a request. Raises Undecodable, or Unidentified."""

    def decode_protobuf(self, data: bytes) -> Decoded:
        """Decode the protobuf of a request. Raises Undecodable, Unidentified, or ProtobufError."""

    def decode_patched(self, document: Any) -> Decoded:
        """Decode the result of a JSON or merge patch. Raises Undecodable, or Unidentified."""

    def decode_json(self, document: Any) -> Canonical:
        """Decode a document in this version, ignoring the kind it states. Raises DecodeError."""

    def from_unstructured(self, document: Object) -> Canonical:
        """Decode the result of a strategic merge patch or an apply. Raises DecodeError."""

    def empty(self) -> Object:
        """Return an object with only the members that the kind always shows."""

    def in_order(self, document: Any) -> Any:
        """Return a copy of a document with its members in the order of error messages."""

    def arrange_metadata(self, document: Object) -> Object:
        """Return an object with the members of its metadata in the order of responses.

        The members are set at different times; their order must not depend on that.
        """


#: Converts a document to another version of its kind, given by its apiVersion. Raises
#: Inconvertible.
Convert: TypeAlias = Callable[[Object, str], Object]


@dataclass(frozen=True, slots=True, eq=False)
class KindVersions:
    """The versions of one kind: the types of each, by apiVersion, and conversion between them.

    ``convert`` is ``None`` if there is only one version.
    """

    types: dict[str, Types]
    convert: Convert | None = None
