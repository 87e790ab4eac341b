"""Which endpoints go to which EndpointSlice of one set of ports. Pure.

Every write of a slice goes to all nodes, so few slices are changed: an endpoint stays where it is,
new ones go to slices that change anyway, and only what is left then goes to the slice that it fills
best, or to new ones (KEP-752).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final, TypeAlias

from apiserver.machinery.objects import Object

MAX_ENDPOINTS: Final = 100

#: The addresses of an endpoint, and the namespace and name of its target.
EndpointKey: TypeAlias = tuple[str, ...]


@dataclass(slots=True)
class Filling:
    """The wanted content of one slice; ``existing`` is ``None`` if it is to be created."""

    existing: Object | None
    endpoints: list[Object]
    changed: bool = False

    @property
    def room(self) -> int:
        """How many more endpoints fit."""
        return MAX_ENDPOINTS - len(self.endpoints)


@dataclass(slots=True)
class _Wanted:
    endpoints: dict[EndpointKey, Object] = field(default_factory=dict)

    def move_to(self, filling: Filling) -> None:
        """Move as many endpoints to a slice as fit."""
        for key in list(self.endpoints)[: filling.room]:
            filling.endpoints.append(self.endpoints.pop(key))
            filling.changed = True


def filled(existing: Iterable[Object], wanted: Iterable[Object]) -> list[Filling]:
    """Return the content of existing slices and of new ones so that they hold what is wanted.

    A slice that loses all of its endpoints is left empty and changed.
    """
    left = _Wanted({endpoint_key(each): each for each in wanted})
    fillings = [_kept(document, left) for document in existing]
    changed = [each for each in fillings if each.changed and each.endpoints]
    for filling in sorted(changed, key=lambda each: each.room):
        left.move_to(filling)
    unchanged = [each for each in fillings if not each.changed]
    while left.endpoints:
        filling = _best_filled(unchanged, len(left.endpoints)) or Filling(None, [])
        if filling.existing is None:
            fillings.append(filling)
        left.move_to(filling)
    return fillings


def endpoint_key(endpoint: Object) -> EndpointKey:
    """Return the identity of an endpoint across changes of its state."""
    target = endpoint.get("targetRef") or {}
    addresses = sorted(endpoint.get("addresses") or ())
    return (target.get("namespace", ""), target.get("name", ""), *addresses)


def _kept(document: Object, left: _Wanted) -> Filling:
    before = document.get("endpoints") or []
    filling = Filling(document, [])
    for endpoint in before:
        wanted = left.endpoints.pop(endpoint_key(endpoint), None)
        if wanted is not None:
            filling.endpoints.append(wanted)
            filling.changed |= wanted != without_hints(endpoint)
    filling.changed |= len(filling.endpoints) != len(before)
    return filling


def without_hints(endpoint: Object) -> Object:
    """Return an endpoint without the hints for its clients."""
    if "hints" not in endpoint:
        return endpoint
    return {name: value for name, value in endpoint.items() if name != "hints"}


def _best_filled(unchanged: list[Filling], count: int) -> Filling | None:
    """Return the slice that ``count`` endpoints fill best, ``None`` if they fit into none."""
    if count >= MAX_ENDPOINTS:
        return None
    fitting = [each for each in unchanged if count <= each.room]
    return min(fitting, key=lambda each: each.room, default=None)
