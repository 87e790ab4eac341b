"""Metadata of templates: labels and annotations, and nothing else."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from apiserver.machinery.fielderrors import FieldError, forbidden
from apiserver.resources.objectmeta import annotation_errors, label_errors

#: The other fields in the order of their declaration, and their names in messages.
_OTHERS: Final = {
    name: {"uid": "uID"}.get(name, name)
    for name in (
        "name", "generateName", "namespace", "selfLink", "uid", "resourceVersion", "generation",
        "creationTimestamp", "deletionTimestamp", "deletionGracePeriodSeconds", "ownerReferences",
        "finalizers", "managedFields",
    )
}  # fmt: skip


def validate_template_metadata(metadata: Mapping[str, Any], path: str) -> list[FieldError]:
    """Validate the metadata of a template."""
    errors = annotation_errors(metadata.get("annotations") or {}, f"{path}.annotations")
    errors += label_errors(metadata.get("labels") or {}, f"{path}.labels")
    return errors + [
        forbidden(f"{path}.{shown}", "cannot be set")
        for name, shown in _OTHERS.items()
        if metadata.get(name)
    ]
