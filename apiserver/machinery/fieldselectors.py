"""Field selectors: the syntax of ``?fieldSelector=`` and matching."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from apiserver.machinery.labels import SelectorError
from apiserver.machinery.valueclasses import valueclass

_OPERATORS = ("!=", "==", "=")
_ESCAPABLE = "\\,="


@valueclass
class FieldTerm:
    """A condition on a field; a missing field counts as empty."""

    field: str
    equal: bool
    value: str


@valueclass
class FieldSelector:
    """A conjunction of conditions; an empty one matches everything."""

    terms: tuple[FieldTerm, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.terms)

    def matches(self, field: Callable[[str], str]) -> bool:
        """Return whether an object matches; ``field`` returns the values of its fields."""
        return all((field(term.field) == term.value) == term.equal for term in self.terms)

    def required(self, field: str) -> str | None:
        """Return the value that ``field`` must have, ``None`` if it is not fixed."""
        return next((t.value for t in self.terms if t.equal and t.field == field), None)


EVERYTHING = FieldSelector()


def parse_field_selector(text: str) -> FieldSelector:
    """Parse a selector. Raises SelectorError."""
    if not text:
        return EVERYTHING
    return FieldSelector(tuple(_term(part, text) for part in _split(text) if part))


def _split(text: str) -> Iterator[str]:
    start = 0
    escaped = False
    for index, character in enumerate(text):
        if escaped:
            escaped = False
        elif character == "\\":
            escaped = True
        elif character == ",":
            yield text[start:index]
            start = index + 1
    yield text[start:]


def _term(part: str, whole: str) -> FieldTerm:
    for index in range(len(part)):
        for operator in _OPERATORS:
            if part.startswith(operator, index):
                value = _unescape(part[index + len(operator) :])
                return FieldTerm(part[:index], operator != "!=", value)
    raise SelectorError(f"invalid selector: '{whole}'; can't understand '{part}'")


def _unescape(text: str) -> str:
    value = []
    characters = iter(text)
    for character in characters:
        if character == "\\":
            following = next(characters, "")
            if not following or following not in _ESCAPABLE:
                raise SelectorError(
                    f"invalid field selector: invalid escape sequence: \\{following}"
                )
            value.append(following)
        elif character in ",=":
            raise SelectorError(
                f"invalid field selector: unescaped character in value: {ord(character)}"
            )
        else:
            value.append(character)
    return "".join(value)
