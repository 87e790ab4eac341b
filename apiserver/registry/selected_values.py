"""Reading the one label or field of an object that a selector compares.

Readers of the same label, or of the same field of a kind, are equal, so a mapping by readers has
one entry for all selectors that use the same one.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Protocol

from apiserver.machinery.objects import Object
from apiserver.machinery.valueclasses import valueclass
from apiserver.registry.stored import NO_LABELS, Stored
from apiserver.resources.strategy import Strategy
from storage.errors import StorageError

#: The errors of reading an object that is corrupt, or has a field of the wrong type. This server
#: does not store such objects.
UNREADABLE: Final = (StorageError, LookupError, TypeError, ValueError, AttributeError)


class SelectableValues(Protocol):
    """The labels, or the selectable fields, of objects."""

    def read_all(self, stored: Stored) -> Mapping[str, str]:
        """Return all values, and cache them with the object. Raises errors of `UNREADABLE`."""
        ...

    def read(self, document: Object, name: str) -> str:
        """Return one value, empty if it is missing. Raises errors of `UNREADABLE`."""
        ...

    def cached(self, stored: Stored) -> Mapping[str, str] | None:
        """Return the cached values, ``None`` if there are none."""
        ...


@valueclass
class Labels:
    """The labels of objects."""

    def cached(self, stored: Stored) -> Mapping[str, str] | None:
        return stored.labels

    def read_all(self, stored: Stored) -> Mapping[str, str]:
        return stored.read_labels() if stored.labels is None else stored.labels

    def read(self, document: Object, name: str) -> str:
        labels: Mapping[str, str] = document["metadata"].get("labels") or NO_LABELS
        return labels.get(name, "")


@valueclass
class Fields:
    """The selectable fields of the objects of a kind."""

    strategy: Strategy

    def cached(self, stored: Stored) -> Mapping[str, str] | None:
        return stored.fields

    def read_all(self, stored: Stored) -> Mapping[str, str]:
        if stored.fields is not None:
            return stored.fields
        return stored.read_fields(lambda document: fields_of(self.strategy, document))

    def read(self, document: Object, name: str) -> str:
        return self.strategy.field(document, name)


@valueclass
class ValueReader:
    """Reads the label or the field ``name``; a missing one counts as empty."""

    values: SelectableValues
    name: str

    def __call__(self, stored: Stored) -> str | None:
        """Return the value, ``None`` if the object is unreadable; cache all values.

        Reading the object itself raises the error.
        """
        try:
            return self.values.read_all(stored).get(self.name, "")
        except UNREADABLE:
            return None

    def read(self, stored: Stored) -> str:
        """Return the value without caching anything. Raises errors of `UNREADABLE`."""
        cached = self.values.cached(stored)
        if cached is None:
            return self.values.read(stored.decoded(), self.name)
        return cached.get(self.name, "")


def fields_of(strategy: Strategy, document: Object) -> Mapping[str, str]:
    """Return all selectable fields of an object."""
    metadata = document["metadata"]
    return {
        "metadata.name": metadata.get("name", ""),
        "metadata.namespace": metadata.get("namespace", ""),
        **{name: read(document) for name, read in strategy.fields.items()},
    }
