"""The types of a kind that has only a structural schema: a custom kind.

Its documents are JSON values without Go types: members are kept as the schema specifies, and have
no order of their own. Documents must state their apiVersion and kind.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import cached_property
from typing import Any

from apiserver.machinery.gvk import GroupVersionKind
from apiserver.machinery.objects import Object, name_of
from apiserver.machinery.quoting import quote
from apiserver.schema.defaulting import fill_defaults
from apiserver.schema.kindtypes import (
    Canonical,
    Decoded,
    DecodeError,
    KindVersions,
    MissingKind,
    Undecodable,
    WrongKind,
)
from apiserver.schema.memberorder import by_name, metadata_by_name
from apiserver.schema.scheme import expect_object, identify
from apiserver.schema.structural import Schema
from apiserver.schema.structuralform import Form
from apiserver.schema.structuralpruning import prune, valid_metadata
from apiserver.schema.wire import ProtobufError

_IDENTITY = ("apiVersion", "kind")


class StructuralTypes:
    """`apiserver.schema.kindtypes.Types` based on a schema.

    ``schema`` describes the members of objects except apiVersion, kind and metadata, which all
    objects have; a function that returns it is called for the first document. ``versions`` are all
    versions of the kind, if it has more than one.
    """

    protobuf = False
    strategic_merge = False

    def __init__(
        self,
        kind: GroupVersionKind,
        schema: Schema | Callable[[], Schema],
        versions: KindVersions | None = None,
    ) -> None:
        self.kind = kind
        self.versions = versions or KindVersions({kind.api_version: self})
        self._given = schema

    @cached_property
    def schema(self) -> Schema:
        """The schema of whole objects, with the metadata of all kinds."""
        given = self._given
        return replace(given if isinstance(given, Schema) else given(), embedded_resource=True)

    @cached_property
    def _form(self) -> Form:
        return Form(self.schema)

    def decode(self, document: Any) -> Decoded:
        decoded = self._decoded(document)
        found = decoded.kind
        # The caller refuses another version.
        if found.kind != self.kind.kind and found[:2] == self.kind[:2]:
            raise WrongKind(found, self.kind, name_of(decoded.object))
        return decoded

    def _decoded(self, document: Any) -> Decoded:
        members = expect_object(document)
        identify(members.get("apiVersion"), members.get("kind"), self.kind)
        if not members.get("kind"):
            raise MissingKind("Object 'Kind' is missing")
        nothing = GroupVersionKind("", "", "")
        found = identify(members.get("apiVersion"), members["kind"], nothing)
        try:
            canonical = self.decode_json(members)
        except DecodeError as error:
            raise Undecodable(found, str(error)) from error
        head = {"kind": self.kind.kind, "apiVersion": self.kind.api_version}
        return Decoded({**head, **canonical.object}, canonical.problems, found)

    def decode_protobuf(self, data: bytes) -> Decoded:
        raise ProtobufError(f"{self.kind.kind} has no protobuf form")

    def decode_patched(self, document: Any) -> Decoded:
        decoded = self._decoded(document)
        if decoded.kind != self.kind and decoded.kind.version:
            raise WrongKind(decoded.kind, self.kind, name_of(decoded.object))
        return decoded

    def decode_json(self, document: Any) -> Canonical:
        pruned, unknown = self._complete(expect_object(document))
        for name in _IDENTITY:
            pruned.pop(name, None)
        pruned.setdefault("metadata", {})
        return Canonical(pruned, [f"unknown field {quote(path)}" for path in unknown])

    def from_storage(self, document: Object) -> Object:
        """Return a stored object in this form: pruned, and with its defaults.

        It is ``document`` itself if nothing changes. Invalid members of metadata, which can be as
        old as the first custom resources, are dropped.
        """
        if document["metadata"].get("generation") and self._form.holds(document):
            return document
        metadata = valid_metadata(document["metadata"])
        # So old that it has no generation.
        metadata["generation"] = metadata.get("generation") or 1
        return self._complete({**document, "metadata": metadata}, lenient=True)[0]

    def pruned(self, document: Object) -> Object:
        """Return an object of another version of the kind, as far as this one specifies it.

        Raises DecodeError for invalid metadata of objects inside.
        """
        return prune(document, self.schema)[0]

    def _complete(self, document: Object, *, lenient: bool = False) -> tuple[Object, list[str]]:
        """Return an object, pruned and with defaults, and the paths of unknown members."""
        schema = self.schema
        pruned, unknown = prune(document, schema, lenient=lenient)
        fill_defaults(pruned, schema)
        return pruned, unknown

    def from_unstructured(self, document: Object) -> Canonical:
        return self.decode_json(document)

    def empty(self) -> Object:
        return {"metadata": {}}

    def in_order(self, document: Any) -> Any:
        return by_name(document)

    def arrange_metadata(self, document: Object) -> Object:
        return metadata_by_name(document)
