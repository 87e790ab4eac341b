"""The built-in kinds: a definition of the catalogue with its types, behaviour and conversion."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Final

from apiserver.machinery.gvk import GroupVersionKind
from apiserver.resources.builtin import builtin_definitions
from apiserver.resources.builtin.autoscaling.versions import to_v1, to_v2
from apiserver.resources.builtin.events.versions import to_core, to_events
from apiserver.resources.builtin.strategies import strategy_class
from apiserver.resources.catalog import Catalog
from apiserver.resources.conversion import Conversion, converter
from apiserver.resources.definition import ResourceDefinition
from apiserver.resources.kind import Kind, UnloadedKind
from apiserver.schema.builtintypes import BuiltinTypes
from apiserver.schema.kindtypes import KindVersions, Types
from apiserver.schema.scheme import Scheme
from apiserver.schema.structtypes import struct_of_kind

_SCHEME: Final = Scheme()

# By stored kind, the other served kinds and their conversions.
_CONVERSIONS: Final[Mapping[GroupVersionKind, Mapping[GroupVersionKind, Conversion]]] = {
    GroupVersionKind("", "v1", "Event"): {
        GroupVersionKind("events.k8s.io", "v1", "Event"): Conversion(to_core, to_events),
    },
    GroupVersionKind("autoscaling", "v2", "HorizontalPodAutoscaler"): {
        GroupVersionKind("autoscaling", "v1", "HorizontalPodAutoscaler"): Conversion(to_v2, to_v1),
    },
}


def builtin_catalog() -> Catalog:
    """Return a catalogue of all built-in resources."""
    return Catalog(UnloadedKind(definition, builtin_kind) for definition in builtin_definitions())


def builtin_kind(definition: ResourceDefinition) -> Kind:
    """Return the kind of a definition of the catalogue."""
    gvk, stored = definition.gvk, definition.storage_kind
    types = builtin_types(gvk, stored)
    return Kind(
        definition=definition,
        types=types,
        strategy=strategy_class(definition.group_resource)(definition, types),
        conversion=None if gvk == stored else _CONVERSIONS[stored][gvk],
        subresources={
            subresource.name: builtin_types(subresource.kind)
            for subresource in definition.subresources
            if subresource.kind != gvk
        },
    )


def builtin_types(kind: GroupVersionKind, stored: GroupVersionKind | None = None) -> Types:
    """Return the types of a built-in kind, which is stored as ``stored`` if not as itself.

    Raises LookupError for a kind that is not built in.
    """
    return _versions(stored or kind).types[kind.api_version]


@cache
def _versions(stored: GroupVersionKind) -> KindVersions:
    conversions = _CONVERSIONS.get(stored, {})
    ways = {kind.api_version: conversion for kind, conversion in conversions.items()}
    versions = KindVersions({}, converter(ways) if ways else None)
    for kind in (stored, *conversions):
        struct = struct_of_kind(kind.api_version, kind.kind)
        if struct is None:
            raise LookupError(f"no kind {kind.kind} is built in in {kind.api_version}")
        versions.types[kind.api_version] = BuiltinTypes(kind, struct, _SCHEME, versions)
    return versions
