"""Namespace."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from apiserver.machinery.fielderrors import FieldError, invalid
from apiserver.machinery.names import dns1123_label_problems, label_key_problems
from apiserver.machinery.objects import Object, with_metadata
from apiserver.machinery.options import DeleteOptions
from apiserver.resources.builtin.fields import paths
from apiserver.resources.definition import ResourceDefinition
from apiserver.resources.printing import Column, aged
from apiserver.resources.strategy import (
    CHANGE,
    FOREGROUND_FINALIZER,
    ORPHAN_FINALIZER,
    WHOLE,
    Strategy,
    Update,
    keeping,
)
from apiserver.schema.kindtypes import Types

ACTIVE: Final = "Active"
TERMINATING: Final = "Terminating"
#: The finalizer that keeps a namespace until it is empty.
KUBERNETES: Final = "kubernetes"
NAME_LABEL: Final = "kubernetes.io/metadata.name"
_OF_DEPENDENTS: Final = frozenset([ORPHAN_FINALIZER, FOREGROUND_FINALIZER])
_STANDARD_FINALIZERS: Final = frozenset([KUBERNETES, *_OF_DEPENDENTS])
_RESET_FIELDS: Final[Mapping[str, Mapping[str, Any]]] = {"finalize": {"f:status": {}}}


def _cells(document: Object) -> list[Any]:
    return [(document.get("status") or {}).get("phase", "")]


class NamespaceStrategy(Strategy):
    """A namespace carries its name as a label and is Active until it is deleted.

    Then it is Terminating, and waits for the finalizers in its spec, which only the path
    ``finalize`` changes.
    """

    fields = paths("status.phase")
    metadata_checks = (WHOLE, CHANGE)
    name_problems = staticmethod(dns1123_label_problems)
    returns_deleted_object = True
    reset_fields = _RESET_FIELDS
    marks_before_deletion = True
    printer = aged((Column("Status", "The status of the namespace"),), _cells)

    def __init__(self, definition: ResourceDefinition, types: Types) -> None:
        super().__init__(definition, types)
        self.updates["finalize"] = Update(self._prepare_for_finalize, self._validate_finalize)

    def default(self, document: Object) -> None:
        document["metadata"] = _labelled(document["metadata"])

    def prepare_for_create(self, document: Object) -> Object:
        spec = document.get("spec") or {}
        finalizers = spec.get("finalizers") or []
        if KUBERNETES not in finalizers:
            spec = {**spec, "finalizers": [*finalizers, KUBERNETES]}
        # A generated name is set after the defaults.
        metadata = _labelled(document["metadata"])
        return {**document, "metadata": metadata, "spec": spec, "status": {"phase": ACTIVE}}

    def validate(self, document: Object) -> list[FieldError]:
        finalizers = (document.get("spec") or {}).get("finalizers") or ()
        return [
            error
            for finalizer in finalizers
            for error in _validate_finalizer(finalizer, "spec.finalizers")
        ]

    def prepare_for_update(self, document: Object, old: Object) -> Object:
        return keeping(document, old, "spec", "status")

    def validate_update(self, document: Object, old: Object) -> list[FieldError]:
        return []

    def validate_status_update(self, document: Object, old: Object) -> list[FieldError]:
        phase = (document.get("status") or {}).get("phase", "")
        if "deletionTimestamp" in document["metadata"]:
            expected, when = TERMINATING, "not empty"
        else:
            expected, when = ACTIVE, "empty"
        if phase == expected:
            return []
        detail = f"may only be '{expected}' if `deletionTimestamp` is {when}"
        return [invalid("status.Phase", phase, detail)]

    def _prepare_for_finalize(self, document: Object, old: Object) -> Object:
        return keeping(document, old, "status")

    def _validate_finalize(self, document: Object, old: Object) -> list[FieldError]:
        finalizers = (document.get("spec") or {}).get("finalizers") or ()
        return [
            error
            for index, finalizer in enumerate(finalizers)
            for error in _validate_finalizer(finalizer, f"spec.finalizers[{index}]")
        ]

    def mark_for_deletion(self, existing: Object, options: DeleteOptions) -> Object:
        status = {**(existing.get("status") or {}), "phase": TERMINATING}
        return {**_with_finalizers(existing, options), "status": status}

    def blocks_removal(self, document: Object) -> bool:
        return bool((document.get("spec") or {}).get("finalizers"))


def _labelled(metadata: dict[str, Any]) -> dict[str, Any]:
    name, labels = metadata.get("name"), metadata.get("labels") or {}
    if not name or labels.get(NAME_LABEL) == name:
        return metadata
    return {**metadata, "labels": {**labels, NAME_LABEL: name}}


def _with_finalizers(existing: Object, options: DeleteOptions) -> Object:
    """Return a namespace with the finalizers that the options request.

    Unlike for other kinds, ``orphanDependents: false`` requests foreground deletion.
    """
    orphans, policy = options.orphan_dependents, options.propagation_policy
    if orphans is not None:
        policy = "Orphan" if orphans else "Foreground"
    if policy is None:
        return existing
    wanted = {"Orphan": ORPHAN_FINALIZER, "Foreground": FOREGROUND_FINALIZER}.get(policy)
    before = existing["metadata"].get("finalizers") or []
    kept = [name for name in before if name == wanted or name not in _OF_DEPENDENTS]
    if wanted is not None and wanted not in kept:
        kept.append(wanted)
    return existing if kept == before else with_metadata(existing, finalizers=kept or None)


def _validate_finalizer(finalizer: str, path: str) -> list[FieldError]:
    errors = [invalid(path, finalizer, problem) for problem in label_key_problems(finalizer)]
    if "/" not in finalizer and finalizer not in _STANDARD_FINALIZERS:
        detail = "name is neither a standard finalizer name nor is it fully qualified"
        errors.append(invalid(path, finalizer, detail))
    return errors


STRATEGY = NamespaceStrategy
