"""Validation rules of every write of a Pod."""

from __future__ import annotations

from apiserver.machinery.fielderrors import FieldError, forbidden
from apiserver.machinery.objects import Object, name_of
from apiserver.resources.builtin.parts.containers import validate_image
from apiserver.resources.builtin.parts.podannotations import (
    validate_annotation_changes,
    validate_annotations,
)
from apiserver.resources.builtin.parts.podrules import PodRules, annotations_of
from apiserver.resources.builtin.parts.podspec import validate_pod_spec
from apiserver.resources.builtin.parts.podupdaterules import rules_for_update


def validate_pod(pod: Object, rules: PodRules) -> list[FieldError]:
    """Return every rule that the annotations and the spec of a Pod break."""
    spec = pod["spec"]
    annotations = annotations_of(pod)
    errors = validate_annotations(annotations, spec, "metadata.annotations", rules)
    errors += validate_pod_spec(spec, "spec", rules, name_of(pod))
    if "volumes" in spec and not spec.get("serviceAccountName"):
        detail = "must not be specified when serviceAccountName is not set"
        errors += [
            forbidden(
                f"spec.volumes[{index}].projected.sources[{number}].serviceAccountToken", detail
            )
            for index, volume in enumerate(spec["volumes"])
            for number, part in enumerate((volume.get("projected") or {}).get("sources") or ())
            if "serviceAccountToken" in part
        ]
    for part in ("containers", "initContainers"):
        for index, container in enumerate(spec.get(part) or ()):
            image = container.get("image", "")
            if image != image.strip():
                errors += validate_image(container, f"spec.{part}[{index}]")
    return errors


def validate_annotations_of_update(pod: Object, old: Object) -> list[FieldError]:
    """Validate a change of annotations by any path."""
    if not annotations_of(pod) and not annotations_of(old):
        return []
    return validate_annotation_changes(pod, old, rules_for_update(old, is_pod=True))
