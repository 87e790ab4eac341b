"""Readers of the fields that objects can be selected by: dotted paths into the object.

A missing field reads as the empty string, a missing boolean as ``false``, a missing number as
``0``.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

from apiserver.machinery.objects import Object

Field: TypeAlias = Callable[[Object], str]


def path(dotted: str) -> Field:
    """Return a reader of the field at a dotted path."""
    parts = dotted.split(".")

    def read(document: Object) -> str:
        value: Any = document
        for part in parts:
            value = value.get(part) if isinstance(value, dict) else None
        if isinstance(value, bool):
            return "true" if value else "false"
        return "" if value is None else str(value)

    return read


def paths(*dotted: str) -> dict[str, Field]:
    """Return readers of fields whose names are their paths."""
    return {name: path(name) for name in dotted}


def flag(dotted: str) -> Field:
    """Return a reader of a boolean."""
    read = path(dotted)
    return lambda document: read(document) or "false"


def number(dotted: str) -> Field:
    """Return a reader of a number."""
    read = path(dotted)
    return lambda document: read(document) or "0"
