"""The behaviour of a custom kind: what follows from its schema and its subresources.

The order of validation is Kubernetes': metadata, schema, scale, embedded objects, duplicates in
lists, rules. An update is refused only for schema violations in what it changes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from functools import cached_property
from typing import Any, Final

from apiserver.machinery.fielderrors import FieldError, invalid
from apiserver.machinery.names import label_key_problems
from apiserver.machinery.objects import Object
from apiserver.machinery.quoting import quote
from apiserver.machinery.valueclasses import valueclass
from apiserver.resources.custom.scalepaths import ScalePaths
from apiserver.resources.definition import ResourceDefinition
from apiserver.resources.embeddedobjects import (
    embedded_object_errors,
    has_embedded_objects,
)
from apiserver.resources.printing import Printer
from apiserver.resources.strategy import CHANGE, Strategy
from apiserver.schema.errorpaths import NO_FIELD
from apiserver.schema.kindtypes import Types
from apiserver.schema.listtypes import list_type_problems, list_type_problems_of_update
from apiserver.schema.structural import has_rules
from apiserver.schema.validation import validate, validate_update

_FINALIZERS: Final = "metadata.finalizers"
_KUBERNETES_FINALIZERS: Final = frozenset(["kubernetes", "orphan", "foregroundDeletion"])
_PREFER: Final = "prefer a domain-qualified finalizer name"
_AVOID: Final = "to avoid accidental conflicts with other finalizer writers"
# Errors that keep rules from being checked.
_MISSHAPEN: Final = frozenset([
    "FieldValueNotSupported", "FieldValueRequired", "FieldValueTooLong", "FieldValueTooMany",
    "FieldValueTypeInvalid",
])  # fmt: skip
_NOT_CHECKED: Final = (
    "some validation rules were not checked because the object was invalid; correct the existing "
    "errors to complete validation"
)
_TERMINATING: Final = "create not allowed while custom resource definition is terminating"


@valueclass
class VersionFeatures:
    """The members of a version of a CustomResourceDefinition other than its schema."""

    printer: Printer
    fields: Mapping[str, Callable[[Object], str]]
    scale: ScalePaths | None
    deprecation: str = ""
    #: The definition is being deleted, with all objects.
    terminating: bool = False


class CustomResourceStrategy(Strategy):
    """One version of a custom kind. Without a status subresource, its status is like any field."""

    allow_unconditional_update = False
    qualifies_finalizers = False
    metadata_checks = (CHANGE,)
    generation_of = ("spec",)
    # Other top-level fields are restored, too, but as in Kubernetes they find an owner.
    reset_fields: Mapping[str, Mapping[str, Any]] = {"status": {"f:metadata": {}, "f:spec": {}}}

    def __init__(
        self, definition: ResourceDefinition, types: Types, features: VersionFeatures
    ) -> None:
        super().__init__(definition, types)
        self.printer = features.printer
        self.fields = features.fields
        self.scale = self._scale = features.scale
        self.deprecation = features.deprecation
        self.creation_refusal = _TERMINATING if features.terminating else ""

    @property
    def validates_slowly(self) -> bool:
        return self._has_rules

    def generation_fields(self, document: Object, old: Object) -> Iterable[str]:
        """Everything but the metadata counts; an update of either part leaves the other alone."""
        apart = {"metadata", "status"} if self.has_status else {"metadata"}
        return (document.keys() | old.keys()) - apart

    def prepare_for_create(self, document: Object) -> Object:
        if not self.has_status or "status" not in document:
            return document
        return {name: value for name, value in document.items() if name != "status"}

    def prepare_for_status_update(self, document: Object, old: Object) -> Object:
        """Restore everything but the status and its owners."""
        metadata = {name: value for name, value in old["metadata"].items() if name != _OWNERS}
        if _OWNERS in document["metadata"]:
            metadata[_OWNERS] = document["metadata"][_OWNERS]
        kept = {name: value for name, value in old.items() if name != "status"}
        kept["metadata"] = metadata
        if "status" in document:
            kept["status"] = document["status"]
        return kept

    def validate(self, document: Object) -> list[FieldError]:
        schema = self.types.schema
        errors = validate(document, schema)
        if self._scale is not None:
            errors += self._scale.spec_errors(document)
            errors += self._scale.status_errors(document)
        errors += self._embedded_errors(document)
        errors += list_type_problems(document, schema)
        return self._with_rules(errors, document, None)

    def validate_update(self, document: Object, old: Object) -> list[FieldError]:
        schema = self.types.schema
        errors = validate_update(document, old, schema)
        if self._scale is not None:
            errors += self._scale.spec_errors(document)
            errors += self._scale.status_errors(document)
        errors += self._embedded_errors(document)
        errors += list_type_problems_of_update(document, old, schema)
        return self._with_rules(errors, document, old)

    def validate_status_update(self, document: Object, old: Object) -> list[FieldError]:
        schema = self.types.schema
        errors: list[FieldError] = []
        status = schema.properties.get("status")
        if status is not None and "status" in document:
            found = validate_update(document["status"], old.get("status"), status)
            errors += [_below("status", error) for error in found]
        if self._scale is not None:
            errors += self._scale.status_errors(document)
        errors += self._embedded_errors(document)
        errors += list_type_problems_of_update(document, old, schema)
        return self._with_rules(errors, document, old)

    def _with_rules(
        self, errors: list[FieldError], document: Object, old: Object | None
    ) -> list[FieldError]:
        """Return the errors with those of the rules, which need a value of the right shape."""
        rules = self._rules
        if rules is None:
            return errors
        if any(error.reason in _MISSHAPEN for error in errors):
            return [*errors, invalid(NO_FIELD, None, _NOT_CHECKED)]
        return [*errors, *rules(document, old)]

    @cached_property
    def _rules(self) -> Callable[[Object, Object | None], list[FieldError]] | None:
        if not self._has_rules:
            return None
        # The language is loaded with the first rule.
        from apiserver.cel.rulevalidation import RuleValidator

        return RuleValidator(self.types.schema).validate

    @cached_property
    def _has_rules(self) -> bool:
        return has_rules(self.types.schema)

    def warnings_on_create(self, document: Object) -> list[str]:
        return _finalizer_warnings(document["metadata"].get("finalizers") or ())

    def warnings_on_update(self, document: Object, old: Object) -> list[str]:
        known = set(old["metadata"].get("finalizers") or ())
        finalizers = document["metadata"].get("finalizers") or ()
        return _finalizer_warnings(name for name in finalizers if name not in known)

    def selects_by(self, field: str) -> bool:
        if field == "metadata.namespace":
            return self.definition.namespaced
        return field == "metadata.name" or field in self.fields

    def unknown_field(self, field: str) -> str:
        return f"field label not supported: {field}"

    @cached_property
    def _embeds(self) -> bool:
        return has_embedded_objects(self.types.schema)

    def _embedded_errors(self, document: Object) -> list[FieldError]:
        return embedded_object_errors(document, self.types.schema) if self._embeds else []


_OWNERS: Final = "managedFields"


def _below(path: str, error: FieldError) -> FieldError:
    root = not error.field or error.field == NO_FIELD
    return replace(error, field=path if root else f"{path}.{error.field}")


def _finalizer_warnings(names: Iterable[str]) -> list[str]:
    warnings = []
    for name in sorted(set(names)):
        shown = f"{_FINALIZERS}: {quote(name)}"
        warnings += [f"{shown}: {problem}" for problem in label_key_problems(name)]
        if "/" not in name and name not in _KUBERNETES_FINALIZERS:
            path = " including a path (/)" if "." in name else ""
            warnings.append(f"{shown}: {_PREFER}{path} {_AVOID}")
    return warnings
