"""Conversion between the versions of a kind: an object may be stored in another version."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeAlias

from apiserver.machinery.objects import Object
from apiserver.schema.kindtypes import Convert

Step: TypeAlias = Callable[[Object], Object]


@dataclass(frozen=True, slots=True)
class Conversion:
    """Converts an object from a served version to the stored version, and back.

    A step that changes nothing returns the object itself. Both may raise Inconvertible.
    """

    to_stored: Step
    to_served: Step


def converter(conversions: Mapping[str, Conversion]) -> Convert:
    """Return a function that converts between any two versions of a kind, via the stored version.

    ``conversions`` maps the apiVersion of every other version to its conversion.
    """

    def convert(document: Object, api_version: str) -> Object:
        here = conversions.get(document["apiVersion"])
        there = conversions.get(api_version)
        stored = document if here is None else here.to_stored(document)
        return stored if there is None else there.to_served(stored)

    return convert
