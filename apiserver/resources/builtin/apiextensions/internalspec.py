"""The spec of a CustomResourceDefinition in the internal form that its rules apply to.

What all versions agree on (schemas, subresources, printer columns, selectable fields) is held once,
at the top of the spec, and no version has it. So the paths in error messages are those of the
former ``v1beta1`` API: ``spec.validation.openAPIV3Schema`` instead of
``spec.versions[0].schema.openAPIV3Schema``. A definition with a single version always has this
form.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from apiserver.machinery.equality import deep_equal
from apiserver.machinery.valueclasses import valueclass
from apiserver.schema.internalform import internal_form

_VERSION_TYPE: Final = "apiextensions.v1.CustomResourceDefinitionVersion"
_SCHEMA, _SUBRESOURCES, _COLUMNS, _SELECTABLE = (
    "schema", "subresources", "additionalPrinterColumns", "selectableFields",
)  # fmt: skip


@valueclass
class VersionedPart:
    """The members of one version, or of all of them; ``None`` or ``()`` if they are not set.

    ``schema`` contains the member ``openAPIV3Schema``.
    """

    schema: Mapping[str, Any] | None
    subresources: Mapping[str, Any] | None
    columns: Sequence[Mapping[str, Any]]
    selectable_fields: Sequence[Mapping[str, Any]]

    @property
    def openapi_schema(self) -> dict[str, Any] | None:
        """The schema of the objects, ``None`` if there is none."""
        return (self.schema or {}).get("openAPIV3Schema")

    @property
    def has_status(self) -> bool:
        """Whether the status is a subresource."""
        return "status" in (self.subresources or {})


@valueclass
class InternalSpec:
    """A spec, as in the document and apart: ``shared`` by all versions, ``own`` of each."""

    document: Mapping[str, Any]
    versions: Sequence[Mapping[str, Any]]
    shared: VersionedPart
    own: Sequence[VersionedPart]

    @property
    def preserves_unknown_fields(self) -> bool:
        """Whether fields that no schema specifies are kept, as ``v1beta1`` allowed."""
        return bool(self.document.get("preserveUnknownFields"))

    def has_status(self, index: int) -> bool:
        """Return whether the status is a subresource of a version."""
        return self.shared.has_status or self.own[index].has_status

    @property
    def has_any_status(self) -> bool:
        """Whether the status is a subresource of any version."""
        return self.shared.has_status or any(part.has_status for part in self.own)

    def shown_versions(self) -> list[Any] | None:
        """Return the versions as error messages show them, without what they share."""
        return [internal_form(_VERSION_TYPE, version) for version in self.versions] or None


def internal_spec(document: Mapping[str, Any]) -> InternalSpec:
    """Return the internal form of a spec."""
    versions = document.get("versions") or ()
    shared = {member for member in (_SCHEMA, _SUBRESOURCES, _COLUMNS) if _agree(versions, member)}
    if _SCHEMA in shared and _agree(versions, _SELECTABLE):
        shared.add(_SELECTABLE)
    first = versions[0] if versions else {}
    own = [{name: each[name] for name in each if name not in shared} for each in versions]
    return InternalSpec(
        document,
        own,
        _part({name: first[name] for name in shared if name in first}),
        [_part(version) for version in own],
    )


def _agree(versions: Sequence[Mapping[str, Any]], member: str) -> bool:
    return all(deep_equal(each.get(member), versions[0].get(member)) for each in versions[1:])


def _part(version: Mapping[str, Any]) -> VersionedPart:
    return VersionedPart(
        version.get(_SCHEMA),
        version.get(_SUBRESOURCES),
        version.get(_COLUMNS) or (),
        version.get(_SELECTABLE) or (),
    )
