"""Reading the one label or field of an object that a selector compares.

Readers of the same label, or of the same field of a kind, are equal: what is kept by such a value
is kept once for all who select by it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Protocol

from apiserver.machinery.objects import Object
from apiserver.machinery.valueclasses import valueclass
from apiserver.registry.stored import NO_LABELS, Stored
from apiserver.resources.strategy import Strategy
from storage.errors import StorageError

#: What is raised for an object that is corrupt, or in which something has the wrong type. Only
#: another server, or a person, stores such objects.
UNREADABLE: Final = (StorageError, LookupError, TypeError, ValueError, AttributeError)


class Values(Protocol):
    """The labels, or the selectable fields, of objects."""

    def cached(self, stored: Stored) -> Mapping[str, str]:
        """Return all values, and cache them with the object. Raises errors of `UNREADABLE`."""
        ...

    def read(self, document: Object, name: str) -> str:
        """Return one value, empty if it is missing. Raises errors of `UNREADABLE`."""
        ...

    def known(self, stored: Stored) -> Mapping[str, str] | None:
        """Return the cached values, ``None`` if there are none."""
        ...


@valueclass
class Labels:
    """The labels of objects."""

    def known(self, stored: Stored) -> Mapping[str, str] | None:
        return stored.labels

    def cached(self, stored: Stored) -> Mapping[str, str]:
        return stored.read_labels() if stored.labels is None else stored.labels

    def read(self, document: Object, name: str) -> str:
        labels: Mapping[str, str] = document["metadata"].get("labels") or NO_LABELS
        return labels.get(name, "")


@valueclass
class Fields:
    """The selectable fields of the objects of a kind."""

    strategy: Strategy

    def known(self, stored: Stored) -> Mapping[str, str] | None:
        return stored.fields

    def cached(self, stored: Stored) -> Mapping[str, str]:
        if stored.fields is not None:
            return stored.fields
        return stored.read_fields(lambda document: fields_of(self.strategy, document))

    def read(self, document: Object, name: str) -> str:
        return self.strategy.field(document, name)


@valueclass
class Reader:
    """Reads the label or the field ``name``; a missing one counts as empty."""

    values: Values
    name: str

    def __call__(self, stored: Stored) -> str | None:
        """Return the value, ``None`` if the object cannot be read; it caches all values.

        Who reads the object itself gets the error.
        """
        try:
            return self.values.cached(stored).get(self.name, "")
        except UNREADABLE:
            return None

    def read(self, stored: Stored) -> str:
        """Return the value without caching anything. Raises errors of `UNREADABLE`."""
        known = self.values.known(stored)
        if known is None:
            return self.values.read(stored.decoded(), self.name)
        return known.get(self.name, "")


def fields_of(strategy: Strategy, document: Object) -> Mapping[str, str]:
    """Return all selectable fields of an object."""
    metadata = document["metadata"]
    return {
        "metadata.name": metadata.get("name", ""),
        "metadata.namespace": metadata.get("namespace", ""),
        **{name: read(document) for name, read in strategy.fields.items()},
    }
