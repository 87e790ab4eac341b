"""EmulatedTypes: the types of a built-in kind as an earlier minor version of Kubernetes has them.

The members that the earlier version does not know are removed from a document and reported as
unknown; then it is decoded as usual. What to remove is the difference between the published schemas
of two versions, computed once for each kind.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Final

from apiserver.machinery.gvk import GroupVersionKind
from apiserver.machinery.objects import Object
from apiserver.machinery.quoting import quote
from apiserver.schema.builtintypes import BuiltinTypes
from apiserver.schema.kindtypes import Canonical, Decoded, KindVersions
from apiserver.schema.openapi import builtin_schema
from apiserver.schema.scheme import Scheme
from apiserver.schema.structtypes import StructType
from apiserver.schema.structural import Schema

_MAX_PROBLEMS: Final = 100
_TYPE_META: Final = frozenset(["apiVersion", "kind"])
_INDEX: Final = re.compile(r"\[[^\]]*\]")
EVERY: Final = "*"


class EmulatedTypes(BuiltinTypes):
    """`apiserver.schema.kindtypes.Types` of a built-in kind in Kubernetes 1.``minor``."""

    def __init__(
        self,
        kind: GroupVersionKind,
        struct: StructType,
        scheme: Scheme,
        versions: KindVersions,
        minor: str,
    ) -> None:
        super().__init__(kind, struct, scheme, versions)
        self.minor = minor

    @cached_property
    def schema(self) -> Schema:
        """The schema of the emulated version, or the present one for a kind that it lacks."""
        emulated = builtin_schema(self.kind.api_version, self.kind.kind, self.minor)
        return emulated or self._present

    @property
    def _present(self) -> Schema:
        present = builtin_schema(self.kind.api_version, self.kind.kind)
        assert present is not None
        return present

    @cached_property
    def _removed(self) -> Removed:
        return difference(self._present, self.schema)

    def known(self, document: Any) -> tuple[Any, list[str]]:
        """Return a document without unknown members, and the errors for them."""
        unknown: list[str] = []
        kept = self._removed.removed_from(document, "", unknown)
        return kept, [f"unknown field {quote(path)}" for path in unknown[:_MAX_PROBLEMS]]

    def lacks(self, path: str) -> bool:
        """Return whether the path of a field error is that of an unknown member, or below one."""
        return self._removed.has(path)

    def decode(self, document: Any) -> Decoded:
        kept, problems = self.known(document)
        decoded = super().decode(kept)
        decoded.problems = problems + decoded.problems
        return decoded

    def decode_protobuf(self, data: bytes) -> Decoded:
        # Decoders of protobuf report no unknown fields.
        decoded = super().decode_protobuf(data)
        decoded.object, _ = self.known(decoded.object)
        return decoded

    def decode_json(self, document: Any) -> Canonical:
        return self._canonical(super().decode_json, document)

    def from_unstructured(self, document: Object) -> Canonical:
        return self._canonical(super().from_unstructured, document)

    def _canonical(self, decode: Callable[[Any], Canonical], document: Any) -> Canonical:
        kept, problems = self.known(document)
        canonical = decode(kept)
        canonical.problems = problems + canonical.problems
        return canonical


@dataclass(slots=True)
class Removed:
    """The members to remove from an object, and those to remove ``inside`` of others.

    A member with such objects inside is one itself, or a list of them. The members of a map have no
    names of their own: what is inside all of them is inside ``EVERY``.
    """

    members: frozenset[str] = frozenset()
    inside: dict[str, Removed] = field(default_factory=dict)

    def removed_from(self, value: Any, path: str, unknown: list[str]) -> Any:
        """Return a copy without the removed fields, appending their paths; or the value itself."""
        if type(value) is not dict:
            return value
        kept = {}
        for name, item in value.items():
            place = f"{path}.{name}" if path else name
            if name in self.members:
                unknown.append(place)
                continue
            inner = self.inside.get(name) or self.inside.get(EVERY)
            kept[name] = item if inner is None else inner._from_member(item, place, unknown)
        return kept

    def has(self, path: str) -> bool:
        """Return whether a field, such as ``spec.ports[0].name``, is to be removed."""
        found = self
        for name in _INDEX.sub("", path).split("."):
            if name in found.members:
                return True
            inner = found.inside.get(name)
            if inner is None:
                return False
            # The path has the names of the members of a map in brackets, like an index.
            found = inner.inside.get(EVERY, inner)
        return False

    def _from_member(self, item: Any, path: str, unknown: list[str]) -> Any:
        if type(item) is list:
            return [
                self.removed_from(each, f"{path}[{index}]", unknown)
                for index, each in enumerate(item)
            ]
        return self.removed_from(item, path, unknown)


def difference(present: Schema, emulated: Schema) -> Removed:
    """Return the fields and values that ``present`` has and ``emulated`` has not."""
    found: dict[tuple[int, int], Removed] = {}
    whole = _compare(present, emulated, found)
    # A type may contain itself, so a difference is in it if it is in what can be reached from it.
    differs = {id(each) for each in found.values() if each.members}
    growing = True
    while growing:
        containing = {
            id(each)
            for each in found.values()
            if any(id(inner) in differs for inner in each.inside.values())
        }
        growing = not containing <= differs
        differs |= containing
    for each in found.values():
        each.inside = {name: inner for name, inner in each.inside.items() if id(inner) in differs}
    return whole


def _compare(present: Schema, emulated: Schema, found: dict[tuple[int, int], Removed]) -> Removed:
    # Members with the same type have nodes of their own that share its members.
    key = id(present.properties), id(emulated.properties)
    if key in found:
        return found[key]
    removed = found[key] = Removed()
    if emulated.preserve_unknown_fields:
        return removed
    removed.members = frozenset(present.properties.keys() - emulated.properties.keys() - _TYPE_META)
    for name, member in emulated.properties.items():
        if name in present.properties:
            removed.inside[name] = _compare_members(present.properties[name], member, found)
    return removed


def _compare_members(
    present: Schema, emulated: Schema, found: dict[tuple[int, int], Removed]
) -> Removed:
    if present.items and emulated.items:
        return _compare_members(present.items, emulated.items, found)
    if present.values and emulated.values:
        inner = _compare_members(present.values, emulated.values, found)
        return found.setdefault((id(present), id(emulated)), Removed(inside={EVERY: inner}))
    return _compare(present, emulated, found)
