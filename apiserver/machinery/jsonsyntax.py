"""Syntax errors of JSON, with the messages of Go's encoding/json.

Only texts that the fast parser has rejected are scanned, so this is written for readability. But
megabytes may precede the error: simple, valid members are skipped a thousand at a time, so that
neither the scan takes long nor a single step of it, which cannot be interrupted.
"""

from __future__ import annotations

import re
from functools import cache
from typing import Final

_SPACE: Final = " \t\r\n"
_END: Final = "unexpected end of JSON input"
_DEEP: Final = "exceeded max depth"
_MAX_DEPTH: Final = 10_000
_GAP: Final = rf"[{_SPACE}]*+"
_IN_TEXT: Final = r'(?:[^"\\\x00-\x1f]++|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*+'
_TEXT: Final = f'"{_IN_TEXT}"'
_SCALAR: Final = (
    rf"(?:{_TEXT}|-?+(?:0|[1-9][0-9]*+)(?:\.[0-9]++)?+(?:[eE][+-]?+[0-9]++)?+|true|false|null)"
)
_MEMBER: Final = rf"{_TEXT}{_GAP}:{_GAP}"


def _or_held(value: str) -> str:
    """Return the pattern of a value, and of arrays and objects of a few such values."""
    items, members = (
        rf"{_GAP}(?:{item}{_GAP},{_GAP}){{0,100}}+{item}{_GAP}" for item in (value, _MEMBER + value)
    )
    return rf"(?:{value}|\[(?>{items}|{_GAP})\]|\{{(?>{members}|{_GAP})\}})"


@cache
def _passable(inside: str) -> re.Pattern[str]:
    """Return the pattern of skippable members of ``[`` or ``{``, each with its comma.

    It takes milliseconds to compile, and most servers never see a text that is wrong.
    """
    name = _MEMBER if inside == "{" else ""
    return re.compile(rf"(?>{_GAP}{name}{_or_held(_or_held(_SCALAR))}{_GAP},){{0,1000}}+")


_STRING: Final = re.compile(_IN_TEXT)
_RUN_OF_DIGITS: Final = re.compile("[0-9]*+")
_RUN_OF_SPACE: Final = re.compile(_GAP)
_LITERALS: Final = {"t": "true", "f": "false", "n": "null"}
_DIGITS: Final = "0123456789"
_HEX: Final = "0123456789abcdefABCDEF"


class _Wrong(Exception):
    pass


def syntax_error(text: str) -> str | None:
    """Return the syntax error of ``text``, ``None`` if it is JSON."""
    scanner = _Scanner(text)
    try:
        scanner.document()
    except _Wrong as wrong:
        return str(wrong)
    return None


