"""The last-applied annotation, in which client-side ``kubectl apply`` stores the configuration.

In an object that was managed by client-side apply, an updater, ``kubectl-client-side-apply``, owns
all fields. When ``kubectl`` then uses server-side apply, fields that still have the value in the
annotation are not in conflict: kubectl already owned them. This applies to no other manager. While
the object has the annotation, kubectl's apply requests keep it up to date, so that a client can
return to client-side apply.
"""

from __future__ import annotations

from typing import Any, Final

import orjson

from apiserver.fieldmanager import fieldset
from apiserver.fieldmanager.atoms import Atom
from apiserver.fieldmanager.elements import json_text
from apiserver.fieldmanager.errors import Conflicts, UntypedObject
from apiserver.fieldmanager.fieldset import EMPTY, FieldSet
from apiserver.fieldmanager.typed import compare, to_set
from apiserver.fieldmanager.validating import check
from apiserver.machinery.objects import Object, metadata_of

ANNOTATION: Final = "kubectl.kubernetes.io/last-applied-configuration"

#: The only manager that is assumed to have written the annotation.
KUBECTL: Final = "kubectl"
_MAX_ANNOTATIONS: Final = 256 * 1024


def remaining(conflicts: Conflicts, live: Object, api_version: str, atom: Atom) -> Conflicts | None:
    """Return the conflicts without the fields that the annotation accounts for, if any remain."""
    allowed = _still_as_applied(live, api_version, atom)
    if not allowed:
        return conflicts
    owners = {
        manager: disputed
        for manager, fields in conflicts.owners.items()
        if (disputed := fieldset.difference(fields, allowed))
    }
    return Conflicts(owners) if owners else None


def _still_as_applied(live: Object, api_version: str, atom: Atom) -> FieldSet:
    """Return the fields that have the same value in the annotation and in the object."""
    try:
        applied = orjson.loads(_annotation(live))
    except orjson.JSONDecodeError:
        return EMPTY
    if not isinstance(applied, dict) or applied.get("apiVersion") != api_version:
        return EMPTY
    try:
        check(applied, atom)
        comparison = compare(applied, live, atom)
        return fieldset.difference(to_set(applied, atom), comparison.touched)
    except UntypedObject:
        return EMPTY


def synchronised(document: Object, applied: Object) -> Object:
    """Return an object whose annotation, if present, is updated to the applied configuration."""
    if not _annotation(document):
        return document
    annotations = dict(metadata_of(document)["annotations"])
    annotations[ANNOTATION] = _configuration(applied)
    size = sum(len(name.encode()) + len(str(text).encode()) for name, text in annotations.items())
    if size > _MAX_ANNOTATIONS:
        del annotations[ANNOTATION]
    return {**document, "metadata": {**document["metadata"], "annotations": annotations}}


def _annotation(document: Object) -> str:
    annotations: Any = metadata_of(document).get("annotations")
    text = annotations.get(ANNOTATION) if isinstance(annotations, dict) else None
    return text if isinstance(text, str) else ""


def _configuration(applied: Object) -> str:
    """Return the JSON of ``applied`` without the annotation, with the newline of Go's encoder."""
    metadata = metadata_of(applied)
    annotations = metadata.get("annotations")
    if isinstance(annotations, dict) and ANNOTATION in annotations:
        rest = {name: text for name, text in annotations.items() if name != ANNOTATION}
        applied = {**applied, "metadata": {**metadata, "annotations": rest}}
    return json_text(applied) + "\n"
