"""Field sets: sets of fields of an object, such as those that a manager owns.

A set is represented by its FieldsV1 document: nested dicts whose keys are path elements. An element
that leads to an empty dict is in the set. An element that leads to a non-empty dict is a prefix of
other paths; the element itself is in the set only if that dict contains ``.``::

    {"f:metadata": {"f:labels": {".": {}, "f:app": {}}}, "f:data": {}}

contains ``.metadata.labels``, ``.metadata.labels.app`` and ``.data``, but not ``.metadata``. The
empty set is the empty dict; below the root an empty dict is a leaf. Equal sets are equal dicts.

Sets are immutable and share common parts: an operation without an effect returns its first operand.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Any, Final, TypeAlias

from apiserver.fieldmanager.elements import SELF, MalformedElement, canonical, order, text
from apiserver.machinery.sorting import in_order

FieldSet: TypeAlias = dict[str, Any]
Path: TypeAlias = tuple[str, ...]

#: The node of an element that is in the set and has nothing below it. Shared; never mutated.
LEAF: Final[FieldSet] = {}
EMPTY: Final[FieldSet] = {}


def of(*paths: Path) -> FieldSet:
    """Return the set of these paths."""
    found = EMPTY
    for path in paths:
        node: FieldSet = LEAF
        for element in reversed(path):
            node = {element: node}
        found = union(found, node)
    return found


def owns(node: FieldSet | None) -> bool:
    """Return whether an element is in the set, given its node; ``None`` stands for no node."""
    return node is not None and (not node or SELF in node)


def has(fields: FieldSet, path: Path) -> bool:
    """Return whether a path is in the set."""
    node: FieldSet | None = fields
    for element in path:
        if not node:
            return False
        node = node.get(element)
    return owns(node)


def union(one: FieldSet, other: FieldSet) -> FieldSet:
    """Return the fields that are in either set."""
    if not one or not other:
        return one or other
    return _union(one, other)


def _union(one: FieldSet, other: FieldSet) -> FieldSet:
    if one is other:
        return one
    if not other:
        return one if not one or SELF in one else {SELF: LEAF, **one}
    if not one:
        return other if SELF in other else {SELF: LEAF, **other}
    joined = one
    for element, node in other.items():
        known = one.get(element)
        merged = node if known is None else _union(known, node)
        if merged is not known:
            if joined is one:
                joined = dict(one)
            joined[element] = merged
    return joined


def intersection(one: FieldSet, other: FieldSet) -> FieldSet:
    """Return the fields that are in both sets."""
    if not one or not other:
        return EMPTY
    return _intersection(one, other) or EMPTY


def _intersection(one: FieldSet, other: FieldSet) -> FieldSet | None:
    if not one or not other:
        return LEAF if owns(one) and owns(other) else None
    common: FieldSet = {}
    for element, node in one.items():
        known = other.get(element)
        if known is not None:
            shared = _intersection(node, known)
            if shared is not None:
                common[element] = shared
    return _node(common)


def difference(one: FieldSet, other: FieldSet) -> FieldSet:
    """Return the fields that are in the first set and not in the second."""
    if not one or not other:
        return one
    return _difference(one, other) or EMPTY


def _difference(one: FieldSet, other: FieldSet) -> FieldSet | None:
    if not one:
        return None if owns(other) else one
    if not other:
        return {e: node for e, node in one.items() if e != SELF} if SELF in one else one
    left = one
    for element, node in one.items():
        known = other.get(element)
        if known is None:
            continue
        rest = None if element == SELF else _difference(node, known)
        if rest is not node:
            if left is one:
                left = dict(one)
            if rest is None:
                del left[element]
            else:
                left[element] = rest
    return _node(left)


def without(one: FieldSet, other: FieldSet) -> FieldSet:
    """Return the fields of the first set that are neither in the second nor below its fields."""
    if not one or not other:
        return one
    left = one
    for element, node in one.items():
        known = other.get(element)
        if known is None or element == SELF:
            continue
        rest = None if owns(known) else _node(without(node, known)) if node else node
        if rest is not node:
            if left is one:
                left = dict(one)
            if rest is None:
                del left[element]
            else:
                left[element] = rest
    return left


def only(fields: FieldSet, pattern: FieldSet) -> FieldSet:
    """Return the fields on the paths of a pattern or below them; ``*`` matches every element."""
    if not pattern:
        return fields
    kept: FieldSet = {}
    for element, node in fields.items():
        if element == SELF:
            kept[SELF] = LEAF
            continue
        below = pattern.get(element, pattern.get("*"))
        if below is None:
            continue
        rest = only(node, below) if node else node
        if rest or owns(node):
            kept[element] = _node(rest) or LEAF
    return kept


def leaves(fields: FieldSet) -> FieldSet:
    """Return the members that have no members below them."""
    return {
        element: leaves(node) if node else node
        for element, node in fields.items()
        if element != SELF
    }


def paths(fields: FieldSet) -> Iterator[Path]:
    """Yield all paths in the order of Kubernetes: at each level first the members, then below."""
    elements = in_order((element for element in fields if element != SELF), order)
    for element in elements:
        if owns(fields[element]):
            yield (element,)
    for element in elements:
        for rest in paths(fields[element]):
            yield (element, *rest)


def path_text(path: Path) -> str:
    """Return a path as messages show it: ``.spec.containers[name="web"].image``."""
    return "".join(map(text, path))


def ordered(fields: FieldSet) -> FieldSet:
    """Return the same set with its elements in the order of serialization."""
    return {e: ordered(node) if (node := fields[e]) else node for e in elements_in_order(fields)}


def elements_in_order(fields: Mapping[str, Any]) -> Collection[str]:
    """Return the elements of one place in the order of serialization."""
    if len(fields) < 2:
        return fields.keys()
    elements = in_order(fields)
    # Only elements of lists may sort differently from their strings.
    return elements if elements[-1][0] == "f" else in_order(elements, order)


def parse(document: Any) -> FieldSet:
    """Parse a FieldsV1 document of a client; elements of unknown kinds are skipped.

    Raises MalformedElement.
    """
    return {element: node for element, node in _parse(document).items() if element != SELF}


def _parse(document: Any) -> FieldSet:
    if not isinstance(document, dict):
        raise MalformedElement("expected an object")
    found: FieldSet = {}
    for key, below in document.items():
        if key == SELF:
            found[SELF] = LEAF
            continue
        element = canonical(key)
        if element is not None:
            node = _parse(below)
            known = found.get(element)
            found[element] = node if known is None else _union(known, node)
    return _node(found) or LEAF


def _node(elements: FieldSet) -> FieldSet | None:
    """Return the node with these elements below it, ``None`` if there are no elements."""
    if not elements:
        return None
    return LEAF if len(elements) == 1 and SELF in elements else elements
