"""IndexedPlugin: a plugin whose webhooks or policies are stored objects, found by an index."""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic, Protocol, TypeVar

from apiserver.access.admission.chain import AdmissionAttributes
from apiserver.access.admission.matching import Candidates, M
from apiserver.machinery.gvk import GroupVersionResource

D = TypeVar("D")


class CandidateIndex(Protocol[M]):
    """Finds the webhooks or policies that may apply to writes; see `MatchIndex`."""

    def candidates(
        self, operation: str, resource: GroupVersionResource, subresource: str
    ) -> Candidates[M]:
        """Return the items that may apply to writes of a kind, in order."""
        ...

    def on_change(self, listener: Callable[[], None]) -> None:
        """Register a function to be called after every change."""
        ...

    def forget(self) -> None:
        """Clear the cache, because the served versions may have changed."""
        ...


class IndexedPlugin(Generic[M, D]):
    """A `ChangingPlugin` on an index, with what calls or evaluations depend on."""

    def __init__(self, index: CandidateIndex[M], dependencies: D) -> None:
        self._index = index
        self._dependencies = dependencies

    def handles(self, operation: str, resource: GroupVersionResource, subresource: str) -> bool:
        return bool(self._index.candidates(operation, resource, subresource).items)

    def on_change(self, listener: Callable[[], None]) -> None:
        self._index.on_change(listener)

    def forget(self) -> None:
        self._index.forget()

    def _candidates(self, attributes: AdmissionAttributes) -> Candidates[M]:
        return self._index.candidates(attributes.operation, attributes.gvr, attributes.subresource)
