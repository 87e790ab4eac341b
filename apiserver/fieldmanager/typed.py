"""Typed documents: the fields of a document, and the differences between two documents.

`to_set` returns the fields that a manager owns by applying a document: the leaves, and those inner
nodes that exist by themselves, which are items of lists and members of maps. Inner members of a
struct are not included, since they always exist::

    metadata: {labels: {app: web}}    ->  {"f:metadata": {"f:labels": {"f:app": {}}}}

`compare` returns the changes between two documents. A value that did not exist before is added with
all its contents, including inner nodes; so the first writer of a label owns ``.metadata.labels`` as
well.

Parts that are identical or equal are not descended into.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, TypeAlias

from apiserver.fieldmanager import fieldset
from apiserver.fieldmanager.atoms import Atom, ListShape, ObjectShape
from apiserver.fieldmanager.elements import SELF
from apiserver.fieldmanager.errors import TypeMismatch, UntypedObject
from apiserver.fieldmanager.fieldset import EMPTY, LEAF, FieldSet
from apiserver.machinery.sorting import in_order
from apiserver.machinery.valueclasses import valueclass

_ABSENT: Final[Any] = object()
# Values of other types have no parts.
_PARTED: Final = (dict, list)

#: The set below a place, ``None`` if it is empty.
Node: TypeAlias = FieldSet | None
Changes: TypeAlias = tuple[Node, Node, Node]
_SAME: Final[Changes] = (None, None, None)
_MODIFIED: Final[Changes] = (None, LEAF, None)


@valueclass
class Comparison:
    """The changes of the fields of a document."""

    added: FieldSet
    modified: FieldSet
    removed: FieldSet

    @property
    def written(self) -> FieldSet:
        """The fields with a new value."""
        return fieldset.union(self.added, self.modified)

    @property
    def touched(self) -> FieldSet:
        """The fields with a new value and the removed fields."""
        return fieldset.union(self.written, self.removed)

    def filtered(self, keep: Callable[[FieldSet], FieldSet]) -> Comparison:
        """Return the comparison with each of its sets reduced by ``keep``."""
        return Comparison(keep(self.added), keep(self.modified), keep(self.removed))


class Repeated(list[Any]):
    """List items with equal keys; they are one field."""


def same(one: Any, other: Any) -> bool:
    """Return whether values are equal as JSON: True is not 1, but 1.0 is."""
    if one is other:
        return True
    kind = type(one)
    if kind is dict:
        return (
            type(other) is dict
            and len(one) == len(other)
            and all(name in other and same(value, other[name]) for name, value in one.items())
        )
    if kind is list:
        return type(other) is list and len(one) == len(other) and all(map(same, one, other))
    return bool(one == other) and (kind is bool) is (type(other) is bool)


def indexed(items: list[Any], shape: ListShape) -> dict[str, Any]:
    """Return the items of a list by path element. Raises UntypedObject."""
    found: dict[str, Any] = {}
    for place, item in enumerate(items):
        try:
            element = shape.element(item)
        except ValueError as error:
            raise UntypedObject([TypeMismatch("", f"element {place}: {error}")]) from error
        known = found.get(element, _ABSENT)
        if known is _ABSENT:
            found[element] = item
        elif type(known) is Repeated:
            known.append(item)
        else:
            found[element] = Repeated([known, item])
    return found


def to_set(document: Any, atom: Atom) -> FieldSet:
    """Return the fields that applying a document claims. Raises UntypedObject."""
    return _tracked(_claimed(document, atom) or EMPTY)


def _tracked(fields: FieldSet) -> FieldSet:
    """Remove ``.metadata`` itself: every object has it."""
    metadata = fields.get("f:metadata")
    if metadata is None or (metadata and SELF not in metadata):
        return fields
    rest = {element: node for element, node in metadata.items() if element != SELF}
    kept = {element: node for element, node in fields.items() if element != "f:metadata"}
    return {**kept, "f:metadata": rest} if rest else kept


def _claimed(value: Any, atom: Atom) -> Node:
    kind = type(value)
    if kind is dict and atom.object is not None and not atom.object.atomic:
        return _claimed_members(value, atom.object)
    if kind is list and atom.list is not None and not atom.list.atomic:
        items = indexed(value, atom.list)
        return {e: _claimed_item(item, atom.list.items) for e, item in items.items()} or None
    return LEAF


def _claimed_item(value: Any, atom: Atom) -> FieldSet:
    """Return the claimed fields of a value that exists by itself."""
    if type(value) is Repeated:
        return LEAF
    node = _claimed(value, atom)
    return {SELF: LEAF, **node} if node else LEAF


def _claimed_members(value: dict[str, Any], shape: ObjectShape) -> Node:
    if not value:
        return LEAF
    found: FieldSet = {}
    members = shape.members
    for name, inner in value.items():
        declared = members.get(name)
        if declared is not None:
            if declared.tracked:
                node = _claimed(inner, declared.atom)
                if node is not None:
                    found[declared.element] = node
        else:
            element, atom = shape.find(name)
            found[element] = _claimed_item(inner, atom)
    return found or None


def created(blank: Any, document: Any, atom: Atom) -> FieldSet:
    """Return the fields that a new object adds to a blank one, in the order of serialization.

    They are the fields that `compare` finds to be written, in one pass. A blank object has no items
    in its lists. Raises UntypedObject.
    """
    return _tracked(_filled(blank, document, atom) or EMPTY)


def _filled(blank: Any, value: Any, atom: Atom) -> Node:
    """Return the fields of a value at a place that every object has."""
    if not value or not atom.is_granular(value):
        return None if same(blank, value) else LEAF
    if type(value) is list:
        return _items(value, atom.list)  # type: ignore[arg-type]
    return _with_members({}, blank or EMPTY, value, atom.object) or None  # type: ignore[arg-type]


def _everything(value: Any, atom: Atom) -> FieldSet:
    """Return all fields in a value, including inner nodes, and the value itself; in order."""
    if not value or not atom.is_granular(value):
        return LEAF
    if type(value) is list:
        return {SELF: LEAF, **_items(value, atom.list)}  # type: ignore[arg-type]
    found = _with_members({SELF: LEAF}, EMPTY, value, atom.object)  # type: ignore[arg-type]
    return found if len(found) > 1 else LEAF


def _items(value: list[Any], shape: ListShape) -> FieldSet:
    items = indexed(value, shape)
    return {e: _everything(items[e], shape.items) for e in fieldset.elements_in_order(items)}


def _with_members(
    found: FieldSet, blank: dict[str, Any], value: dict[str, Any], shape: ObjectShape
) -> FieldSet:
    """Add the fields of all tracked members, without what the members of ``blank`` have."""
    members = shape.members
    for name in in_order(value):
        declared, inner = members.get(name), value[name]
        if declared is None:
            element, atom = shape.find(name)
        elif declared.tracked:
            element, atom = declared.element, declared.atom
        else:
            continue
        if name in blank:
            node = _filled(blank[name], inner, atom)
            if node is not None:
                found[element] = node
        else:
            found[element] = _everything(inner, atom) if type(inner) in _PARTED else LEAF
    return found


def compare(before: Any, after: Any, atom: Atom) -> Comparison:
    """Return the fields in which two documents differ. Raises UntypedObject."""
    added, modified, removed = _compare(before, after, atom)
    return Comparison(*(_tracked(node or EMPTY) for node in (added, modified, removed)))


def _compare(before: Any, after: Any, atom: Atom) -> Changes:
    if before is after or (atom.exact and before == after):
        return _SAME
    old = before if atom.is_granular(before) else None
    new = after if atom.is_granular(after) else None
    if old is None and new is None:
        return _SAME if same(before, after) else _MODIFIED
    # A null takes the shape of the other value.
    if old is None and before is None:
        old = {} if type(new) is dict else []
    elif new is None and after is None:
        new = {} if type(old) is dict else []
    if type(old) is not type(new):
        return _inside(after, atom), LEAF, _inside(before, atom)
    if not old and not new:
        return _SAME if same(before, after) else _MODIFIED
    if type(new) is dict:
        return _compare_members(old, new, atom.object)  # type: ignore[arg-type]
    return _compare_items(old, new, atom.list)  # type: ignore[arg-type]


def _inside(value: Any, atom: Atom) -> Node:
    """Return all fields in a value, without the value itself."""
    return {e: node for e, node in _everything(value, atom).items() if e != SELF} or None


def _compare_members(old: dict[str, Any], new: dict[str, Any], shape: ObjectShape) -> Changes:
    changes = _Changes()
    kept = 0
    for name, value in new.items():
        prior = old.get(name, _ABSENT)
        if prior is not _ABSENT:
            kept += 1
            if prior is value or (type(value) is str and prior == value):
                continue
        declared = shape.members.get(name)
        if declared is None:
            element, atom = shape.find(name)
        elif declared.tracked:
            element, atom = declared.element, declared.atom
        else:
            continue
        if prior is _ABSENT:
            changes.added[element] = _everything(value, atom)
        else:
            changes.note(element, _compare(prior, value, atom))
    if kept < len(old):
        for name in old.keys() - new.keys():
            declared = shape.members.get(name)
            if declared is None or declared.tracked:
                element, atom = shape.find(name)
                changes.removed[element] = _everything(old[name], atom)
    return changes.nodes()


def _compare_items(old: list[Any], new: list[Any], shape: ListShape) -> Changes:
    changes = _Changes()
    before, after = indexed(old, shape), indexed(new, shape)
    for element, item in after.items():
        prior = before.get(element, _ABSENT)
        if prior is _ABSENT:
            changes.added[element] = _everything(item, shape.items)
        elif type(prior) is not Repeated and type(item) is not Repeated:
            changes.note(element, _compare(prior, item, shape.items))
        elif type(prior) is type(item):
            changes.note(element, _SAME if same(list(prior), list(item)) else _MODIFIED)
        else:
            changes.added[element] = _everything(item, shape.items)
            changes.removed[element] = _everything(prior, shape.items)
    for element, prior in before.items():
        if element not in after:
            changes.removed[element] = _everything(prior, shape.items)
    return changes.nodes()


class _Changes:
    """Collects the changes below one place."""

    __slots__ = ("added", "modified", "removed")

    def __init__(self) -> None:
        self.added: FieldSet = {}
        self.modified: FieldSet = {}
        self.removed: FieldSet = {}

    def note(self, element: str, below: Changes) -> None:
        added, modified, removed = below
        if added is not None:
            self.added[element] = added
        if modified is not None:
            self.modified[element] = modified
        if removed is not None:
            self.removed[element] = removed

    def nodes(self) -> Changes:
        return self.added or None, self.modified or None, self.removed or None
