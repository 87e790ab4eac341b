"""Rules of each schema in a CustomResourceDefinition, be it structural or not.

They say which parts of OpenAPI and of JSON schema the API takes, where defaults may stand, and what
the extensions of Kubernetes need. See the fields of JSONSchemaProps in the API documentation.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any, Final

from apiserver.machinery.fielderrors import FieldError, forbidden, invalid, not_supported
from apiserver.machinery.objects import Object
from apiserver.machinery.valueclasses import valueclass
from apiserver.schema.errorpaths import SchemaPath
from apiserver.schema.listtyperules import list_type_rule_problems
from apiserver.schema.ruledeclarations import rule_declaration_problems

_TYPES: Final = ("array", "boolean", "integer", "number", "object", "string")
_UNSUPPORTED: Final = (
    "id", "additionalItems", "patternProperties", "definitions", "dependencies", "$ref",
)  # fmt: skip
_UNUSUAL: Final = frozenset(_UNSUPPORTED)
_JUNCTORS: Final = ("allOf", "oneOf", "anyOf")
_OTHER_PARTS: Final = frozenset(("not", *_JUNCTORS, "definitions", "items", "dependencies"))
_IDENTITY: Final = ("metadata", "kind", "apiVersion")
_EMBEDDED: Final = "x-kubernetes-embedded-resource"
_PRESERVE: Final = "x-kubernetes-preserve-unknown-fields"
_UNIQUE: Final = "uniqueItems cannot be set to true since the runtime complexity becomes quadratic"
_WITHOUT_VALUE: Final = "inside additionalProperties applying to object metadata"


@valueclass
class _SchemaContext:
    """Where a schema is: inside of apiVersion, kind or metadata, or where no default may be."""

    in_identity: bool = False
    no_defaults: str = ""


def openapi_problems(props: Object, path: str) -> Iterator[FieldError]:
    """Yield the errors of a schema of whole objects, and of its children."""
    yield from _problems(props, SchemaPath(path), _SchemaContext(), is_root=True)


def _problems(
    props: Object, path: SchemaPath, context: _SchemaContext, *, is_root: bool = False
) -> Iterator[FieldError]:
    yield from _keywords(props, path, context)
    if props.get("uniqueItems"):
        yield forbidden(f"{path}.uniqueItems", _UNIQUE)
    additional = props.get("additionalProperties")
    if additional is not None:
        where = path.child(".additionalProperties")
        if props.get("properties") and additional is not True:
            detail = "additionalProperties and properties are mutual exclusive"
            yield forbidden(str(where), detail)
        if isinstance(additional, dict):
            inside = (
                replace(context, no_defaults=_WITHOUT_VALUE) if context.in_identity else context
            )
            yield from _problems(additional, where, inside)
    for name, member in props.get("properties", {}).items():
        inside = context
        if name in _IDENTITY and (is_root or props.get(_EMBEDDED)):
            no_defaults = f"in top-level {name}" if is_root else context.no_defaults
            inside = _SchemaContext(in_identity=True, no_defaults=no_defaults)
        yield from _problems(member, path.child(f".properties[{name}]"), inside)
    for part, schema in () if _OTHER_PARTS.isdisjoint(props) else _other_parts(props):
        yield from _problems(schema, path.child(part), context)
    if props.get(_PRESERVE) is False:
        yield invalid(f"{path}.{_PRESERVE}", False, "must be true or undefined")  # noqa: FBT003
    yield from list_type_rule_problems(props, path)
    yield from rule_declaration_problems(props, path)


def _keywords(props: Object, path: SchemaPath, context: _SchemaContext) -> Iterator[FieldError]:
    type_ = props.get("type", "")
    if type_ and type_ not in _TYPES:
        yield not_supported(f"{path}.type", type_, _TYPES)
    if props.get("default") is not None and context.no_defaults:
        yield forbidden(f"{path}.default", f"must not be set {context.no_defaults}")
    for keyword in () if _UNUSUAL.isdisjoint(props) else _UNSUPPORTED:
        if props.get(keyword) is not None:
            yield forbidden(f"{path}.{keyword}", f"{keyword} is not supported")
    if type_ == "null":
        detail = "type cannot be set to null, use nullable as an alternative"
        yield forbidden(f"{path}.type", detail)
    if isinstance(props.get("items"), list):
        yield forbidden(f"{path}.items", "items must be a schema object and not an array")
    if context.in_identity and props.get(_EMBEDDED):
        yield forbidden(f"{path}.{_EMBEDDED}", "must not be used inside of resource meta")


def _other_parts(props: Object) -> Iterator[tuple[str, Object]]:
    """Yield the schemas in a schema that are not those of members, with their paths in it."""
    if props.get("not") is not None:
        yield ".not", props["not"]
    for junctor in _JUNCTORS:
        for index, branch in enumerate(props.get(junctor, [])):
            yield f".{junctor}[{index}]", branch
    for name, schema in props.get("definitions", {}).items():
        yield f".definitions[{name}]", schema
    items: Any = props.get("items")
    if isinstance(items, dict):
        yield ".items", items
    elif isinstance(items, list):
        for index, item in enumerate(items):
            yield f".items[{index}]", item
    for name, schema in props.get("dependencies", {}).items():
        if isinstance(schema, dict):
            yield f".dependencies[{name}]", schema
