"""The declarations in ``x-kubernetes-validations``, apart from the rules themselves."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, Final

from apiserver.machinery.fielderrors import FieldError, invalid, not_supported, required
from apiserver.machinery.objects import Object
from apiserver.schema.errorpaths import SchemaPath

_REASONS: Final = (
    "FieldValueDuplicate", "FieldValueForbidden", "FieldValueInvalid", "FieldValueRequired",
)  # fmt: skip
_LINE_BREAK: Final = re.compile(r"[\n\r]")
# A delimiter, a name in quotes, which may have delimiters in it, or a name.
_TOKEN: Final = re.compile(r"[.\[\]]|'(?:\\.|[^'\\])*'|[^.\[\]]+", re.DOTALL)


def rule_declaration_problems(props: Object, path: SchemaPath) -> Iterator[FieldError]:
    """Yield the errors of the declarations of the rules of a schema."""
    for index, rule in enumerate(props.get("x-kubernetes-validations", [])):
        where = path.child(f".x-kubernetes-validations[{index}]")
        text, message = rule.get("rule", ""), rule.get("message", "")
        if not text.strip():
            yield required(f"{where}.rule", "rule is not specified")
        elif message and not message.strip():
            yield invalid(f"{where}.message", message, "must be non-empty if specified")
        elif _LINE_BREAK.search(message.strip()):
            yield invalid(f"{where}.message", message, "must not contain line breaks")
        elif _LINE_BREAK.search(text.strip()) and not message:
            detail = "message must be specified if rule contains line breaks"
            yield required(f"{where}.message", detail)
        yield from _details(rule, props, where)


def _details(rule: Object, props: Object, path: SchemaPath) -> Iterator[FieldError]:
    expression = rule.get("messageExpression", "")
    if expression and not expression.strip():
        detail = "messageExpression must be non-empty if specified"
        yield required(f"{path}.messageExpression", detail)
    reason = rule.get("reason")
    if reason is not None and reason not in _REASONS:
        yield not_supported(f"{path}.reason", reason, _REASONS)
    field = rule.get("fieldPath", "")
    if field and not field.strip():
        yield invalid(f"{path}.fieldPath", field, "must be non-empty if specified")
    if _LINE_BREAK.search(field):
        yield invalid(f"{path}.fieldPath", field, "must not contain line breaks")
    if field and not is_field_path(field, props):
        yield invalid(f"{path}.fieldPath", field, "must be a valid path")


def is_field_path(text: str, props: Object) -> bool:
    """Return whether a path leads to a field of a schema: ``.spec.labels['app']``."""
    tokens = iter(_TOKEN.findall(text))
    specified: Any = props
    for token in tokens:
        name = next(tokens, None)
        if token not in (".", "[") or name is None:
            return False
        if token == "[":
            if len(name) < 2 or name[0] != "'" or name[-1] != "'" or next(tokens, None) != "]":
                return False
            name = re.sub(r"\\(.)", r"\1", name[1:-1])
        if not isinstance(specified, dict):
            return False
        if "properties" in specified:
            specified = specified["properties"].get(name)
            if specified is None:
                return False
        elif specified.get("additionalProperties") is not None:
            specified = specified["additionalProperties"]
        else:
            return False
    return True
