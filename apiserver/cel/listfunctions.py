"""Functions of lists and sets, and of optional values.

Some of those of lists are Kubernetes' own (documentation of "CEL in Kubernetes"); those that make
other lists, and those of sets, are extensions of cel-go.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cmp_to_key
from itertools import pairwise
from typing import Any, Final

from apiserver.cel.errors import NO_OVERLOAD, EvaluationError
from apiserver.cel.operators import add
from apiserver.cel.textfunctions import STRING_INDEX, STRING_LAST_INDEX
from apiserver.cel.values import ABSENT, OptionalValue, compare, equal

_LONGEST_RANGE: Final = 10_000_000


def _items(value: Any) -> list[Any]:
    if not isinstance(value, list):
        raise EvaluationError(NO_OVERLOAD)
    return value


def _is_sorted(items: Any) -> bool:
    return all(compare(left, right) <= 0 for left, right in pairwise(_items(items)))


def _sum(items: Any) -> Any:
    total: Any = None
    for item in _items(items):
        total = item if total is None else add(total, item)
    return 0 if total is None else total


def _extreme(name: str, sign: int) -> Callable[[Any], Any]:
    def find(items: Any) -> Any:
        if not _items(items):
            raise EvaluationError(f"{name} called on empty list")
        best = items[0]
        for item in items[1:]:
            if compare(item, best) == sign:
                best = item
        return best

    return find


def _index(value: Any, *arguments: Any) -> int:
    if type(value) is str:
        return int(STRING_INDEX(value, *arguments))
    found = (at for at, item in enumerate(_items(value)) if equal(item, arguments[0]))
    return next(found, -1)


def _last_index(value: Any, *arguments: Any) -> int:
    if type(value) is str:
        return int(STRING_LAST_INDEX(value, *arguments))
    items = _items(value)
    found = (at for at in range(len(items) - 1, -1, -1) if equal(items[at], arguments[0]))
    return next(found, -1)


def _slice(items: Any, start: Any, end: Any) -> list[Any]:
    asked = f"cannot slice({start}, {end})"
    length = len(_items(items))
    if start < 0 or end < 0:
        raise EvaluationError(f"{asked}, negative indexes not supported")
    if start > end:
        raise EvaluationError(f"{asked}, start index must be less than or equal to end index")
    if end > length:
        raise EvaluationError(f"{asked}, list is length {length}")
    return items[start:end]  # type: ignore[no-any-return]


def _flatten(items: Any, depth: int = 1) -> list[Any]:
    if depth < 0:
        raise EvaluationError("level must be non-negative")
    flat: list[Any] = []
    for item in _items(items):
        if not isinstance(item, list) or depth == 0:
            flat.append(item)
        else:
            flat += _flatten(item, depth - 1)
    return flat


def _distinct(items: Any) -> list[Any]:
    found: list[Any] = []
    for item in _items(items):
        if not any(equal(item, other) for other in found):
            found.append(item)
    return found


def _sort(items: Any) -> list[Any]:
    return _sort_by(items, items)


def _sort_by(items: Any, keys: Any) -> list[Any]:
    """Return a list in the order of the keys of its items."""
    if not _items(keys):
        return []
    kind = type(keys[0])
    if isinstance(keys[0], list | dict):
        raise EvaluationError("list elements must be comparable")
    if any(type(key) is not kind for key in keys):
        raise EvaluationError("list elements must have the same type")
    order = cmp_to_key(compare)
    sorted_pairs = sorted(zip(keys, items, strict=True), key=lambda pair: order(pair[0]))
    return [item for _, item in sorted_pairs]


def _range(size: int) -> list[int]:
    if size < 0:
        raise EvaluationError(f"lists.range: size must be non-negative, got {size}")
    if size > _LONGEST_RANGE:
        limit = f"maximum allowed ({_LONGEST_RANGE})"
        raise EvaluationError(f"lists.range: size {size} exceeds {limit}")
    return list(range(size))


def _contains(items: Any, others: Any) -> bool:
    return all(any(equal(other, item) for item in _items(items)) for other in _items(others))


def _intersects(items: Any, others: Any) -> bool:
    return any(any(equal(other, item) for item in _items(items)) for other in _items(others))


def _value(optional: OptionalValue) -> Any:
    if not optional.present:
        raise EvaluationError("optional.none() dereference")
    return optional.value


def _of_non_zero(value: Any) -> OptionalValue:
    return OptionalValue(present=True, value=value) if value else ABSENT


def _end(index: int) -> Callable[[Any], OptionalValue]:
    def end(items: Any) -> OptionalValue:
        return OptionalValue(present=True, value=items[index]) if _items(items) else ABSENT

    return end


def _unwrap(items: Any) -> list[Any]:
    return [item.value for item in _items(items) if item.present]


def _insert(built: dict[Any, Any], *added: Any) -> dict[Any, Any]:
    """Add to the result of a loop, which nothing else refers to: a key and its value, or a map."""
    entries = dict([added]) if len(added) == 2 else added[0]
    for key, value in entries.items():
        if key in built:
            raise EvaluationError(f"insert failed: key {key} already exists")
        built[key] = value
    return built


LIST_FUNCTIONS: Final[Mapping[str, Callable[..., Any]]] = {
    "isSorted": _is_sorted,
    "sum": _sum,
    "min": _extreme("min", -1),
    "max": _extreme("max", 1),
    "indexOf": _index,
    "lastIndexOf": _last_index,
    "slice": _slice,
    "flatten": _flatten,
    "reverse": lambda items: _items(items)[::-1],
    "distinct": _distinct,
    "sort": _sort,
    "@sortByAssociatedKeys": _sort_by,
    "lists.range": _range,
    "sets.contains": _contains,
    "sets.equivalent": lambda left, right: _contains(left, right) and _contains(right, left),
    "sets.intersects": _intersects,
    "optional.of": lambda value: OptionalValue(present=True, value=value),
    "optional.none": lambda: ABSENT,
    "optional.ofNonZeroValue": _of_non_zero,
    "hasValue": lambda optional: optional.present,
    "value": _value,
    "first": _end(0),
    "last": _end(-1),
    "unwrapOpt": _unwrap,
    "optional.unwrap": _unwrap,
    "cel.@mapInsert": _insert,
}
