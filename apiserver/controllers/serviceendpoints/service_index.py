"""ServiceIndex: which Pods belong to which Services, without a search through all of them.

Services are found by one label of their selector, Pods by all of their labels. A change of a Pod
costs time in proportion to the number of its labels and of the Services that select it, whatever
the number of Pods and Services in the namespace.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final, TypeAlias

from apiserver.client.client import DELETED, ObjectEvent
from apiserver.controllers.serviceendpoints.endpoint_pods import EndpointPod, endpoint_pod
from apiserver.machinery.objects import name_of, namespace_of

ZONE: Final = "topology.kubernetes.io/zone"
_EXTERNAL: Final = "ExternalName"

#: Namespace, label and value.
_Label: TypeAlias = tuple[str, str, str]
_Named: TypeAlias = tuple[str, str]
Selector: TypeAlias = Mapping[str, str]


class ServiceIndex:
    """Services that select Pods, Pods that can be endpoints, and the zones of Nodes.

    The keys that methods return are ``namespace/name`` of Services whose endpoints may change.
    """

    def __init__(self) -> None:
        self._selectors: dict[_Named, Selector] = {}
        self._selecting: dict[_Label, set[_Named]] = {}
        self._pods: dict[_Named, EndpointPod] = {}
        self._labelled: dict[_Label, dict[str, EndpointPod]] = {}
        self._on_node: dict[str, set[_Named]] = {}
        #: The zone of every Node, ``""`` where it has none.
        self.zones: dict[str, str] = {}

    def __contains__(self, key: str) -> bool:
        return _named(key) in self._selectors

    def services(self) -> Iterator[str]:
        """Yield the keys of all Services that select Pods."""
        return (f"{namespace}/{name}" for namespace, name in self._selectors)

    def clear(self) -> None:
        """Forget everything."""
        for known in (self._selectors, self._selecting, self._pods, self._labelled, self._on_node):
            known.clear()
        self.zones.clear()

    def observe_service(self, event: ObjectEvent) -> str | None:
        """Note a change of a Service; return its key unless it has and had no selector."""
        namespace, name = named = namespace_of(event.object), name_of(event.object)
        before = self._selectors.pop(named, None)
        if before is not None:
            self._discard(self._selecting, (namespace, *_first(before)), named)
        selector = selector_of(event.object["spec"]) if event.type != DELETED else None
        if selector:
            self._selectors[named] = selector
            self._selecting.setdefault((namespace, *_first(selector)), set()).add(named)
        return f"{namespace}/{name}" if before or selector else None

    def observe_pod(self, event: ObjectEvent) -> set[str]:
        """Note a change of a Pod; return the Services whose endpoints it changes."""
        named = namespace_of(event.object), name_of(event.object)
        before = self._pods.get(named)
        after = endpoint_pod(event.object) if event.type != DELETED else None
        if before == after:
            return set()
        affected: set[str] = set()
        if before is not None:
            affected.update(self._services_of(before))
            self._remove(named, before)
        if after is not None:
            affected.update(self._services_of(after))
            self._add(named, after)
        return affected

    def observe_node(self, event: ObjectEvent) -> set[str]:
        """Note a change of a Node; return the Services with Pods on it, if it matters to them."""
        name = name_of(event.object)
        before = self.zones.get(name)
        labels = event.object["metadata"].get("labels") or {}
        after = labels.get(ZONE, "") if event.type != DELETED else None
        if before == after:
            return set()
        if after is None:
            del self.zones[name]
        else:
            self.zones[name] = after
        pods = [self._pods[named] for named in self._on_node.get(name, ())]
        return {key for pod in pods for key in self._services_of(pod)}

    def pods_of(self, namespace: str, selector: Selector) -> list[EndpointPod]:
        """Return the Pods that a selector selects, by name."""
        labels = [(namespace, key, value) for key, value in selector.items()]
        fewest = min((self._labelled.get(label, {}) for label in labels), key=len)
        wanted = selector.items()
        return [fewest[name] for name in sorted(fewest) if wanted <= fewest[name].labels.items()]

    def _services_of(self, pod: EndpointPod) -> Iterator[str]:
        for key, value in pod.labels.items():
            for named in self._selecting.get((pod.namespace, key, value), ()):
                if self._selectors[named].items() <= pod.labels.items():
                    yield f"{named[0]}/{named[1]}"

    def _add(self, named: _Named, pod: EndpointPod) -> None:
        self._pods[named] = pod
        self._on_node.setdefault(pod.node, set()).add(named)
        for key, value in pod.labels.items():
            self._labelled.setdefault((pod.namespace, key, value), {})[pod.name] = pod

    def _remove(self, named: _Named, pod: EndpointPod) -> None:
        del self._pods[named]
        on_node = self._on_node[pod.node]
        on_node.discard(named)
        if not on_node:
            del self._on_node[pod.node]
        for key, value in pod.labels.items():
            label = (pod.namespace, key, value)
            pods = self._labelled[label]
            del pods[pod.name]
            if not pods:
                del self._labelled[label]

    def _discard(self, index: dict[_Label, set[_Named]], label: _Label, named: _Named) -> None:
        index[label].discard(named)
        if not index[label]:
            del index[label]


def selector_of(spec: Mapping[str, object]) -> Selector | None:
    """Return the selector of a Service; ``None`` if no controller writes its endpoints."""
    selector = spec.get("selector")
    if not isinstance(selector, dict) or not selector or spec.get("type") == _EXTERNAL:
        return None
    return selector


def _named(key: str) -> _Named:
    namespace, _, name = key.partition("/")
    return namespace, name


def _first(selector: Selector) -> tuple[str, str]:
    # Any label would do; it must be the same one when the Service goes.
    return min(selector.items())
