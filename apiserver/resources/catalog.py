"""Catalog: the kinds that are currently served.

CustomResourceDefinitions add and remove kinds while the server runs, possibly many in one batch.
Every batch increments the generation. Derived values (discovery documents, the order of groups)
are cached by scope, which is everything, a group, or a group version, until a batch changes
something within that scope.

Groups and versions are ordered by the priorities with which their APIServices are registered. Equal
priorities are ordered by name for groups, and by Kubernetes' version order for versions.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Iterator
from typing import Any, TypeAlias, TypeVar, cast

from apiserver.machinery.gvk import GroupVersionResource, version_order
from apiserver.resources.definition import ResourceDefinition
from apiserver.resources.kind import Kind, ServedKind, UnloadedKind

T = TypeVar("T")

#: ``()`` means everything, ``(group,)`` a group, ``(group, version)`` a group version.
CatalogScope: TypeAlias = tuple[str, ...]
#: Called for every batch with the resources that were added, replaced or removed.
Listener: TypeAlias = Callable[[frozenset[GroupVersionResource]], None]


class Catalog:
    """All kinds that are currently served."""

    def __init__(self, kinds: Iterable[ServedKind] = ()) -> None:
        self.generation = 0
        self._groups: dict[str, dict[str, dict[str, ServedKind]]] = {}
        self._changed: dict[tuple[str, str], int] = {}
        self._derived: dict[CatalogScope, dict[Hashable, Any]] = {}
        self._listeners: list[Listener] = []
        self.replace(added=kinds)

    def listen(self, listener: Listener) -> None:
        """Register a function to be called for every later batch."""
        self._listeners.append(listener)

    def replace(
        self,
        *,
        removed: Iterable[ResourceDefinition] = (),
        added: Iterable[ServedKind] = (),
    ) -> None:
        """Remove some resources and add or replace others, in one batch.

        Raises KeyError, and changes nothing, if a resource to remove is not served.
        """
        gone = {definition.gvr for definition in removed}
        kinds = {kind.definition.gvr: kind for kind in added}
        for group, version, plural in gone:
            self._groups[group][version][plural]
        changed = gone | kinds.keys()
        if not changed:
            return
        for gvr in gone:
            self._remove(gvr)
        for gvr, kind in kinds.items():
            versions = self._groups.setdefault(gvr.group, {})
            versions.setdefault(gvr.version, {})[gvr.resource] = kind
        self.generation += 1
        self._derived.pop((), None)
        for group, version in {(gvr.group, gvr.version) for gvr in changed}:
            self._changed[group, version] = self.generation
            self._derived.pop((group,), None)
            self._derived.pop((group, version), None)
        for listener in self._listeners:
            listener(frozenset(changed))

    def _remove(self, gvr: GroupVersionResource) -> None:
        versions = self._groups[gvr.group]
        del versions[gvr.version][gvr.resource]
        if not versions[gvr.version]:
            del versions[gvr.version]
        if not versions:
            del self._groups[gvr.group]

    def kind(self, group: str, version: str, plural: str) -> Kind | None:
        """Return the kind of a resource, ``None`` if the resource is not served."""
        served = self._groups.get(group, {}).get(version, {})
        found = served.get(plural)
        if isinstance(found, UnloadedKind):
            found = served[plural] = found.load(found.definition)
        return found

    def resource(self, group: str, version: str, plural: str) -> ResourceDefinition | None:
        """Return the definition of a resource, ``None`` if the resource is not served."""
        found = self._groups.get(group, {}).get(version, {}).get(plural)
        return None if found is None else found.definition

    def definitions(self) -> Iterator[ResourceDefinition]:
        """Yield every resource of every version."""
        for group in self._groups:
            yield from self._definitions(group)

    def kinds(self) -> Iterator[ServedKind]:
        """Yield every kind of every version, loaded or not."""
        for versions in self._groups.values():
            for served in versions.values():
                yield from served.values()

    def has_group(self, group: str) -> bool:
        """Return whether any resource of a group is served."""
        return group in self._groups

    def has_builtin_group(self, group: str) -> bool:
        """Return whether a group has built-in resources.

        An unknown path below such a group is answered with a Status; below any other group, like
        any unknown path.
        """
        if group not in self._groups:
            return False
        return self.derived("builtin", lambda: self._has_builtin(group), (group,))

    def groups(self) -> list[str]:
        """Return the names of the groups in order, including the core group ``""``."""
        return self.derived("groups", self._ordered_groups)

    def versions(self, group: str) -> list[str]:
        """Return the versions of a group in order, the preferred one first."""
        if group not in self._groups:
            return []
        return self.derived("versions", lambda: self._ordered_versions(group), (group,))

    def resources(self, group: str, version: str) -> list[ResourceDefinition]:
        """Return the resources of a group version by name."""
        served = self._groups.get(group, {}).get(version)
        if served is None:
            return []
        return self.derived(
            "resources", lambda: [served[name].definition for name in sorted(served)],
            (group, version),
        )  # fmt: skip

    def changed(self, group: str, version: str) -> int:
        """Return the generation in which a group version was last changed."""
        return self._changed.get((group, version), 0)

    def derived(self, key: Hashable, compute: Callable[[], T], scope: CatalogScope = ()) -> T:
        """Return the result of ``compute``, cached until a batch changes ``scope``."""
        known = self._derived.setdefault(scope, {})
        if key not in known:
            known[key] = compute()
        return cast(T, known[key])

    def _definitions(self, group: str) -> Iterator[ResourceDefinition]:
        for served in self._groups[group].values():
            for kind in served.values():
                yield kind.definition

    def _has_builtin(self, group: str) -> bool:
        return any(not definition.custom for definition in self._definitions(group))

    def _ordered_groups(self) -> list[str]:
        return sorted(self._groups, key=lambda group: (-self._priority(group), group))

    def _priority(self, group: str) -> int:
        return self.derived(
            "priority",
            lambda: max(definition.group_priority for definition in self._definitions(group)),
            (group,),
        )

    def _ordered_versions(self, group: str) -> list[str]:
        served = self._groups[group]
        return sorted(served, key=lambda version: (
            -max(kind.definition.version_priority for kind in served[version].values()),
            version_order(version),
        ))  # fmt: skip
