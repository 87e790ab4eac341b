"""JSONPath in the dialect of kubectl, in which printer columns and selectable fields are written.

A path is a sequence of steps; each maps a list of values to another list:

======================  =======================================================================
``.name``               a member of objects; a backslash escapes a dot in its name
``['name']``            the same
``.*``, ``[*]``         all members or items
``..``                  values with content, and all such values below them
``[0]``, ``[-1]``       an item of lists
``[1:3]``, ``[::2]``    items of lists
``[0,2]``               the values of several steps, one after the other
``[?(@.a=="b")]``       the items for which a comparison, or the existence of a value, holds
``"text"``, ``5``       a constant, as in comparisons
======================  =======================================================================

A missing member has no value. It is an error to take items of a value that is not a list, to
exceed the length of a list, and to compare values of different types. The rules are those of
"JSONPath Support" in the documentation of kubectl, and of client-go's package ``jsonpath``.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final, Protocol, TypeAlias

from apiserver.machinery.valueclasses import valueclass

Values: TypeAlias = list[Any]

#: The maximum number of values that all steps of a path may produce for a document. Clients send
#: both, and each descent can multiply the values.
MAX_VALUES: Final = 20_000


class JSONPathError(ValueError):
    """A path cannot be evaluated on a document; ``values`` are those that were found before."""

    def __init__(self, message: str, values: Values) -> None:
        super().__init__(message)
        self.values = values


class Budget:
    """The number of values that an evaluation may still produce."""

    __slots__ = ("_left",)

    def __init__(self, most: int = MAX_VALUES) -> None:
        self._left = most

    def spend(self, values: int) -> None:
        """Count values. Raises JSONPathError if there are too many."""
        self._left -= values
        if self._left < 0:
            raise JSONPathError("the path has too many values", [])


class Step(Protocol):
    """One step of a path."""

    def apply(self, values: Values, budget: Budget) -> Values:
        """Return the values of the step on ``values``. Raises JSONPathError."""


Steps: TypeAlias = tuple[Step, ...]


class JSONPath:
    """A parsed path; see `apiserver.machinery.jsonpathsyntax.parse_jsonpath`."""

    __slots__ = ("_names", "_steps")

    def __init__(self, steps: Iterable[Step]) -> None:
        self._steps = tuple(steps)
        names = [step.name for step in self._steps if isinstance(step, Member)]
        # Most paths have only members.
        self._names = names if len(names) == len(self._steps) else None

    def find(self, document: Any) -> Values:
        """Return the values of the path on a document. Raises JSONPathError."""
        if self._names is None:
            return evaluate(self._steps, [document], Budget())
        value = document
        for name in self._names:
            if not isinstance(value, dict) or name not in value:
                return []
            value = value[name]
        return [value]


def evaluate(steps: Steps, values: Values, budget: Budget) -> Values:
    """Return the values of several steps. Raises JSONPathError."""
    for step in steps:
        values = step.apply(values, budget)
        budget.spend(len(values))
    return values


@valueclass
class Member:
    """A member of objects."""

    name: str

    def apply(self, values: Values, budget: Budget) -> Values:
        """Return the members that exist."""
        name = self.name
        return [value[name] for value in values if isinstance(value, dict) and name in value]


@valueclass
class Everything:
    """All members of objects and items of lists."""

    def apply(self, values: Values, budget: Budget) -> Values:
        """Return the members and items."""
        return [each for value in values for each in _content(value)]


@valueclass
class Descent:
    """The values that have content, and all such values below them."""

    def apply(self, values: Values, budget: Budget) -> Values:
        """Return the values, each before those below it."""
        found: Values = []
        waiting = values[::-1]
        while waiting:
            value = waiting.pop()
            if isinstance(value, dict | list | str) and value:
                found.append(value)
                if not isinstance(value, str):
                    waiting += reversed(_content(value))
                budget.spend(1)
        return found


@valueclass
class Items:
    """Items of lists. ``single``: the item at ``start``; otherwise ``stop`` ends the slice."""

    start: int | None
    stop: int | None
    step: int | None
    single: bool = False

    def apply(self, values: Values, budget: Budget) -> Values:
        """Return the items. Raises JSONPathError if one is out of range."""
        found: Values = []
        for value in values:
            if value is None:
                continue
            if not isinstance(value, list):
                raise JSONPathError("the value is not a list", values)
            start, stop = self._bounds(len(value))
            if start == stop:
                # Nothing is requested: the remaining lists are not looked at either.
                return found
            if not 0 <= start < len(value) or not 0 <= stop <= len(value) or start > stop:
                raise JSONPathError("the index is out of range", values)
            step = 1 if self.step is None else self.step
            if step <= 0:
                raise JSONPathError("the step of a slice must be greater than 0", values)
            found += value[start:stop:step]
        return found

    def _bounds(self, length: int) -> tuple[int, int]:
        start = self.start or 0
        if start < 0:
            start += length
        if self.single:
            return start, start + 1
        stop = length if self.stop is None else self.stop
        return start, stop + length if stop < 0 else stop


@valueclass
class Union:
    """The values of several sequences of steps, one after the other."""

    parts: tuple[Steps, ...]

    def apply(self, values: Values, budget: Budget) -> Values:
        """Return the values of all parts."""
        found: Values = []
        for part in self.parts:
            found += evaluate(part, values, budget)
        return found


@valueclass
class Exists:
    """The items of lists for which ``steps`` have a value."""

    steps: Steps

    def apply(self, values: Values, budget: Budget) -> Values:
        """Return the items. Raises JSONPathError for a value that is not a list."""
        return [item for item in _items(values) if self._holds(item, budget)]

    def _holds(self, item: Any, budget: Budget) -> bool:
        budget.spend(1)
        try:
            return bool(evaluate(self.steps, [item], budget))
        except JSONPathError as error:
            # As in client-go, what was found before the error counts.
            return bool(error.values)


@valueclass
class Compare:
    """The items of lists for which a comparison holds."""

    left: Steps
    operator: str
    right: Steps

    def apply(self, values: Values, budget: Budget) -> Values:
        """Return the items. Raises JSONPathError for values that cannot be compared."""
        return [item for item in _items(values) if self._holds(item, values, budget)]

    def _holds(self, item: Any, values: Values, budget: Budget) -> bool:
        budget.spend(1)
        left, right = (evaluate(steps, [item], budget) for steps in (self.left, self.right))
        if len(left) != 1 or len(right) != 1:
            raise JSONPathError("can only compare one element at a time", values)
        compare = _COMPARISONS.get(self.operator)
        if compare is None:
            raise JSONPathError(f"unrecognized filter operator {self.operator}", values)
        type_ = type(left[0])
        if type_ is not type(right[0]) or type_ not in _COMPARABLE:
            raise JSONPathError("incompatible types for comparison", values)
        if type_ is bool and self.operator not in ("==", "!="):
            raise JSONPathError("invalid type for comparison", values)
        return compare(left[0], right[0])


@valueclass
class Constant:
    """The same value, whatever the input is; a text is one value, a number one for each value."""

    value: Any

    def apply(self, values: Values, budget: Budget) -> Values:
        """Return the constant."""
        return [self.value] if isinstance(self.value, str) else [self.value for _ in values]


@valueclass
class Identifier:
    """A word that kubectl's templates use as a command; it has no meaning in a path."""

    name: str

    def apply(self, values: Values, budget: Budget) -> Values:
        """Raise JSONPathError."""
        raise JSONPathError(f"unrecognized identifier {self.name}", values)


_COMPARABLE: Final = (bool, float, int, str)
_COMPARISONS: Final[Mapping[str, Callable[[Any, Any], bool]]] = {
    "==": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


def _items(values: Values) -> Iterable[Any]:
    for value in values:
        if not isinstance(value, list):
            raise JSONPathError("the value is not a list and cannot be filtered", values)
        yield from value


def _content(value: Any) -> Values:
    if isinstance(value, dict):
        return list(value.values())
    if isinstance(value, list):
        return value
    # Go has the bytes of a string for its items.
    return list(value.encode()) if isinstance(value, str) else []
