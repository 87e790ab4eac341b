"""The empty lists and maps of a request's document, which its object leaves out.

A Go server distinguishes an empty list from an absent one until the object is written: some
messages show ``[]`` for the one and ``null`` for the other, and only the latter gets a default.
Objects here have neither, so that no rule has to distinguish them. The members that were left out
are recorded here, by the parts of the object, for the task that has read it, until the task reads
another document with empty members.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextvars import Context, ContextVar
from typing import Any, Final

_NOTHING: Final[Mapping[str, Any]] = {}
# By the identity of a part: the part, so that it lives on, and its empty members.
_NOTED: ContextVar[dict[int, tuple[Any, dict[str, Any]]] | None] = ContextVar(
    "empties", default=None
)


def note(members: Iterable[tuple[dict[str, Any], str, Any]]) -> None:
    """Remember empty members, each with its object and its name; forget the last document's."""
    noted: dict[int, tuple[Any, dict[str, Any]]] = {}
    for part, name, value in members:
        noted.setdefault(id(part), (part, {}))[1][name] = value
    _NOTED.set(noted)


def forget() -> None:
    """Clear the notes, before the task serves another request."""
    if _NOTED.get() is not None:
        _NOTED.set(None)


def copy_from(context: Context) -> None:
    """Copy the notes of another context: that of the thread which parsed the document."""
    noted = context.get(_NOTED)
    if noted is not _NOTED.get():
        _NOTED.set(noted)


def empty_members(part: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the empty lists and maps that were left out of a part of an object."""
    noted = _NOTED.get()
    if noted is None:
        return _NOTHING
    known, members = noted.get(id(part), (None, _NOTHING))
    return members if known is part else _NOTHING


def member(part: Mapping[str, Any], name: str) -> Any:
    """Return a member as it was given: empty, absent (``None``), or as it is."""
    value = part.get(name)
    return empty_members(part).get(name) if value is None else value


def copied(part: Mapping[str, Any]) -> dict[str, Any]:
    """Return a copy of a part of an object, with the same members left out."""
    return made_of(part, dict(part))


def made_of(part: Mapping[str, Any], copy: dict[str, Any]) -> dict[str, Any]:
    """Return ``copy``, which has the members of ``part`` and others, with the same left out."""
    noted = _NOTED.get()
    if noted is not None:
        members = empty_members(part)
        if members:
            noted[id(copy)] = copy, dict(members)
    return copy


def with_empty_members(document: dict[str, Any]) -> dict[str, Any]:
    """Return a document with the empty lists and maps that were given where it shows null."""
    if not _NOTED.get():
        return document
    shown: dict[str, Any] = _shown(document)
    return shown


def _shown(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _shown(member(value, name)) for name in value}
    if isinstance(value, list):
        return [_shown(item) for item in value]
    return value
