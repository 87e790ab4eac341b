"""Regular expressions of schemas: RE2's syntax, and the errors of Go's parser.

RE2 matches in time linear in the text whatever the expression is. It is loaded for the first
expression. Compiling one takes time and memory in proportion to its size with all repetitions
written out, in which each class of letters of all scripts is a thousand instructions. So what an
expression may need is limited, and how many large ones a schema may have: Go takes larger ones.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from apiserver.machinery.textcache import cache_by_text

_COMPILED: Final = 1024
# Bytes for the program of an expression, and for its states while it matches.
_SMALL: Final = 1 << 16
_LARGE: Final = 1 << 21
_MAX_LARGE: Final = 16
_TOO_LARGE: Final = "pattern too large - compile failed"

# The errors of Go's package regexp/syntax, by those of RE2.
_GO_ERRORS: Final = {
    "bad repetition operator": "invalid nested repetition operator",
    "invalid named capture group": "invalid named capture",
    "invalid perl operator": "invalid or unsupported Perl syntax",
    "invalid repetition size": "invalid repeat count",
    "missing )": "missing closing )",
    "missing ]": "missing closing ]",
    "no argument for repetition operator": "missing argument to repetition operator",
    _TOO_LARGE: "expression too large",
    "trailing \\": "trailing backslash at end of expression",
}


class InvalidPattern(ValueError):
    """A regular expression is invalid; the text is that of Go's parser."""


class PatternCheck:
    """Checks the expressions of one schema, of which few may be large."""

    def __init__(self) -> None:
        self._large = 0

    def problem(self, pattern: str) -> str:
        """Return the problem with an expression, ``""`` if nothing is."""
        found = _problem(pattern, _SMALL)
        if found == _TOO_LARGE and self._large < _MAX_LARGE:
            self._large += 1
            found = _problem(pattern, _LARGE)
        return found and go_error(found, pattern)


@cache_by_text(_COMPILED)
def matcher(pattern: str) -> Callable[[str], bool]:
    """Return the test of whether a text contains a match. Raises InvalidPattern."""
    import re2

    options = _options(_LARGE)
    try:
        single = re2.compile(pattern, options)
    except re2.error as error:
        raise InvalidPattern(go_error(error.args[0].decode(), pattern)) from error
    # In the binding a set of one expression matches fastest, but it may run out of memory where a
    # single expression does not, so only its positive results are used.
    fast = re2.Set.SearchSet(options)
    fast.Add(pattern)
    try:
        fast.Compile()
    except re2.error:
        return lambda text: single.search(text) is not None
    return lambda text: bool(fast.Match(text)) or single.search(text) is not None


@cache_by_text(_COMPILED)
def _problem(pattern: str, memory: int) -> str:
    import re2

    try:
        re2.compile(pattern, _options(memory))
    except re2.error as error:
        message: str = error.args[0].decode()
        return message
    return ""


def _options(memory: int) -> Any:
    import re2

    options = re2.Options()
    options.log_errors = False
    options.max_mem = memory
    return options


def go_error(message: str, pattern: str) -> str:
    """Translate the error message of RE2 for a pattern into that of Go's parser."""
    kind, _, part = message.partition(": ")
    if kind == _TOO_LARGE:
        part = pattern
    return f"error parsing regexp: {_GO_ERRORS.get(kind, kind)}: `{part}`"
