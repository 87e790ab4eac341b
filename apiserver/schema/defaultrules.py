"""Rules of the defaults in the schema of a CustomResourceDefinition.

A default must be valid where it stands and have no fields that would be pruned. One inside of the
metadata of an object must make valid metadata.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any, Final, TypeAlias

from apiserver.machinery.fielderrors import FieldError, aggregate, invalid
from apiserver.machinery.objects import Object
from apiserver.machinery.valueclasses import valueclass
from apiserver.schema.errorpaths import NO_FIELD, SchemaPath, bounded
from apiserver.schema.jsonschemaprops import structural_schema
from apiserver.schema.memberorder import by_name
from apiserver.schema.structural import MISSING, Schema
from apiserver.schema.structuralpruning import MalformedObject, prune_value
from apiserver.schema.validation import validate

#: Validates the objects inside of a document: their apiVersion, kind and metadata.
EmbeddedErrors: TypeAlias = Callable[[Object, Schema], list[FieldError]]
#: Returns the violations of the rules of a schema by a value; the paths start at the value.
RuleErrors: TypeAlias = Callable[[Any, Schema], list[FieldError]]

_IDENTITY: Final = ("metadata", "kind", "apiVersion")
_KIND: Final = {"apiVersion": "validation/v1", "kind": "Validation"}
# The name of the member as which a value is put into an object for validation.
_MEMBER: Final = "value"


@valueclass
class _SchemaContext:
    """Where a schema is: in which object, and whether it is of what identifies that.

    ``surround`` puts a value of the schema into an object.
    """

    object: Schema
    surround: Callable[[Any], Any]
    in_identity: bool = False


def _no_errors(document: Any, schema: Schema) -> list[FieldError]:
    return []


@valueclass
class ValueChecks:
    """Checks of defaults that this layer does not know."""

    embedded: EmbeddedErrors = _no_errors
    rules: RuleErrors = _no_errors


NO_CHECKS: Final = ValueChecks()


def default_problems(props: Object, path: str, checks: ValueChecks) -> list[FieldError]:
    """Return the errors of the defaults in a structural schema of whole objects."""
    schema = replace(structural_schema(props), embedded_resource=True)
    return bounded(_problems(schema, SchemaPath(path), _whole(schema), checks))


def _whole(schema: Schema) -> _SchemaContext:
    return _SchemaContext(schema, lambda value: {**value, **_KIND})


def _problems(
    schema: Schema, path: SchemaPath, context: _SchemaContext, checks: ValueChecks
) -> Iterator[FieldError]:
    if schema.embedded_resource:
        context = _whole(schema)
    if schema.default is not MISSING:
        check = _in_identity if context.in_identity else _plain
        yield from check(schema, path.child(".default"), context, checks)
    # Below additionalProperties defaults are not checked: they are never filled in.
    if schema.items is not None:
        inside = replace(context, surround=lambda item: context.surround([item]))
        yield from _problems(schema.items, path.child(".items"), inside, checks)
    for name, member in schema.properties.items():
        in_identity = context.in_identity or (schema.embedded_resource and name in _IDENTITY)
        inside = _SchemaContext(context.object, _into(context.surround, name), in_identity)
        yield from _problems(member, path.child(f".properties[{name}]"), inside, checks)


def _into(surround: Callable[[Any], Any], name: str) -> Callable[[Any], Any]:
    return lambda value: surround({name: value})


def _plain(
    schema: Schema, path: SchemaPath, _: _SchemaContext, checks: ValueChecks
) -> Iterator[FieldError]:
    default = schema.default
    if not isinstance(default, dict | list):
        yield from _value_errors(schema, path, checks)
        return
    try:
        _, unknown = prune_value(default, schema)
    except MalformedObject as malformed:
        yield _below(path, malformed.error)
        return
    if unknown:
        yield invalid(str(path), by_name(default), "must not have unknown fields")
    errors = _embedded(default, schema, checks.embedded)
    for error in errors:
        yield replace(error, field=f"{path}{error.field}")
    if not errors:
        yield from _value_errors(schema, path, checks)


def _in_identity(
    schema: Schema, path: SchemaPath, context: _SchemaContext, checks: ValueChecks
) -> Iterator[FieldError]:
    whole = context.surround(schema.default)
    try:
        prune_value(whole, context.object)
    except MalformedObject as malformed:
        errors = [malformed.error]
    else:
        found = _embedded(whole, context.object, checks.embedded)
        errors = [replace(error, field=error.field.removeprefix(".")) for error in found]
    if errors:
        detail = f"must result in valid metadata: {aggregate(errors)}"
        yield invalid(str(path), by_name(schema.default), detail)
    else:
        yield from _value_errors(schema, path, checks)


def _value_errors(schema: Schema, path: SchemaPath, checks: ValueChecks) -> Iterator[FieldError]:
    errors = validate(schema.default, schema)
    yield from (_below(path, error) for error in errors)
    if not errors:
        for error in checks.rules(schema.default, schema):
            inside = error.field.startswith("[")
            yield replace(error, field=f"{path}{error.field}") if inside else _below(path, error)


def _embedded(value: Any, schema: Schema, embedded_errors: EmbeddedErrors) -> list[FieldError]:
    """Return the errors of the objects in a value, itself included, with paths from it on."""
    found = embedded_errors({_MEMBER: value}, Schema("object", properties={_MEMBER: schema}))
    return [replace(error, field=error.field.removeprefix(_MEMBER)) for error in found]


def _below(path: SchemaPath, error: FieldError) -> FieldError:
    at_default = error.field == NO_FIELD
    return replace(error, field=str(path) if at_default else f"{path}.{error.field}")
