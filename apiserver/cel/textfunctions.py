"""Functions of strings: those of the language, of the strings extension, and regular expressions.

The extension is that of cel-go, ext/README.md, "Strings", version 2. Regular expressions are RE2's.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from apiserver.cel.errors import NO_OVERLOAD, BudgetExceededError, EvaluationError
from apiserver.cel.formatting import LONGEST_TEXT, format_text, quote_text
from apiserver.machinery.quoting import go_value
from apiserver.machinery.textcache import cache_by_text
from apiserver.schema.patterns import go_error


@cache_by_text(1024)
def compile_pattern(text: str) -> Any:
    """Return a pattern in RE2's syntax. Raises EvaluationError."""
    import re2

    options = re2.Options()
    options.log_errors = False
    try:
        return re2.compile(text, options)
    except re2.error as error:
        detail = error.args[0]
        shown = detail.decode() if isinstance(detail, bytes) else str(detail)
        raise EvaluationError(go_error(shown, text)) from None


def _on_strings(function: Callable[..., Any]) -> Callable[..., Any]:
    def checked(first: Any, *others: Any) -> Any:
        if type(first) is not str:
            raise EvaluationError(NO_OVERLOAD)
        try:
            return function(first, *others)
        except (TypeError, AttributeError):
            raise EvaluationError(NO_OVERLOAD) from None

    return checked


def _searched(pattern: str) -> Any:
    try:
        return compile_pattern(pattern)
    except EvaluationError as error:
        raise EvaluationError(f"Illegal regex: {error}") from None


def _find(text: str, pattern: str) -> str:
    found = _searched(pattern).search(text)
    return "" if found is None else str(found.group())


def _find_all(text: str, pattern: str, limit: int = -1) -> list[str]:
    if limit == 0:
        return []
    found = []
    for match in _searched(pattern).finditer(text):
        found.append(match.group())
        if len(found) == limit:
            break
    return found


def _char_at(text: str, index: int) -> str:
    if not 0 <= index <= len(text):
        raise EvaluationError(f"index out of range: {index}")
    return text[index : index + 1]


def _index(text: str, part: str, start: int = 0) -> int:
    if not part:
        return start
    if start < 0:
        raise EvaluationError(f"index out of range: {start}")
    return text.find(part, start)


def _last_index(text: str, part: str, end: int | None = None) -> int:
    if not part:
        return len(text) if end is None else end
    last = len(text) - 1 if end is None else end
    if last < 0:
        raise EvaluationError(f"index out of range: {last}")
    return text.rfind(part, 0, last + len(part)) if last < len(text) else -1


def _substring(text: str, start: int, end: int | None = None) -> str:
    stop = len(text) if end is None else end
    if end is not None and start > end:
        raise EvaluationError(f"invalid substring range. start: {start}, end: {end}")
    for index in (start, stop):
        if not 0 <= index <= len(text):
            raise EvaluationError(f"index out of range: {index}")
    return text[start:stop]


def _split(text: str, separator: str, limit: int = -1) -> list[str]:
    if limit == 0:
        return []
    if separator:
        return text.split(separator, limit - 1 if limit > 0 else -1)
    if limit < 0 or limit >= len(text):
        return list(text)
    return [*text[: limit - 1], text[limit - 1 :]]


def _replace(text: str, old: str, new: str, limit: int = -1) -> str:
    if len(new) > len(old):
        count = text.count(old) if limit < 0 else min(limit, text.count(old))
        if len(text) + count * (len(new) - len(old)) > LONGEST_TEXT:
            raise BudgetExceededError
    return text.replace(old, new, limit)


def _ascii(text: str, *, upper: bool) -> str:
    changed = (
        (each.upper() if upper else each.lower()) if each.isascii() else each for each in text
    )
    return "".join(changed)


def _join(items: Any, separator: str = "") -> str:
    # Only the first item is looked at to find the function.
    if not isinstance(items, list) or (items and type(items[0]) is not str):
        raise EvaluationError(NO_OVERLOAD)
    for item in items:
        if type(item) is not str:
            raise EvaluationError(f"join: invalid input: {go_value(item)}")
    return separator.join(items)


TEXT_FUNCTIONS: Final[Mapping[str, Callable[..., Any]]] = {
    "contains": _on_strings(lambda text, part: part in text),
    "startsWith": _on_strings(lambda text, part: text.startswith(part)),
    "endsWith": _on_strings(lambda text, part: text.endswith(part)),
    "matches": _on_strings(lambda text, pattern: compile_pattern(pattern).search(text) is not None),
    "find": _on_strings(_find),
    "findAll": _on_strings(_find_all),
    "charAt": _on_strings(_char_at),
    "lowerAscii": _on_strings(lambda text: _ascii(text, upper=False)),
    "upperAscii": _on_strings(lambda text: _ascii(text, upper=True)),
    "replace": _on_strings(_replace),
    "split": _on_strings(_split),
    "substring": _on_strings(_substring),
    "trim": _on_strings(lambda text: text.strip()),
    "join": _join,
    "format": _on_strings(format_text),
    "strings.quote": _on_strings(quote_text),
}
STRING_INDEX: Final = _on_strings(_index)
STRING_LAST_INDEX: Final = _on_strings(_last_index)
