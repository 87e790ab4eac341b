"""ReplicaSet."""

from __future__ import annotations

from typing import Any, Final

from apiserver.machinery.fielderrors import FieldError
from apiserver.machinery.objects import Object
from apiserver.resources.builtin.apps.rules import (
    MORE_THAN_READY,
    validate_at_most,
    validate_counts,
)
from apiserver.resources.builtin.apps.workloads import (
    CONTAINERS,
    IMAGES,
    NO_REPLICAS,
    WorkloadStrategy,
    spec_selector_text,
    template_cells,
    validate_replicated,
    validate_same_selector,
)
from apiserver.resources.builtin.parts.labelselector import format_selector
from apiserver.resources.printing import AGE, NAME, Column, Printer, age_of
from apiserver.resources.scaling import ScaleFields

_SPEC: Final = "api.apps.v1.ReplicaSetSpec"
_STATUS: Final = "api.apps.v1.ReplicaSetStatus"
_STATUS_COUNTS: Final = (
    "replicas",
    "fullyLabeledReplicas",
    "readyReplicas",
    "availableReplicas",
    "terminatingReplicas",
    "observedGeneration",
)


def replica_columns(spec: str, status: str) -> tuple[Column, ...]:
    """Return the columns of a kind that counts replicas, given the names of its two halves."""
    return (
        NAME,
        Column("Desired", type="integer", source=f"{spec}.replicas"),
        Column("Current", type="integer", source=f"{status}.replicas"),
        Column("Ready", type="integer", source=f"{status}.readyReplicas"),
        AGE,
        CONTAINERS,
        IMAGES,
        Column("Selector", source=f"{spec}.selector", priority=1),
    )


def replica_cells(document: Object, now: float) -> list[Any]:
    """Return the first cells of a kind that counts replicas: from the name to the age."""
    metadata, status = document["metadata"], document.get("status") or {}
    return [
        metadata.get("name", ""),
        document["spec"].get("replicas", 0),
        status.get("replicas", 0),
        status.get("readyReplicas", 0),
        age_of(metadata.get("creationTimestamp"), now),
    ]


def _cells(document: Object, now: float) -> list[Any]:
    return [
        *replica_cells(document, now),
        *template_cells(document),
        format_selector(document["spec"].get("selector")),
    ]


def validate_replica_status(status: Object) -> list[FieldError]:
    """Validate the status of a kind that counts replicas."""
    members = ("fullyLabeledReplicas", "readyReplicas", "availableReplicas")
    return [
        *validate_counts(status, _STATUS_COUNTS, "status"),
        *validate_at_most(status, members),
        *validate_at_most(status, ("availableReplicas",), "readyReplicas", MORE_THAN_READY),
    ]


class ReplicaSetStrategy(WorkloadStrategy):
    """A ReplicaSet keeps a number of Pods of one template."""

    printer = Printer(replica_columns(_SPEC, _STATUS), _cells)
    scale = ScaleFields(spec_selector_text)
    spec_of_bookmarks = NO_REPLICAS

    def default_spec(self, document: Object) -> None:
        document["spec"].setdefault("replicas", 1)

    def validate(self, document: Object) -> list[FieldError]:
        return _validate_spec(document["spec"], None)

    def validate_update(self, document: Object, old: Object) -> list[FieldError]:
        spec, before = document["spec"], old["spec"]
        return [*_validate_spec(spec, before), *validate_same_selector(spec, before)]

    def validate_status_update(self, document: Object, old: Object) -> list[FieldError]:
        return validate_replica_status(document.get("status") or {})


def _validate_spec(spec: Object, old: Object | None) -> list[FieldError]:
    counts = validate_counts(spec, ("replicas", "minReadySeconds"), "spec")
    return counts + validate_replicated(spec, old)


STRATEGY = ReplicaSetStrategy
