"""The last-applied annotation: where ``kubectl apply`` kept what it applied, before the server did.

An object that was managed so has all its fields owned by an updater, ``kubectl-client-side-apply``.
When ``kubectl`` applies it on the server, what still is as the annotation says it was applied is no
conflict: kubectl owned it all along. Other managers get no such favour. And as long as the object
has the annotation kubectl's applies keep it up to date, so that one may return to the old way.
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

#: The one manager who is taken for the one that wrote the annotation.
KUBECTL: Final = "kubectl"
_MAX_ANNOTATIONS: Final = 256 * 1024


def remaining(conflicts: Conflicts, live: Object, api_version: str, atom: Atom) -> Conflicts | None:
    """Return the conflicts about fields that were not applied by the annotation's writer."""
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
    """Return the fields of the annotation that have the same value in the object."""
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
    """Return an object whose annotation, if it has one, says what was applied just now."""
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
    """Write what was applied, but for the annotation itself, with the line end of Go's encoder."""
    metadata = metadata_of(applied)
    annotations = metadata.get("annotations")
    if isinstance(annotations, dict) and ANNOTATION in annotations:
        rest = {name: text for name, text in annotations.items() if name != ANNOTATION}
        applied = {**applied, "metadata": {**metadata, "annotations": rest}}
    return json_text(applied) + "\n"
