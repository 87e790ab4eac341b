"""Type checking of a validating policy: expressions with the types of matched resources.

See "Type checking" in the documentation of ValidatingAdmissionPolicy. A policy with warnings is in
force all the same.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from apiserver.cel.errors import CompileError
from apiserver.cel.requestvariables import RequestExpressions
from apiserver.machinery.gvk import GroupVersionKind
from apiserver.schema.openapi import object_meta
from apiserver.schema.structural import Schema

_FAILED: Final = "compilation failed: "
_STRING: Final = Schema("string")
_MEMBERS: Final = ("expression", "messageExpression")


def type_warnings(
    spec: Mapping[str, Any],
    kinds: Sequence[tuple[GroupVersionKind, Schema]],
    params: Schema | None,
) -> list[dict[str, str]]:
    """Return the ``expressionWarnings`` of a policy, which applies to ``kinds``.

    ``params`` is the schema of its parameters, if it has any and the schema is known.
    """
    checks = [(kind, _expressions(spec, schema, params)) for kind, schema in kinds]
    warnings = []
    for index, rule in enumerate(spec.get("validations") or ()):
        for member in _MEMBERS:
            source = rule.get(member) or ""
            texts = list(_texts(source, checks)) if source else []
            if texts:
                reference = f"spec.validations[{index}].{member}"
                warnings.append({"fieldRef": reference, "warning": "\n".join(texts)})
    return warnings


def _texts(
    source: str, checks: Sequence[tuple[GroupVersionKind, RequestExpressions]]
) -> Iterator[str]:
    for kind, expressions in checks:
        try:
            expressions.compile(source)
        except CompileError as error:
            problem = str(error).removeprefix(_FAILED)
            yield f"{kind}: {problem}\n"


def _expressions(
    spec: Mapping[str, Any], schema: Schema, params: Schema | None
) -> RequestExpressions:
    whole = _whole(schema)
    schemas = {"object": whole, "oldObject": whole}
    if params is not None:
        schemas["params"] = _whole(params)
    expressions = RequestExpressions(composes=True, schemas=schemas)
    for variable in spec.get("variables") or ():
        try:
            type_ = expressions.compile(variable.get("expression") or "").type
        except CompileError:
            type_ = "dyn"
        expressions.declare(variable.get("name") or "", type_)
    return expressions


def _whole(schema: Schema) -> Schema:
    """Return a schema with the metadata that every object has."""
    metadata = schema.properties.get("metadata")
    if metadata is not None and metadata.properties:
        return schema
    added = {"apiVersion": _STRING, "kind": _STRING, "metadata": object_meta()}
    return replace(schema, properties={**schema.properties, **added})
