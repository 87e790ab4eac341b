"""Converts objects to metav1.Table and PartialObjectMetadata."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

from apiserver.machinery.errors import BadRequest
from apiserver.machinery.objects import Object
from apiserver.machinery.quoting import quote
from apiserver.registry.codec import Stored
from apiserver.resources import printing
from apiserver.resources.printing import Column, Printer
from apiserver.schema.documentation import description_of

METADATA, OBJECT, NONE = "Metadata", "Object", "None"
_API_VERSION = "meta.k8s.io/v1"


def included(parameter: str) -> str:
    """Return the ``includeObject`` policy of a Table. Raises BadRequest."""
    if parameter not in ("", METADATA, OBJECT, NONE):
        raise BadRequest(
            "Unable to convert to Table as requested: includeObject: Invalid value: "
            f"{quote(parameter)}: must be 'Metadata', 'Object', 'None', or empty"
        )
    return parameter or METADATA


def of_objects(
    items: Sequence[Stored],
    include: str,
    metadata: dict[str, Any],
    *,
    printer: Printer | None = None,
    columns: bool = True,
) -> dict[str, Any]:
    """Return a Table with a row for each object, printed by the printer of its kind.

    In a watch only the first Table has column definitions.
    """
    printer = printer or printing.DEFAULT
    now = time.time()
    return {
        "kind": "Table",
        "apiVersion": _API_VERSION,
        "metadata": metadata,
        "columnDefinitions": [_definition(column) for column in printer.columns]
        if columns
        else None,
        "rows": _rows(items, printer, include, now),
    }


def rows(items: Sequence[Stored], *, printer: Printer | None, include: str) -> list[dict[str, Any]]:
    """Return the rows of a Table for these objects."""
    return _rows(items, printer or printing.DEFAULT, include, time.time())


def object_metadata(stored: Stored) -> dict[str, Any]:
    """Return the metadata of the Table of a single object: its resourceVersion."""
    version = stored.metadata.get("resourceVersion")
    return {"resourceVersion": version} if version else {}


def partial(document: Object, version: str = "v1") -> dict[str, Any]:
    """Return the PartialObjectMetadata of an object."""
    return {
        "kind": "PartialObjectMetadata",
        "apiVersion": f"meta.k8s.io/{version}",
        "metadata": document["metadata"],
    }


def partial_list(
    items: Sequence[Stored], metadata: dict[str, Any], version: str = "v1"
) -> dict[str, Any]:
    """Return the PartialObjectMetadataList of objects."""
    return {
        "kind": "PartialObjectMetadataList",
        "apiVersion": f"meta.k8s.io/{version}",
        # Upstream drops even the resourceVersion of an empty list.
        "metadata": metadata if items else {},
        "items": partials(items, version) or None,
    }


def partials(items: Sequence[Stored], version: str = "v1") -> list[dict[str, Any]]:
    """Return the PartialObjectMetadata of objects."""
    return [partial(stored.object, version) for stored in items]


def _definition(column: Column) -> dict[str, Any]:
    return {
        "name": column.name,
        "type": column.type,
        "format": column.format,
        "description": column.description or description_of(column.source),
        "priority": column.priority,
    }


def _rows(
    items: Sequence[Stored], printer: Printer, include: str, now: float
) -> list[dict[str, Any]]:
    return [_row(stored.object, printer, include, now) for stored in items]


def _row(document: Object, printer: Printer, include: str, now: float) -> dict[str, Any]:
    row: dict[str, Any] = {"cells": printer.cells(document, now)}
    if printer.conditions is not None:
        conditions = printer.conditions(document)
        if conditions:
            row["conditions"] = conditions
    if include == METADATA:
        row["object"] = partial(document)
    else:
        row["object"] = document if include == OBJECT else None
    return row
