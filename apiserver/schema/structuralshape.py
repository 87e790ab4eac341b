"""Structural schemas: every field is specified, outside of the value validations.

A structural schema has two parts. The fields, their types and their extensions are a tree; below
``allOf``, ``anyOf``, ``oneOf`` and ``not`` there are assertions only. The rules are those of the
section "Specifying a structural schema" in the documentation of CustomResourceDefinitions.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain
from typing import Any, Final

from apiserver.machinery.fielderrors import FieldError, forbidden, invalid, required
from apiserver.machinery.objects import Object
from apiserver.schema.errorpaths import SchemaPath, bounded
from apiserver.schema.patterns import PatternCheck

_ROOT, _ITEM, _FIELD = "root", "item", "field"
_NO_TYPE: Final = {
    _ROOT: "must not be empty at the root",
    _ITEM: "must not be empty for specified array items",
    _FIELD: "must not be empty for specified object fields",
}
_EMBEDDED: Final = "x-kubernetes-embedded-resource"
_INT_OR_STRING: Final = "x-kubernetes-int-or-string"
_PRESERVE: Final = "x-kubernetes-preserve-unknown-fields"
# Both forms in which a schema may repeat that it allows integers and strings.
_INTEGER_OR_STRING: Final = [{"type": "integer"}, {"type": "string"}]

_JUNCTORS: Final = ("allOf", "anyOf", "oneOf")
_ASSERTIONS: Final = frozenset((*_JUNCTORS, "not"))
_PARTS: Final = _ASSERTIONS | {"properties", "items", "additionalProperties"}
# Keywords that are forbidden below a junctor, besides ``type``, and the words of the error.
_STRUCTURE: Final = {
    "type": "empty",
    "additionalProperties": "undefined",
    "default": "undefined",
    "title": "empty",
    "description": "empty",
    "nullable": "false",
    _PRESERVE: "false",
    _EMBEDDED: "false",
    _INT_OR_STRING: "false",
    "x-kubernetes-list-map-keys": "empty",
    "x-kubernetes-list-type": "undefined",
    "x-kubernetes-map-type": "undefined",
    "x-kubernetes-validations": "empty",
}
# Members of the metadata of whole objects that a schema may restrict, and what it may say of them.
_RESTRICTABLE: Final = {"name", "generateName"}
_OF_METADATA: Final = {"type", "default", "externalDocs", "example"}


def shape_problems(props: Object, path: str) -> list[FieldError]:
    """Return why a schema of whole objects is not structural, sorted by text."""
    where = SchemaPath(path)
    found = chain(
        _structure(props, where, _ROOT),
        _completeness(props, props, where, where),
        _patterns(props, where, PatternCheck()),
    )
    return sorted(bounded(found), key=str)


def _structure(props: Object, path: SchemaPath, level: str) -> Iterator[FieldError]:
    """Yield the errors of a schema outside of value validations."""
    items = props.get("items")
    if props.get("type") == "array" and items is None:
        yield required(f"{path}.items", "must be specified")
    if items is not None:
        yield from _structure(items, path.child(".items"), _ITEM)
    properties = props.get("properties", {})
    for name, member in properties.items():
        yield from _structure(member, path.child(f".properties[{name}]"), _FIELD)
    yield from _additional(props, path.child(".additionalProperties"), level)
    for extension in (_PRESERVE, _EMBEDDED):
        if props.get(_INT_OR_STRING) and props.get(extension):
            detail = f"must be false if {_INT_OR_STRING} is true"
            yield invalid(f"{path}.{extension}", props[extension], detail)
    yield from _assertions(props, path)
    yield from _type(props, path, level)
    embedded = bool(props.get(_EMBEDDED))
    yield from _identity(properties, path, level, whole=embedded or level == _ROOT)
    if embedded and not props.get(_PRESERVE) and not properties:
        detail = f"must not be empty if {_EMBEDDED} is true without {_PRESERVE}"
        yield required(f"{path}.properties", detail)


def _additional(props: Object, path: SchemaPath, level: str) -> Iterator[FieldError]:
    additional = props.get("additionalProperties")
    if additional is None:
        return
    if level == _ROOT:
        yield forbidden(str(path), "must not be used at the root")
    if isinstance(additional, dict):
        yield from _structure(additional, path, _FIELD)
    if props.get(_EMBEDDED):
        yield forbidden(str(path), f"must not be used if {_EMBEDDED} is set")


def _type(props: Object, path: SchemaPath, level: str) -> Iterator[FieldError]:
    type_, where = props.get("type", ""), path.child(".type")
    if props.get(_EMBEDDED) and type_ != "object":
        detail = f"must be object if {_EMBEDDED} is true"
        yield (invalid(str(where), type_, detail) if type_ else required(str(where), detail))
    elif not type_ and not props.get(_INT_OR_STRING) and not props.get(_PRESERVE):
        yield required(str(where), _NO_TYPE[level])
    if level == _ROOT and type_ not in ("", "object"):
        yield invalid(str(where), type_, "must be object at the root")


def _identity(
    properties: Object, path: SchemaPath, level: str, *, whole: bool
) -> Iterator[FieldError]:
    """Yield the errors of the members that identify an object."""
    for name in ("kind", "apiVersion"):
        type_ = properties.get(name, {}).get("type", "")
        if whole and name in properties and type_ != "string":
            yield invalid(f"{path}.properties[{name}].type", type_, "must be string")
    if "metadata" not in properties:
        return
    metadata, where = properties["metadata"], path.child(".properties[metadata]")
    if whole and metadata.get("type", "") != "object":
        yield invalid(f"{where}.type", metadata.get("type", ""), "must be object")
    if level == _ROOT:
        restricted = metadata.get("properties", {}).keys()
        said = {name for name, value in metadata.items() if not _is_zero(value)} - _OF_METADATA
        if not restricted <= _RESTRICTABLE or not said <= {"properties"}:
            yield forbidden(
                str(where),
                "must not specify anything other than name and generateName, but metadata is "
                "implicitly specified",
            )


def _is_zero(value: Any) -> bool:
    return value is False or value in ("", [], {})


def _assertions(
    props: Object, path: SchemaPath, *, skips_any: bool = False, nested: bool = False
) -> Iterator[FieldError]:
    """Yield the errors of the value validations of a schema, and of those below it.

    ``nested``: the schema is below a junctor itself. ``skips_any``: its ``anyOf`` is one of the
    forms of integers and strings.
    """
    if _ASSERTIONS.isdisjoint(props):
        return
    every = props.get("allOf", [])
    skips_first = False
    if not nested:
        skips_any = props.get("anyOf") == _INTEGER_OR_STRING
        skips_first = bool(every) and every[0].get("anyOf") == _INTEGER_OR_STRING
    for index, branch in enumerate([] if skips_any else props.get("anyOf", [])):
        yield from _nested(branch, path.child(f".anyOf[{index}]"))
    for index, branch in enumerate(every):
        skips = skips_first and index == 0
        yield from _nested(branch, path.child(f".allOf[{index}]"), skips_any=skips)
    for index, branch in enumerate(props.get("oneOf", [])):
        yield from _nested(branch, path.child(f".oneOf[{index}]"))
    if props.get("not") is not None:
        yield from _nested(props["not"], path.child(".not"))


def _patterns(props: Object, path: SchemaPath, patterns: PatternCheck) -> Iterator[FieldError]:
    """Yield the invalid regular expressions of a schema, and of all schemas in it."""
    pattern = props.get("pattern")
    problem = patterns.problem(pattern) if pattern else ""
    if problem:
        detail = f"must be a valid regular expression, but isn't: {problem}"
        yield invalid(f"{path}.pattern", pattern, detail)
    if _PARTS.isdisjoint(props):
        return
    for name, member in props.get("properties", {}).items():
        yield from _patterns(member, path.child(f".properties[{name}]"), patterns)
    for part in ("items", "additionalProperties", "not"):
        if isinstance(props.get(part), dict):
            yield from _patterns(props[part], path.child(f".{part}"), patterns)
    for junctor in _JUNCTORS:
        for index, branch in enumerate(props.get(junctor, [])):
            yield from _patterns(branch, path.child(f".{junctor}[{index}]"), patterns)


def _nested(props: Object, path: SchemaPath, *, skips_any: bool = False) -> Iterator[FieldError]:
    """Yield the errors of a schema below a junctor, which may only assert."""
    yield from _assertions(props, path, skips_any=skips_any, nested=True)
    items = props.get("items")
    if isinstance(items, dict):
        yield from _nested(items, path.child(".items"))
    for name, member in props.get("properties", {}).items():
        yield from _nested(member, path.child(f".properties[{name}]"))
    for name, absence in _STRUCTURE.items():
        value = props.get(name)
        is_set = value is not None and (name == "additionalProperties" or not _is_zero(value))
        if is_set or (name == "default" and value is not None):
            yield forbidden(f"{path}.{name}", f"must be {absence} to be structural")
    # Rules for metadata could forbid fields that every object may have.
    if "metadata" in props.get("properties", {}):
        where = path.child(".properties[metadata]")
        yield forbidden(str(where), "must not be specified in a nested context")


def _completeness(
    asserted: Object, specified: Object, where: SchemaPath, path: SchemaPath
) -> Iterator[FieldError]:
    """Yield the fields that the junctors of ``asserted`` mention and ``specified`` does not have.

    ``where`` and ``path`` are the paths of the two: of the latter first.
    """
    branches = [(path.child(".not"), asserted["not"])] if asserted.get("not") is not None else []
    for junctor in _JUNCTORS:
        for index, branch in enumerate(asserted.get(junctor, [])):
            branches.append((path.child(f".{junctor}[{index}]"), branch))
    for branch_path, branch in branches:
        yield from _nested_completeness(branch, specified, where, branch_path)


def _nested_completeness(
    asserted: Object, specified: Object, where: SchemaPath, path: SchemaPath
) -> Iterator[FieldError]:
    yield from _completeness(asserted, specified, where, path)
    mentioned = [
        (f".properties[{name}]", member, specified.get("properties", {}).get(name))
        for name, member in asserted.get("properties", {}).items()
    ]
    if isinstance(asserted.get("items"), dict):
        mentioned.append((".items", asserted["items"], specified.get("items")))
    for part, member, found in mentioned:
        if found is None:
            yield required(f"{where}{part}", f"because it is defined in {path}{part}")
        else:
            yield from _nested_completeness(member, found, where.child(part), path.child(part))
