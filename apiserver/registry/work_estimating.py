"""WorkEstimator: the seats of a request, by what is stored and how many watch it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from apiserver.access.flowcontrol.flow_schemas import Target
from apiserver.access.flowcontrol.work_estimate import (
    ONE_SEAT,
    WorkEstimate,
    estimate_list,
    estimate_write,
)
from apiserver.machinery.options import first, parse_bool
from apiserver.registry.registry import Registry

_WRITES: Final = frozenset(["create", "update", "patch", "delete"])
_LONGEST_NUMBER: Final = 18


class WorkEstimator:
    """Estimates what requests cost this server."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry

    def estimate(
        self, verb: str, target: Target, query: Mapping[str, Sequence[str]], most: int
    ) -> WorkEstimate:
        """Return the work of a request, which occupies ``most`` seats at most."""
        if most == 1 or not target.resource:
            return ONE_SEAT
        if verb in _WRITES:
            return self._write(target, most)
        if verb == "list" or (verb == "watch" and _sends_objects(query)):
            return self._list(target, query, most)
        return ONE_SEAT

    def _list(self, target: Target, query: Mapping[str, Sequence[str]], most: int) -> WorkEstimate:
        resource = self._registry.resource(target.group, target.version, target.resource)
        if resource is None or target.name or _selects_one(first(query, "fieldSelector")):
            return ONE_SEAT
        page = self._registry.store.list_cached(resource.prefix(target.namespace), limit=1)
        objects = len(page.records) + page.remaining
        # With a selector objects are read until enough of them match, or all have been.
        if "fieldSelector" not in query and "labelSelector" not in query:
            objects = min(objects, _limit(first(query, "limit")) or objects)
        return estimate_list(objects, most)

    def _write(self, target: Target, most: int) -> WorkEstimate:
        resource = self._registry.resource(target.group, target.version, target.resource)
        if resource is None:
            return ONE_SEAT
        watchers_of = self._registry.store.watchers_of
        watches = watchers_of(resource.prefix())
        if resource.definition.namespaced:
            watches += watchers_of(resource.prefix(target.namespace))
        return estimate_write(watches, most)


def _sends_objects(query: Mapping[str, Sequence[str]]) -> bool:
    return "sendInitialEvents" in query and parse_bool(first(query, "sendInitialEvents"))


def _selects_one(selector: str) -> bool:
    return selector.startswith("metadata.name=") and "," not in selector


def _limit(text: str) -> int:
    return int(text) if text.isdecimal() and len(text) <= _LONGEST_NUMBER else 0
