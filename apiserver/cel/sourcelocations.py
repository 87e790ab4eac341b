"""Locations in the source of an expression, and errors shown at them."""

from __future__ import annotations

from bisect import bisect_right
from itertools import accumulate
from typing import Final

_LONGEST_LINE: Final = 16384
# Below a character, and below one that may be wider than others.
_DOTS: Final = (".", "．")  # noqa: RUF001 - as wide as what is above it
_CARETS: Final = ("^", "＾")  # noqa: RUF001


class SourceLocations:
    """The lines of a source. Lines and columns start at 1, offsets at 0."""

    def __init__(self, source: str) -> None:
        self._lines = source.split("\n")
        lengths = (len(line) + 1 for line in self._lines)
        self._starts = [0, *accumulate(lengths)][: len(self._lines)]

    def offset(self, line: int, column: int) -> int:
        """Return the offset of a location, -1 if there is no such line."""
        return self._starts[line - 1] + column - 1 if 1 <= line <= len(self._lines) else -1

    def of(self, offset: int) -> tuple[int, int]:
        """Return the line and the column of an offset."""
        line = bisect_right(self._starts, offset)
        return line, offset - self._starts[line - 1] + 1

    def shown(self, line: int, column: int, message: str) -> str:
        """Return an error with the line that it is in, and a caret below its column."""
        head = f"ERROR: <input>:{line}:{column}: {message}"
        if not 1 <= line <= len(self._lines) or self._lines == [""]:
            return head
        shown = self._lines[line - 1].replace("\t", " ")
        if len(shown.encode()) > _LONGEST_LINE:
            return head
        dots = "".join(_DOTS[not each.isascii()] for each in shown[: max(column, 1) - 1])
        caret = _CARETS[not shown[max(column, 1) - 1 :][:1].isascii()]
        return f"{head}\n | {shown}\n | {dots}{caret}"
