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
from apiserver.schema.structural import Schema


def embedded_object_errors(document: Object, schema: Schema) -> list[FieldError]:
    """Validate apiVersion, kind and metadata of all objects below ``document``."""
    errors: list[FieldError] = []
    for name, member in document.items():
        specified = schema.member(name)
        if specified is not None:
            errors += _errors(member, specified, name)
    return errors


def has_embedded_objects(schema: Schema) -> bool:
    """Return whether a schema, which is a tree, allows objects inside of objects."""
    return any(each.embedded_resource or has_embedded_objects(each) for each in _below(schema))


def _below(schema: Schema) -> Iterator[Schema]:
    yield from schema.properties.values()
    for each in (schema.values, schema.items):
        if each is not None:
            yield each


def _errors(value: Any, schema: Schema, path: str) -> Iterator[FieldError]:
    if isinstance(value, dict):
        if schema.embedded_resource:
            yield from _object_errors(value, path)
        for name, member in value.items():
            specified = schema.properties.get(name)
            if specified is not None:
                yield from _errors(member, specified, f"{path}.{name}")
            elif schema.values is not None:
                yield from _errors(member, schema.values, f"{path}[{name}]")
    elif isinstance(value, list) and schema.items is not None:
        for index, item in enumerate(value):
            yield from _errors(item, schema.items, f"{path}[{index}]")


def _object_errors(value: Object, path: str) -> Iterator[FieldError]:
    for name in ("apiVersion", "kind"):
        if name not in value:
            yield required(f"{path}.{name}")
    if "apiVersion" in value:
        yield from _api_version_errors(value["apiVersion"], f"{path}.apiVersion")
    if "kind" in value:
        yield from _kind_errors(value["kind"], f"{path}.kind")
    metadata = value.get("metadata")
    if isinstance(metadata, dict):
        for error in validate_embedded(metadata):
            yield replace(error, field=f"{path}.{error.field}")


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
