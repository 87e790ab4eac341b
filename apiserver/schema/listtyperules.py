"""Rules of the extensions that say how lists and maps merge, such as ``x-kubernetes-list-type``."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from apiserver.machinery.fielderrors import FieldError, forbidden, invalid, not_supported, required
from apiserver.machinery.objects import Object
from apiserver.schema.errorpaths import SchemaPath
from apiserver.schema.internalform import internal_value

_LIST_TYPE: Final = "x-kubernetes-list-type"
_KEYS: Final = "x-kubernetes-list-map-keys"
_MAP_TYPE: Final = "x-kubernetes-map-type"
_EXTENSIONS: Final = frozenset((_LIST_TYPE, _KEYS, _MAP_TYPE))
_IS_KEY: Final = f"this property is in {_KEYS}, so it"


def list_type_rule_problems(props: Object, path: SchemaPath) -> Iterator[FieldError]:
    """Yield the errors of the types of lists and maps that a schema declares."""
    if _EXTENSIONS.isdisjoint(props):
        return
    type_, items = props.get("type", ""), props.get("items")
    list_type, map_type, keys = props.get(_LIST_TYPE), props.get(_MAP_TYPE), props.get(_KEYS, [])
    if map_type is not None:
        yield from _has_type(type_, "object", _MAP_TYPE, path)
        if map_type not in ("atomic", "granular"):
            yield not_supported(f"{path}.{_MAP_TYPE}", map_type, ("atomic", "granular"))
    if list_type is not None:
        yield from _has_type(type_, "array", _LIST_TYPE, path)
        if type_ == "array" and list_type == "set" and isinstance(items, dict):
            yield from _of_set(items, path.child(".items"))
        if list_type not in ("atomic", "set", "map"):
            yield not_supported(f"{path}.{_LIST_TYPE}", list_type, ("atomic", "set", "map"))
    if keys and list_type != "map":
        where, detail = f"{path}.{_LIST_TYPE}", f"must be map if {_KEYS} is non-empty"
        yield (required(where, detail) if list_type is None else invalid(where, list_type, detail))
    if list_type == "map":
        yield from _of_map(items, keys, path)
    if list_type in ("set", "map") and isinstance(items, dict):
        yield from _never_null(items, list_type, keys if list_type == "map" else [], path)


def _has_type(found: str, expected: str, extension: str, path: SchemaPath) -> Iterator[FieldError]:
    where, detail = path.child(".type"), f"must be {expected} if {extension} is specified"
    if not found:
        yield required(str(where), detail)
    elif found != expected:
        yield invalid(str(where), found, detail)


def _of_set(items: Object, path: SchemaPath) -> Iterator[FieldError]:
    """Yield an error for items of a set that are not atomic."""
    detail = f"must be atomic as item of a list with {_LIST_TYPE}=set"
    shown = items.get(_LIST_TYPE)
    if items.get("type") == "array" and shown not in (None, "atomic"):
        yield invalid(f"{path}.{_LIST_TYPE}", shown, detail)
    if items.get("type") == "object" and items.get(_MAP_TYPE) != "atomic":
        # The value that Kubernetes shows is that of the other extension.
        yield invalid(f"{path}.{_MAP_TYPE}", shown, detail)


def _of_map(items: Any, keys: list[str], path: SchemaPath) -> Iterator[FieldError]:
    if not keys:
        yield required(f"{path}.{_KEYS}", f"must not be empty if {_LIST_TYPE} is map")
    if items is None:
        yield required(f"{path}.items", f"must have a schema if {_LIST_TYPE} is map")
    elif not isinstance(items, dict):
        detail = f"must only have a single schema if {_LIST_TYPE} is map"
        shown = internal_value("apiextensions.v1.JSONSchemaPropsOrArray", items)
        yield invalid(f"{path}.items", shown, detail)
    elif items.get("type", "") != "object":
        detail = f"must be object if parent array's {_LIST_TYPE} is map"
        yield invalid(f"{path}.items.type", items.get("type", ""), detail)
    else:
        yield from _keys(items, keys, path)


def _keys(items: Object, keys: list[str], path: SchemaPath) -> Iterator[FieldError]:
    seen = set()
    for key in keys:
        member = items.get("properties", {}).get(key)
        if member is None:
            yield invalid(f"{path}.{_KEYS}", keys, "entries must all be names of item properties")
        elif member.get("type") in ("array", "object"):
            detail = f"must be a scalar type if parent array's {_LIST_TYPE} is map"
            yield invalid(f"{path}.items.properties[{key}].type", items["type"], detail)
        if key in seen:
            yield invalid(f"{path}.{_KEYS}", keys, "must not contain duplicate entries")
        seen.add(key)


def _never_null(
    items: Object, list_type: str, keys: list[str], path: SchemaPath
) -> Iterator[FieldError]:
    """Yield an error for items, or keys of them, that can be null or missing."""
    if items.get("nullable"):
        detail = f"cannot be nullable when {_LIST_TYPE} is {list_type}"
        yield forbidden(f"{path}.items.nullable", detail)
    needed = set(items.get("required", ()))
    for key in keys:
        member = items.get("properties", {}).get(key)
        if member is None:
            continue
        where = path.child(f".items.properties[{key}]")
        if key not in needed and member.get("default") is None:
            detail = f"{_IS_KEY} must have a default or be a required property"
            yield required(f"{where}.default", detail)
        if member.get("nullable"):
            yield forbidden(f"{where}.nullable", f"{_IS_KEY} cannot be nullable")
