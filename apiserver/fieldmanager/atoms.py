"""Atoms: what field ownership needs to know about a type, compiled from its `Schema`.

An atom states which of three shapes the values of the type may have. A *scalar* is one field. An
*object* has one field for each member, unless the type is atomic: then the object is one field. A
*list* has one field for each item if its items can be identified, either by their value (a set) or
by some of their members (a keyed list); otherwise the list is one field. A keyed item that omits a
key has the default of the key.

Where a schema declares no type, the type is deduced from the value: objects are owned member by
member, lists as a whole.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final
from weakref import WeakKeyDictionary

from apiserver.fieldmanager import elements
from apiserver.fieldmanager.errors import TypeMismatch, UntypedObject
from apiserver.schema.openapi import object_meta
from apiserver.schema.structural import MISSING, Schema

NUMERIC: Final = "numeric"
STRING: Final = "string"
BOOLEAN: Final = "boolean"
UNTYPED: Final = "untyped"
_SCALARS: Final = {"integer": NUMERIC, "number": NUMERIC, "boolean": BOOLEAN, "string": STRING}
_TYPED_FORMATS: Final = ("", "byte")

#: Members of metadata without an owner: they identify the object, or the server sets them.
UNTRACKED: Final = frozenset(
    (
        "clusterName",
        "creationTimestamp",
        "generation",
        "managedFields",
        "name",
        "namespace",
        "resourceVersion",
        "selfLink",
        "uid",
    )
)


@dataclass(slots=True, eq=False)
class Member:
    """A declared member of an object, and its path element."""

    element: str
    atom: Atom
    tracked: bool = True


@dataclass(slots=True, eq=False)
class ObjectShape:
    """An object: its declared members, and the atom of all others, ``None`` if none are allowed."""

    members: dict[str, Member] = field(default_factory=dict)
    values: Atom | None = None
    atomic: bool = False

    def find(self, name: str) -> tuple[str, Atom]:
        """Return the path element and the atom of a member. Raises UntypedObject."""
        declared = self.members.get(name)
        if declared is not None:
            return declared.element, declared.atom
        if self.values is None:
            raise UntypedObject([TypeMismatch("." + name, "field not declared in schema")])
        return "f:" + name, self.values


@dataclass(slots=True, eq=False)
class ListShape:
    """A list: the atom of its items and, unless it is atomic, how the items are identified.

    ``keys`` are sorted, each with its default, or `MISSING` if it has none. A set has no keys.
    """

    items: Atom
    atomic: bool = True
    keys: tuple[tuple[str, Any], ...] = ()
    declared_keys: tuple[str, ...] = ()

    def element(self, item: Any) -> str:
        """Return the path element of an item. Raises ValueError with the message of Kubernetes."""
        if not self.keys:
            return _set_item(item)
        if len(self.keys) == 1 and type(item) is dict:
            name = self.keys[0][0]
            value = item.get(name, MISSING)
            if type(value) is str:
                return f'k:{{"{name}":{elements.json_text(value)}}}'
        return _keyed_item(self, item)


@dataclass(slots=True, eq=False, weakref_slot=True)
class Atom:
    """A type: the shapes that its values may have.

    ``exact``: values that are equal in Python are equal in Go, too (in Python, 1 equals True).
    """

    scalar: str = ""
    object: ObjectShape | None = None
    list: ListShape | None = None
    exact: bool = False

    def is_granular(self, value: Any) -> bool:
        """Return whether the parts of a value are owned separately, not the value as a whole."""
        kind = type(value)
        if kind is dict:
            return self.object is not None and not self.object.atomic
        if kind is list:
            return self.list is not None and not self.list.atomic
        return False


def _set_item(item: Any) -> str:
    if isinstance(item, dict):
        raise ValueError("associative list without keys has an element that's a map type")
    if isinstance(item, list):
        raise ValueError("not supported: associative list with lists as elements")
    if item is None:
        raise ValueError("associative list without keys has an element that's an explicit null")
    return elements.set_item(item)


def _keyed_item(shape: ListShape, item: Any) -> str:
    if item is None:
        raise ValueError("associative list with keys may not have a null element")
    if not isinstance(item, dict):
        raise ValueError("associative list with keys may not have non-map elements")
    keys: list[tuple[str, Any]] = []
    for name, default in shape.keys:
        value = item.get(name, default)
        if value is not MISSING:
            keys.append((name, value))
    if not keys:
        names = " ".join(elements.json_text(name) for name in shape.declared_keys)
        raise ValueError(
            f"associative list with keys has an element that omits all key fields [{names}] "
            "(and doesn't have default values for any key fields)"
        )
    return elements.keyed_item(keys)


def _deduced() -> Atom:
    atom = Atom(UNTYPED)
    atom.object = ObjectShape(values=atom)
    atom.list = ListShape(atom)
    return atom


#: The type of values that no schema describes.
DEDUCED: Final = _deduced()
# The type of fieldsV1 is deduced as well, but no values in it can compare equal by mistake.
_FIELDS: Final = Atom(object=ObjectShape(values=DEDUCED), exact=True)


class Atoms:
    """Compiles schemas to atoms, each once: kinds that share a schema share its atom.

    An atom is dropped with its schema, so kinds may be added and removed at any time.
    """

    def __init__(self) -> None:
        self._atoms: WeakKeyDictionary[Schema, Atom] = WeakKeyDictionary()
        self._preserving: WeakKeyDictionary[Schema, Atom] = WeakKeyDictionary()
        self._metadata: WeakKeyDictionary[Atom, Atom] = WeakKeyDictionary()

    def document(self, schema: Schema) -> Atom:
        """Return the atom of whole objects, in which some members of metadata are not tracked."""
        atom = self.atom(schema)
        shape = atom.object or ObjectShape(values=DEDUCED)
        text = Atom(STRING, exact=True)
        members = dict(shape.members)
        for name in ("apiVersion", "kind"):
            declared = members[name].atom if name in members else text
            members[name] = Member("f:" + name, declared, tracked=False)
        known = members.get("metadata")
        metadata = self._tracked_metadata(known.atom if known else DEDUCED)
        members["metadata"] = Member("f:metadata", metadata)
        return Atom(object=ObjectShape(members, shape.values), exact=atom.exact)

    def _tracked_metadata(self, metadata: Atom) -> Atom:
        if metadata in self._metadata:
            return self._metadata[metadata]
        shape = metadata.object or ObjectShape(values=DEDUCED)
        members = dict(shape.members)
        for name in UNTRACKED:
            if name in members:
                members[name] = Member("f:" + name, members[name].atom, tracked=False)
            elif shape.values is not None:
                members[name] = Member("f:" + name, shape.values, tracked=False)
        tracked = Atom(object=ObjectShape(members, shape.values), exact=metadata.exact)
        self._metadata[metadata] = tracked
        return tracked

    def atom(self, schema: Schema, *, preserving: bool = False) -> Atom:
        """Return the atom of a type; below one that preserves unknown fields, all do."""
        preserving = preserving or schema.preserve_unknown_fields
        atoms = self._preserving if preserving else self._atoms
        known = atoms.get(schema)
        if known is not None:
            return known
        # A type may contain itself, so its atom is registered before it is complete.
        atom = atoms[schema] = Atom()
        if schema.type in ("", "object"):
            atom.object = self._object(schema, preserving=preserving)
        if schema.type in ("", "array"):
            atom.list = self._list(schema, preserving=preserving)
        if not schema.type:
            atom.scalar = UNTYPED
        elif schema.type in _SCALARS:
            untyped = schema.type == "string" and schema.format not in _TYPED_FORMATS
            atom.scalar = UNTYPED if untyped else _SCALARS[schema.type]
        atom.exact = bool(schema.type) and self._parts_are_exact(atom)
        return atom

    def _parts_are_exact(self, atom: Atom) -> bool:
        parts = []
        if atom.object is not None:
            parts += [member.atom for member in atom.object.members.values()]
            parts += [atom.object.values] if atom.object.values else []
        if atom.list is not None:
            parts.append(atom.list.items)
        # An atom that is still incomplete here is part of a cycle, and counts as not exact.
        return all(part.exact for part in parts)

    def _object(self, schema: Schema, *, preserving: bool) -> ObjectShape:
        shape = ObjectShape(atomic=schema.map_type == "atomic")
        for name, member in self._declared(schema).items():
            atom = _FIELDS if name == "fieldsV1" else self.atom(member, preserving=preserving)
            shape.members[name] = Member(elements.member(name), atom)
        if schema.values is not None:
            shape.values = self.atom(schema.values, preserving=preserving)
        elif preserving or not schema.properties:
            shape.values = DEDUCED
        return shape

    def _declared(self, schema: Schema) -> Mapping[str, Schema]:
        if not schema.embedded_resource:
            return schema.properties
        type_meta = Schema("string")
        implied = {"apiVersion": type_meta, "kind": type_meta, "metadata": object_meta()}
        return {**schema.properties, **implied}

    def _list(self, schema: Schema, *, preserving: bool) -> ListShape:
        if schema.items is None:
            return ListShape(DEDUCED)
        items = self.atom(schema.items, preserving=preserving)
        if schema.list_type not in ("set", "map"):
            return ListShape(items)
        names = schema.list_map_keys if schema.list_type == "map" else ()
        defaults = {
            name: (schema.items.properties.get(name) or Schema()).default for name in sorted(names)
        }
        return ListShape(
            items, atomic=False, keys=tuple(defaults.items()), declared_keys=tuple(names)
        )


#: The atoms of all kinds: a Pod template is compiled once for all workloads.
ATOMS: Final = Atoms()
