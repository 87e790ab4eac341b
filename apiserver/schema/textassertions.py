"""Assertions about strings, and about one of several values, with the messages of kube-openapi."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final

import orjson

from apiserver.machinery.equality import deep_equal
from apiserver.machinery.fielderrors import FieldError, invalid, not_supported, too_long
from apiserver.machinery.quoting import json_escaped
from apiserver.schema.memberorder import by_name
from apiserver.schema.patterns import InvalidPattern, matcher
from apiserver.schema.structural import Assertions

_MAX_CODE_POINT: Final = 0x10FFFF
_REPLACEMENT: Final = "\ufffd"


class TextAssertions:
    """The assertions of one schema about strings. The pattern is compiled for the first string."""

    __slots__ = ("_least", "_matches", "_most", "_pattern")

    def __init__(self, assertions: Assertions) -> None:
        self._least = assertions.min_length
        self._most = assertions.max_length
        self._pattern = assertions.pattern
        self._matches: Callable[[str], bool] | None = None

    def problem(self, text: str) -> Callable[[str], FieldError] | None:
        """Return the first error of a string as a function of its path, ``None`` if it has none."""
        least, most = self._least, self._most
        if most is not None and len(text) > most:
            return lambda path: too_long(path, most)
        if least is not None and len(text) < least:
            return lambda path: invalid(
                path, text, f"{path} in body should be at least {least} chars long"
            )
        if self._pattern and not (self._matches or self._compiled())(text):
            return lambda path: invalid(
                path, text, f"{path} in body should match '{self._pattern}'"
            )
        return None

    def _compiled(self) -> Callable[[str], bool]:
        try:
            matches = matcher(self._pattern)
        except InvalidPattern as error:
            # Another server may have stored an expression that is too large here.
            matches = _never
            self._pattern = f"{self._pattern}, but pattern is invalid: {error}"
        self._matches = matches
        return matches


def _never(_: str) -> bool:
    return False


class Enumeration:
    """The values that one schema allows.

    A value is converted to the type of the one that it is compared with, as Go does: a float to an
    integer without its fraction, an integer to the string of the character with that number. So
    null, which has no type, is never allowed.
    """

    __slots__ = ("_texts", "_values")

    def __init__(self, values: Sequence[Any]) -> None:
        self._values = values
        self._texts = frozenset(value for value in values if type(value) is str)

    def allows(self, value: Any) -> bool:
        """Return whether a value is one of those."""
        if type(value) is str:
            return value in self._texts
        return any(_is_like(value, choice) for choice in self._values)

    def problem(self, value: Any, path: str) -> FieldError:
        """Return the error of a value that is not allowed."""
        choices = (value if type(value) is str else _json(value) for value in self._values)
        return not_supported(path, by_name(value), choices)


def _is_like(value: Any, choice: Any) -> bool:
    kind, other = type(value), type(choice)
    if kind is int or kind is float:
        if other is str and kind is int:
            value = chr(value) if 0 <= value <= _MAX_CODE_POINT else _REPLACEMENT
        elif other is int or other is float:
            value = other(value)
        return type(value) is other and bool(value == choice)
    return value is not None and kind is other and deep_equal(value, choice)


def _json(value: Any) -> str:
    return json_escaped(orjson.dumps(value, option=orjson.OPT_SORT_KEYS).decode())
