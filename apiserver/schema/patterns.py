"""Regular expressions of schemas: RE2's syntax, and the errors of Go's parser.

RE2 matches in time linear in the text whatever the expression is. It is loaded for the first
expression. A set of one expression is what matches fastest in the binding; a set may need too much
memory where a single expression does not, so only what it finds counts.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from apiserver.machinery.textcache import cache_by_text

_COMPILED: Final = 4096

# The errors of Go's package regexp/syntax, by those of RE2.
_GO_ERRORS: Final = {
    "bad repetition operator": "invalid nested repetition operator",
    "invalid named capture group": "invalid named capture",
    "invalid perl operator": "invalid or unsupported Perl syntax",
    "invalid repetition size": "invalid repeat count",
    "missing )": "missing closing )",
    "missing ]": "missing closing ]",
    "no argument for repetition operator": "missing argument to repetition operator",
    "pattern too large - compile failed": "expression too large",
    "trailing \\": "trailing backslash at end of expression",
}


class InvalidPattern(ValueError):
    """A regular expression is invalid; the text is that of Go's parser."""


@cache_by_text(_COMPILED)
def matcher(pattern: str) -> Callable[[str], bool]:
    """Return the test of whether a text contains a match. Raises InvalidPattern."""
    import re2

    options: Any = re2.Options()
    options.log_errors = False
    try:
        single = re2.compile(pattern, options)
    except re2.error as error:
        raise InvalidPattern(_go_error(error.args[0].decode())) from error
    fast = re2.Set.SearchSet(options)
    fast.Add(pattern)
    try:
        fast.Compile()
    except re2.error:
        return lambda text: single.search(text) is not None
    return lambda text: bool(fast.Match(text)) or single.search(text) is not None


def _go_error(message: str) -> str:
    kind, _, part = message.partition(": ")
    return f"error parsing regexp: {_GO_ERRORS.get(kind, kind)}: `{part}`"
