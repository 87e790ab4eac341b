"""Which objects own which, and what has to be looked at when that changes. Pure.

Owners are known by uid. One that only its dependents have mentioned so far is virtual: it has
dependents and no node. Whether it exists is for the collector to find out.

Every change of the graph costs no more than the number of owners and dependents of the object that
has changed. So an owner in foreground deletion does not search its dependents for those that still
block it; these are kept apart.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from apiserver.machinery.gvk import GroupVersionKind, GroupVersionResource
from apiserver.machinery.valueclasses import valueclass
from apiserver.resources.strategy import FOREGROUND_FINALIZER, ORPHAN_FINALIZER


@valueclass
class OwnerReference:
    """An owner as its dependent names it; ``blocks``: the dependent blocks its deletion."""

    api_version: str
    kind: str
    name: str
    uid: str
    blocks: bool = False


@valueclass
class WatchedResource:
    """A resource whose objects are in the graph."""

    name: GroupVersionResource
    kind: str
    namespaced: bool

    @property
    def gvk(self) -> GroupVersionKind:
        """The kind of its objects."""
        return GroupVersionKind(self.name.group, self.name.version, self.kind)


@valueclass
class Node:
    """An object; ``foreground`` and ``orphaning``: whether its deletion has this finalizer."""

    resource: WatchedResource
    namespace: str
    name: str
    uid: str
    owners: tuple[OwnerReference, ...] = ()
    being_deleted: bool = False
    foreground: bool = False
    orphaning: bool = False

    def is_meant_by(self, reference: OwnerReference, namespace: str) -> bool:
        """Return whether an object in ``namespace`` refers to this one in every respect."""
        return (
            self.is_reachable_from(namespace)
            and self.name == reference.name
            and self.resource.kind == reference.kind
            and self.resource.name.api_version == reference.api_version
        )

    def is_reachable_from(self, namespace: str) -> bool:
        """Return whether an object in ``namespace`` may have this owner."""
        return not self.namespace or self.namespace == namespace


@dataclass(slots=True)
class Due:
    """The results of a change of the graph: uids to process, and owners in a wrong namespace."""

    uids: dict[str, None] = field(default_factory=dict)
    misplaced: list[tuple[Node, OwnerReference]] = field(default_factory=list)

    def __bool__(self) -> bool:
        return bool(self.uids or self.misplaced)

    def add(self, uids: Iterable[str]) -> None:
        """Add uids to look at."""
        self.uids.update(dict.fromkeys(uids))


_NOTHING: Final = Due()
_NO_DEPENDENTS: Final[dict[str, None]] = {}


class Graph:
    """The objects of all watched resources and the references between them."""

    def __init__(self) -> None:
        self._nodes: dict[str, Node] = {}
        self._dependents: dict[str, dict[str, None]] = {}
        self._blocking: dict[str, dict[str, None]] = {}

    def __len__(self) -> int:
        return len(self._nodes)

    def node(self, uid: str) -> Node | None:
        """Return an observed object."""
        return self._nodes.get(uid)

    def dependents(self, uid: str) -> list[Node]:
        """Return the objects that refer to an owner."""
        return [self._nodes[each] for each in self._dependents.get(uid, _NO_DEPENDENTS)]

    def has_dependents(self, uid: str) -> bool:
        """Return whether any object refers to an owner."""
        return uid in self._dependents

    def is_blocked(self, uid: str) -> bool:
        """Return whether a dependent blocks the foreground deletion of an owner."""
        return uid in self._blocking

    def observe(self, node: Node) -> Due:
        """Put an object into the graph in its present state."""
        before = self._nodes.get(node.uid)
        if before == node:
            return _NOTHING
        self._nodes[node.uid] = node
        is_plain = not (node.owners or node.foreground or node.orphaning)
        if is_plain and before is None and node.uid not in self._dependents:
            # Most objects are like this one.
            return _NOTHING
        due = Due()
        if before is None or before.owners != node.owners:
            known = before.owners if before is not None else ()
            self._unlink(node.uid, known, node.owners, due)
            self._link(node, due)
        if before is None:
            self._check_dependents(node, due)
        if node.foreground and not (before is not None and before.foreground):
            due.add([node.uid, *self._dependents.get(node.uid, _NO_DEPENDENTS)])
        if node.orphaning and not (before is not None and before.orphaning):
            due.add([node.uid])
        return due

    def remove(self, uid: str) -> Due:
        """Take a deleted object out of the graph; its dependents are due."""
        due = Due()
        node = self._nodes.pop(uid, None)
        if node is not None:
            self._unlink(uid, node.owners, (), due)
        due.add(self._dependents.get(uid, _NO_DEPENDENTS))
        return due

    def forget(self, uids: Iterable[str]) -> None:
        """Remove objects that are no longer watched; they may still exist."""
        for uid in uids:
            node = self._nodes.pop(uid, None)
            if node is not None:
                self._unlink(uid, node.owners, (), Due())

    def _link(self, node: Node, due: Due) -> None:
        for reference in node.owners:
            self._dependents.setdefault(reference.uid, {})[node.uid] = None
            # An object is no obstacle to its own deletion.
            if reference.blocks and reference.uid != node.uid:
                self._blocking.setdefault(reference.uid, {})[node.uid] = None
            owner = self._nodes.get(reference.uid)
            if owner is None or owner.foreground:
                due.add([node.uid])
            elif not owner.is_meant_by(reference, node.namespace):
                due.add([node.uid])
                self._report(node, reference, owner, due)

    def _unlink(
        self,
        uid: str,
        before: tuple[OwnerReference, ...],
        after: tuple[OwnerReference, ...],
        due: Due,
    ) -> None:
        kept = {reference.uid for reference in after}
        blocked = {reference.uid for reference in after if reference.blocks}
        for reference in before:
            owner = reference.uid
            if owner not in kept:
                _discard(self._dependents, owner, uid)
            if owner not in blocked and _discard(self._blocking, owner, uid):
                # The last one that has blocked this owner.
                due.add([owner])

    def _check_dependents(self, owner: Node, due: Due) -> None:
        """Make those dependents due that have mentioned a virtual owner wrongly."""
        for uid in self._dependents.get(owner.uid, _NO_DEPENDENTS):
            dependent = self._nodes[uid]
            for reference in dependent.owners:
                if reference.uid == owner.uid and not owner.is_meant_by(
                    reference, dependent.namespace
                ):
                    due.add([uid])
                    self._report(dependent, reference, owner, due)

    def _report(self, node: Node, reference: OwnerReference, owner: Node, due: Due) -> None:
        if not owner.is_reachable_from(node.namespace):
            due.misplaced.append((node, reference))


def node_of(resource: WatchedResource, metadata: Mapping[str, Any]) -> Node:
    """Return the object with this metadata as a node."""
    finalizers = metadata.get("finalizers") or ()
    being_deleted = "deletionTimestamp" in metadata
    return Node(
        resource=resource,
        namespace=metadata.get("namespace", ""),
        name=metadata["name"],
        uid=metadata["uid"],
        owners=references_of(metadata),
        being_deleted=being_deleted,
        foreground=being_deleted and FOREGROUND_FINALIZER in finalizers,
        orphaning=being_deleted and ORPHAN_FINALIZER in finalizers,
    )


def references_of(metadata: Mapping[str, Any]) -> tuple[OwnerReference, ...]:
    """Return the owner references in the metadata of an object."""
    return tuple(
        OwnerReference(
            each.get("apiVersion", ""),
            each.get("kind", ""),
            each.get("name", ""),
            each.get("uid", ""),
            bool(each.get("blockOwnerDeletion")),
        )
        for each in metadata.get("ownerReferences") or ()
    )


def _discard(index: dict[str, dict[str, None]], owner: str, uid: str) -> bool:
    """Remove a uid from those of an owner; return whether it was the last."""
    known = index.get(owner)
    if known is None or uid not in known:
        return False
    del known[uid]
    if known:
        return False
    del index[owner]
    return True
