"""Errors of calls with arguments of types that no overload accepts.

An operator leaves it to its first operand to find that the second one does not fit, and then only
says that there is no overload. Where the first operand does not fit, and for functions, it says
which overload is missing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from apiserver.cel.errors import NO_OVERLOAD
from apiserver.cel.values import Duration, MapList, SetList, Timestamp, UInt, type_name

_NUMBERS: Final = (int, UInt, float)
_TIMES: Final = (Timestamp, Duration)
_ORDERED: Final = frozenset([*_NUMBERS, *_TIMES, str, bytes, bool])
#: By operator, the types that have it.
_OPERANDS: Final[Mapping[str, frozenset[type]]] = {
    "_+_": frozenset([*_NUMBERS, *_TIMES, str, bytes, list, SetList, MapList]),
    "_-_": frozenset([*_NUMBERS, *_TIMES]),
    "_*_": frozenset(_NUMBERS), "_/_": frozenset(_NUMBERS), "_%_": frozenset([int, UInt]),
    "-_": frozenset([int, float, bool, Duration]),
    **dict.fromkeys(("_<_", "_<=_", "_>_", "_>=_"), _ORDERED),
    "size": frozenset([str, bytes, list, SetList, MapList, dict]), "matches": frozenset([str]),
}  # fmt: skip
# Types that look for an operator by its name, after all others.
_RECEIVERS: Final = frozenset([str, *_TIMES])
# Functions that have an overload for a list by the type of its first item.
_OF_ITEMS: Final = frozenset(["isSorted", "sum", "min", "max"])
_GO_TYPES: Final[Mapping[type, str]] = {
    int: "types.Int", UInt: "types.Uint", float: "types.Double", str: "types.String",
    bytes: "types.Bytes", bool: "types.Bool", type(None): "types.Null",
    Timestamp: "types.Timestamp", Duration: "types.Duration",
}  # fmt: skip


def no_overload_of(function: str, arguments: Sequence[Any]) -> str:
    """Return the text of the error of a call with unfit arguments."""
    operands = _OPERANDS.get(function)
    if operands is not None:
        fits = type(arguments[0]) in operands or type(arguments[0]) in _RECEIVERS
        return NO_OVERLOAD if fits else f"{NO_OVERLOAD}: {function}"
    if function == "@in":
        return NO_OVERLOAD
    first = arguments[0] if arguments else None
    if function in _OF_ITEMS and isinstance(first, list) and first and type(first[0]) in _ORDERED:
        return NO_OVERLOAD
    types = ", ".join(map(type_name, arguments))
    return f"{NO_OVERLOAD}: {function}({types})"


def not_iterable(value: Any, *, has_two_variables: bool) -> str:
    """Return the text of the error of a loop over a value that is no list and no map."""
    shown = _GO_TYPES.get(type(value)) or f"cel.{type_name(value).rpartition('.')[2]}"
    if has_two_variables:
        return f"unsupported comprehension range type: {shown}"
    return f"got '{shown}', expected iterable type"
