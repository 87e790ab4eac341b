"""Objects -> metav1.Table and PartialObjectMetadata."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from apiserver.machinery.errors import BadRequest
from apiserver.machinery.objects import Object
from apiserver.machinery.options import META_GROUP
from apiserver.machinery.quoting import quote
from apiserver.machinery.times import system_clock
from apiserver.machinery.valueclasses import valueclass
from apiserver.registry.stored import Stored
from apiserver.resources import printing
from apiserver.resources.builtin.parts.convertedannotations import internal_metadata
from apiserver.resources.printing import Column, Printer
from apiserver.schema.documentation import description_of
from apiserver.schema.memberorder import in_order_of_metadata

METADATA, OBJECT, NONE = "Metadata", "Object", "None"


def included(parameter: str) -> str:
    """Return how much of each object a Table carries. Raises BadRequest."""
    if parameter not in ("", METADATA, OBJECT, NONE):
        raise BadRequest(
            "Unable to convert to Table as requested: includeObject: Invalid value: "
            f"{quote(parameter)}: must be 'Metadata', 'Object', 'None', or empty"
        )
    return parameter or METADATA


@valueclass
class TableFormat:
    """How objects become a Table: the columns, the part of each object in its row, the version.

    ``include`` is ``Metadata``, ``Object`` or ``None``; ``version`` is that of meta.k8s.io.
    """

    printer: Printer = printing.DEFAULT
    include: str = METADATA
    version: str = "v1"

    def table(
        self, items: Sequence[Stored], metadata: dict[str, Any], *, columns: bool = True
    ) -> dict[str, Any]:
        """Return a Table with a row for each object. Only the first one of a watch has columns."""
        return {
            "kind": "Table",
            "apiVersion": f"{META_GROUP}/{self.version}",
            "metadata": metadata,
            "columnDefinitions": [_definition(column) for column in self.printer.columns]
            if columns
            else None,
            "rows": self.rows(items),
        }

    def rows(self, items: Sequence[Stored]) -> list[dict[str, Any]]:
        """Return the rows that show objects."""
        now, order = system_clock().time(), self.printer.order
        objects = [stored.decoded() for stored in items]
        if order is not None:
            objects.sort(key=order)
        return [self._row(document, now) for document in objects]

    def _row(self, document: Object, now: float) -> dict[str, Any]:
        row: dict[str, Any] = {"cells": self.printer.cells(document, now)}
        if self.printer.conditions is not None:
            conditions = self.printer.conditions(document)
            if conditions:
                row["conditions"] = conditions
        if self.include == METADATA:
            row["object"] = partial(document, self.version)
        else:
            row["object"] = document if self.include == OBJECT else None
        return row


def object_metadata(stored: Stored) -> dict[str, Any]:
    """Return the metadata of the Table of one object: its resourceVersion."""
    version = stored.metadata.get("resourceVersion")
    return {"resourceVersion": version} if version else {}


def partial(document: Object, version: str = "v1") -> dict[str, Any]:
    """Return the PartialObjectMetadata of an object."""
    return {
        "kind": "PartialObjectMetadata",
        "apiVersion": f"{META_GROUP}/{version}",
        # It is a type of its own, so its members have its order, even those of a custom kind.
        "metadata": in_order_of_metadata(internal_metadata(document)),
    }


def partial_list(
    items: Sequence[Stored], metadata: dict[str, Any], version: str = "v1"
) -> dict[str, Any]:
    """Return the PartialObjectMetadataList of objects."""
    return {
        "kind": "PartialObjectMetadataList",
        "apiVersion": f"{META_GROUP}/{version}",
        # Upstream drops even the resourceVersion of an empty list.
        "metadata": metadata if items else {},
        "items": partials(items, version) or None,
    }


def partials(items: Sequence[Stored], version: str = "v1") -> list[dict[str, Any]]:
    """Return the PartialObjectMetadata of objects."""
    return [partial(stored.decoded(), version) for stored in items]


def _definition(column: Column) -> dict[str, Any]:
    return {
        "name": column.name,
        "type": column.type,
        "format": column.format,
        "description": description_of(column.source) if column.source else column.description,
        "priority": column.priority,
    }
