"""Parses a path in the dialect of `apiserver.machinery.jsonpath`. Linear in its length."""

from __future__ import annotations

import re
from typing import Final

from apiserver.machinery.integers import parse_integer
from apiserver.machinery.jsonpath import (
    Compare,
    Constant,
    Descent,
    Everything,
    Exists,
    Identifier,
    Items,
    JSONPath,
    Member,
    Step,
    Steps,
    Union,
)

#: What ends the name of a member, unless a backslash escapes it.
_NAME: Final = re.compile(r"(?:\\.|[^ \t\r\n.,\[\]$@{}\\])*", re.DOTALL)
_IDENTIFIER: Final = re.compile(r"[^ \t\r\n.,\[\]$@{}]*")
_NUMBER: Final = re.compile(r"[+-]?[\d.]*", re.ASCII)
_QUOTED: Final = re.compile(r'"(?:[^"\\\n]|\\[^\n])*"' + "|" + r"'(?:[^'\\\n]|\\[^\n])*'")
_ESCAPE: Final = re.compile(
    r"\\(?:x([0-9A-Fa-f]{2})|u([0-9A-Fa-f]{4})|U([0-9A-Fa-f]{8})|([0-7]{3})|(.))", re.DOTALL
)
_ESCAPED: Final = {
    "a": "\a", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v",
    "\\": "\\", "'": "'", '"': '"',
}  # fmt: skip
_KEY: Final = re.compile(r"'([^']*)'")
_SLICE: Final = re.compile(r"(-?\d*)(:-?\d*)?(:-?\d*)?", re.ASCII)
_COMPARISON: Final = re.compile(r"([^!<>=]+)([!<>=]+)(.+)", re.DOTALL)


class JSONPathSyntaxError(ValueError):
    """A text is not a path."""


def parse_jsonpath(text: str) -> JSONPath:
    """Parse a path, without the braces of kubectl's templates. Raises JSONPathSyntaxError."""
    return JSONPath(_steps(text))


def _steps(text: str) -> Steps:
    return tuple(_Parser(text).steps())


class _Parser:
    """A text, and how much of it has been read."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0
        self._found: list[Step] = []

    def steps(self) -> list[Step]:
        """Return the steps of the whole text."""
        text = self._text
        while self._at < len(text):
            self._step(text[self._at])
        return self._found

    def _step(self, first: str) -> None:
        text = self._text
        if text.startswith("[?(", self._at):
            self._filter()
        elif text.startswith("..", self._at):
            self._descent()
        elif first in " @$":
            self._at += 1
        elif first == "[":
            self._bracket()
        elif first in "\"'":
            self._quoted()
        elif first == ".":
            self._at += 1
            self._member()
        elif first in "+-" or first.isdigit():
            self._number()
        elif first == "_" or first.isalpha():
            self._identifier()
        else:
            raise JSONPathSyntaxError(f"unrecognized character in action: {first!r}")

    def _take(self, pattern: re.Pattern[str]) -> str:
        found = pattern.match(self._text, self._at)
        taken = found.group() if found else ""
        self._at += len(taken)
        return taken

    def _member(self) -> None:
        name = self._take(_NAME)
        if self._text[self._at : self._at + 1] == "\\":
            raise JSONPathSyntaxError("unterminated escape")
        self._found.append(Everything() if name == "*" else Member(name.replace("\\", "")))

    def _descent(self) -> None:
        if self._found and isinstance(self._found[-1], Descent):
            raise JSONPathSyntaxError("invalid multiple recursive descent")
        self._found.append(Descent())
        self._at += 2
        following = self._text[self._at : self._at + 1]
        if following == "_" or following.isalnum():
            self._member()

    def _number(self) -> None:
        text = self._take(_NUMBER)
        try:
            self._found.append(Constant(float(text) if "." in text else parse_integer(text)))
        except ValueError as error:
            raise JSONPathSyntaxError(f"cannot parse number {text}") from error

    def _identifier(self) -> None:
        name = self._take(_IDENTIFIER)
        known = {"true": True, "false": False}.get(name)
        self._found.append(Identifier(name) if known is None else Constant(known))

    def _quoted(self) -> None:
        quoted = self._take(_QUOTED)
        if not quoted:
            raise JSONPathSyntaxError("unterminated quoted string")
        self._found.append(Constant(_ESCAPE.sub(_unescaped, quoted[1:-1])))

    def _bracket(self) -> None:
        end = self._text.find("]", self._at)
        if end < 0 or "\n" in self._text[self._at : end]:
            raise JSONPathSyntaxError("unterminated array")
        content = self._text[self._at + 1 : end]
        self._at = end + 1
        parts = content.split(",")
        if len(parts) > 1:
            self._found.append(Union(tuple(tuple(_selected(part.strip(" "))) for part in parts)))
        else:
            self._found += _selected(content)

    def _filter(self) -> None:
        start = self._at + len("[?(")
        end = _end_of_filter(self._text, start)
        if self._text[end + 1 : end + 2] != "]":
            raise JSONPathSyntaxError("unclosed array expect ]")
        condition = self._text[start:end]
        self._at = end + 2
        comparison = _COMPARISON.fullmatch(condition)
        if comparison is None:
            self._found.append(Exists(_steps(condition)))
            return
        left, compared, right = comparison.groups()
        self._found.append(Compare(_steps(left), compared, _steps(right)))


def _selected(content: str) -> list[Step]:
    """Return the steps of one part of a bracket."""
    key = _KEY.fullmatch(content)
    if key is not None:
        return list(_steps(f".{key.group(1)}"))
    slice_ = _SLICE.fullmatch(":" if content == "*" else content)
    if slice_ is None:
        raise JSONPathSyntaxError(f"invalid array index {content}")
    first, second, third = slice_.groups()
    try:
        start = parse_integer(first) if first else None
        stop, step = (
            parse_integer(each[1:]) if each and each != ":" else None for each in (second, third)
        )
    except ValueError as error:
        raise JSONPathSyntaxError(f"invalid array index {content}") from error
    return [Items(start, stop, step, single=second is None)]


def _end_of_filter(text: str, start: int) -> int:
    """Return the offset of the parenthesis that ends a filter, which may contain one text."""
    quote, closed = "", False
    for at in range(start, len(text)):
        character = text[at]
        if character == "\n":
            break
        if character in "\"'":
            if not quote:
                quote = character
            elif character == quote and text[at - 1] != "\\":
                closed = True
        elif character == ")" and bool(quote) == closed:
            return at
    raise JSONPathSyntaxError("unterminated filter")


def _unescaped(escape: re.Match[str]) -> str:
    *codes, octal, character = escape.groups()
    code = next(filter(None, codes), None)
    if code is not None or octal is not None:
        point = int(octal, 8) if code is None else int(code, 16)
        try:
            return chr(point)
        except (ValueError, OverflowError) as error:
            raise JSONPathSyntaxError(f"invalid escape {escape.group()}") from error
    if character not in _ESCAPED:
        raise JSONPathSyntaxError(f"invalid escape {escape.group()}")
    return _ESCAPED[character]
