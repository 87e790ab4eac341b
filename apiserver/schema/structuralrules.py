"""Rules of the schemas in CustomResourceDefinitions.

A schema must be structural (`apiserver.schema.structuralshape`), its defaults valid
(`apiserver.schema.defaultrules`), and each schema in it must obey the rules of its own
(`apiserver.schema.openapirules`). The errors come in this order, as from kube-apiserver; defaults
are looked at only if the schema is structural, its rules (``x-kubernetes-validations``) only if the
defaults are valid, too.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Final, TypeAlias

from apiserver.machinery.fielderrors import FieldError, forbidden, invalid
from apiserver.machinery.objects import Object
from apiserver.schema.defaultrules import NO_CHECKS, ValueChecks, default_problems
from apiserver.schema.errorpaths import bounded
from apiserver.schema.internalform import internal_form
from apiserver.schema.openapirules import openapi_problems
from apiserver.schema.structuralshape import shape_problems

#: Returns the errors of the rules in a structural schema, of which the fields are known that have
#: errors already.
DeclaredRules: TypeAlias = Callable[[list[str]], list[FieldError]]

_SCHEMA: Final = "apiextensions.v1.JSONSchemaProps"
# Keywords that the schema of a whole object may have if there is a status subresource, as in Go, in
# the order of the message.
_BESIDE_STATUS: Final = (
    "Description", "Type", "Format", "Title", "Maximum", "ExclusiveMaximum", "Minimum",
    "ExclusiveMinimum", "MaxLength", "MinLength", "Pattern", "MaxItems", "MinItems", "UniqueItems",
    "MultipleOf", "Required", "Items", "Properties", "ExternalDocs", "Example",
    "XPreserveUnknownFields", "XValidations",
)  # fmt: skip
_WITH_STATUS: Final = "at the root of the schema if the status subresource is enabled"
# Keywords that a structural schema has no place for, and their names in the message.
_NOT_CONVERTIBLE: Final = {
    "id": "id", "$schema": "schema", "$ref": "$ref", "patternProperties": "patternProperties",
    "dependencies": "dependencies", "additionalItems": "additionalItems",
    "definitions": "definitions",
}  # fmt: skip
_PRESERVE: Final = "x-kubernetes-preserve-unknown-fields"
_JUNCTORS: Final = ("allOf", "anyOf", "oneOf")
_LOOKED_INTO: Final = frozenset((
    *_NOT_CONVERTIBLE, _PRESERVE, "not", *_JUNCTORS, "additionalProperties", "items", "properties",
))  # fmt: skip


def structural_problems(
    props: Object,
    path: str,
    *,
    has_status: bool = False,
    checks: ValueChecks = NO_CHECKS,
    declared_rules: DeclaredRules | None = None,
) -> list[FieldError]:
    """Return the errors of an ``openAPIV3Schema``.

    ``path`` is that of the schema: ``spec.validation.openAPIV3Schema``. ``has_status``: the version
    has the status subresource. ``checks`` are for defaults.
    """
    rules = declared_rules or _no_rules
    return bounded(_problems(props, path, checks, rules, has_status=has_status))


def _no_rules(faulty: list[str]) -> list[FieldError]:
    return []


def _problems(
    props: Object, path: str, checks: ValueChecks, rules: DeclaredRules, *, has_status: bool
) -> Iterator[FieldError]:
    unsupported = _not_convertible(props)
    errors = [*_beside_status(props, path)] if has_status else []
    if props.get("nullable"):
        errors.append(forbidden(f"{path}.nullable", "nullable cannot be true at the root"))
    of_structure = []
    if not unsupported:
        of_structure = shape_problems(props, path) or default_problems(props, path, checks)
    errors += of_structure
    yield from errors
    of_each = bounded(openapi_problems(props, path))
    yield from of_each
    if not unsupported and not of_structure:
        yield from rules([error.field for error in of_each])
    if unsupported and not errors and not of_each:
        yield invalid(path, "", f"OpenAPIV3Schema '{unsupported}' is not supported")


def _beside_status(props: Object, path: str) -> Iterator[FieldError]:
    """Yield the first forbidden keyword of a schema, in the order of the fields in Go."""
    # The names of the keywords suffice here; only the message needs their values.
    outline = {name: _emptied(value) for name, value in props.items()}
    for name, value in internal_form(_SCHEMA, outline).items():
        if value is None or value is False or value == "":
            continue
        if name == "Type":
            if value != "object":
                detail = f'only "object" is allowed as the type {_WITH_STATUS}'
                yield invalid(f"{path}.type", value, detail)
                return
        elif name not in _BESIDE_STATUS:
            fields = f"only [{' '.join(_BESIDE_STATUS)}] fields are allowed"
            shown = internal_form(_SCHEMA, props)
            yield invalid(path, shown, f"{fields} {_WITH_STATUS}")
            return


def _emptied(value: Any) -> Any:
    return type(value)() if isinstance(value, dict | list) else value


def _not_convertible(props: Object) -> str:
    """Return the keyword that keeps a schema from being converted to a structural one, or ``""``.

    All of them but ``$schema`` are reported elsewhere, too.
    """
    if _LOOKED_INTO.isdisjoint(props):
        return ""
    for keyword, name in _NOT_CONVERTIBLE.items():
        if props.get(keyword) is not None:
            return name
    if props.get(_PRESERVE) is False:
        return _PRESERVE
    if isinstance(props.get("items"), list):
        return "items"
    return next(filter(None, map(_not_convertible, _parts(props))), "")


def _parts(props: Object) -> Iterator[Object]:
    single: list[Any] = [props.get("not"), props.get("additionalProperties"), props.get("items")]
    yield from (part for part in single if isinstance(part, dict))
    for junctor in _JUNCTORS:
        yield from props.get(junctor, ())
    yield from props.get("properties", {}).values()
