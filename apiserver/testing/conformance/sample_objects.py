"""Objects for the conformance tests."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def config_map(name: str, labels: Mapping[str, str] = {}, **data: str) -> dict[str, Any]:
    """Return a ConfigMap."""
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": name, "labels": {**labels}},
        "data": data,
    }


def deployment(name: str) -> dict[str, Any]:
    """Return a Deployment without replicas, whose Pod has two containers."""
    labels = {"app": name}
    containers = [{"name": "one", "image": "one"}, {"name": "two", "image": "two"}]
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name},
        "spec": {
            "replicas": 0,
            "selector": {"matchLabels": labels},
            "template": {"metadata": {"labels": labels}, "spec": {"containers": containers}},
        },
    }
