"""Deployment."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from apiserver.machinery.fielderrors import FieldError, forbidden, invalid, not_supported, required
from apiserver.machinery.objects import Object, with_metadata
from apiserver.resources.builtin.apps.rules import (
    MORE_THAN_READY,
    validate_at_most,
    validate_collisions,
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
from apiserver.resources.builtin.parts.intorpercent import (
    amount,
    validate_at_most_100_percent,
    validate_int_or_percent,
)
from apiserver.resources.printing import AGE, NAME, Column, Printer, age_of
from apiserver.resources.scaling import ScaleFields
from apiserver.schema.internalform import internal_form

RECREATE: Final = "Recreate"
ROLLING_UPDATE: Final = "RollingUpdate"
_SHARE: Final = "25%"
# A status update restores the labels too.
_RESET: Final[Mapping[str, Mapping[str, Any]]] = {
    "status": {"f:spec": {}, "f:metadata": {"f:labels": {}}}
}
_STATUS: Final = "api.apps.v1.DeploymentStatus"
_STATUS_COUNTS: Final = (
    "observedGeneration",
    "replicas",
    "updatedReplicas",
    "readyReplicas",
    "availableReplicas",
    "unavailableReplicas",
    "terminatingReplicas",
    "collisionCount",
)

_COLUMNS: Final = (
    NAME,
    Column("Ready", "Number of the pod with ready state"),
    Column("Up-to-date", source=f"{_STATUS}.updatedReplicas"),
    Column("Available", source=f"{_STATUS}.availableReplicas"),
    AGE,
    CONTAINERS,
    IMAGES,
    Column("Selector", source="api.apps.v1.DeploymentSpec.selector", priority=1),
)


def _cells(document: Object, now: float) -> list[Any]:
    metadata, status = document["metadata"], document.get("status") or {}
    return [
        metadata.get("name", ""),
        f"{status.get('readyReplicas', 0)}/{document['spec'].get('replicas', 0)}",
        status.get("updatedReplicas", 0),
        status.get("availableReplicas", 0),
        age_of(metadata.get("creationTimestamp"), now),
        *template_cells(document),
        spec_selector_text(document),
    ]


class DeploymentStrategy(WorkloadStrategy):
    """A Deployment replaces its Pods by Pods of a new template at a configured rate."""

    reset_fields = _RESET
    printer = Printer(_COLUMNS, _cells)
    scale = ScaleFields(spec_selector_text)
    spec_of_bookmarks = NO_REPLICAS

    def default_spec(self, document: Object) -> None:
        spec = document["spec"]
        spec.setdefault("replicas", 1)
        strategy = spec["strategy"]
        if not strategy.get("type"):
            strategy["type"] = ROLLING_UPDATE
        if strategy["type"] == ROLLING_UPDATE:
            pace = strategy.setdefault("rollingUpdate", {})
            pace.setdefault("maxUnavailable", _SHARE)
            pace.setdefault("maxSurge", _SHARE)
        spec.setdefault("revisionHistoryLimit", 10)
        spec.setdefault("progressDeadlineSeconds", 600)

    def prepare_for_update(self, document: Object, old: Object) -> Object:
        prepared = super().prepare_for_update(document, old)
        before = old["metadata"]
        if (prepared["metadata"].get("annotations") or {}) == (before.get("annotations") or {}):
            return prepared
        # Rollbacks and pauses used to be annotations, so annotations count for the generation.
        return with_metadata(prepared, generation=(before.get("generation") or 0) + 1)

    def prepare_for_status_update(self, document: Object, old: Object) -> Object:
        prepared = super().prepare_for_status_update(document, old)
        return with_metadata(prepared, labels=old["metadata"].get("labels"))

    def validate(self, document: Object) -> list[FieldError]:
        return _validate_spec(document["spec"], None)

    def validate_update(self, document: Object, old: Object) -> list[FieldError]:
        spec, before = document["spec"], old["spec"]
        return [*_validate_spec(spec, before), *validate_same_selector(spec, before)]

    def validate_status_update(self, document: Object, old: Object) -> list[FieldError]:
        status = document.get("status") or {}
        return [
            *validate_counts(status, _STATUS_COUNTS, "status"),
            *validate_at_most(status, ("updatedReplicas", "readyReplicas", "availableReplicas")),
            *validate_at_most(status, ("availableReplicas",), "readyReplicas", MORE_THAN_READY),
            *validate_collisions(status, old.get("status") or {}),
        ]


def _validate_spec(spec: Object, old: Object | None) -> list[FieldError]:
    return [
        *validate_counts(spec, ("replicas",), "spec"),
        *validate_replicated(spec, old),
        *_validate_strategy(spec["strategy"], "spec.strategy"),
        *validate_counts(spec, ("minReadySeconds", "revisionHistoryLimit"), "spec"),
        *_validate_deadline(spec),
    ]


def _validate_strategy(strategy: Object, path: str) -> list[FieldError]:
    pace, type_ = strategy.get("rollingUpdate"), strategy.get("type")
    where = f"{path}.rollingUpdate"
    if type_ == RECREATE:
        detail = "may not be specified when strategy `type` is 'Recreate'"
        return [] if pace is None else [forbidden(where, detail)]
    if type_ != ROLLING_UPDATE:
        shown = internal_form("apps.v1.DeploymentStrategy", strategy)
        return [not_supported(path, shown, (RECREATE, ROLLING_UPDATE))]
    if pace is None:
        return [required(where, "this should be defaulted and never be nil")]
    unavailable, surge = pace.get("maxUnavailable", 0), pace.get("maxSurge", 0)
    errors = validate_int_or_percent(unavailable, f"{where}.maxUnavailable")
    errors += validate_int_or_percent(surge, f"{where}.maxSurge")
    if amount(unavailable) == 0 and amount(surge) == 0:
        detail = "may not be 0 when `maxSurge` is 0"
        errors.append(invalid(f"{where}.maxUnavailable", unavailable, detail))
    return errors + validate_at_most_100_percent(unavailable, f"{where}.maxUnavailable")


def _validate_deadline(spec: Object) -> list[FieldError]:
    deadline = spec.get("progressDeadlineSeconds")
    if deadline is None:
        return []
    errors = validate_counts(spec, ("progressDeadlineSeconds",), "spec")
    if deadline <= spec.get("minReadySeconds", 0):
        detail = "must be greater than minReadySeconds"
        errors.append(invalid("spec.progressDeadlineSeconds", deadline, detail))
    return errors


STRATEGY = DeploymentStrategy
