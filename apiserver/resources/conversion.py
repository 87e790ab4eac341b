"""Between the versions of one kind: what is served is not always what is stored."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeAlias

from apiserver.machinery.objects import Object
from apiserver.schema.kindtypes import Convert

Step: TypeAlias = Callable[[Object], Object]


@dataclass(frozen=True, slots=True)
class Conversion:
    """The way of an object from a served version into the store, and back."""

    to_stored: Step
    to_served: Step


def converter(conversions: Mapping[str, Conversion]) -> Convert:
    """Return the way from any version of a kind to any other, by way of the one that is stored.

    ``conversions`` has those of the other versions, by apiVersion.
    """

    def convert(document: Object, api_version: str) -> Object:
        here = conversions.get(document["apiVersion"])
        there = conversions.get(api_version)
        stored = document if here is None else here.to_stored(document)
        return stored if there is None else there.to_served(stored)

    return convert
