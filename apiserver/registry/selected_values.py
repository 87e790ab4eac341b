"""Reading the one label or field of an object that a selector compares.

Readers of the same label, or of the same field of a kind, are equal: so the selectors of a value
share what is cached by it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeAlias

from apiserver.machinery.objects import Object
from apiserver.registry.stored import NO_LABELS, Stored
from apiserver.resources.strategy import Strategy


class LabelReader:
    """Reads a label; a missing one counts as empty."""

    __slots__ = ("_key",)

    def __init__(self, key: str) -> None:
        self._key = key

    def __eq__(self, other: object) -> bool:
        return isinstance(other, LabelReader) and other._key == self._key

    def __hash__(self) -> int:
        return hash(self._key)

    def __call__(self, stored: Stored) -> str | None:
        """Return the value, ``None`` if the object cannot be read; the labels are cached."""
        try:
            labels = stored.labels
            return (stored.read_labels() if labels is None else labels).get(self._key, "")
        except Exception:  # noqa: BLE001  # a reader of the object gets the error
            return None

    def read(self, stored: Stored) -> str:
        """Return the value without caching anything. Raises Corrupt."""
        labels = stored.labels
        if labels is None:
            labels = stored.decoded()["metadata"].get("labels") or NO_LABELS
        return labels.get(self._key, "")


class FieldReader:
    """Reads a selectable field of the objects of a kind."""

    __slots__ = ("_field", "_strategy")

    def __init__(self, strategy: Strategy, field: str) -> None:
        self._strategy = strategy
        self._field = field

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, FieldReader)
            and other._field == self._field
            and other._strategy is self._strategy
        )

    def __hash__(self) -> int:
        return hash(self._field)

    def __call__(self, stored: Stored) -> str | None:
        """Return the value, ``None`` if the object cannot be read; all its fields are cached."""
        try:
            fields = stored.fields
            if fields is None:
                fields = stored.read_fields(lambda document: fields_of(self._strategy, document))
            return fields[self._field]
        except Exception:  # noqa: BLE001  # a reader of the object gets the error
            return None

    def read(self, stored: Stored) -> str:
        """Return the value without caching anything. Raises Corrupt."""
        fields = stored.fields
        if fields is not None:
            return fields[self._field]
        return self._strategy.field(stored.decoded(), self._field)


Reader: TypeAlias = LabelReader | FieldReader


def fields_of(strategy: Strategy, document: Object) -> Mapping[str, str]:
    """Return all selectable fields of an object."""
    metadata = document["metadata"]
    return {
        "metadata.name": metadata.get("name", ""),
        "metadata.namespace": metadata.get("namespace", ""),
        **{name: read(document) for name, read in strategy.fields.items()},
    }
