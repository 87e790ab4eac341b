"""The built-in kinds: a definition of the catalogue with its types, behaviour and conversion."""

from __future__ import annotations

from collections.abc import Mapping, Set
from functools import cache, partial
from typing import Final

from apiserver.machinery.gvk import GroupVersionKind, GroupVersionResource
from apiserver.resources.builtin import builtin_definitions
from apiserver.resources.builtin.autoscaling.versions import to_v1, to_v2
from apiserver.resources.builtin.emulated_strategies import emulated_strategy
from apiserver.resources.builtin.events.versions import to_core, to_events
from apiserver.resources.builtin.strategies import strategy_class
from apiserver.resources.catalog import Catalog
from apiserver.resources.conversion import Conversion, converter
from apiserver.resources.definition import ResourceDefinition
from apiserver.resources.kind import Kind, ServedKind, UnloadedKind
from apiserver.resources.strategy import Strategy
from apiserver.schema.builtintypes import BuiltinTypes
from apiserver.schema.emulatedtypes import EmulatedTypes
from apiserver.schema.kindtypes import KindVersions, Types
from apiserver.schema.openapi import builtin_schema
from apiserver.schema.scheme import Scheme
from apiserver.schema.structtypes import struct_of_kind
from apiserver.version import MINOR

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


def builtin_catalog(minor: str = MINOR) -> Catalog:
    """Return a catalogue of all built-in resources, with the members of Kubernetes 1.``minor``."""
    load = builtin_kind if minor == MINOR else partial(builtin_kind, minor=minor)
    return Catalog(UnloadedKind(definition, load) for definition in builtin_definitions(minor))


def served_catalog(catalog: Catalog, minor: str) -> Catalog:
    """Return the part of a catalogue that Kubernetes 1.``minor`` serves."""

    def is_served(kind: ServedKind) -> bool:
        gvk = kind.definition.gvk
        return (
            kind.definition.custom or builtin_schema(gvk.api_version, gvk.kind, minor) is not None
        )

    served = Catalog(filter(is_served, catalog.kinds()))

    def follow(changed: Set[GroupVersionResource]) -> None:
        kinds = [kind for gvr in changed if (kind := catalog.kind(*gvr)) and is_served(kind)]
        kept = {kind.definition.gvr for kind in kinds}
        gone = [found for gvr in changed - kept if (found := served.resource(*gvr))]
        served.replace(removed=gone, added=kinds)

    catalog.listen(follow)
    return served


def builtin_kind(definition: ResourceDefinition, minor: str = MINOR) -> Kind:
    """Return the kind of a definition of the catalogue, as Kubernetes 1.``minor`` has it."""
    gvk, stored = definition.gvk, definition.storage_kind
    types = builtin_types(gvk, stored, minor)
    return Kind(
        definition=definition,
        types=types,
        behaviour=_strategy,
        conversion=None if gvk == stored else _CONVERSIONS[stored][gvk],
        subresources={
            subresource.name: builtin_types(subresource.kind, minor=minor)
            for subresource in definition.subresources
            if subresource.kind != gvk
        },
    )


def _strategy(definition: ResourceDefinition, types: Types) -> Strategy:
    found = strategy_class(definition.group_resource)
    if isinstance(types, EmulatedTypes):
        found = emulated_strategy(found, types.minor)
    return found(definition, types)


def builtin_types(
    kind: GroupVersionKind, stored: GroupVersionKind | None = None, minor: str = MINOR
) -> Types:
    """Return the types of a built-in kind, which is stored as ``stored`` if not as itself.

    Raises LookupError for a kind that is not built in.
    """
    return _versions(stored or kind, minor).types[kind.api_version]


@cache
def _versions(stored: GroupVersionKind, minor: str) -> KindVersions:
    conversions = _CONVERSIONS.get(stored, {})
    ways = {kind.api_version: conversion for kind, conversion in conversions.items()}
    versions = KindVersions({}, converter(ways) if ways else None)
    for kind in (stored, *conversions):
        struct = struct_of_kind(kind.api_version, kind.kind)
        if struct is None:
            raise LookupError(f"no kind {kind.kind} is built in in {kind.api_version}")
        versions.types[kind.api_version] = (
            BuiltinTypes(kind, struct, _SCHEME, versions)
            if minor == MINOR
            else EmulatedTypes(kind, struct, _SCHEME, versions, minor)
        )
    return versions
