"""Objects -> metav1.Table and PartialObjectMetadata."""

from __future__ import annotations

import time
from calendar import timegm
from collections.abc import Sequence
from typing import Any

from apiserver.machinery.errors import BadRequest
from apiserver.machinery.objects import Object
from apiserver.machinery.quoting import quote
from apiserver.registry.codec import Stored

METADATA, OBJECT, NONE = "Metadata", "Object", "None"
_API_VERSION = "meta.k8s.io/v1"
_TIME_FORMAT = "%Y-%m-%dT%H:%M:%SZ"

# The descriptions are those of the API documentation of ObjectMeta.
_COLUMNS = (
    {
        "name": "Name",
        "type": "string",
        "format": "name",
        "description": "Name must be unique within a namespace. Is required when creating "
        "resources, although some resources may allow a client to request the generation of an "
        "appropriate name automatically. Name is primarily intended for creation idempotence and "
        "configuration definition. Cannot be updated. More info: "
        "https://kubernetes.io/docs/concepts/overview/working-with-objects/names#names",
        "priority": 0,
    },
    {
        "name": "Age",
        "type": "string",
        "format": "",
        "description": "CreationTimestamp is a timestamp representing the server time when this "
        "object was created. It is not guaranteed to be set in happens-before order across "
        "separate operations. Clients may not set this value. It is represented in RFC3339 form "
        "and is in UTC.\n\nPopulated by the system. Read-only. Null for lists. More info: "
        "https://git.k8s.io/community/contributors/devel/sig-architecture/"
        "api-conventions.md#metadata",
        "priority": 0,
    },
)


def included(parameter: str) -> str:
    """Return how much of each object a Table carries. Raises BadRequest."""
    if parameter not in ("", METADATA, OBJECT, NONE):
        raise BadRequest(
            "Unable to convert to Table as requested: includeObject: Invalid value: "
            f"{quote(parameter)}: must be 'Metadata', 'Object', 'None', or empty"
        )
    return parameter or METADATA


def of_objects(
    items: Sequence[Stored], include: str, metadata: dict[str, Any], *, columns: bool = True
) -> dict[str, Any]:
    """Return a Table with a row for each object; only a watch's first one has columns."""
    now = time.time()
    return {
        "kind": "Table",
        "apiVersion": _API_VERSION,
        "metadata": metadata,
        "columnDefinitions": _COLUMNS if columns else None,
        "rows": [_row(stored, include, now) for stored in items],
    }


def object_metadata(stored: Stored) -> dict[str, Any]:
    """Return the metadata of the Table of one object: its resourceVersion."""
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
        "metadata": metadata,
        "items": [partial(stored.object, version) for stored in items],
    }


def age(created: str | None, now: float) -> str:
    """Return how long ago a time was, in the two largest units that matter: ``3d4h``."""
    if not created:
        return "<unknown>"
    seconds = int(now) - timegm(time.strptime(created, _TIME_FORMAT))
    if seconds < -1:
        return "<invalid>"
    return duration(max(seconds, 0))


def duration(seconds: int) -> str:
    """Return a duration as kubectl shows it: finer the shorter it is."""
    minutes, hours, days = seconds // 60, seconds // 3600, seconds // 86400
    if seconds < 120:
        return f"{seconds}s"
    if minutes < 10:
        return _two(minutes, "m", seconds % 60, "s")
    if minutes < 180:
        return f"{minutes}m"
    if hours < 8:
        return _two(hours, "h", minutes % 60, "m")
    if hours < 48:
        return f"{hours}h"
    if hours < 192:
        return _two(days, "d", hours % 24, "h")
    if days < 365 * 2:
        return f"{days}d"
    if days < 365 * 8:
        return _two(days // 365, "y", days % 365, "d")
    return f"{days // 365}y"


def _two(large: int, large_unit: str, small: int, small_unit: str) -> str:
    return f"{large}{large_unit}" + (f"{small}{small_unit}" if small else "")


def _row(stored: Stored, include: str, now: float) -> dict[str, Any]:
    document = stored.object
    metadata = document["metadata"]
    shown: dict[str, Any] | None = None
    if include == OBJECT:
        shown = document
    elif include == METADATA:
        shown = partial(document)
    cells = [metadata.get("name", ""), age(metadata.get("creationTimestamp"), now)]
    return {"cells": cells, "object": shown}
