"""Merging: a document as it is once another has been applied to it.

What is applied wins, field by field; what it does not mention stays. An explicit null is a value,
except for what is owned in parts, which has other parts than those that are applied.

Lists whose items can be told apart are woven together. The items of the applied list keep their
order; each item that only the live list has stays where it is, relative to those that both have.
Applying ``[d, b, x]`` to ``[a, b, c, d]`` makes ``[a, c, d, b, x]``: ``b`` comes after ``d`` now.

Whatever does not change is not copied: a merge without effect returns the live document itself.
"""

from __future__ import annotations

from typing import Any, Final

from apiserver.fieldmanager.atoms import Atom, ListShape, ObjectShape
from apiserver.fieldmanager.typed import Repeated, indexed, same

_ABSENT: Final[Any] = object()


def merge(live: Any, applied: Any, atom: Atom) -> Any:
    """Return a live value once another has been applied to it. Raises UntypedObject."""
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
    theirs = indexed(live, shape)
    ours = indexed(applied, shape)
    order = [shape.element(item) for item in live]
    woven: list[Any] = []
    for place in _weave(order, list(ours)):
        if isinstance(place, int):
            woven.append(live[place])
            continue
        prior = theirs.get(place, _ABSENT)
        if prior is _ABSENT or type(prior) is Repeated:
            woven.append(ours[place])
        else:
            woven.append(merge(prior, ours[place], shape.items))
    unchanged = len(woven) == len(live) and all(a is b for a, b in zip(woven, live, strict=True))
    return live if unchanged else woven


def _weave(live: list[str], applied: list[str]) -> list[int | str]:
    """Return the order of a merged list: elements of applied items, places of other live ones."""
    wanted, there = set(applied), set(live)
    # What both lists have, in the order in which it must come; the last is the next.
    shared = [element for element in reversed(applied) if element in there]
    woven: list[int | str] = []
    place = turn = 0
    while place < len(live) or turn < len(applied):
        if place < len(live):
            element = live[place]
            if element not in wanted:
                woven.append(place)
                place += 1
                continue
            if turn == len(applied):
                place += 1
                continue
            if element == applied[turn] or not shared:
                place += 1
            elif element != shared[-1]:
                # It comes in its turn among the applied items.
                place += 1
                continue
        woven.append(applied[turn])
        if shared and shared[-1] == applied[turn]:
            shared.pop()
        turn += 1
    return woven
