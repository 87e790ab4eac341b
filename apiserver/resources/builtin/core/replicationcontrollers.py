"""ReplicationController."""

from __future__ import annotations

from typing import Any, Final

from apiserver.machinery.fielderrors import FieldError, required
from apiserver.machinery.objects import Object
from apiserver.resources.builtin.apps.replicasets import (
    replica_cells,
    replica_columns,
    validate_replica_status,
)
from apiserver.resources.builtin.apps.rules import (
    validate_counts,
)
from apiserver.resources.builtin.apps.workloads import (
    WorkloadStrategy,
    template_cells,
    validate_match,
    validate_running,
)
from apiserver.resources.builtin.fields import number
from apiserver.resources.builtin.parts.labelselector import format_map
from apiserver.resources.builtin.parts.podtemplate import validate_pod_template
from apiserver.resources.printing import Printer
from apiserver.resources.scaling import ScaleFields
from apiserver.resources.strategy import ORPHAN

_SPEC: Final = "api.core.v1.ReplicationControllerSpec"
_STATUS: Final = "api.core.v1.ReplicationControllerStatus"
_FIELDS: Final = {"status.replicas": number("status.replicas")}


def _cells(document: Object, now: float) -> list[Any]:
    selector = format_map(document["spec"].get("selector"))
    return [*replica_cells(document, now), *template_cells(document), selector]


def _selector(document: Object) -> str:
    selector = document["spec"].get("selector")
    return format_map(selector) if selector else ""


class ReplicationControllerStrategy(WorkloadStrategy):
    """A ReplicationController is the older ReplicaSet: its selector is a map, and may change."""

    checks_generate_name = False
    default_garbage_collection_policy = ORPHAN
    fields = _FIELDS
    printer = Printer(replica_columns(_SPEC, _STATUS), _cells)
    scale = ScaleFields(_selector)

    def default_spec(self, document: Object) -> None:
        spec, metadata = document["spec"], document["metadata"]
        labels = ((spec.get("template") or {}).get("metadata") or {}).get("labels")
        if labels:
            if not spec.get("selector"):
                spec["selector"] = dict(labels)
            if not metadata.get("labels"):
                metadata["labels"] = dict(labels)
        spec.setdefault("replicas", 1)

    def validate(self, document: Object) -> list[FieldError]:
        return _validate_spec(document["spec"], None)

    def validate_update(self, document: Object, old: Object) -> list[FieldError]:
        return _validate_spec(document["spec"], old["spec"])

    def validate_status_update(self, document: Object, old: Object) -> list[FieldError]:
        return validate_replica_status(document.get("status") or {})

    def warnings_for_template(self, document: Object, old: Object | None) -> list[str]:
        # On a change, Kubernetes warns about the template that was there before.
        return super().warnings_for_template(document if old is None else old, None)


def _validate_spec(spec: Object, old: Object | None) -> list[FieldError]:
    selector, template = spec.get("selector"), spec.get("template")
    errors = validate_counts(spec, ("minReadySeconds",), "spec")
    if not selector:
        errors.append(required("spec.selector"))
    if "replicas" not in spec:
        errors.append(required("spec.replicas"))
    errors += validate_counts(spec, ("replicas",), "spec")
    if template is None:
        return [*errors, required("spec.template")]
    if selector:
        errors += validate_match({"matchLabels": selector}, template, "spec.template")
    before = old.get("template") if old else None
    errors += validate_pod_template(template, "spec.template", before)
    errors += validate_running(template["spec"], "spec.template.spec", "ReplicationController")
    return errors


STRATEGY = ReplicationControllerStrategy
