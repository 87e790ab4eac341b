"""PodTemplateSpec, from which Deployments, Jobs and other workloads create Pods."""

from __future__ import annotations

from typing import Any

from apiserver.machinery.fielderrors import FieldError, forbidden
from apiserver.machinery.objects import Object
from apiserver.resources.builtin.parts.labelselector import validate_labels
from apiserver.resources.builtin.parts.podannotations import (
    validate_agreement,
    validate_annotations,
)
from apiserver.resources.builtin.parts.poddefaults import default_spec
from apiserver.resources.builtin.parts.poddisabledfields import drop_disabled_spec_fields
from apiserver.resources.builtin.parts.podrules import OF_TEMPLATE, annotations_of
from apiserver.resources.builtin.parts.podspec import validate_pod_spec
from apiserver.resources.builtin.parts.podupdaterules import rules_for_update
from apiserver.resources.builtin.parts.podwarnings import warnings_for_pod
from apiserver.resources.objectmeta import annotation_errors


def default_pod_spec(spec: dict[str, Any]) -> None:
    """Set the defaults of every pod spec, in place, in a Pod or in a template."""
    default_spec(spec)


def default_pod_template(template: Object) -> None:
    """Fill in, in place, the defaults of a template."""
    default_spec(template["spec"])


def drop_disabled_fields(template: Object, old: Object | None = None) -> Object:
    """Return a template without the fields of features that are off, unless ``old`` uses them."""
    before = None if old is None else old.get("spec")
    spec = drop_disabled_spec_fields(template["spec"], before)
    return template if spec is template["spec"] else {**template, "spec": spec}


def validate_pod_template(
    template: Object, path: str, old: Object | None = None
) -> list[FieldError]:
    """Validate a template; violations that ``old`` already has are accepted."""
    rules = OF_TEMPLATE if old is None else rules_for_update(old, is_pod=False)
    spec, annotations = template["spec"], annotations_of(template)
    errors = validate_template_metadata(template, path, old)
    errors += validate_pod_spec(spec, f"{path}.spec", rules)
    errors += validate_agreement(annotations, spec, f"{path}.spec", apparmor=False)
    if spec.get("ephemeralContainers"):
        detail = "ephemeral containers not allowed in pod template"
        errors.append(forbidden(f"{path}.spec.ephemeralContainers", detail))
    return errors


def validate_template_metadata(
    template: Object, path: str, old: Object | None = None
) -> list[FieldError]:
    """Validate labels and annotations of a template."""
    rules = OF_TEMPLATE if old is None else rules_for_update(old, is_pod=False)
    annotations = annotations_of(template)
    labels = (template.get("metadata") or {}).get("labels")
    errors: list[FieldError] = []
    if labels:
        errors += validate_labels(labels, f"{path}.labels")
    if annotations:
        where = f"{path}.annotations"
        errors += annotation_errors(annotations, where)
        errors += validate_annotations(annotations, template["spec"], where, rules)
    return errors


def warnings_for_pod_template(
    template: Object,
    path: str,
    old: Object | None = None,
) -> list[str]:
    """Return the warnings for a valid template."""
    return warnings_for_pod(template, f"{path}.", is_template=True)


def containers_and_images(spec: dict[str, Any]) -> tuple[str, str]:
    """Return the cells ``Containers`` and ``Images`` of a workload's row."""
    containers = spec.get("containers") or ()
    return (
        ",".join(container["name"] for container in containers),
        ",".join(container.get("image", "") for container in containers),
    )
