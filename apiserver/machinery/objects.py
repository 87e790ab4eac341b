"""Object: a complete JSON document with apiVersion, kind and metadata.

Stored objects may be shared with the cache and with other requests. They are never changed in
place; a change copies the path to the changed member.
"""

from __future__ import annotations

from typing import Any, NamedTuple, TypeAlias

from apiserver.machinery.empties import copied, made_of

Object: TypeAlias = dict[str, Any]


class NamespacedName(NamedTuple):
    """The namespace and the name of an object; the namespace is empty for a cluster-scoped one."""

    namespace: str
    name: str


def metadata_of(document: Object) -> dict[str, Any]:
    """Return the metadata, ``{}`` if there is none."""
    metadata = document.get("metadata")
    return metadata if isinstance(metadata, dict) else {}


def name_of(document: Object) -> str:
    """Return ``metadata.name``, ``""`` if there is none."""
    name = metadata_of(document).get("name")
    return name if isinstance(name, str) else ""


def namespace_of(document: Object) -> str:
    """Return ``metadata.namespace``, ``""`` if there is none."""
    namespace = metadata_of(document).get("namespace")
    return namespace if isinstance(namespace, str) else ""


def annotations_of(document: Object) -> dict[str, str]:
    """Return ``metadata.annotations``, ``{}`` if there are none."""
    return metadata_of(document).get("annotations") or {}


def with_metadata(document: Object, **changes: Any) -> Object:
    """Return a copy with members of its metadata replaced; ``None`` removes a member."""
    metadata = {**metadata_of(document), **changes}
    for name, value in changes.items():
        if value is None:
            del metadata[name]
    return made_of(document, {**document, "metadata": metadata})


def with_spec(document: Object, **changes: Any) -> Object:
    """Return a copy with members of its spec replaced."""
    spec = copied(document.get("spec") or {})
    spec.update(changes)
    return {**document, "spec": spec}
