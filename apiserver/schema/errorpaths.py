"""Paths of field errors, and a limit of their total text.

A name in a document can have a megabyte, and a hundred thousand values below it. So a path is a
chain of its parts, and becomes a text only for an error. The errors of a document are found until
their texts have `MAX_CHARACTERS` characters, which is far more than one of them with common names.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final, TypeAlias

from apiserver.machinery.fielderrors import FieldError, invalid

#: The characters of all errors of a document, about.
MAX_CHARACTERS: Final = 4 * 1024 * 1024
#: The path of an error that is not about a field.
NO_FIELD: Final = "<nil>"

#: The path of the object or list that contains a value, and the value's place there: ``.name``,
#: ``[0]``; ``None`` for the whole document.
Path: TypeAlias = tuple[Any, str] | None


class TooManyErrors(Exception):
    """The errors of a document have more text than is shown."""


class ErrorList(list[FieldError]):
    """The errors of a document, or of one alternative for a part of it."""

    def __init__(self, budget: list[int] | None = None) -> None:
        super().__init__()
        # Shared by all lists for one document.
        self._budget = [MAX_CHARACTERS] if budget is None else budget

    def other(self) -> ErrorList:
        """Return an empty list for the same document."""
        return ErrorList(self._budget)

    def add(self, error: FieldError) -> None:
        """Append an error. Raises TooManyErrors."""
        self.append(error)
        self._budget[0] -= len(error.field) + len(error.body)
        if self._budget[0] < 0:
            raise TooManyErrors

    def add_all(self, errors: Iterable[FieldError]) -> None:
        """Append errors, one after the other. Raises TooManyErrors."""
        for error in errors:
            self.add(error)


def bounded(errors: Iterable[FieldError]) -> list[FieldError]:
    """Return at most as many errors as are shown, and one that says that there are more."""
    found = ErrorList()
    try:
        found.add_all(errors)
    except TooManyErrors:
        found.append(not_shown())
    return found


def not_shown() -> FieldError:
    """Return the error that there are more errors than are shown."""
    return invalid(NO_FIELD, "", "there are too many errors, some are not shown")


def shown(path: Path) -> str:
    """Return a path as messages show it: ``spec.ports[0].name``, ``""`` for the whole document."""
    parts = []
    while path is not None:
        path, part = path
        parts.append(part)
    return "".join(reversed(parts)).removeprefix(".")


class SchemaPath:
    """The path of a schema in a CustomResourceDefinition, as `str` shows it."""

    __slots__ = ("_parent", "_part")

    def __init__(self, part: str, parent: SchemaPath | None = None) -> None:
        self._part = part
        self._parent = parent

    def child(self, part: str) -> SchemaPath:
        """Return the path of a child: ``.items``."""
        return SchemaPath(part, self)

    def __str__(self) -> str:
        parts = []
        path: SchemaPath | None = self
        while path is not None:
            parts.append(path._part)
            path = path._parent
        return "".join(reversed(parts))
