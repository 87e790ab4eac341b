"""Finds out whether the owners of an object exist."""

from __future__ import annotations

from collections import OrderedDict
from typing import Final

from apiserver.client.client import Client
from apiserver.controllers.garbagecollector.decisions import OwnerStates
from apiserver.controllers.garbagecollector.graph import (
    Graph,
    Node,
    OwnerReference,
    WatchedResource,
    node_of,
)
from apiserver.machinery.errors import NotFound
from apiserver.machinery.gvk import GroupVersionKind, parse_api_version

#: The number of absent owners that are remembered.
MAX_ABSENT: Final = 500

#: An owner as looked for: its reference and the namespace.
_OwnerKey = tuple[OwnerReference, str]


class UnknownOwnerKind(Exception):
    """The kind of an owner is not served now, so it is unknown whether the owner exists."""


class NamespacedOwner(Exception):
    """An object outside of namespaces refers to an owner that would be in one."""


class OwnerFinder:
    """Classifies owners. Those that the graph does not show are looked up.

    ``namespace`` is that of the dependent in every method. Absent owners are remembered: a uid is
    used once, so an owner that was absent once stays absent. Where that is not so, ``remembered``
    is 0, and each of them is looked up every time.
    """

    def __init__(self, client: Client, remembered: int = MAX_ABSENT) -> None:
        self._client = client
        self._most_absent = remembered
        self._absent: OrderedDict[_OwnerKey, None] = OrderedDict()

    def remember_absent(self, node: Node) -> None:
        """Remember that an object has been deleted."""
        reference = OwnerReference(
            node.resource.name.api_version, node.resource.kind, node.name, node.uid
        )
        self._remember((reference, node.namespace))

    async def states_of(
        self, graph: Graph, namespace: str, references: tuple[OwnerReference, ...]
    ) -> tuple[OwnerStates, bool]:
        """Return the states of owners, and whether the graph shows all that exist.

        Raises UnknownOwnerKind, NamespacedOwner, StatusError.
        """
        solid, dangling, waiting, shown = [], [], [], True
        for reference in references:
            owner = graph.node(reference.uid)
            if owner is None or owner.foreground or not owner.is_meant_by(reference, namespace):
                shown = shown and owner is not None
                owner = await self._read(reference, namespace)
            if owner is None:
                dangling.append(reference)
            elif owner.foreground:
                waiting.append(reference)
            else:
                solid.append(reference)
        return OwnerStates(solid, dangling, waiting), shown or not (solid or waiting)

    async def _read(self, reference: OwnerReference, namespace: str) -> Node | None:
        coordinates = OwnerReference(
            reference.api_version, reference.kind, reference.name, reference.uid
        )
        if (coordinates, namespace) in self._absent or (coordinates, "") in self._absent:
            return None
        try:
            kind = GroupVersionKind(*parse_api_version(reference.api_version), reference.kind)
        except ValueError as error:
            raise UnknownOwnerKind(str(error)) from error
        resource = await self._client.resource_of(kind)
        if resource is None or "get" not in resource.verbs:
            raise UnknownOwnerKind(f"no matches for kind {kind.kind} in {kind.api_version}")
        if resource.namespaced and not namespace:
            raise NamespacedOwner
        where = namespace if resource.namespaced else ""
        try:
            owner = await self._client.get_metadata(resource.name, where, reference.name)
        except NotFound:
            owner = None
        if owner is None or owner["uid"] != reference.uid:
            self._remember((coordinates, where))
            return None
        watched = WatchedResource(resource.name, resource.kind, resource.namespaced)
        return node_of(watched, owner)

    def _remember(self, owner_key: _OwnerKey) -> None:
        self._absent[owner_key] = None
        if len(self._absent) > self._most_absent:
            self._absent.popitem(last=False)
