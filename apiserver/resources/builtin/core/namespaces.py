"""Namespace."""

from __future__ import annotations

from apiserver.machinery.errors import Forbidden
from apiserver.machinery.objects import Object, name_of, with_metadata
from apiserver.resources.strategy import Strategy

_NAME_LABEL = "kubernetes.io/metadata.name"
_IMMORTAL = frozenset(["default", "kube-system", "kube-public"])


class NamespaceStrategy(Strategy):
    """A namespace carries its name as a label and is Active until it is deleted."""

    def prepare_for_create(self, document: Object) -> Object:
        return _labelled({**document, "status": {"phase": "Active"}})

    def prepare_for_update(self, document: Object, old: Object) -> Object:
        kept = {**document, "status": old.get("status", {})}
        finalizers = (old.get("spec") or {}).get("finalizers")
        spec = {k: v for k, v in (document.get("spec") or {}).items() if k != "finalizers"}
        kept["spec"] = {**spec, "finalizers": finalizers} if finalizers else spec
        return _labelled(kept)

    def check_delete(self, existing: Object) -> None:
        name = name_of(existing)
        if name in _IMMORTAL:
            why = "this namespace may not be deleted"
            raise Forbidden.of(self.definition.group_resource, name, why)


def _labelled(document: Object) -> Object:
    labels = document["metadata"].get("labels") or {}
    name = name_of(document)
    if not name or labels.get(_NAME_LABEL) == name:
        return document
    return with_metadata(document, labels={**labels, _NAME_LABEL: name})
