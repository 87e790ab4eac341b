"""CustomResourceDefinitions for tests."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def crd(
    group: str,
    plural: str,
    kind: str,
    *versions: Mapping[str, Any],
    names: Mapping[str, Any] | None = None,
    **spec: Any,
) -> dict[str, Any]:
    """Return a definition; what ``versions`` say is added to that of one without rules.

    Without any there is ``v1``. The only version of a definition is stored.
    """
    version = {
        "name": "v1",
        "served": True,
        "storage": len(versions) < 2,
        "schema": {"openAPIV3Schema": {"type": "object"}},
    }
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{plural}.{group}"},
        "spec": {
            "group": group,
            "scope": "Namespaced",
            "names": {"plural": plural, "kind": kind, **(names or {})},
            "versions": [{**version, **each} for each in versions or [{}]],
            **spec,
        },
    }


def with_schema(schema: Mapping[str, Any], **members: Any) -> dict[str, Any]:
    """Return a version with a schema."""
    return {"schema": {"openAPIV3Schema": schema}, **members}
