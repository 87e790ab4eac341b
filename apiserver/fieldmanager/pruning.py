"""Pruning: a merged document without what an applier has given up.

What an applier applied last time and does not apply now goes, unless somebody owns it. With it goes
what is inside: an item that nobody owns any more goes with all its members, and so does a member of
a struct in which the applier owned something and nobody owns anything now. But a field that the
applier never applied goes only so, never by itself.

Three walks over the merged document say exactly that, in the order in which owners may have to be
asked in several versions of the kind::

    remove(merged, last)               what would be left without all that was applied last time
    restore(merged, left, owned)       and what of the rest is owned, asked once for each version
    forget(merged, left, last)         the merged document without what is still missing *and* was
                                       applied last time

A declared member counts as owned if anything in it is: it cannot be taken apart from what it holds.
What has lost all its parts but stays itself is empty, not null.
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
    """A member or an item, as it stands in what holds it."""

    value: Any
    element: str
    atom: Atom
    declared: bool = False
    repeated: bool = False

    def is_held(self, node: FieldSet) -> bool:
        """Return whether the part is in a set, given what its element leads to there."""
        return self.declared or owns(node)

    @property
    def is_no_field(self) -> bool:
        """Whether it is a declared list without items, which is in no set by itself."""
        return self.declared and _is_list_of_nothing(self.value, self.atom)


#: Returns what becomes of a part, `_ABSENT` for nothing.
_Decide: TypeAlias = Callable[[_Part], Any]


def remove(value: Any, fields: FieldSet, atom: Atom) -> Any:
    """Return a value without these fields."""

    def decide(part: _Part) -> Any:
        node = fields.get(part.element)
        if node is None:
            return part.value
        return _ABSENT if part.is_held(node) else remove(part.value, node, part.atom)

    if atom.is_granular(value):
        return _rewrite(value, atom, decide)
    # What is owned as a whole has no fields in it that could stay.
    return type(value)() if isinstance(value, dict | list) else value


def restore(merged: Any, left: Any, owned: FieldSet, atom: Atom) -> Any:
    """Return a merged value without what is neither in ``left`` nor owned."""
    if left is merged or not atom.is_granular(merged):
        return merged
    remains = _index(left, atom)

    def decide(part: _Part) -> Any:
        node = owned.get(part.element)
        remainder = remains.get(part.element, _ABSENT)
        if remainder is _ABSENT and (node is None or not part.is_held(node)):
            return part.value if part.is_no_field else _ABSENT
        if part.repeated:
            return part.value
        return restore(part.value, remainder, node or EMPTY, part.atom)

    return _rewrite(merged, atom, decide)


def forget(merged: Any, left: Any, last: FieldSet, atom: Atom) -> Any:
    """Return a merged value without what is not in ``left`` and was applied last time."""
    if left is merged or not atom.is_granular(merged):
        return merged
    remains = _index(left, atom)

    def decide(part: _Part) -> Any:
        node = last.get(part.element)
        if node is None or part.is_no_field:
            return part.value
        remainder = remains.get(part.element, _ABSENT)
        if remainder is _ABSENT and part.is_held(node):
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
    """Return the parts of a value that are fields, by their elements."""
    members = _object_shape(value, atom)
    if members is not None:
        found = {name: members.find(name) for name in value}
        return {
            element: value[name]
            for name, (element, below) in found.items()
            if name not in members.members or not _is_list_of_nothing(value[name], below)
        }
    items = _list_shape(value, atom)
    # Of an item that has lost its keys nothing is left to tell it by.
    return indexed([item for item in value if item != {}], items) if items is not None else {}


def _rewrite(value: Any, atom: Atom, decide: _Decide) -> Any:
    """Return a value with its parts as they were decided, itself if nothing was."""
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
