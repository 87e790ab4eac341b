"""Pruning: removal from a merged document of the fields that an applier has given up.

A field that was in the last applied configuration and is not in the current one is removed, unless
another manager owns it. Its contents are removed with it: an item without an owner is removed with
all its members. So is a member of a struct in which the applier owned a field and no manager owns
one now. A field that the applier never applied is removed only in this way, never by itself.

This takes three passes over the merged document, because owned fields may have to be restored in
several versions of the kind::

    remove(merged, last)               the document without all fields that were applied last time
    restore(merged, left, owned)       the same, plus those fields among them that are owned; once
                                       for each version
    forget(merged, left, last)         the merged document without the fields that are still
                                       missing *and* were applied last time

A declared member counts as owned if any field in it is owned: it cannot be separated from its
contents. A value that has lost all its parts but is kept becomes empty, not null.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any, Final, NamedTuple, TypeAlias

from apiserver.fieldmanager.atoms import Atom, ListShape, ObjectShape
from apiserver.fieldmanager.fieldset import EMPTY, FieldSet, owns
from apiserver.fieldmanager.typed import indexed

_ABSENT: Final[Any] = object()


class _Part(NamedTuple):
    """A member of an object, or an item of a list."""

    value: Any
    element: str
    atom: Atom
    declared: bool = False
    repeated: bool = False

    def is_owned(self, node: FieldSet) -> bool:
        """Return whether the part is in a set, given the node of its element."""
        return self.declared or owns(node)

    @property
    def is_no_field(self) -> bool:
        """Whether it is a declared list without items, which no set contains by itself."""
        return self.declared and _is_list_of_nothing(self.value, self.atom)


#: Returns the new value of a part, `_ABSENT` to remove it.
_Decide: TypeAlias = Callable[[_Part], Any]


def remove(value: Any, fields: FieldSet, atom: Atom) -> Any:
    """Return a value without these fields."""

    def decide(part: _Part) -> Any:
        node = fields.get(part.element)
        if node is None:
            return part.value
        return _ABSENT if part.is_owned(node) else remove(part.value, node, part.atom)

    if atom.is_granular(value):
        return _rewrite(value, atom, decide)
    # A value that is owned as a whole contains no separate fields that could stay.
    return type(value)() if isinstance(value, dict | list) else value


def restore(merged: Any, left: Any, owned: FieldSet, atom: Atom) -> Any:
    """Return a merged value without the parts that are neither in ``left`` nor owned."""
    if left is merged or not atom.is_granular(merged):
        return merged
    remains = _index(left, atom)

    def decide(part: _Part) -> Any:
        node = owned.get(part.element)
        remainder = remains.get(part.element, _ABSENT)
        if remainder is _ABSENT and (node is None or not part.is_owned(node)):
            return part.value if part.is_no_field else _ABSENT
        if part.repeated:
            return part.value
        return restore(part.value, remainder, node or EMPTY, part.atom)

    return _rewrite(merged, atom, decide)


def forget(merged: Any, left: Any, last: FieldSet, atom: Atom) -> Any:
    """Return a merged value without the parts missing in ``left`` that were applied last time."""
    if left is merged or not atom.is_granular(merged):
        return merged
    remains = _index(left, atom)

    def decide(part: _Part) -> Any:
        node = last.get(part.element)
        if node is None or part.is_no_field:
            return part.value
        remainder = remains.get(part.element, _ABSENT)
        if remainder is _ABSENT and part.is_owned(node):
            return _ABSENT
        return part.value if part.repeated else forget(part.value, remainder, node, part.atom)

    return _rewrite(merged, atom, decide)


def _object_shape(value: Any, atom: Atom) -> ObjectShape | None:
    return atom.object if type(value) is dict and atom.is_granular(value) else None


def _list_shape(value: Any, atom: Atom) -> ListShape | None:
    return atom.list if type(value) is list and atom.is_granular(value) else None


def _is_list_of_nothing(value: Any, atom: Atom) -> bool:
    return value == [] and _list_shape(value, atom) is not None


def _index(value: Any, atom: Atom) -> dict[str, Any]:
    """Return the parts of a value that are fields, by element."""
    members = _object_shape(value, atom)
    if members is not None:
        found = {name: members.find(name) for name in value}
        return {
            element: value[name]
            for name, (element, below) in found.items()
            if name not in members.members or not _is_list_of_nothing(value[name], below)
        }
    items = _list_shape(value, atom)
    # An item that has lost its keys cannot be identified.
    return indexed([item for item in value if item != {}], items) if items is not None else {}


def _rewrite(value: Any, atom: Atom, decide: _Decide) -> Any:
    """Return a value with its parts replaced by ``decide``, itself if none of them changes."""
    members = _object_shape(value, atom)
    if members is not None:
        return _rewrite_members(value, members, decide)
    items = _list_shape(value, atom)
    return value if items is None else _rewrite_items(value, items, decide)


def _rewrite_members(value: dict[str, Any], shape: ObjectShape, decide: _Decide) -> Any:
    changed = False
    kept: dict[str, Any] = {}
    for name, inner in value.items():
        element, atom = shape.find(name)
        outcome = decide(_Part(inner, element, atom, declared=name in shape.members))
        changed = changed or outcome is not inner
        if outcome is not _ABSENT:
            kept[name] = outcome
    return kept if changed else value


def _rewrite_items(value: list[Any], shape: ListShape, decide: _Decide) -> Any:
    elements = [shape.element(item) for item in value]
    times = Counter(elements)
    changed = False
    kept: list[Any] = []
    for item, element in zip(value, elements, strict=True):
        outcome = decide(_Part(item, element, shape.items, repeated=times[element] > 1))
        changed = changed or outcome is not item
        if outcome is not _ABSENT:
            kept.append(outcome)
    return kept if changed else value
