"""Types: what one version of a kind knows about its documents. It is carried by its kind.

Two things implement it: `apiserver.schema.builtintypes` for the kinds that are built in, and
`apiserver.schema.structuraltypes` for those of which no more than a structural schema is known.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol, TypeAlias

from apiserver.machinery.gvk import GroupVersionKind
from apiserver.machinery.objects import Object
from apiserver.schema.structural import Schema


class DecodeError(ValueError):
    """A document does not have the type of its kind; the text is that of Go's decoder."""


class Unidentified(DecodeError):
    """A document does not say what it is, or not so that it can be understood."""


class MissingKind(DecodeError):
    """A document of a kind that is not built in must say what it is, and does not."""


class WrongKind(DecodeError):
    """A document of a kind that is not built in says that it is another; ``name`` is its name."""

    def __init__(self, found: GroupVersionKind, expected: GroupVersionKind, name: str) -> None:
        super().__init__(f"must be {expected.kind}")
        self.kind = found
        self.name = name


class Undecodable(DecodeError):
    """A document is not of the kind that is expected; ``kind`` is what it says that it is."""

    def __init__(self, kind: GroupVersionKind, cause: str) -> None:
        super().__init__(cause)
        self.kind = kind


@dataclass(frozen=True, slots=True)
class Canonical:
    """The members of an object but apiVersion and kind, and the complaints about the document."""

    object: Object
    problems: list[str]


@dataclass(frozen=True, slots=True)
class Decoded:
    """An object as its kind has it, the complaints about its document, and what that says it is.

    ``kind`` may be another version of what was expected. The document is read as that version
    then, or, where that is not served, as the version that was expected.
    """

    object: Object
    problems: list[str]
    kind: GroupVersionKind


class Types(Protocol):
    """One version of a kind. Documents are JSON values; none that is passed in is changed."""

    @property
    def kind(self) -> GroupVersionKind:
        """The kind of the documents, in this version."""

    @property
    def schema(self) -> Schema:
        """The schema of whole objects, by which they are merged and owned."""

    @property
    def versions(self) -> KindVersions:
        """All versions of the kind, this one among them."""

    @property
    def protobuf(self) -> bool:
        """Whether objects may be sent as protobuf."""

    @property
    def strategic_merge(self) -> bool:
        """Whether objects may be changed by strategic merge patches."""

    def decode(self, document: Any) -> Decoded:
        """Read a request's document. Raises Undecodable, or Unidentified."""

    def decode_protobuf(self, data: bytes) -> Decoded:
        """Read a request's protobuf. Raises Undecodable, Unidentified, or ProtobufError."""

    def decode_patched(self, document: Any) -> Decoded:
        """Read what a JSON patch or a merge patch has made. Raises Undecodable, or Unidentified."""

    def decode_json(self, document: Any) -> Canonical:
        """Read a document as this version, whatever it says that it is. Raises DecodeError."""

    def from_unstructured(self, document: Object) -> Canonical:
        """Read what a strategic merge patch has made. Raises DecodeError."""

    def empty(self) -> Object:
        """Return an object with nothing set, but for what the kind always shows."""

    def in_order(self, document: Any) -> Any:
        """Return a copy of a document with its members in the order in which messages have them."""


#: Makes the document of one version of a kind that of another, which is named by its apiVersion.
Convert: TypeAlias = Callable[[Object, str], Object]


@dataclass(frozen=True, slots=True, eq=False)
class KindVersions:
    """The versions of one kind: the types of each, by apiVersion, and the way between them.

    ``convert`` is ``None`` where there is only one.
    """

    types: dict[str, Types]
    convert: Convert | None = None
