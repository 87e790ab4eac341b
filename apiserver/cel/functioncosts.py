"""The run-time costs of calls: a step, or more if they read all of their arguments.

The figures are those of cel-go and of Kubernetes' libraries: a tenth of a step for a character, a
quarter for one of a pattern. Where the checker cannot tell which overload of an operator is meant,
it costs one step whatever it does; `EFFORTS` are what it then takes all the same.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from apiserver.cel.kubernetesvalues import Address, Network
from apiserver.cel.values import MapList, ObjectValue, SetList, weight

Cost = Callable[..., int]
#: What a check of the authorizer costs: two of them fit into the budget of an expression.
CHECK_COST: Final = 350_000
_SIZED: Final = frozenset([str, bytes, list, SetList, MapList, dict])
#: The cost of making a list, a map, or a message.
LIST_COST, MAP_COST, MESSAGE_COST = 10, 30, 40
_REQUIREMENT_COST: Final = 50
# The length of the pattern of a format is not known.
_FORMAT_PATTERN: Final = 60
_CONTAINERS: Final = frozenset([list, SetList, MapList, dict])


def _size(value: Any) -> int:
    if type(value) in _SIZED:
        return len(value)
    if type(value) is Network:
        return -(-int(value.length) // 8)
    return value.address.max_prefixlen // 8 if type(value) is Address else 1


def _tenth(size: int) -> int:
    return (size + 9) // 10


def _first(value: Any, *_: Any) -> int:
    return _tenth(_size(value))


def _twice(value: Any, *_: Any) -> int:
    return _tenth(2 * _size(value))


def _both(left: Any, right: Any) -> int:
    return _tenth(_size(left) + _size(right))


def _compared(left: Any, right: Any) -> int:
    return _tenth(min(_size(left), _size(right)))


def _searched(text: Any, part: Any, *_: Any) -> int:
    return _tenth(_size(text)) * _tenth(_size(part))


def _matched(text: Any, pattern: Any, *_: Any) -> int:
    return _tenth(_size(text) + 1) * ((_size(pattern) + 3) // 4)


def _validated(_: Any, text: Any) -> int:
    return _tenth(_size(text) + 1) * (_FORMAT_PATTERN // 4)


def _selected(_: Any, selector: Any) -> int:
    requirements = (_size(selector) + 1) // 2
    return LIST_COST + _tenth(_size(selector)) + requirements * _REQUIREMENT_COST


def _pairs(left: Any, right: Any) -> int:
    return 1 + _size(left) * _size(right)


def _joined(items: Any, separator: Any = "") -> int:
    if not isinstance(items, list):
        return 1
    return _tenth(2 * (sum(map(_size, items)) + max(0, len(items) - 1) * _size(separator)))


def _traversed(value: Any, *_: Any) -> int:
    if type(value) is str:
        return len(value.encode()) // 10
    if type(value) in _CONTAINERS:
        return weight(value, _traversed, container=0)
    return len(value) // 10 if type(value) is bytes else 1


def _allocated(size: float) -> int:
    """Return the cost of a list that is made of another one, in so many steps."""
    return int(max(0, size)) + 1 + LIST_COST


def _flattened(items: Any, depth: Any = 1) -> int:
    return _allocated(depth * _size(items)) if type(depth) is int else 1


def _self_compared(items: Any) -> int:
    if not isinstance(items, list):
        return 1
    factor = 2.1 if items and type(items[0]) in (str, bytes) else 2.0
    return _allocated(factor * len(items) * len(items))


def _contained(network: Any, other: Any) -> int:
    parsed = _tenth(_size(other)) if type(other) is str else 0
    return _tenth(2 * _size(network)) + parsed


def _contained_network(network: Any, other: Any) -> int:
    return _contained(network, other) + _tenth(_size(network)) + 1


def _address(value: Any) -> int:
    return 1 if type(value) is Network else _first(value)


#: By function, whichever overload is meant.
FUNCTION_COSTS: Final[Mapping[str, Cost]] = {
    "check": lambda *_: CHECK_COST,
    "fieldSelector": _selected, "labelSelector": _selected, "join": _joined, "ip": _address,
    "find": _matched, "findAll": _matched, "validate": _validated, "ip.isCanonical": _twice,
    "replace": _twice, "split": _twice, "containsIP": _contained,
    "containsCIDR": _contained_network, "sets.contains": _pairs, "sets.intersects": _pairs,
    "sets.equivalent": lambda left, right: 2 * _pairs(left, right) - 1,
    **dict.fromkeys(("isSorted", "sum", "max", "min", "indexOf", "lastIndexOf"), _traversed),
    "slice": lambda _, start, end: _allocated(end - start),
    "flatten": _flattened,
    "reverse": lambda items: _allocated(_size(items)), "lists.range": _allocated,
    "distinct": _self_compared, "sort": _self_compared,
    "@sortByAssociatedKeys": lambda _, keys: _self_compared(keys),
    **dict.fromkeys(
        ("url", "lowerAscii", "upperAscii", "substring", "trim", "jsonpatch.escapeKey", "cidr",
         "isIP", "isCIDR", "quantity", "isQuantity", "semver", "isSemver"), _first
    ),
    "_==_": _compared, "_!=_": _compared,
}  # fmt: skip
#: By overload, where only one is possible.
OVERLOAD_COSTS: Final[Mapping[str, Cost]] = {
    **dict.fromkeys(
        ("starts_with_string", "ends_with_string", "string_to_bytes", "bytes_to_string"), _first
    ),
    "in_list": lambda _, items: _size(items),
    **dict.fromkeys(
        (f"{name}_{kind}" for name in ("less", "less_equals", "greater", "greater_equals")
         for kind in ("string", "bytes")), _compared
    ),
    "add_string": _both, "add_bytes": _both,
    "matches_string": _matched, "contains_string": _searched,
}  # fmt: skip


def _deep(left: Any, right: Any) -> int:
    """Return what the comparison of two lists or maps takes, whose contents may be large."""
    if type(left) is ObjectValue and type(right) is ObjectValue:
        left, right = left.members, right.members
    lists = isinstance(left, list) and isinstance(right, list)
    if not lists and (type(left) is not dict or type(right) is not dict):
        return 0
    if len(left) != len(right):
        return 0
    return weight(left)


def _member(value: Any, items: Any) -> int:
    if not isinstance(items, list):
        return 0
    return len(items) * weight(value)


def _all_pairs(left: Any, right: Any) -> int:
    return _member(left, right) if isinstance(left, list) else 0


#: The time of functions in addition to their cost.
EFFORTS: Final[Mapping[str, Cost]] = {
    "_==_": _deep,
    "_!=_": _deep,
    "_+_": lambda left, right: _size(left) + _size(right),
    "@in": _member,
    "format": lambda _, arguments: weight(arguments),
    "distinct": lambda items: _member(items, items),
    "flatten": lambda items, *_: weight(items),
    "indexOf": lambda items, value, *_: _member(value, items),
    "lastIndexOf": lambda items, value, *_: _member(value, items),
    **dict.fromkeys(("sets.contains", "sets.intersects", "sets.equivalent"), _all_pairs),
}
