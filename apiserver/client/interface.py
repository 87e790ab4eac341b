"""Reader: objects as they are now, whoever keeps them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

from apiserver.machinery.gvk import GroupVersionResource
from apiserver.machinery.objects import Object


class Reader(Protocol):
    """Reads objects from memory, at once.

    What it returns may be older than what the store holds: whoever refuses something because of it
    is asked again when the records are confirmed. The objects are shared and never to be changed.
    """

    def get(self, resource: GroupVersionResource, namespace: str, name: str) -> Object | None:
        """Return an object, ``None`` where there is none; ``namespace`` is ``""`` for those without."""
        ...

    def list(self, resource: GroupVersionResource, namespace: str = "") -> Iterable[Object]:
        """Return all objects of a resource, or those of one namespace, in the order of names."""
        ...
