"""Validation of CustomResourceDefinitions, except for metadata.

The order of errors and their paths are those of Kubernetes. Rules are loosened for an update of a
definition that has broken them since before they existed.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from apiserver.machinery.fielderrors import (
    FieldError,
    invalid,
    not_supported,
    required,
)
from apiserver.machinery.names import dns1123_subdomain_problems
from apiserver.machinery.objects import Object
from apiserver.resources.builtin.apiextensions.apiapproval import validate_approval
from apiserver.resources.builtin.apiextensions.conversions import NONE, validate_conversion
from apiserver.resources.builtin.apiextensions.crds import (
    CLUSTER,
    NAMESPACED,
    is_established,
    spec_of,
    status_of,
    stored_versions,
    versions_of,
)
from apiserver.resources.builtin.apiextensions.internalspec import (
    InternalSpec,
    VersionedPart,
    internal_spec,
)
from apiserver.resources.builtin.apiextensions.names import (
    validate_label,
    validate_names,
    validate_required_names,
)
from apiserver.resources.builtin.apiextensions.schemas import has_defaults, validate_schema
from apiserver.resources.builtin.apiextensions.selectablefields import validate_selectable_fields
from apiserver.resources.builtin.apiextensions.versionrules import (
    validate_column,
    validate_deprecation,
    validate_subresources,
)

_STORED: Final = "status.storedVersions"
_IMMUTABLE: Final = "field is immutable"
_ONLY_WITH_SCHEMA: Final = "selectableFields may only be set when "


def validate_crd(crd: Object) -> list[FieldError]:
    """Validate a new definition."""
    return [
        *_validate_spec(crd, None),
        *validate_status(crd),
        *_validate_stored_versions(crd),
        *validate_approval(crd),
        *_validate_preserving(crd, None),
    ]


def validate_crd_update(crd: Object, old: Object) -> list[FieldError]:
    """Validate the update of a definition."""
    return [
        *_validate_spec(crd, old),
        *_validate_unchanged(spec_of(crd), spec_of(old), established=is_established(old)),
        *validate_status(crd),
        *_validate_stored_versions(crd),
        *validate_approval(crd, old),
        *_validate_preserving(crd, old),
    ]


def validate_status(crd: Object) -> list[FieldError]:
    """Validate the status of a definition."""
    return validate_names(status_of(crd).get("acceptedNames") or {}, "status.acceptedNames")


def _validate_spec(crd: Object, old: Object | None) -> list[FieldError]:
    document = spec_of(crd)
    spec = internal_spec(document)
    before = None if old is None else internal_spec(spec_of(old))
    names, conversion = document.get("names") or {}, document.get("conversion") or {}
    errors = [*_validate_group(document), *_validate_scope(document)]
    errors += _validate_schemas_exist(document, old)
    if spec.preserves_unknown_fields and has_defaults(document):
        detail = "must be false in order to use defaults in the schema"
        errors.append(invalid("spec.preserveUnknownFields", True, detail))  # noqa: FBT003
    errors += _validate_versions(spec, before)
    errors += validate_required_names(names, "spec.names")
    errors += validate_names(names, "spec.names")
    errors += validate_schema(spec, None, before)
    errors += _validate_part(spec.shared, "spec", "validations.schema is included")
    if spec.preserves_unknown_fields and conversion.get("strategy") != NONE:
        detail = "must be None if spec.preserveUnknownFields is true"
        path, given = "spec.conversion.strategy", conversion.get("strategy", "")
        errors.append(invalid(path, given, detail))
    return errors + validate_conversion(conversion, "spec.conversion", old)


def _validate_group(spec: Mapping[str, Any]) -> list[FieldError]:
    group = spec.get("group", "")
    if not group:
        return [required("spec.group")]
    problems = dns1123_subdomain_problems(group)
    if problems:
        return [invalid("spec.group", group, ",".join(problems))]
    if "." not in group:
        return [invalid("spec.group", group, "should be a domain with at least one dot")]
    return []


def _validate_scope(spec: Mapping[str, Any]) -> list[FieldError]:
    scope = spec.get("scope", "")
    if not scope:
        return [required("spec.scope")]
    scopes = (CLUSTER, NAMESPACED)
    return [] if scope in scopes else [not_supported("spec.scope", scope, scopes)]


def _validate_schemas_exist(spec: Mapping[str, Any], old: Object | None) -> list[FieldError]:
    lacking = _without_schema(spec)
    if old is None or not _without_schema(spec_of(old)):
        detail = "schemas are required"
    elif not spec.get("preserveUnknownFields"):
        detail = "because otherwise all fields are pruned"
        lacking = [index for index in lacking if spec["versions"][index].get("served")]
    else:
        return []
    return [required(f"spec.versions[{index}].schema.openAPIV3Schema", detail) for index in lacking]


def _without_schema(spec: Mapping[str, Any]) -> list[int]:
    """Return the indexes of versions without a schema."""
    return [
        index
        for index, version in enumerate(spec.get("versions") or ())
        if (version.get("schema") or {}).get("openAPIV3Schema") is None
    ]


def _validate_versions(spec: InternalSpec, before: InternalSpec | None) -> list[FieldError]:
    errors: list[FieldError] = []
    for index, (version, own) in enumerate(zip(spec.versions, spec.own, strict=True)):
        path = f"spec.versions[{index}]"
        errors += validate_label(version.get("name", ""), f"{path}.name")
        errors += validate_deprecation(version, path)
        without = "version.schema.openAPIV3Schema is not included"
        errors += validate_schema(spec, index, before)
        errors += _validate_part(own, path, without)
    names = [version.get("name", "") for version in spec.versions]
    storage = [version for version in spec.versions if version.get("storage")]
    problems = []
    if len(set(names)) < len(names):
        problems.append("must contain unique version names")
    if len(storage) != 1:
        problems.append("must have exactly one version marked as storage version")
    if problems:
        shown = spec.shown_versions()
        errors += [invalid("spec.versions", shown, problem) for problem in problems]
    # The former member of the spec with the name of the first version.
    return errors + (validate_label(names[0], "spec.version") if names and names[0] else [])


def _validate_part(part: VersionedPart, path: str, without: str) -> list[FieldError]:
    errors = validate_subresources(part.subresources, f"{path}.subresources")
    for index, column in enumerate(part.columns):
        errors += validate_column(column, f"{path}.additionalPrinterColumns[{index}]")
    if part.selectable_fields:
        fields, where, schema = part.selectable_fields, f"{path}.selectableFields", part.schema
        if schema is None:
            errors.append(invalid(where, "", _ONLY_WITH_SCHEMA + without))
        else:
            errors += validate_selectable_fields(fields, part.openapi_schema or {}, where)
    return errors


def _validate_unchanged(
    spec: Mapping[str, Any], old: Mapping[str, Any], *, established: bool
) -> list[FieldError]:
    members = ["scope", "names.kind"] if established else []
    errors = []
    for member in (*members, "group", "names.plural"):
        value = _at(spec, member)
        if value != _at(old, member):
            errors.append(invalid(f"spec.{member}", value, _IMMUTABLE))
    return errors


def _at(spec: Mapping[str, Any], member: str) -> str:
    parent, _, name = member.rpartition(".")
    return str(((spec.get(parent) or {}) if parent else spec).get(name, ""))


def _validate_stored_versions(crd: Object) -> list[FieldError]:
    stored = list(stored_versions(crd))
    if not stored:
        return [invalid(_STORED, None, "must have at least one stored version")]
    left = {name: index for index, name in enumerate(stored)}
    errors = []
    for version in versions_of(crd):
        name = version.get("name", "")
        if version.get("storage") and name not in left:
            detail = f"must have the storage version {name}"
            errors.append(invalid(_STORED, stored, detail))
        left.pop(name, None)
    return errors + [
        invalid(f"{_STORED}[{index}]", name, _missing(name)) for name, index in left.items()
    ]


def _missing(name: str) -> str:
    return (
        f"missing from spec.versions; {name} was previously a storage version, and must remain in "
        f"spec.versions until a storage migration ensures no data remains persisted in {name} and "
        f"removes {name} from status.storedVersions"
    )


def _validate_preserving(crd: Object, old: Object | None) -> list[FieldError]:
    member = "preserveUnknownFields"
    if not spec_of(crd).get(member) or spec_of(old or {}).get(member):
        return []
    detail = (
        "cannot set to true, set x-kubernetes-preserve-unknown-fields to true in "
        "spec.versions[*].schema instead"
    )
    return [invalid(f"spec.{member}", True, detail)]  # noqa: FBT003
