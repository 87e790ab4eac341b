"""Geese: a kind that is not built in, made from schemas: two versions, a status and a scale.

In ``v1beta1`` the member ``spec.size`` of ``v1``, which is stored, is named ``spec.count``.
"""

from __future__ import annotations

from apiserver.machinery.gvk import GroupVersionKind
from apiserver.machinery.objects import Object
from apiserver.resources.builtin.kinds import builtin_types
from apiserver.resources.conversion import Conversion, converter
from apiserver.resources.definition import ResourceDefinition, Subresource
from apiserver.resources.kind import Kind
from apiserver.resources.printing import Column, aged
from apiserver.resources.scaling import SCALE, ScaleFields
from apiserver.resources.strategy import Strategy
from apiserver.schema.kindtypes import KindVersions
from apiserver.schema.structural import Schema
from apiserver.schema.structuraltypes import StructuralTypes

GROUP = "birds.example.com"
V1, BETA = (GroupVersionKind(GROUP, version, "Goose") for version in ("v1", "v1beta1"))
_EDIT = ("get", "patch", "update")
_INTEGER, _STRING = Schema("integer"), Schema("string")


class GooseStrategy(Strategy):
    """A goose is scaled by its size in ``v1``."""

    allow_unconditional_update = False
    generation_of = ("spec",)
    scale = ScaleFields(lambda goose: "a=b", ("spec", "size"))
    printer = aged((Column("Size", "How many"),), lambda goose: [goose["spec"].get("size")])

    def prepare_for_create(self, document: Object) -> Object:
        return {name: value for name, value in document.items() if name != "status"}


def _schema(number: str) -> Schema:
    tags = Schema("array", items=_STRING, list_type="set")
    port = Schema("object", properties={"name": _STRING, "port": _INTEGER})
    spec = {
        number: _INTEGER,
        "tags": tags,
        "ports": Schema("array", items=port, list_type="map", list_map_keys=("name",)),
        "labels": Schema("object", values=_STRING),
        "any": Schema("object", preserve_unknown_fields=True),
    }
    members = {
        "spec": Schema("object", properties=spec),
        "status": Schema("object", properties={"replicas": _INTEGER}),
    }
    return Schema("object", properties=members)


def _renamed(document: Object, kind: GroupVersionKind, before: str, after: str) -> Object:
    spec = {after if name == before else name: value for name, value in document["spec"].items()}
    return {**document, "apiVersion": kind.api_version, "spec": spec}


_CONVERSION = Conversion(
    to_stored=lambda goose: _renamed(goose, V1, "count", "size"),
    to_served=lambda goose: _renamed(goose, BETA, "size", "count"),
)


def geese() -> list[Kind]:
    """Return the kind in both versions."""
    versions = KindVersions({}, converter({BETA.api_version: _CONVERSION}))
    kinds = []
    for kind, number, conversion in ((V1, "size", None), (BETA, "count", _CONVERSION)):
        types = StructuralTypes(kind, _schema(number), versions)
        versions.types[kind.api_version] = types
        definition = _definition(kind)
        scale = {"scale": builtin_types(SCALE)}
        kinds.append(Kind(definition, types, GooseStrategy, conversion, scale))
    return kinds


def _definition(kind: GroupVersionKind) -> ResourceDefinition:
    return ResourceDefinition(
        group=kind.group,
        version=kind.version,
        resource="geese",
        kind=kind.kind,
        singular="goose",
        namespaced=True,
        verbs=("create", "delete", "deletecollection", "get", "list", "patch", "update", "watch"),
        storage_kind=V1,
        storage_prefix=f"{GROUP}/geese",
        subresources=(Subresource("scale", SCALE, _EDIT), Subresource("status", kind, _EDIT)),
        list_kind="GooseList",
        typed_items=True,
        custom=True,
    )
