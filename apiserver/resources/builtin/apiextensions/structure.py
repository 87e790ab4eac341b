"""The condition of a definition from before schemas had to be structural (KEP-2337).

Such a definition preserves unknown fields (``spec.preserveUnknownFields``), which cannot be set any
more. Nothing else was ever stored with a schema that is not structural.
"""

from __future__ import annotations

from apiserver.machinery.fielderrors import aggregate, invalid
from apiserver.machinery.objects import Object
from apiserver.resources.builtin.apiextensions.crds import (
    NON_STRUCTURAL_SCHEMA,
    Condition,
    spec_of,
    versions_of,
)
from apiserver.schema.structuralshape import shape_problems


def structure_condition(crd: Object) -> Condition | None:
    """Return the condition of a definition, ``None`` if its schemas are as they must be."""
    if not spec_of(crd).get("preserveUnknownFields"):
        return None
    errors = [invalid("spec.preserveUnknownFields", True, "must be false")]  # noqa: FBT003
    for index, version in enumerate(versions_of(crd)):
        schema = (version.get("schema") or {}).get("openAPIV3Schema")
        if schema is not None:
            errors += shape_problems(schema, f"spec.versions[{index}].schema.openAPIV3Schema")
    return Condition(NON_STRUCTURAL_SCHEMA, "True", "Violations", aggregate(errors))
