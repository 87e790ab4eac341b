"""Chooses the default among classes that are marked as default."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from apiserver.machinery.objects import Object, metadata_of, name_of


def newest_default_class(
    classes: Iterable[Object], is_default: Callable[[Object], bool]
) -> Object | None:
    """Return the newest default class; of equally old ones the first by name."""
    chosen = sorted(filter(is_default, classes), key=name_of)
    chosen.sort(key=lambda document: metadata_of(document)["creationTimestamp"], reverse=True)
    return chosen[0] if chosen else None
