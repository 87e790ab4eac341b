"""The ``fieldPath`` of a rule as the path of an error."""

from __future__ import annotations

import re
from typing import Final

from apiserver.schema.structural import Schema

_STEP: Final = re.compile(r"\.([^.\[\]]+)|\['((?:\\.|[^'\\])*)'\]", re.DOTALL)
_ESCAPE: Final = re.compile(r"\\(.)", re.DOTALL)


def field_path(text: str, schema: Schema) -> str:
    """Return a path relative to a schema as errors show it: ``.spec.labels[app]``."""
    path = ""
    specified: Schema | None = schema
    for match in _STEP.finditer(text):
        name = match[1] if match[1] is not None else _ESCAPE.sub(r"\1", match[2])
        is_property = specified is not None and name in specified.properties
        path += f".{name}" if is_property else f"[{name}]"
        specified = None if specified is None else specified.member(name)
    return path
