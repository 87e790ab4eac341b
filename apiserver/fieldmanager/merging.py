"""Merging: the result of applying a document to another one.

An applied field replaces the live one; fields that the applied document omits stay. An explicit
null is a value, except for a list or an object whose parts are owned separately: there it stands
for no parts.

Lists whose items can be identified are merged. The items of the applied list keep their order; an
item that is only in the live list keeps its position relative to the items that are in both.
Applying ``[d, b, x]`` to ``[a, b, c, d]`` results in ``[a, c, d, b, x]``: ``b`` now follows ``d``.

Unchanged parts are not copied: a merge without an effect returns the live document itself.
"""

from __future__ import annotations

from typing import Any, Final

from apiserver.fieldmanager.atoms import Atom, ListShape, ObjectShape
from apiserver.fieldmanager.typed import Repeated, indexed, same

_ABSENT: Final[Any] = object()


def merge(live: Any, applied: Any, atom: Atom) -> Any:
    """Return the result of applying a value to a live value. Raises UntypedObject."""
    if applied is live:
        return live
    if atom.is_granular(live) and live:
        if applied is None or (not applied and type(applied) is type(live)):
            return live
        if type(applied) is type(live) is dict:
            return _merge_members(live, applied, atom.object)  # type: ignore[arg-type]
        if type(applied) is type(live) is list:
            return _merge_items(live, applied, atom.list)  # type: ignore[arg-type]
    return live if same(live, applied) else applied


def _merge_members(
    live: dict[str, Any], applied: dict[str, Any], shape: ObjectShape
) -> dict[str, Any]:
    merged = live
    for name, value in applied.items():
        prior = live.get(name, _ABSENT)
        outcome = value if prior is _ABSENT else merge(prior, value, shape.find(name)[1])
        if outcome is not prior:
            if merged is live:
                merged = dict(live)
            merged[name] = outcome
    return merged


def _merge_items(live: list[Any], applied: list[Any], shape: ListShape) -> list[Any]:
    live_items = indexed(live, shape)
    applied_items = indexed(applied, shape)
    order = [shape.element(item) for item in live]
    result: list[Any] = []
    for position in _merged_order(order, list(applied_items)):
        if isinstance(position, int):
            result.append(live[position])
            continue
        prior = live_items.get(position, _ABSENT)
        if prior is _ABSENT or type(prior) is Repeated:
            result.append(applied_items[position])
        else:
            result.append(merge(prior, applied_items[position], shape.items))
    unchanged = len(result) == len(live) and all(a is b for a, b in zip(result, live, strict=True))
    return live if unchanged else result


def _merged_order(live: list[str], applied: list[str]) -> list[int | str]:
    """Return the order of a merged list: elements of applied items, indices of other live items."""
    wanted, there = set(applied), set(live)
    # Elements in both lists, in the order required by the applied list, reversed for pop().
    shared = [element for element in reversed(applied) if element in there]
    result: list[int | str] = []
    position = next_applied = 0
    while position < len(live) or next_applied < len(applied):
        if position < len(live):
            element = live[position]
            if element not in wanted:
                result.append(position)
                position += 1
                continue
            if next_applied == len(applied):
                position += 1
                continue
            if element == applied[next_applied] or not shared:
                position += 1
            elif element != shared[-1]:
                # It is added at its position among the applied items.
                position += 1
                continue
        result.append(applied[next_applied])
        if shared and shared[-1] == applied[next_applied]:
            shared.pop()
        next_applied += 1
    return result
