"""The behaviour of Pods.

A Pod is created Pending, and its spec is mostly immutable after that. The main resource allows
changes of a few fields (`changes`), ``ephemeralcontainers`` adds containers for debugging, and
``resize`` changes the resources. The kubelet writes the status through ``status``.
"""

from __future__ import annotations

from typing import Any, Final

from apiserver.machinery.fielderrors import FieldError, forbidden
from apiserver.machinery.names import dns1123_label_problems
from apiserver.machinery.objects import Object, name_of
from apiserver.machinery.times import now
from apiserver.resources.builtin.core.pods import creation, ephemeral, resize, status
from apiserver.resources.builtin.core.pods.changes import validate_changes
from apiserver.resources.builtin.core.pods.columns import PRINTER
from apiserver.resources.builtin.core.pods.rules import validate_pod
from apiserver.resources.builtin.fields import flag, path, paths
from apiserver.resources.builtin.parts.podannotations import validate_agreement
from apiserver.resources.builtin.parts.poddefaults import default_pod, default_spec
from apiserver.resources.builtin.parts.poddisabledfields import drop_disabled_spec_fields
from apiserver.resources.builtin.parts.podresources import qos_class
from apiserver.resources.builtin.parts.podrules import OF_POD, annotations_of
from apiserver.resources.builtin.parts.podupdaterules import rules_for_update
from apiserver.resources.builtin.parts.podwarnings import warnings_for_pod
from apiserver.resources.definition import ResourceDefinition
from apiserver.resources.strategy import Strategy, Update
from apiserver.schema.kindtypes import Types

_ENDED: Final = ("Failed", "Succeeded")


class PodStrategy(Strategy):
    """A Pod."""

    generation_of = ("spec",)
    returns_deleted_object = True
    printer = PRINTER
    fields = {  # noqa: RUF012
        **paths(
            "spec.nodeName",
            "spec.restartPolicy",
            "spec.schedulerName",
            "spec.serviceAccountName",
            "status.phase",
            "status.podIP",
            "status.nominatedNodeName",
        ),
        "spec.host": path("spec.nodeName"),
        # Accepted, and never set.
        "status.podIPs": lambda _: "",
        "spec.hostNetwork": flag("spec.hostNetwork"),
    }

    reset_fields = {  # noqa: RUF012
        "status": {
            "f:spec": {},
            "f:metadata": {"f:deletionTimestamp": {}, "f:ownerReferences": {}},
        },
    }
    owned_fields = {  # noqa: RUF012
        "ephemeralcontainers": {"f:spec": {"f:ephemeralContainers": {"*": {}}}},
    }

    def __init__(self, definition: ResourceDefinition, types: Types) -> None:
        super().__init__(definition, types)
        self.updates["ephemeralcontainers"] = Update(
            ephemeral.prepare, ephemeral.validate, metadata_checks=self.metadata_checks
        )
        self.updates["resize"] = Update(
            resize.prepare, resize.validate, metadata_checks=self.metadata_checks
        )

    def default(self, document: Object) -> None:
        spec = document["spec"]
        default_spec(spec)
        default_pod(spec)
        if spec["terminationGracePeriodSeconds"] < 0:
            spec["terminationGracePeriodSeconds"] = 1
        creation.drop_old_annotations(document["metadata"])
        if "status" in document:
            status.match_addresses(document["status"])

    def prepare_for_create(self, document: Object) -> Object:
        spec = drop_disabled_spec_fields(document["spec"])
        labels = document["metadata"].get("labels") or {}
        spec = creation.with_selected_labels(spec, labels)
        state: dict[str, Any] = {"phase": "Pending", "qosClass": qos_class(spec)}
        if spec.get("schedulingGates"):
            state["conditions"] = [creation.gated(now())]
        return creation.with_apparmor_fields({**document, "spec": spec, "status": state})

    def validate(self, document: Object) -> list[FieldError]:
        spec = document["spec"]
        errors = validate_pod(document, OF_POD)
        if spec.get("ephemeralContainers"):
            errors.append(forbidden("spec.ephemeralContainers", "cannot be set on create"))
        if spec.get("nodeName") and spec.get("schedulingGates"):
            detail = "cannot be set until all schedulingGates have been cleared"
            errors.append(forbidden("spec.nodeName", detail))
        annotations = annotations_of(document)
        return errors + validate_agreement(annotations, spec, "spec", apparmor=True)

    def warnings_on_create(self, document: Object) -> list[str]:
        problems = dns1123_label_problems(name_of(document))
        warnings = []
        if problems:
            warnings.append(
                "metadata.name: this is used in the Pod's hostname, which can result in surprising "
                f"behavior; a DNS label is recommended: [{' '.join(problems)}]"
            )
        warnings += creation.apparmor_warnings(document)
        return warnings + warnings_for_pod(document, "", is_template=False)

    def prepare_for_update(self, document: Object, old: Object) -> Object:
        spec = drop_disabled_spec_fields(document["spec"], old["spec"])
        return {**document, "spec": spec, "status": old.get("status", {})}

    def validate_update(self, document: Object, old: Object) -> list[FieldError]:
        errors = validate_pod(document, rules_for_update(old, is_pod=True))
        return errors + validate_changes(document, old)

    def warnings_on_update(self, document: Object, old: Object) -> list[str]:
        # Controllers write Pods often and rarely read warnings, so do not compute them.
        return []

    def prepare_for_status_update(self, document: Object, old: Object) -> Object:
        return status.prepare(document, old)

    def validate_status_update(self, document: Object, old: Object) -> list[FieldError]:
        return status.validate(document, old)

    def warnings_on_status_update(self, document: Object, old: Object) -> list[str]:
        return status.warnings(document)

    def graceful_period(self, existing: Object, asked: int | None) -> int | None:
        spec: dict[str, Any] = existing["spec"]
        period = spec.get("terminationGracePeriodSeconds", 0) if asked is None else asked
        if "deletionTimestamp" in existing["metadata"]:
            return max(period, 0)
        if not spec.get("nodeName") or existing["status"].get("phase") in _ENDED:
            return 0
        return 1 if period < 0 else int(period)
