"""NodeGraph: which objects a node needs, because a Pod on it names them.

An edge leads from a Secret, ConfigMap, claim, service account or Pod to the node of the Pod that
names it; from a PersistentVolume to its claim, and from the Secrets that the volume names to the
volume; from a VolumeAttachment or a ResourceSlice to the node that it names. Edges to nodes are
counted, so a question is a lookup however many Pods share an account.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, Final, TypeAlias

from apiserver.machinery.builtin_resources import MIRROR_POD
from apiserver.machinery.objects import Object

#: A resource, a namespace (empty for cluster-scoped objects) and a name.
Vertex: TypeAlias = tuple[str, str, str]
_CONTAINERS: Final = ("containers", "initContainers", "ephemeralContainers")
#: What attachments and slices are called here.
ATTACHMENTS: Final = "volumeattachments"
SLICES: Final = "resourceslices"


class NodeGraph:
    """The needs of all nodes."""

    def __init__(self) -> None:
        # How many objects lead from a vertex to a node.
        self._nodes: dict[Vertex, dict[str, int]] = {}
        self._pods: dict[tuple[str, str], tuple[str, frozenset[Vertex]]] = {}
        self._claims: dict[str, tuple[str, str]] = {}
        self._volumes: dict[str, frozenset[Vertex]] = {}
        self._volumes_of: dict[Vertex, set[str]] = {}
        self._named: dict[Vertex, str] = {}

    def needs(self, node: str, vertex: Vertex) -> bool:
        """Return whether a path leads from a vertex to a node."""
        if node in self._nodes.get(vertex, ()) or self._named.get(vertex) == node:
            return True
        resource, _, name = vertex
        if resource == "persistentvolumes":
            return self._needs_volume(node, name)
        return any(self._needs_volume(node, volume) for volume in self._volumes_of.get(vertex, ()))

    def put_pod(self, pod: Object) -> None:
        """Add or replace a Pod; one without a node has no edges."""
        metadata, spec = pod["metadata"], pod.get("spec") or {}
        key = metadata.get("namespace", ""), metadata["name"]
        node = spec.get("nodeName") or ""
        known = self._pods.get(key)
        vertices = frozenset(references_of(pod)) if node else frozenset()
        if known == (node, vertices):
            return
        self.remove_pod(key)
        if node:
            self._pods[key] = node, vertices
            for vertex in vertices:
                nodes = self._nodes.setdefault(vertex, {})
                nodes[node] = nodes.get(node, 0) + 1

    def remove_pod(self, key: tuple[str, str]) -> None:
        """Remove a Pod, if it is known."""
        node, vertices = self._pods.pop(key, ("", frozenset()))
        for vertex in vertices:
            nodes = self._nodes[vertex]
            nodes[node] -= 1
            if not nodes[node]:
                del nodes[node]
            if not nodes:
                del self._nodes[vertex]

    def put_volume(self, volume: Object) -> None:
        """Add or replace a PersistentVolume; one that is not bound has no edges."""
        name, spec = volume["metadata"]["name"], volume.get("spec") or {}
        self.remove_volume(name)
        claim = spec.get("claimRef") or {}
        if not claim.get("name"):
            return
        namespace = claim.get("namespace", "")
        self._claims[name] = namespace, claim["name"]
        secrets = frozenset(
            ("secrets", where or namespace, secret) for where, secret in _secrets_in(spec)
        )
        self._volumes[name] = secrets
        for secret in secrets:
            self._volumes_of.setdefault(secret, set()).add(name)

    def remove_volume(self, name: str) -> None:
        """Remove a PersistentVolume, if it is known."""
        self._claims.pop(name, None)
        for secret in self._volumes.pop(name, ()):
            volumes = self._volumes_of[secret]
            volumes.discard(name)
            if not volumes:
                del self._volumes_of[secret]

    def put_named(self, resource: str, document: Object) -> None:
        """Add or replace a VolumeAttachment or a ResourceSlice."""
        node = (document.get("spec") or {}).get("nodeName") or ""
        self._named[resource, "", document["metadata"]["name"]] = node

    def remove_named(self, resource: str, name: str) -> None:
        """Remove a VolumeAttachment or a ResourceSlice, if it is known."""
        self._named.pop((resource, "", name), None)

    def _needs_volume(self, node: str, name: str) -> bool:
        claim = self._claims.get(name)
        return claim is not None and node in self._nodes.get(("persistentvolumeclaims", *claim), ())


def references_of(pod: Object) -> Iterator[Vertex]:
    """Yield a Pod itself and the objects that it names. A mirror Pod may not name any."""
    metadata, spec = pod["metadata"], pod.get("spec") or {}
    namespace, name = metadata.get("namespace", ""), metadata["name"]
    yield "pods", namespace, name
    if MIRROR_POD in (metadata.get("annotations") or {}):
        return
    yield from (
        (resource, namespace, each) for resource, each in _names_in(pod, spec, name) if each
    )


def _names_in(pod: Object, spec: Object, pod_name: str) -> Iterator[tuple[str, str]]:
    yield "serviceaccounts", spec.get("serviceAccountName") or ""
    for each in spec.get("imagePullSecrets") or ():
        yield "secrets", each.get("name", "")
    for containers in _CONTAINERS:
        for container in spec.get(containers) or ():
            yield from _names_in_environment(container)
    for volume in spec.get("volumes") or ():
        yield from _names_in_volume(volume, pod_name)
    yield from _claims_of(pod, spec)


def _names_in_environment(container: Object) -> Iterator[tuple[str, str]]:
    for source in container.get("envFrom") or ():
        yield "secrets", (source.get("secretRef") or {}).get("name", "")
        yield "configmaps", (source.get("configMapRef") or {}).get("name", "")
    for variable in container.get("env") or ():
        source = variable.get("valueFrom") or {}
        yield "secrets", (source.get("secretKeyRef") or {}).get("name", "")
        yield "configmaps", (source.get("configMapKeyRef") or {}).get("name", "")


def _names_in_volume(volume: Object, pod_name: str) -> Iterator[tuple[str, str]]:
    yield "configmaps", (volume.get("configMap") or {}).get("name", "")
    yield "secrets", (volume.get("secret") or {}).get("secretName", "")
    claim = (volume.get("persistentVolumeClaim") or {}).get("claimName", "")
    yield "persistentvolumeclaims", claim
    if volume.get("ephemeral") is not None:
        yield "persistentvolumeclaims", f"{pod_name}-{volume.get('name', '')}"
    for source in (volume.get("projected") or {}).get("sources") or ():
        yield "configmaps", (source.get("configMap") or {}).get("name", "")
        yield "secrets", (source.get("secret") or {}).get("name", "")
    for _, secret in _secrets_in(volume):
        yield "secrets", secret


def _claims_of(pod: Object, spec: Object) -> Iterator[tuple[str, str]]:
    status = pod.get("status") or {}
    claims: list[Object] = [
        *(spec.get("resourceClaims") or ()),
        *(status.get("resourceClaimStatuses") or ()),
        status.get("extendedResourceClaimStatus") or {},
    ]
    for claim in claims:
        yield "resourceclaims", claim.get("resourceClaimName") or ""


def _secrets_in(sources: Object) -> Iterator[tuple[str, str]]:
    """Yield namespace and name of the Secrets that the source of a volume names."""
    for source in _documents(sources.values()):
        for member, value in source.items():
            if member.endswith(("SecretRef", "secretRef")) and isinstance(value, dict):
                yield value.get("namespace") or "", value.get("name") or ""
            elif member == "secretName" and "shareName" in source:
                yield source.get("secretNamespace") or "", value


def _documents(values: Iterable[Any]) -> Iterator[Object]:
    return (value for value in values if isinstance(value, dict))
