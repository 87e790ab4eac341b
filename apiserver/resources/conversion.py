"""Conversion between the versions of a kind: an object may be stored in another version."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from typing import Protocol, TypeAlias

from apiserver.machinery.objects import Object
from apiserver.machinery.valueclasses import valueclass
from apiserver.schema.kindtypes import Convert, Inconvertible

Step: TypeAlias = Callable[[Object], Object]


class Uncalled(Inconvertible):
    """Objects cannot be converted because the conversion webhook could not be called."""


class BatchConversion(Protocol):
    """Conversion of many objects in one call, of a webhook for example."""

    @property
    def served(self) -> str:
        """The apiVersion of the served version."""

    @property
    def stored(self) -> str:
        """The apiVersion of the stored version."""

    def read(self, document: Object) -> Object:
        """Return a stored object as it is in the version in which it was stored.

        Raises Inconvertible.
        """

    def convert_batch(
        self, documents: Sequence[Object], api_version: str
    ) -> AsyncGenerator[Object, None]:
        """Yield the objects in another version, which none of them has, in their order.

        Raises Inconvertible for the first one that cannot be converted, Uncalled for all.
        """

    def pruned(self, document: Object) -> Object:
        """Return a converted object as its version specifies it. Raises Inconvertible."""


@valueclass
class Conversion:
    """Converts an object from a served version to the stored version, and back.

    A step that changes nothing returns the object itself. Both may raise Inconvertible, and
    ResultNeeded if a ``webhook`` converts. ``settled``: an object that was written in the stored
    version is read as it was written.
    """

    to_stored: Step
    to_served: Step
    webhook: BatchConversion | None = None
    settled: bool = True


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
