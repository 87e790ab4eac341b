"""Catalog: the live set of resources.

Resources come and go while the server runs, as CustomResourceDefinitions do. Every change makes a
new generation; what was computed from an older one (discovery documents, resources with their
strategies) is out of date. Groups and versions have an order, that of the priorities with which
their APIServices are registered; among equals, groups go by name and versions as Kubernetes orders
them.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Iterator
from typing import Any, TypeVar, cast

from apiserver.machinery.gvk import version_order
from apiserver.resources.definition import ResourceDefinition

T = TypeVar("T")


class Catalog:
    """Every resource that is served at this moment."""

    def __init__(self, definitions: Iterable[ResourceDefinition] = ()) -> None:
        self.generation = 0
        self._groups: dict[str, dict[str, dict[str, ResourceDefinition]]] = {}
        self._derived: dict[Hashable, Any] = {}
        for definition in definitions:
            self.add(definition)

    def add(self, definition: ResourceDefinition) -> None:
        """Serve a resource, or serve it differently from now on."""
        versions = self._groups.setdefault(definition.group, {})
        versions.setdefault(definition.version, {})[definition.resource] = definition
        self._changed()

    def remove(self, definition: ResourceDefinition) -> None:
        """Serve a resource no longer. Raises KeyError where it is not served."""
        versions = self._groups[definition.group]
        del versions[definition.version][definition.resource]
        if not versions[definition.version]:
            del versions[definition.version]
        if not versions:
            del self._groups[definition.group]
        self._changed()

    def resource(self, group: str, version: str, plural: str) -> ResourceDefinition | None:
        """Return a resource, ``None`` where none of that name is served."""
        return self._groups.get(group, {}).get(version, {}).get(plural)

    def definitions(self) -> Iterator[ResourceDefinition]:
        """Yield every resource of every version."""
        for versions in self._groups.values():
            for resources in versions.values():
                yield from resources.values()

    def has_group(self, group: str) -> bool:
        """Tell whether anything of a group is served."""
        return group in self._groups

    def has_builtin_group(self, group: str) -> bool:
        """Tell whether paths below a group are the server's own.

        There an unknown path is answered with a Status, and elsewhere as any unknown path.
        """
        return any(
            not definition.custom
            for resources in self._groups.get(group, {}).values()
            for definition in resources.values()
        )

    def groups(self) -> list[str]:
        """Return the names of the groups in order, the core group, ``""``, among them."""
        return self.derived("groups", self._ordered_groups)

    def versions(self, group: str) -> list[str]:
        """Return the versions of a group in order, the preferred one first."""
        versions = self._groups.get(group, {})
        return sorted(versions, key=lambda version: (
            -max(each.version_priority for each in versions[version].values()),
            version_order(version),
        ))  # fmt: skip

    def resources(self, group: str, version: str) -> list[ResourceDefinition]:
        """Return the resources of a group version by name."""
        served = self._groups.get(group, {}).get(version, {})
        return [served[name] for name in sorted(served)]

    def derived(self, key: Hashable, compute: Callable[[], T]) -> T:
        """Return what ``compute`` makes of this generation; it is called once in each."""
        if key not in self._derived:
            self._derived[key] = compute()
        return cast(T, self._derived[key])

    def _ordered_groups(self) -> list[str]:
        return sorted(self._groups, key=lambda group: (-self._priority(group), group))

    def _priority(self, group: str) -> int:
        return max(
            definition.group_priority
            for resources in self._groups[group].values()
            for definition in resources.values()
        )

    def _changed(self) -> None:
        self.generation += 1
        self._derived.clear()
