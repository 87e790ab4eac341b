"""DaemonSet.

The former field templateGeneration is kept in an annotation. The server increments it with every
change of the template, and clients cannot change it.
"""

from __future__ import annotations

import re
from typing import Any, Final

from apiserver.machinery.errors import BadRequest
from apiserver.machinery.fielderrors import FieldError, invalid, not_supported, required
from apiserver.machinery.integers import parse_integer
from apiserver.machinery.objects import Object, metadata_of, with_metadata
from apiserver.machinery.quoting import quote
from apiserver.resources.builtin.apps.rules import (
    validate_collisions,
    validate_counts,
)
from apiserver.resources.builtin.apps.workloads import (
    CONTAINERS,
    IMAGES,
    WorkloadStrategy,
    template_cells,
    validate_match,
    validate_running,
    validate_same_selector,
)
from apiserver.resources.builtin.parts.convertedannotations import TEMPLATE_GENERATION
from apiserver.resources.builtin.parts.intorpercent import (
    amount,
    validate_at_most_100_percent,
    validate_int_or_percent,
)
from apiserver.resources.builtin.parts.labelselector import (
    format_map,
    format_selector,
    is_empty,
    validate_label_selector,
)
from apiserver.resources.builtin.parts.podtemplate import validate_pod_template
from apiserver.resources.printing import AGE, NAME, Column, Printer, age_of
from apiserver.schema.internalform import internal_form, internal_selector

ON_DELETE: Final = "OnDelete"
ROLLING_UPDATE: Final = "RollingUpdate"
_INTEGER: Final = re.compile(r"[+-]?[0-9]+", re.ASCII)
_BOOKMARK: Final = {TEMPLATE_GENERATION: "0"}
_STATUS: Final = "api.apps.v1.DaemonSetStatus"
_STATUS_COUNTS: Final = (
    "currentNumberScheduled",
    "numberMisscheduled",
    "desiredNumberScheduled",
    "numberReady",
    "observedGeneration",
    "updatedNumberScheduled",
    "numberAvailable",
    "numberUnavailable",
    "collisionCount",
)
_SHOWN_COUNTS: Final = (
    "desiredNumberScheduled",
    "currentNumberScheduled",
    "numberReady",
    "updatedNumberScheduled",
    "numberAvailable",
)
_COUNT_NAMES: Final = ("Desired", "Current", "Ready", "Up-to-date", "Available")

_COLUMNS: Final = (
    NAME,
    *(
        Column(name, type="integer", source=f"{_STATUS}.{member}")
        for name, member in zip(_COUNT_NAMES, _SHOWN_COUNTS, strict=True)
    ),
    Column("Node Selector", source="api.core.v1.PodSpec.nodeSelector"),
    AGE,
    CONTAINERS,
    IMAGES,
    Column("Selector", source="api.apps.v1.DaemonSetSpec.selector", priority=1),
)


def _cells(document: Object, now: float) -> list[Any]:
    metadata, status, spec = document["metadata"], document.get("status") or {}, document["spec"]
    return [
        metadata.get("name", ""),
        *(status.get(member, 0) for member in _SHOWN_COUNTS),
        format_map(spec["template"]["spec"].get("nodeSelector")),
        age_of(metadata.get("creationTimestamp"), now),
        *template_cells(document),
        format_selector(spec.get("selector")),
    ]


