"""Definitions for tests: of one group, with one version and no schema to speak of."""

from __future__ import annotations

from typing import Any

from apiserver.machinery.objects import Object

GROUP = "example.com"


def crd(plural: str, kind: str, group: str = GROUP, **members: Any) -> Object:
    """Return a definition; ``members`` are of its spec, ``names`` added to its names."""
    schema = {"openAPIV3Schema": {"type": "object"}}
    names = {"plural": plural, "kind": kind, **members.pop("names", {})}
    versions = [{"name": "v1", "served": True, "storage": True, "schema": schema}]
    return {
        "metadata": {"name": f"{plural}.{group}"},
        "spec": {
            "group": group,
            "scope": "Namespaced",
            "names": names,
            "versions": versions,
            **members,
        },
    }