class _Scanner:
    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0

    def document(self) -> None:
        # What is open, innermost last: "{" or "[".
        open_: list[str] = []
        while True:
            if self._value(open_):
                continue
            if not self._after_value(open_):
                break
        character = self._next_solid()
        if character:
            raise self._invalid(character, "after top-level value")

    def _value(self, open_: list[str]) -> bool:
        """Read a value, or the beginning of one that holds others: then return True."""
        character = self._solid()
        if character == "{":
            return self._open_object(open_)
        if character == "[":
            self._enter(open_, "[")
            if self._next_solid() == "]":
                self._at += 1
                open_.pop()
                return False
            self._pass_over_many("[")
            return True
        if character == '"':
            self._string()
        elif character in _LITERALS:
            self._literal(_LITERALS[character])
        elif character == "-" or character in _DIGITS:
            self._number()
        else:
            raise self._invalid(character, "looking for beginning of value")
        return False

    def _open_object(self, open_: list[str]) -> bool:
        self._enter(open_, "{")
        if self._next_solid() == "}":
            self._at += 1
            open_.pop()
            return False
        self._pass_over_many("{")
        self._key()
        return True

    def _after_value(self, open_: list[str]) -> bool:
        """Read what follows a value; return whether another value must follow."""
        while open_:
            character = self._solid()
            inside = open_[-1]
            self._at += 1
            if character == ",":
                self._pass_over_many(inside)
                if inside == "{":
                    self._key()
                return True
            if character != {"{": "}", "[": "]"}[inside]:
                what = "object key:value pair" if inside == "{" else "array element"
                raise self._invalid(character, f"after {what}")
            open_.pop()
        return False

    def _enter(self, open_: list[str], bracket: str) -> None:
        open_.append(bracket)
        if len(open_) > _MAX_DEPTH:
            raise _Wrong(_DEEP)
        self._at += 1

    def _key(self) -> None:
        character = self._solid()
        if character != '"':
            raise self._invalid(character, "looking for beginning of object key string")
        self._string()
        character = self._solid()
        if character != ":":
            raise self._invalid(character, "after object key")
        self._at += 1

    def _string(self) -> None:
        self._at += 1
        while True:
            self._pass_over(_STRING)
            character = self._must()
            self._at += 1
            if character == '"':
                return
            if character != "\\":
                raise self._invalid(character, "in string literal")
            escaped = self._must()
            self._at += 1
            if escaped == "u":
                for _ in range(4):
                    digit = self._must()
                    self._at += 1
                    if digit not in _HEX:
                        raise self._invalid(digit, "in \\u hexadecimal character escape")
            elif escaped not in '"\\/bfnrt':
                raise self._invalid(escaped, "in string escape code")

    def _literal(self, word: str) -> None:
        for expected in word:
            character = self._must()
            if character != expected:
                where = f"in literal {word} (expecting '{expected}')"
                raise self._invalid(character, where)
            self._at += 1

    def _number(self) -> None:
        if self._text[self._at] == "-":
            self._at += 1
            self._digit("in numeric literal")
        if self._text[self._at] == "0":
            self._at += 1
        else:
            self._digits()
        if self._peek() == ".":
            self._at += 1
            self._digit("after decimal point in numeric literal")
            self._digits()
        if self._peek() in ("e", "E"):
            self._at += 1
            if self._must() in "+-":
                self._at += 1
            self._digit("in exponent of numeric literal")
            self._digits()

    def _digit(self, where: str) -> None:
        character = self._must()
        if character not in _DIGITS:
            raise self._invalid(character, where)

    def _digits(self) -> None:
        self._pass_over(_RUN_OF_DIGITS)

    def _peek(self) -> str:
        return self._text[self._at : self._at + 1]

    def _must(self) -> str:
        character = self._peek()
        if not character:
            raise _Wrong(_END)
        return character

    def _next_solid(self) -> str:
        self._pass_over(_RUN_OF_SPACE)
        return self._peek()

    def _pass_over_many(self, inside: str) -> None:
        members = _passable(inside)
        while self._pass_over(members):
            pass

    def _pass_over(self, run: re.Pattern[str]) -> bool:
        match = run.match(self._text, self._at)
        assert match is not None
        self._at = match.end()
        return bool(match[0])

    def _solid(self) -> str:
        self._next_solid()
        return self._must()

    def _invalid(self, character: str, where: str) -> _Wrong:
        return _Wrong(f"invalid character {_shown(character)} {where}")


def _shown(character: str) -> str:
    if character == "'":
        return r"'\''"
    if character == '"':
        return "'\"'"
    # Go looks at bytes: the first byte of a character beyond ASCII is shown as Latin-1.
    point = character.encode("utf-8", "surrogatepass")[0]
    simple = {7: "a", 8: "b", 9: "t", 10: "n", 11: "v", 12: "f", 13: "r", 92: "\\"}
    if point in simple:
        return f"'\\{simple[point]}'"
    if point < 0x20 or point == 0x7F:
        return f"'\\x{point:02x}'"
    if 0x80 <= point < 0xA0 or point == 0xAD:
        return f"'\\u{point:04x}'"
    return f"'{chr(point)}'"
