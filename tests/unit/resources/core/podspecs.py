"""Pods with some members changed."""

from __future__ import annotations

from typing import Any

from tests.unit.resources.writing import Kind, merged

KIND = Kind("v1", "Pod")
POD: dict[str, Any] = {
    "metadata": {"name": "a"},
    "spec": {"containers": [{"name": "c", "image": "nginx:1"}]},
}


def pod(**spec: Any) -> dict[str, Any]:
    """Return a Pod with changes of its spec."""
    return merged(POD, spec=spec)


def container(**members: Any) -> dict[str, Any]:
    """Return a Pod with changes of its container."""
    return pod(containers=[{"name": "c", "image": "nginx:1", **members}])
