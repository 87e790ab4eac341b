"""What calls cost at run time beyond one step: those that read all of their arguments.

The factors are those of cel-go: a tenth of a step for a character, a quarter for one of a pattern.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

#: What a check of the authorizer costs: two of them fit into the budget of an expression.
CHECK_COST: Final = 350_000
_SIZED: Final = frozenset([str, bytes, list, dict])


def _size(value: Any) -> int:
    return len(value) if type(value) in _SIZED else 1


def _tenth(size: int) -> int:
    return (size + 9) // 10


def _both(left: Any, right: Any) -> int:
    return 1 + _tenth(_size(left) + _size(right)) if type(left) in _SIZED else 1


def _compared(left: Any, right: Any) -> int:
    if type(left) not in _SIZED or type(right) not in _SIZED:
        return 1
    return max(1, _tenth(min(len(left), len(right))))


def _searched(text: Any, part: Any, *_: Any) -> int:
    return 1 + _tenth(_size(text)) * _tenth(_size(part))


def _matched(text: Any, pattern: Any, *_: Any) -> int:
    return 1 + _tenth(_size(text) + 1) * ((_size(pattern) + 3) // 4)


def _first(value: Any, *_: Any) -> int:
    return 1 + (_size(value) if type(value) is list else _tenth(_size(value)))


def _pairs(left: Any, right: Any) -> int:
    return 1 + _size(left) * _size(right)


FUNCTION_COSTS: Final[Mapping[str, Callable[..., int]]] = {
    "_==_": _compared, "_!=_": _compared, "_<_": _compared, "_<=_": _compared, "_>_": _compared,
    "_>=_": _compared, "_+_": _both, "contains": _searched, "matches": _matched,
    "find": _matched, "findAll": _matched,
    "@in": lambda _, container: 1 + (_size(container) if type(container) is list else 0),
    "startsWith": lambda _, part: 1 + _tenth(_size(part)),
    "endsWith": lambda _, part: 1 + _tenth(_size(part)),
    **dict.fromkeys(
        ("string", "bytes", "lowerAscii", "upperAscii", "replace", "split", "substring", "trim",
         "join", "format", "strings.quote", "isSorted", "sum", "min", "max", "indexOf",
         "lastIndexOf", "quantity", "isQuantity", "url", "isURL", "ip", "isIP", "cidr", "isCIDR",
         "semver", "isSemver", "validate"), _first
    ),
    "check": lambda *_: CHECK_COST,
    **dict.fromkeys(("sets.contains", "sets.equivalent", "sets.intersects"), _pairs),
}  # fmt: skip
