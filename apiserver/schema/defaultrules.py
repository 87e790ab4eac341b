"""Rules of the defaults in the schema of a CustomResourceDefinition.

A default must be valid where it stands and have no fields that would be pruned. One inside of the
metadata of an object must make valid metadata.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any, Final, TypeAlias

from apiserver.machinery.fielderrors import FieldError, aggregate, invalid
from apiserver.machinery.objects import Object
from apiserver.schema.jsonschemaprops import structural_schema
from apiserver.schema.memberorder import by_name
from apiserver.schema.numberassertions import NO_FIELD
from apiserver.schema.structural import MISSING, Schema
from apiserver.schema.structuralpruning import MalformedObject, prune_value
from apiserver.schema.validation import validate

#: Validates the objects inside of a document: their apiVersion, kind and metadata.
EmbeddedErrors: TypeAlias = Callable[[Object, Schema], list[FieldError]]

_IDENTITY: Final = ("metadata", "kind", "apiVersion")
_KIND: Final = {"apiVersion": "validation/v1", "kind": "Validation"}
# The member under which a value is put into an object, to be looked at as a member of it.
_MEMBER: Final = "value"


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a schema is: in which object, and whether it is of what identifies that.

    ``surround`` puts a value of the schema into an object.
    """

    object: Schema
    surround: Callable[[Any], Any]
    in_identity: bool = False


def default_problems(
    props: Object, path: str, embedded_errors: EmbeddedErrors | None
) -> list[FieldError]:
    """Return the errors of the defaults in a structural schema of whole objects."""
    schema = replace(structural_schema(props), embedded_resource=True)
    return list(_problems(schema, path, _whole(schema), embedded_errors or _no_errors))


def _no_errors(document: Object, schema: Schema) -> list[FieldError]:
    return []


def _whole(schema: Schema) -> _Place:
    return _Place(schema, lambda value: {**value, **_KIND})


def _problems(
    schema: Schema, path: str, place: _Place, embedded_errors: EmbeddedErrors
) -> Iterator[FieldError]:
    if schema.embedded_resource:
        place = _whole(schema)
    if schema.default is not MISSING:
        check = _in_identity if place.in_identity else _plain
        yield from check(schema, f"{path}.default", place, embedded_errors)
    # Below additionalProperties no default is looked at: none is filled in for what is missing.
    if schema.items is not None:
        inside = replace(place, surround=lambda item: place.surround([item]))
        yield from _problems(schema.items, f"{path}.items", inside, embedded_errors)
    for name, member in schema.properties.items():
        in_identity = place.in_identity or (schema.embedded_resource and name in _IDENTITY)
        inside = _Place(place.object, _into(place.surround, name), in_identity)
        yield from _problems(member, f"{path}.properties[{name}]", inside, embedded_errors)


def _into(surround: Callable[[Any], Any], name: str) -> Callable[[Any], Any]:
    return lambda value: surround({name: value})


def _plain(
    schema: Schema, path: str, _: _Place, embedded_errors: EmbeddedErrors
) -> Iterator[FieldError]:
    default = schema.default
    try:
        _, unknown = prune_value(default, schema)
    except MalformedObject as malformed:
        yield _below(path, malformed.error)
        return
    if unknown:
        yield invalid(path, by_name(default), "must not have unknown fields")
    errors = _embedded(default, schema, path, embedded_errors)
    yield from errors or [_below(path, error) for error in validate(default, schema)]


def _in_identity(
    schema: Schema, path: str, place: _Place, embedded_errors: EmbeddedErrors
) -> Iterator[FieldError]:
    whole = place.surround(schema.default)
    try:
        prune_value(whole, place.object)
    except MalformedObject as malformed:
        errors = [malformed.error]
    else:
        errors = _embedded(whole, place.object, "", embedded_errors)
    if errors:
        detail = f"must result in valid metadata: {aggregate(errors)}"
        yield invalid(path, by_name(schema.default), detail)
    else:
        yield from (_below(path, error) for error in validate(schema.default, schema))


def _embedded(
    value: Any, schema: Schema, path: str, embedded_errors: EmbeddedErrors
) -> list[FieldError]:
    """Return the errors of the objects in a value, the value itself included."""
    found = embedded_errors({_MEMBER: value}, Schema("object", properties={_MEMBER: schema}))
    return [_moved(error, path) for error in found]


def _moved(error: FieldError, path: str) -> FieldError:
    """Return an error with a path from `_MEMBER` on as one with a path from ``path`` on."""
    field = error.field.removeprefix(_MEMBER)
    return replace(error, field=path + field if path else field.removeprefix("."))


def _below(path: str, error: FieldError) -> FieldError:
    at_default = error.field == NO_FIELD
    return replace(error, field=path if at_default else f"{path}.{error.field}")
