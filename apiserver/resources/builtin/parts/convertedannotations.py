"""Annotations that only a version has: in Kubernetes' internal types they are fields.

Metadata without its object, as in PartialObjectMetadata and the rows of a Table, is that of the
internal type. So it lacks them (the conversion functions in ``pkg/apis``).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from apiserver.machinery.objects import Object

TEMPLATE_GENERATION: Final = "deprecated.daemonset.template.generation"
METRICS: Final = "autoscaling.alpha.kubernetes.io/metrics"
BEHAVIOR: Final = "autoscaling.alpha.kubernetes.io/behavior"
CURRENT_METRICS: Final = "autoscaling.alpha.kubernetes.io/current-metrics"
CONDITIONS: Final = "autoscaling.alpha.kubernetes.io/conditions"

_CONVERTED: Final[Mapping[tuple[str, str], frozenset[str]]] = {
    ("apps/v1", "DaemonSet"): frozenset([TEMPLATE_GENERATION]),
    ("autoscaling/v1", "HorizontalPodAutoscaler"): frozenset(
        [METRICS, BEHAVIOR, CURRENT_METRICS, CONDITIONS]
    ),
}


def internal_metadata(document: Object) -> Object:
    """Return the metadata of an object without the annotations that only its version has."""
    metadata: Object = document["metadata"]
    converted = _CONVERTED.get((document.get("apiVersion", ""), document.get("kind", "")))
    if converted is None or converted.isdisjoint(metadata.get("annotations") or ()):
        return metadata
    kept = {name: text for name, text in metadata["annotations"].items() if name not in converted}
    members = {name: value for name, value in metadata.items() if name != "annotations"}
    return {**members, "annotations": kept} if kept else members