class DaemonSetStrategy(WorkloadStrategy):
    """A DaemonSet keeps one Pod on every node that its template fits."""

    names_pods = False
    printer = Printer(_COLUMNS, _cells)
    annotations_of_bookmarks = _BOOKMARK

    def default(self, document: Object) -> None:
        super().default(document)
        metadata = document["metadata"]
        annotations = metadata["annotations"] = dict(metadata.get("annotations") or {})
        number = annotations.get(TEMPLATE_GENERATION, "0")
        if not _INTEGER.fullmatch(number):
            raise BadRequest(
                'DaemonSet in version "v1" cannot be handled as a DaemonSet: '
                f"strconv.ParseInt: parsing {quote(number)}: invalid syntax"
            )
        annotations[TEMPLATE_GENERATION] = str(parse_integer(number))

    def default_spec(self, document: Object) -> None:
        spec = document["spec"]
        strategy = spec["updateStrategy"]
        if not strategy.get("type"):
            strategy["type"] = ROLLING_UPDATE
        if strategy["type"] == ROLLING_UPDATE:
            rolling_update = strategy.setdefault("rollingUpdate", {})
            rolling_update.setdefault("maxUnavailable", 1)
            rolling_update.setdefault("maxSurge", 0)
        spec.setdefault("revisionHistoryLimit", 10)

    def prepare_for_create(self, document: Object) -> Object:
        return _numbered(super().prepare_for_create(document), max(_number_of(document), 1))

    def prepare_for_update(self, document: Object, old: Object) -> Object:
        prepared = super().prepare_for_update(document, old)
        number = _number_of(old)
        if prepared["spec"]["template"] != old["spec"]["template"]:
            number += 1
        return _numbered(prepared, number)

    def prepare_for_status_update(self, document: Object, old: Object) -> Object:
        return _numbered(super().prepare_for_status_update(document, old), _number_of(old))

    def validate(self, document: Object) -> list[FieldError]:
        return _validate_spec(document["spec"], None)

    def validate_update(self, document: Object, old: Object) -> list[FieldError]:
        spec, before = document["spec"], old["spec"]
        return [*validate_same_selector(spec, before), *_validate_spec(spec, before)]

    def validate_status_update(self, document: Object, old: Object) -> list[FieldError]:
        status = document.get("status") or {}
        return [
            *validate_counts(status, _STATUS_COUNTS, "status"),
            *validate_collisions(status, old.get("status") or {}),
        ]


def _number_of(document: Object) -> int:
    number = (metadata_of(document).get("annotations") or {}).get(TEMPLATE_GENERATION, "0")
    return parse_integer(number) if _INTEGER.fullmatch(number) else 0


def _numbered(document: Object, number: int) -> Object:
    annotations = document["metadata"].get("annotations") or {}
    return with_metadata(document, annotations={**annotations, TEMPLATE_GENERATION: str(number)})


def _validate_spec(spec: Object, old: Object | None) -> list[FieldError]:
    selector, template, path = spec.get("selector"), spec["template"], "spec.template"
    lenient = old is not None and bool(validate_label_selector(old.get("selector"), ""))
    errors = validate_label_selector(selector, "spec.selector", lenient=lenient)
    if not validate_label_selector(selector, ""):
        errors += validate_match(selector, template, path)
    if selector is not None and is_empty(selector):
        detail = "empty selector is invalid for daemonset"
        errors.append(invalid("spec.selector", internal_selector(selector), detail))
    errors += validate_pod_template(template, path, old["template"] if old else None)
    errors += validate_running(template["spec"], f"{path}.spec", "DaemonSet")
    errors += validate_counts(spec, ("minReadySeconds",), "spec")
    errors += _validate_strategy(spec["updateStrategy"], "spec.updateStrategy")
    return errors + validate_counts(spec, ("revisionHistoryLimit",), "spec")


def _validate_strategy(strategy: Object, path: str) -> list[FieldError]:
    rolling_update, type_ = strategy.get("rollingUpdate"), strategy.get("type")
    if type_ == ON_DELETE:
        return []
    if type_ != ROLLING_UPDATE:
        shown = internal_form("apps.v1.DaemonSetUpdateStrategy", strategy)
        return [not_supported(path, shown, (ROLLING_UPDATE, ON_DELETE))]
    where = f"{path}.rollingUpdate"
    if rolling_update is None:
        return [required(where)]
    unavailable, surge = rolling_update.get("maxUnavailable", 0), rolling_update.get("maxSurge", 0)
    errors = [
        *validate_int_or_percent(unavailable, f"{where}.maxUnavailable"),
        *validate_int_or_percent(surge, f"{where}.maxSurge"),
        *validate_at_most_100_percent(unavailable, f"{where}.maxUnavailable"),
        *validate_at_most_100_percent(surge, f"{where}.maxSurge"),
    ]
    if amount(unavailable) and amount(surge):
        detail = "may not be set when maxUnavailable is non-zero"
        errors.append(invalid(f"{where}.maxSurge", surge, detail))
    elif not amount(unavailable) and not amount(surge):
        errors.append(required(f"{where}.maxUnavailable", "cannot be 0 when maxSurge is 0"))
    return errors


STRATEGY = DaemonSetStrategy
