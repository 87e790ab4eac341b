"""Conversion of the published OpenAPI definitions to schemas of the built-in kinds.

The definitions are in the form of OpenAPI v3 but without most of its ``default``s. The defaults
that merging needs, those of the keys of lists, are added here: a member that is always serialized
has the zero value of its type, and a few members have other defaults.

The definitions are read when the first schema is requested. Only the facts of each that are
needed are kept, as bytes. A definition is converted once, when a kind first needs it; kinds share
common parts.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import cache
from typing import Any, Final

import orjson

from apiserver.machinery.documents import dump_json_to_keep
from apiserver.schema.publisheddefinitions import published_definitions
from apiserver.schema.structural import MISSING, Schema
from apiserver.version import MINOR

_REFERENCE: Final = "#/$defs/"
_GVK: Final = "x-kubernetes-group-version-kind"
_ZERO: Final[Mapping[str, Any]] = {"string": "", "integer": 0, "number": 0, "boolean": False}

# Keys of lists that may be omitted, by definition and member.
_DEFAULTS: Final = {
    ("io.k8s.api.core.v1.ContainerPort", "protocol"): "TCP",
    ("io.k8s.api.core.v1.LocalObjectReference", "name"): "",
    ("io.k8s.api.core.v1.ServicePort", "protocol"): "TCP",
}

_ANY_OBJECT: Final = Schema(type="object", preserve_unknown_fields=True)
_ANYTHING: Final = Schema(preserve_unknown_fields=True)
_META: Final = "io.k8s.apimachinery.pkg.apis.meta.v1."
_EXTENSIONS: Final = "io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1."

# Types whose JSON is not that of their members.
_SPECIAL: Final[Mapping[str, Schema]] = {
    "io.k8s.apimachinery.pkg.api.resource.Quantity": Schema(
        type="string", format="quantity", int_or_string=True
    ),
    "io.k8s.apimachinery.pkg.util.intstr.IntOrString": Schema(
        type="string", format="int-or-string", int_or_string=True
    ),
    "io.k8s.apimachinery.pkg.runtime.RawExtension": Schema(
        type="object", map_type="atomic", preserve_unknown_fields=True
    ),
    _META + "FieldsV1": _ANY_OBJECT,
    _EXTENSIONS + "JSON": _ANYTHING,
    _EXTENSIONS + "JSONSchemaPropsOrArray": _ANYTHING,
    _EXTENSIONS + "JSONSchemaPropsOrBool": _ANYTHING,
    _EXTENSIONS + "JSONSchemaPropsOrStringArray": _ANYTHING,
}


def builtin_schema(api_version: str, kind: str, minor: str = MINOR) -> Schema | None:
    """Return the schema of a built-in kind in Kubernetes 1.``minor``, ``None`` if it has none."""
    definitions = _definitions(minor)
    name = definitions.kinds.get((api_version, kind))
    return definitions.schema(name) if name else None


def object_meta() -> Schema:
    """Return the schema of the metadata of every object."""
    return _definitions(MINOR).schema(f"{_META}ObjectMeta")


@cache
def _definitions(minor: str) -> _Definitions:
    return _Definitions(minor)


class _Definitions:
    """The definitions of one version, each converted to a schema on first use."""

    def __init__(self, minor: str) -> None:
        self._raw: dict[str, bytes] = {}
        self._schemas = dict(_SPECIAL)
        self._leaves: dict[tuple[str, str, Any], Schema] = {}
        self.kinds: dict[tuple[str, str], str] = {}
        for name, spec in published_definitions(minor):
            self._raw[name] = dump_json_to_keep(_facts(spec))
            for gvk in spec.get(_GVK, ()):
                api_version = f"{gvk['group']}/{gvk['version']}".lstrip("/")
                self.kinds[api_version, gvk["kind"]] = name

    def schema(self, name: str) -> Schema:
        """Return the schema of a definition."""
        found = self._schemas.get(name)
        if found is not None:
            return found
        spec: dict[str, Any] = orjson.loads(self._raw.pop(name))
        # A type may contain itself, so its node is registered before its members exist.
        schema = self._schemas[name] = Schema(_type(spec), format=spec.get("format", ""))
        schema.map_type = spec.get("x-kubernetes-map-type", "")
        required = spec.get("required", ())
        for member, member_spec in spec.get("properties", {}).items():
            default = _DEFAULTS.get((name, member), MISSING)
            if member in required:
                default = _ZERO.get(_type(member_spec), MISSING)
            schema.properties[member] = self._node(member_spec, default)
        return schema

    def _node(self, spec: Mapping[str, Any], default: Any = MISSING) -> Schema:
        reference = spec.get("$ref")
        if reference is not None:
            schema = self.schema(reference.removeprefix(_REFERENCE))
            return replace(schema, **_merging(spec)) if len(spec) > 1 else schema
        type_ = _type(spec)
        if type_ == "array":
            items = self._node(spec["items"])
            return Schema(type_, items=items, **(_merging(spec) | _list_type(spec)))
        if type_ == "object":
            values = spec.get("additionalProperties")
            if values is None:
                return _ANY_OBJECT
            return Schema(type_, values=self._node(values), **_merging(spec))
        leaf = (type_, spec.get("format", ""), default)
        if leaf not in self._leaves:
            self._leaves[leaf] = Schema(leaf[0], format=leaf[1], default=leaf[2])
        return self._leaves[leaf]


def _facts(spec: dict[str, Any]) -> dict[str, Any]:
    """Return a definition without the parts that are only documentation."""
    facts = {key: value for key, value in spec.items() if key not in ("description", _GVK)}
    if "properties" in facts:
        facts["properties"] = {
            name: {key: value for key, value in member.items() if key not in _FOR_READERS}
            for name, member in facts["properties"].items()
        }
    return facts


_FOR_READERS: Final = ("description", "enum")


def _type(spec: Mapping[str, Any]) -> str:
    """Return the type without the ``null`` that the definitions allow for optional members."""
    declared = spec.get("type", "")
    if isinstance(declared, list):
        declared = next(name for name in declared if name != "null")
    return str(declared)


def _merging(spec: Mapping[str, Any]) -> dict[str, Any]:
    """Return the properties of the member, as opposed to those of its type."""
    found: dict[str, Any] = {}
    if "x-kubernetes-map-type" in spec:
        found["map_type"] = spec["x-kubernetes-map-type"]
    if "x-kubernetes-patch-strategy" in spec:
        found["patch_strategy"] = tuple(spec["x-kubernetes-patch-strategy"].split(","))
        found["patch_merge_key"] = spec.get("x-kubernetes-patch-merge-key", "")
    return found


def _list_type(spec: Mapping[str, Any]) -> dict[str, Any]:
    """Return the ownership of a list; without a list type it follows from the patch strategy."""
    list_type = spec.get("x-kubernetes-list-type", "")
    keys = tuple(spec.get("x-kubernetes-list-map-keys", ()))
    if not list_type and "merge" in spec.get("x-kubernetes-patch-strategy", "").split(","):
        merge_key = spec.get("x-kubernetes-patch-merge-key", "")
        list_type, keys = ("map", (merge_key,)) if merge_key else ("set", ())
    return {"list_type": list_type, "list_map_keys": keys}
