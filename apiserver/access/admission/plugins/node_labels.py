"""The labels of its Node that a kubelet may not change.

Free are labels outside of Kubernetes' own domains, and those that kubelets are known to set.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

_ISOLATED: Final = "node-restriction.kubernetes.io"
_KUBERNETES: Final = ("kubernetes.io", "k8s.io")
_KUBELET_DOMAINS: Final = ("kubelet.kubernetes.io", "node.kubernetes.io")
_KUBELET_LABELS: Final = frozenset([
    "kubernetes.io/hostname", "kubernetes.io/arch", "kubernetes.io/os",
    "topology.kubernetes.io/zone", "topology.kubernetes.io/region",
    "failure-domain.beta.kubernetes.io/zone", "failure-domain.beta.kubernetes.io/region",
    "node.kubernetes.io/instance-type", "beta.kubernetes.io/instance-type",
    "beta.kubernetes.io/os", "beta.kubernetes.io/arch",
])  # fmt: skip


def forbidden_labels(labels: Mapping[str, str], old: Mapping[str, str]) -> list[str]:
    """Return the keys that differ though a kubelet may not change them, sorted."""
    changed = {key for key in labels.keys() | old.keys() if labels.get(key) != old.get(key)}
    return sorted(key for key in changed if _is_forbidden(key))


def _is_forbidden(key: str) -> bool:
    domain = key.rpartition("/")[0]
    if _is_in(domain, _ISOLATED):
        return True
    if key in _KUBELET_LABELS or any(_is_in(domain, known) for known in _KUBELET_DOMAINS):
        return False
    return any(_is_in(domain, known) for known in _KUBERNETES)


def _is_in(domain: str, parent: str) -> bool:
    return domain == parent or domain.endswith(f".{parent}")
