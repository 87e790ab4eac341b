"""Changing objects without touching them, and choosing one among several."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from apiserver.machinery.objects import Object, metadata_of, name_of


def with_spec(document: Object, **changes: Any) -> Object:
    """Return a copy with members of its spec replaced."""
    return {**document, "spec": {**(document.get("spec") or {}), **changes}}


def annotations_of(document: Object) -> dict[str, str]:
    """Return the annotations of an object."""
    return metadata_of(document).get("annotations") or {}


def newest_default(
    documents: Iterable[Object], is_default: Callable[[Object], bool]
) -> Object | None:
    """Return the default among classes: the newest, and of equally old ones the first by name."""
    chosen = sorted(filter(is_default, documents), key=name_of)
    chosen.sort(key=lambda document: metadata_of(document)["creationTimestamp"], reverse=True)
    return chosen[0] if chosen else None
