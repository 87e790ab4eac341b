"""Validation of the objects inside of custom objects: ``x-kubernetes-embedded-resource``."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from apiserver.machinery.fielderrors import FieldError, invalid, required
from apiserver.machinery.gvk import parse_api_version
from apiserver.machinery.names import dns1035_label_problems
from apiserver.machinery.objects import Object
from apiserver.resources.objectmeta import validate_embedded
from apiserver.schema.errorpaths import Path, bounded, shown
from apiserver.schema.structural import Schema


def embedded_object_errors(document: Object, schema: Schema) -> list[FieldError]:
    """Validate apiVersion, kind and metadata of all objects below ``document``."""
    return bounded(_members(document, schema, None))


def has_embedded_objects(schema: Schema) -> bool:
    """Return whether a schema, which is a tree, allows objects inside of objects."""
    return any(each.embedded_resource or has_embedded_objects(each) for each in _below(schema))


def _below(schema: Schema) -> Iterator[Schema]:
    yield from schema.properties.values()
    for each in (schema.values, schema.items):
        if each is not None:
            yield each


def _errors(value: Any, schema: Schema, path: Path) -> Iterator[FieldError]:
    if isinstance(value, dict):
        if schema.embedded_resource:
            for error in _object_errors(value):
                yield replace(error, field=f"{shown(path)}.{error.field}")
        yield from _members(value, schema, path)
    elif isinstance(value, list) and schema.items is not None:
        for index, item in enumerate(value):
            yield from _errors(item, schema.items, (path, f"[{index}]"))


def _members(value: Object, schema: Schema, path: Path) -> Iterator[FieldError]:
    for name, member in value.items():
        if not isinstance(member, dict | list):
            continue
        specified = schema.properties.get(name)
        if specified is not None:
            yield from _errors(member, specified, (path, f".{name}"))
        elif schema.values is not None:
            yield from _errors(member, schema.values, (path, f"[{name}]"))


def _object_errors(value: Object) -> Iterator[FieldError]:
    for name in ("apiVersion", "kind"):
        if name not in value:
            yield required(name)
    if "apiVersion" in value:
        yield from _api_version_errors(value["apiVersion"], "apiVersion")
    if "kind" in value:
        yield from _kind_errors(value["kind"], "kind")
    metadata = value.get("metadata")
    if isinstance(metadata, dict):
        yield from validate_embedded(metadata)


def _api_version_errors(value: Any, path: str) -> Iterator[FieldError]:
    if not isinstance(value, str):
        yield invalid(path, value, "must be a string")
    elif not value:
        yield invalid(path, value, "must not be empty")
    else:
        try:
            parse_api_version(value)
        except ValueError as error:
            yield invalid(path, value, str(error))


def _kind_errors(value: Any, path: str) -> Iterator[FieldError]:
    if not isinstance(value, str):
        yield invalid(path, value, "must be a string")
    elif not value:
        yield invalid(path, value, "must not be empty")
    else:
        problems = dns1035_label_problems(value.lower())
        if problems:
            detail = "may have mixed case, but should otherwise match: " + ",".join(problems)
            yield invalid(path, value, detail)
