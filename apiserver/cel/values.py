"""Values of the language that JSON lacks, and operations on all values.

Booleans, integers, doubles, strings, bytes, lists, maps and null are those of Python. An unsigned
integer, a time and a duration are classes here, since they must not be taken for something else.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from apiserver.cel.errors import NO_OVERLOAD, EvaluationError
from apiserver.machinery.valueclasses import valueclass

INT_MIN: Final = -(1 << 63)
INT_MAX: Final = (1 << 63) - 1
UINT_MAX: Final = (1 << 64) - 1
NANOSECONDS: Final = 1_000_000_000


class UInt(int):
    """An unsigned integer of 64 bits."""

    __slots__ = ()


@dataclass(frozen=True, slots=True, order=True)
class Timestamp:
    """A point in time, in nanoseconds since 1970 in UTC."""

    nanoseconds: int


@dataclass(frozen=True, slots=True, order=True)
class Duration:
    """A signed length of time in nanoseconds."""

    nanoseconds: int


@valueclass
class TypeValue:
    """The type of a value, as a value."""

    name: str


@valueclass
class OptionalValue:
    """A value that may be missing."""

    present: bool
    value: Any = None


class SetList(list[Any]):
    """A list with ``x-kubernetes-list-type: set``: the order of its items does not count.

    It is compared and concatenated so where it is the left operand, as Kubernetes documents it in
    "Validation rules" of CustomResourceDefinitions.
    """

    __slots__ = ()

    def is_equal(self, other: list[Any]) -> bool:
        """Return whether another list of the same length has no other items."""
        own = set(map(_identity, self))
        return all(_identity(item) in own for item in other)

    def united(self, other: list[Any]) -> SetList:
        """Return the items of both lists, those of this one first."""
        return SetList({_identity(item): item for item in (*self, *other)}.values())


class MapList(list[Any]):
    """A list with ``x-kubernetes-list-type: map``: its items are known by their keys.

    ``keys`` are the names of the members that are keys, as expressions write them. See `SetList`.
    """

    __slots__ = ("keys",)

    def __init__(self, items: Iterable[Any], keys: tuple[str, ...]) -> None:
        super().__init__(items)
        self.keys = keys

    def is_equal(self, other: list[Any]) -> bool:
        """Return whether another list of the same length has equal items with the same keys."""
        own = self._by_key(self)
        others = ((self._key(item), item) for item in other)
        return all(key in own and equal(own[key], item) for key, item in others)

    def united(self, other: list[Any]) -> MapList:
        """Return this list with the items of another: in the places of those with their keys."""
        return MapList((self._by_key(self) | self._by_key(other)).values(), self.keys)

    def _by_key(self, items: list[Any]) -> dict[Any, Any]:
        return {self._key(item): item for item in items}

    def _key(self, item: Any) -> Any:
        members = item if type(item) is dict else {}
        return tuple(_identity(members.get(key)) for key in self.keys)


def _identity(value: Any) -> Any:
    """Return what distinguishes a value from others: numbers of different types differ."""
    if isinstance(value, list):
        return list, tuple(map(_identity, value))
    if type(value) is dict:
        return dict, frozenset((_identity(key), _identity(item)) for key, item in value.items())
    return type(value), value


@valueclass
class ObjectValue:
    """An object with a type, and its members."""

    cel_type: str
    members: Mapping[str, Any]


_FIRST_TIME: Final = -62135596800 * NANOSECONDS
_LAST_TIME: Final = 253402300800 * NANOSECONDS - 1
ABSENT: Final = OptionalValue(present=False)
_NUMBERS: Final = frozenset([int, float, UInt])
_ORDERED: Final = frozenset([str, bytes, bool, Timestamp, Duration])


_NAMES: Final[Mapping[type, str]] = {
    bool: "bool", int: "int", UInt: "uint", float: "double", str: "string", bytes: "bytes",
    list: "list", SetList: "list", MapList: "list", dict: "map", type(None): "null_type",
    Timestamp: "google.protobuf.Timestamp", Duration: "google.protobuf.Duration",
    TypeValue: "type", OptionalValue: "optional_type",
}  # fmt: skip


def type_name(value: Any) -> str:
    """Return the name of the type of a value: ``int``, ``google.protobuf.Duration``."""
    return _NAMES.get(type(value)) or str(getattr(value, "cel_type", type(value).__name__))


def equal(left: Any, right: Any) -> bool:
    """Return whether two values are equal; numbers are, whatever their type."""
    if isinstance(left, list) and isinstance(right, list):
        if len(left) != len(right):
            return False
        if isinstance(left, SetList | MapList):
            return left.is_equal(right)
        return all(map(equal, left, right))
    left_type, right_type = type(left), type(right)
    if left_type is not right_type:
        return left_type in _NUMBERS and right_type in _NUMBERS and bool(left == right)
    if left_type is dict:
        return len(left) == len(right) and all(
            name in right and equal(value, right[name]) for name, value in left.items()
        )
    if left_type is OptionalValue:
        return left.present == right.present and equal(left.value, right.value)
    return bool(left == right)


def weight(value: Any, leaf: Callable[[Any], int] = lambda _: 1, container: int = 1) -> int:
    """Return the number of lists, maps and single values in a value.

    What is in it several times counts each time, but is visited once: a value may refer to the same
    list so often that it cannot be walked. ``leaf`` returns what a single value counts,
    ``container`` is what a list or a map counts itself.
    """
    known: dict[int, int] = {}

    def weigh(part: Any) -> int:
        kind = type(part)
        if kind is OptionalValue:
            return weigh(part.value)
        if kind is ObjectValue:
            return weigh(part.members)
        is_list = isinstance(part, list)
        if not is_list and kind is not dict:
            return leaf(part)
        found = known.get(id(part))
        if found is None:
            found = container + sum(map(weigh, part if is_list else part.values()))
            if kind is dict:
                found += sum(map(leaf, part))
            known[id(part)] = found
        return found

    return weigh(value)


def compare(left: Any, right: Any) -> int:
    """Return whether the left value is less (-1), equal (0) or greater (1)."""
    left_type, right_type = type(left), type(right)
    ordered = left_type in _ORDERED and left_type is right_type
    if not ordered and not (left_type in _NUMBERS and right_type in _NUMBERS):
        raise EvaluationError(NO_OVERLOAD)
    return -1 if left < right else int(left > right)


def checked_int(value: int) -> int:
    """Return an integer if it has 64 bits."""
    if not INT_MIN <= value <= INT_MAX:
        raise EvaluationError("integer overflow")
    return value


def checked_timestamp(nanoseconds: int) -> Timestamp:
    """Return a time if it is in the years 1 to 9999."""
    if not _FIRST_TIME <= nanoseconds <= _LAST_TIME:
        raise EvaluationError("timestamp overflow")
    return Timestamp(nanoseconds)


def checked_uint(value: int) -> UInt:
    """Return an unsigned integer if it has 64 bits."""
    if not 0 <= value <= UINT_MAX:
        raise EvaluationError("unsigned integer overflow")
    return UInt(value)
