"""Assertions about numbers, with the arithmetic and the messages of kube-openapi.

The bounds in a schema are floats there, the numbers of a document integers of 64 bits or floats. A
bound is truncated to compare it with an integer, unless it does not fit the declared type, which is
an error of its own: one for each number that is compared with it.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator
from typing import Final

from apiserver.machinery.fielderrors import FieldError, invalid
from apiserver.machinery.quoting import go_value
from apiserver.schema.errorpaths import NO_FIELD
from apiserver.schema.structural import Assertions

_INT64: Final = 1 << 63
_INT32: Final = 1 << 31
_BEYOND: Final = 1 << 64
# The least number that is rounded to infinity.
_BEYOND_FLOAT32: Final = 3.4028235677973366e38
_LARGEST_EXACT: Final = float((1 << 53) - 1)
_EPSILON: Final = 1e-9


def is_json_integer(value: float) -> bool:
    """Return whether a float counts as an integer: within 53 bits, and whole or nearly so."""
    if not abs(value) <= _LARGEST_EXACT:
        return False
    if value.is_integer():
        return True
    whole = float(int(value))
    return whole > 0 and (value - whole) / (value + whole) < _EPSILON


class NumberAssertions:
    """The assertions of one schema. ``type_`` is its type, ``""`` if it has none or several."""

    __slots__ = ("_assertions", "_format", "_least", "_most", "_type")

    def __init__(self, type_: str, format_: str, assertions: Assertions) -> None:
        self._type = type_
        self._format = format_
        self._assertions = assertions
        # Integers between these satisfy the assertions.
        self._least, self._most = 0, -1
        if assertions.multiple_of is None:
            limit = _INT32 if type_ == "integer" and format_ == "int32" else _INT64
            most = None if assertions.maximum is None else -assertions.maximum
            self._least = _least(assertions.minimum, limit, exclusive=assertions.exclusive_minimum)
            self._most = -_least(most, limit - 1, exclusive=assertions.exclusive_maximum)

    def hold(self, value: float) -> bool:
        """Return whether a number satisfies the assertions."""
        if type(value) is int and self._least <= value <= self._most:
            return True
        return not any(self.problems(value, ""))

    def problems(self, value: float, path: str) -> Iterator[FieldError]:
        """Yield the errors of a number."""
        found = self._assertions
        yield from self._misfit(value, "Checked", path)
        if found.multiple_of is not None:
            yield from self._multiple_problems(value, found.multiple_of, path)
        if found.minimum is not None:
            number, bound = yield from self._compared(value, found.minimum, "Minimum", path)
            if number <= bound if found.exclusive_minimum else number < bound:
                yield _exceeded(path, number, "greater", bound, exclusive=found.exclusive_minimum)
        if found.maximum is not None:
            number, bound = yield from self._compared(value, found.maximum, "Maximum", path)
            if number >= bound if found.exclusive_maximum else number > bound:
                yield _exceeded(path, number, "less", bound, exclusive=found.exclusive_maximum)

    def _compared(
        self, value: float, bound: float, what: str, path: str
    ) -> Generator[FieldError, None, tuple[float, float]]:
        """Yield the error of a bound that does not fit; return the numbers to compare."""
        misfit = list(self._misfit(float(bound), f"{what} boundary", path))
        yield from misfit
        if misfit or type(value) is float:
            return float(value), float(bound)
        return value, _int64(bound)

    def _multiple_problems(self, value: float, factor: float, path: str) -> Iterator[FieldError]:
        misfit = list(self._misfit(float(factor), "MultipleOf", path))
        yield from misfit
        if not misfit and type(value) is int and _int64(factor):
            factor = _int64(factor)
            is_multiple = value % factor == 0
        else:
            value, factor = float(value), float(factor)
            is_multiple = factor != 0 and is_json_integer(
                1 / factor * value if factor < 1 else value / factor
            )
        if factor < 0:
            shown = go_value(factor)
            detail = f"factor MultipleOf declared for {path} must be positive: {shown}"
            yield invalid(path, factor, detail)
        elif not is_multiple:
            detail = f"{path} in body should be a multiple of {go_value(factor)}"
            yield invalid(path, value, detail)

    def _misfit(self, number: float, what: str, path: str) -> Iterator[FieldError]:
        if not _fits(number, self._type, self._format):
            form = f"with format {self._format}" if self._format else "(default format)"
            text = f"{what} value must be of type {self._type} {form} in {path}"
            yield invalid(NO_FIELD, "", text)


def _exceeded(
    path: str, number: float, direction: str, bound: float, *, exclusive: bool
) -> FieldError:
    text = f"{direction} than" if exclusive else f"{direction} than or equal to"
    return invalid(path, number, f"{path} in body should be {text} {go_value(bound)}")


def _least(bound: float | None, limit: int, *, exclusive: bool) -> int:
    """Return the least integer above a lower bound, too much for one that is not a small integer.

    Without a bound that is ``-limit``.
    """
    if bound is None:
        return -limit
    if not abs(bound) < min(limit, _LARGEST_EXACT) or int(bound) != bound:
        return _BEYOND
    return int(bound) + exclusive


def _fits(number: float, type_: str, format_: str) -> bool:
    if type_ == "integer":
        limit = _INT32 if format_ == "int32" else _INT64
        return int(number) == number and -limit <= number < limit
    return format_ != "float" or abs(number) < _BEYOND_FLOAT32


def _int64(number: float) -> int:
    """Convert a float as Go does; out of range, the result is the least integer."""
    whole = int(number)
    return whole if -_INT64 <= whole < _INT64 else -_INT64
