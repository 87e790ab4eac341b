"""HorizontalPodAutoscaler, in its two versions.

The rules are those of ``autoscaling/v2``, which is also the stored version. An object of
``autoscaling/v1`` is converted to v2 for validation.
"""

from __future__ import annotations

from typing import Any, Final

from apiserver.machinery.fielderrors import FieldError, invalid, required
from apiserver.machinery.objects import Object
from apiserver.resources.builtin.apps.rules import (
    validate_counts,
)
from apiserver.resources.builtin.autoscaling import versions
from apiserver.resources.builtin.autoscaling.horizontalpodautoscalers.behavior import (
    default_behavior,
    validate_behavior,
)
from apiserver.resources.builtin.autoscaling.horizontalpodautoscalers.cells import (
    COLUMNS,
    row,
)
from apiserver.resources.builtin.autoscaling.horizontalpodautoscalers.metrics import (
    validate_metrics,
)
from apiserver.resources.builtin.autoscaling.horizontalpodautoscalers.references import (
    validate_reference,
)
from apiserver.resources.definition import ResourceDefinition
from apiserver.resources.printing import Printer
from apiserver.resources.strategy import CHANGE, Strategy
from apiserver.schema.kindtypes import Types

_NO_STATUS: Final = {"desiredReplicas": 0}


class HorizontalPodAutoscalerStrategy(Strategy):
    """An autoscaler scales an object so that its metrics approach their targets."""

    metadata_checks = (CHANGE,)

    def __init__(self, definition: ResourceDefinition, types: Types) -> None:
        super().__init__(definition, types)
        self._is_old = definition.version == "v1"
        self.printer = Printer(COLUMNS, self._row)

    def default(self, document: Object) -> None:
        spec = document["spec"]
        spec.setdefault("minReplicas", 1)
        if self._is_old:
            if not versions.has_metrics(document):
                versions.default_target(document)
            # Merge annotations and fields that have the same meaning.
            document.update(versions.to_v1(versions.to_v2(document)))
            return
        if not spec.get("metrics"):
            spec["metrics"] = [versions.default_metric()]
        if "behavior" in spec:
            default_behavior(spec["behavior"])

    def prepare_for_create(self, document: Object) -> Object:
        return self._with_status(super().prepare_for_create(document), None)

    def prepare_for_update(self, document: Object, old: Object) -> Object:
        return self._with_status(super().prepare_for_update(document, old), old)

    def prepare_for_status_update(self, document: Object, old: Object) -> Object:
        if not self._is_old:
            return super().prepare_for_status_update(document, old)
        new, before = versions.to_v2(document), versions.to_v2(old)
        return versions.to_v1(super().prepare_for_status_update(new, before))

    def _with_status(self, document: Object, old: Object | None) -> Object:
        # In v1, parts of the status are annotations.
        if not self._is_old:
            return document
        status = _NO_STATUS if old is None else versions.to_v2(old)["status"]
        return versions.to_v1({**versions.to_v2(document), "status": status})

    def validate(self, document: Object) -> list[FieldError]:
        return _validate_spec(self._new(document)["spec"], None)

    def validate_update(self, document: Object, old: Object) -> list[FieldError]:
        return _validate_spec(self._new(document)["spec"], self._new(old)["spec"])

    def validate_status_update(self, document: Object, old: Object) -> list[FieldError]:
        counts = ("currentReplicas", "desiredReplicas")
        return validate_counts(document.get("status") or {}, counts, "status")

    def _new(self, document: Object) -> Object:
        return versions.to_v2(document) if self._is_old else document

    def _row(self, document: Object, now: float) -> list[Any]:
        return row(self._new(document), now)


def _validate_spec(spec: Object, old: Object | None) -> list[FieldError]:
    errors = _validate_bounds(spec, old)
    reference, path = spec.get("scaleTargetRef") or {}, "spec.scaleTargetRef"
    errors += validate_reference(
        reference,
        path,
        group_required=_needs_group(reference),
        version_checked=old is None or _is_other_kind(reference, old.get("scaleTargetRef") or {}),
    )
    errors += validate_metrics(spec, old, "spec.metrics")
    if "behavior" in spec:
        errors += validate_behavior(spec["behavior"], "spec.behavior")
    return errors


def _validate_bounds(spec: Object, old: Object | None) -> list[FieldError]:
    low, high, path = spec.get("minReplicas"), spec.get("maxReplicas", 0), "spec.maxReplicas"
    # Zero replicas used to be allowed, and an object that has them may keep them.
    lowest = 0 if old is not None and old.get("minReplicas") == 0 else 1
    errors: list[FieldError] = []
    if low is not None and low < lowest:
        detail = f"must be greater than or equal to {lowest}"
        errors.append(invalid("spec.minReplicas", low, detail))
    if high == 0:
        errors.append(required(path, "must be set and greater than 0"))
    elif high < 1:
        errors.append(invalid(path, high, "must be greater than 0"))
    if low is not None and high < low:
        detail = "must be greater than or equal to `minReplicas`"
        errors.append(invalid(path, high, detail))
    return errors


def _needs_group(reference: Object) -> bool:
    # The only kind of the core group that can be scaled.
    return reference.get("kind") != "ReplicationController"


def _is_other_kind(reference: Object, old: Object) -> bool:
    return any((reference.get(it) or "") != (old.get(it) or "") for it in ("apiVersion", "kind"))


STRATEGY = HorizontalPodAutoscalerStrategy
