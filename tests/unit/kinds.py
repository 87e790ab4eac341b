"""Kinds that are not built in, made from a schema."""

from __future__ import annotations

from apiserver.resources.definition import ResourceDefinition
from apiserver.resources.kind import Kind
from apiserver.resources.strategy import Strategy
from apiserver.schema.structural import Schema
from apiserver.schema.structuraltypes import StructuralTypes

ANYTHING = Schema("object", preserve_unknown_fields=True)


def plain_kind(definition: ResourceDefinition, schema: Schema = ANYTHING) -> Kind:
    """Return a kind without behaviour."""
    types = StructuralTypes(definition.gvk, schema)
    return Kind(definition, types, Strategy(definition, types))
