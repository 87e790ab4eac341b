"""The order of merged lists.

The items in the patch have the order of the patch, the other items keep their order. Both are
merged into one list: an item that is not in the patch precedes the next item of the patch if both
existed before the patch in this order; otherwise the item of the patch comes first.
"""

from __future__ import annotations

from typing import Any, TypeAlias

from apiserver.machinery.quoting import go_type, go_value
from apiserver.patch.errors import PatchFails

Items: TypeAlias = list[Any]


def identity(value: Any) -> Any:
    """Return a key that identifies a scalar: 1 is neither true nor 1.0. Raises PatchFails."""
    if isinstance(value, str):
        return value
    if isinstance(value, dict | list):
        raise PatchFails(f"runtime error: hash of unhashable type {go_type(value)}")
    return type(value), value


def arranged(merged: Items, named: Items, before: Items, key: str) -> Items:
    """Return ``merged`` in order; ``named`` are the patch's items, ``before`` the original ones.

    Items are identified by their member ``key``, or by their value if ``key`` is empty.
    """
    if not merged:
        return merged
    rank = _places(named, key)
    old = _places(before, key)
    entries = [(_name(item, key), item) for item in merged]
    patched = sorted((entry for entry in entries if entry[0] in rank), key=lambda e: rank[e[0]])
    others = [entry for entry in entries if entry[0] not in rank]
    others.sort(key=lambda entry: old.get(entry[0], -1))
    result = []
    position = 0
    for name, item in patched:
        place = old.get(name)
        while place is not None and position < len(others):
            ahead = old.get(others[position][0])
            if ahead is None or ahead >= place:
                break
            result.append(others[position][1])
            position += 1
        result.append(item)
    result += [item for _, item in others[position:]]
    return result


def check_order(patch: Items, order: Items, key: str) -> None:
    """Raise PatchFails unless ``order`` lists all items of ``patch``, in the same order."""
    if not patch or not order:
        return
    items = [item for item in patch if not key or _directive(item) != "delete"]
    position = 0
    for other in order:
        while position < len(items) and _directive(items[position]) is not None:
            position += 1
        if position == len(items):
            return
        if _name(items[position], key) == _name(other, key):
            position += 1
    if position < len(items):
        raise PatchFails(
            f"The order in patch list:\n{go_value(patch)}\n doesn't match $setElementOrder "
            f"list:\n{go_value(order)}\n"
        )


def wrong_type(expected: Any, actual: Any) -> PatchFails:
    """Return the error for a value whose type is not that of ``expected``."""
    return PatchFails(f"expected a {go_type(expected)}, but received a {go_type(actual)}")


def no_merge_key(item: dict[str, Any], key: str) -> PatchFails:
    """Return the error for an item of a keyed list without a key."""
    return PatchFails(f"map: {go_value(item)} does not contain declared merge key: {key}")


def _places(items: Items, key: str) -> dict[Any, int]:
    places: dict[Any, int] = {}
    for place, item in enumerate(items):
        places.setdefault(_name(item, key), place)
    return places


def _name(item: Any, key: str) -> Any:
    if not key:
        return identity(item)
    if not isinstance(item, dict):
        raise wrong_type({}, item)
    if key not in item:
        raise no_merge_key(item, key)
    return identity(item[key])


def _directive(item: Any) -> Any:
    return item.get("$patch") if isinstance(item, dict) else None
