"""OpenAPI schemas of the built-in kinds.

They come from the package ``kubernetes-validate``, which contains the definitions of every minor
version of Kubernetes as JSON Schema. The file is large and rarely needed, so it is loaded for one
batch of documents and released. Three transformations of the package are undone: its types are
nullable, its references have another form, and it fixes the values of ``apiVersion`` and ``kind``.
Two things that it omits are added: enumerations, from a table (``enums.json``), and defaults, which
follow from the Go struct. A field that is always serialised has the zero value of its type as its
default. So has a nested object, which is never absent. Few fields have another default.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cache
from importlib.resources import files
from typing import Any

import orjson

from apiserver.machinery.gvk import GroupVersionKind
from apiserver.schema.publisheddefinitions import definitions_file
from apiserver.schema.structtypes import Field, StructType, struct_type
from apiserver.version import MINOR

Schema = dict[str, Any]

OLD_REFERENCE = "#/$defs/"
REFERENCE_V2 = "#/definitions/"
REFERENCE_V3 = "#/components/schemas/"
META = "io.k8s.apimachinery.pkg.apis.meta.v1."
QUANTITY = "io.k8s.apimachinery.pkg.api.resource.Quantity"
INT_OR_STRING = "io.k8s.apimachinery.pkg.util.intstr.IntOrString"

_ZERO = {"string": "", "bool": False, "int32": 0, "int64": 0, "double": 0}
_OBJECT_REFERENCE = {"name": ""}
_PORT = {"protocol": "TCP"}
_ISCSI = {"iscsiInterface": "default"}
_RBD = {"pool": "rbd", "user": "admin", "keyring": "/etc/ceph/keyring"}
_SCALE_IO = {"storageMode": "ThinProvisioned", "fsType": "xfs"}

#: Defaults other than the zero value, or of fields whose zero value JSON omits.
#: ``protocol`` matters most: it is a merge key, so clients need its default to merge lists.
_OWN_DEFAULTS: Mapping[str, Mapping[str, Any]] = {
    "core.v1.ContainerPort": _PORT,
    "core.v1.ServicePort": _PORT,
    "core.v1.LocalObjectReference": _OBJECT_REFERENCE,
    "core.v1.ConfigMapEnvSource": _OBJECT_REFERENCE,
    "core.v1.ConfigMapKeySelector": _OBJECT_REFERENCE,
    "core.v1.ConfigMapProjection": _OBJECT_REFERENCE,
    "core.v1.ConfigMapVolumeSource": _OBJECT_REFERENCE,
    "core.v1.SecretEnvSource": _OBJECT_REFERENCE,
    "core.v1.SecretKeySelector": _OBJECT_REFERENCE,
    "core.v1.SecretProjection": _OBJECT_REFERENCE,
    "core.v1.GRPCAction": {"service": ""},
    "core.v1.AzureDiskVolumeSource": {
        "cachingMode": "ReadWrite", "fsType": "ext4", "readOnly": False, "kind": "Shared",
    },
    "core.v1.ISCSIVolumeSource": _ISCSI,
    "core.v1.ISCSIPersistentVolumeSource": _ISCSI,
    "core.v1.RBDVolumeSource": _RBD,
    "core.v1.RBDPersistentVolumeSource": _RBD,
    "core.v1.ScaleIOVolumeSource": _SCALE_IO,
    "core.v1.ScaleIOPersistentVolumeSource": _SCALE_IO,
}  # fmt: skip

# The two union types, for which the package lists only the alternatives.
_DESCRIPTIONS = {
    QUANTITY: "Quantity is a fixed-point representation of a number: digits, optionally with a "
    "decimal point, and a suffix that is a power of two (Ki, Mi, Gi, Ti, Pi, Ei), of ten (n, u, m, "
    "k, M, G, T, P, E) or an exponent (e3).",
    INT_OR_STRING: "IntOrString is a type that can hold an int32 or a string.",
}
_FORMATS = {INT_OR_STRING: "int-or-string"}
# In upstream's order.
_ONE_OF = {INT_OR_STRING: [{"type": "integer"}, {"type": "string"}]}


class Definitions:
    """The definitions of one version of Kubernetes, held in memory by this object."""

    def __init__(self, minor: str = MINOR) -> None:
        self._raw: dict[str, Schema] = orjson.loads(definitions_file(minor).read_bytes())["$defs"]
        self._models: dict[tuple[str, str, str], str] = {
            (kind["group"], kind["version"], kind["kind"]): name
            for name, schema in self._raw.items()
            for kind in schema.get("x-kubernetes-group-version-kind", ())
            if len(schema["x-kubernetes-group-version-kind"]) == 1
        }
        self._plain: dict[str, Schema] = {}
        self._defaulted: dict[str, Schema] = {}

    def model(self, kind: GroupVersionKind) -> str:
        """Return the name of the definition of a kind, ``""`` if it has none."""
        return self._models.get(kind, "")

    def closure(self, names: Iterable[str]) -> list[str]:
        """Return ``names`` and all definitions that they refer to."""
        found: dict[str, None] = {}
        waiting = [name for name in names if name in self._raw]
        while waiting:
            name = waiting.pop()
            if name not in found:
                found[name] = None
                waiting.extend(_references(self._raw[name]))
        return sorted(found)

    def plain(self, name: str) -> Schema:
        """Return a definition without defaults, with version 2 references."""
        if name not in self._plain:
            schema = _definition(name, self._raw[name], REFERENCE_V2)
            if schema.pop("oneOf", None):
                schema["type"] = "string"
            self._plain[name] = schema
        return self._plain[name]

    def defaulted(self, name: str) -> Schema:
        """Return a definition with defaults, with version 3 references."""
        if name not in self._defaulted:
            schema = _definition(name, self._raw[name], REFERENCE_V3)
            struct = _struct_type(name)
            if struct is not None:
                _add_defaults(schema, struct)
                _add_enums(schema, struct)
            self._defaulted[name] = _wrapped(schema)
        return self._defaulted[name]


def _references(schema: Schema) -> Iterable[str]:
    if "$ref" in schema:
        yield schema["$ref"].removeprefix(OLD_REFERENCE)
    for key in ("items", "additionalProperties"):
        if isinstance(schema.get(key), dict):
            yield from _references(schema[key])
    for member in schema.get("properties", {}).values():
        yield from _references(member)


def _definition(name: str, raw: Schema, reference: str) -> Schema:
    schema = _schema(raw, reference)
    if name in _DESCRIPTIONS:
        schema["description"] = _DESCRIPTIONS[name]
    if name in _FORMATS:
        schema["format"] = _FORMATS[name]
    if name in _ONE_OF:
        schema["oneOf"] = _ONE_OF[name]
    properties = schema.get("properties", {})
    for member in ("apiVersion", "kind"):
        if member in properties:
            properties[member].pop("enum", None)
    return schema


def _schema(raw: Schema, reference: str) -> Schema:
    schema = dict(raw)
    kind = schema.get("type")
    if isinstance(kind, list):
        schema["type"] = kind[0]
    if "$ref" in schema:
        schema["$ref"] = reference + schema["$ref"].removeprefix(OLD_REFERENCE)
    for key in ("items", "additionalProperties"):
        if isinstance(schema.get(key), dict):
            schema[key] = _schema(schema[key], reference)
    if "oneOf" in schema:
        schema["oneOf"] = [_schema(each, reference) for each in schema["oneOf"]]
    if "properties" in schema:
        schema["properties"] = {
            name: _schema(member, reference) for name, member in schema["properties"].items()
        }
    return schema


def _struct_type(name: str) -> StructType | None:
    try:
        return struct_type(".".join(name.split(".")[-3:]))
    except KeyError:
        return None


def _add_defaults(schema: Schema, struct: StructType) -> None:
    properties = schema.get("properties", {})
    for field in _fields(struct):
        if field.name in properties:
            _default_member(properties[field.name], field)
    for name, value in _OWN_DEFAULTS.get(struct.name, {}).items():
        if name in properties:
            properties[name]["default"] = value


def _add_enums(schema: Schema, struct: StructType) -> None:
    for name, values in _enums().get(struct.name, {}).items():
        member = schema["properties"].get(name)
        if member is not None:
            member.get("items", member)["enum"] = values


@cache
def _enums() -> dict[str, dict[str, list[str]]]:
    tables: dict[str, dict[str, list[str]]] = orjson.loads(
        files(__package__).joinpath("enums.json").read_bytes()
    )
    return tables


def _fields(struct: StructType) -> Iterable[Field]:
    for field in struct.fields:
        if field.embedded:
            yield from _fields(struct_type(field.type))
        else:
            yield field


def _default_member(schema: Schema, field: Field) -> None:
    if field.repeated or field.is_map:
        element = schema.get("items") or schema.get("additionalProperties")
        type_ = field.value_type if field.is_map else field.type
        # Elements that are objects or lists have no default.
        if isinstance(element, dict) and type_ in _ZERO and element.get("type") != "array":
            element["default"] = _ZERO[type_]
    elif not field.pointer and (not field.optional or "$ref" in schema):
        _default(schema, field.type)


def _default(schema: Schema, type_: str) -> None:
    if type_ in _ZERO:
        schema["default"] = _ZERO[type_]
    elif "$ref" in schema and _is_object(schema["$ref"].removeprefix(REFERENCE_V3)):
        schema["default"] = {}


def _is_object(name: str) -> bool:
    """Return whether a type is an object with properties and has no JSON form of its own."""
    return name not in _WITH_OWN_FORM


_WITH_OWN_FORM = frozenset([
    QUANTITY, INT_OR_STRING, f"{META}Time", f"{META}MicroTime", f"{META}FieldsV1",
    "io.k8s.apimachinery.pkg.runtime.RawExtension",
    *(
        f"io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.{name}"
        for name in (
            "JSON", "JSONSchemaPropsOrArray", "JSONSchemaPropsOrBool",
            "JSONSchemaPropsOrStringArray",
        )
    ),
])  # fmt: skip


def _wrapped(schema: Schema) -> Schema:
    """Move references with siblings into an ``allOf``: version 3 allows no siblings."""
    for key in ("items", "additionalProperties"):
        if isinstance(schema.get(key), dict):
            schema[key] = _wrapped(schema[key])
    if "properties" in schema:
        schema["properties"] = {
            name: _wrapped(member) for name, member in schema["properties"].items()
        }
    if "$ref" in schema and len(schema) > 1:
        schema["allOf"] = [{"$ref": schema.pop("$ref")}]
    return schema
