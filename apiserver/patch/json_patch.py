"""JSON patches: RFC 6902 with the ``jsonpatch`` package, as Kubernetes' library implements it.

The differences from the package: replacing a missing member adds it, the part of a path before its
first slash is ignored, indices may count from the end, a missing value is null, a ``test`` compares
the JSON text of scalars (`apiserver.patch.rawjson`) and treats a missing member as null, a copy of
a missing member is null, and the total size of copies is limited.

Here patches are read; the operations are in a module of their own, which imports the package.
"""

from __future__ import annotations

from dataclasses import field
from typing import Any, Final

from apiserver.machinery.documentlimits import MAX_DEPTH
from apiserver.machinery.quoting import quote
from apiserver.machinery.valueclasses import valueclass
from apiserver.patch.errors import (
    MAX_OPERATIONS,
    MalformedPatch,
    TooManyOperations,
)
from apiserver.patch.rawjson import read_raw
from apiserver.patch.reading import json_kind, read

_DECODING: Final = "error decoding patch: "
_MEMBERS: Final = ("op", "path", "from", "value")
_TEXTS: Final = ("op", "path", "from")


@valueclass
class Operations:
    """The operations of a JSON patch, and its field validation errors."""

    items: list[dict[str, Any]]
    problems: list[str] = field(default_factory=list)
    #: Whether no combination of a path and a value can exceed the allowed depth of a document.
    shallow: bool = True


def parse(body: bytes, *, validated: bool = True) -> Operations:
    """Parse a JSON patch; ``validated`` is false if fieldValidation is Ignore.

    Raises MalformedPatch, or TooManyOperations.
    """
    reading = read(body, _DECODING if validated else "")
    items = [] if reading.document is None else reading.document
    types = ("[]handlers.jsonPatchOp", "handlers.jsonPatchOp")
    list_type, item_type = types if validated else ("jsonpatch.Patch", "jsonpatch.Operation")
    prefix = f"{_DECODING}json: cannot unmarshal" if validated else "json: cannot unmarshal"
    if not isinstance(items, list):
        raise MalformedPatch(f"{prefix} {json_kind(items)} into Go value of type {list_type}")
    problems = list(reading.duplicates)
    for index, item in enumerate(items):
        if item is None:
            continue
        if not isinstance(item, dict):
            raise MalformedPatch(f"{prefix} {json_kind(item)} into Go value of type {item_type}")
        if validated:
            problems += _problems(index, item)
    if len(items) > MAX_OPERATIONS:
        raise TooManyOperations(len(items))
    problems = [f"json patch {problem}" for problem in problems] if validated else []
    shallow = sum(map(body.count, (b"/", b"[", b"{"))) <= MAX_DEPTH
    items = [item or {} for item in items]
    if any(item.get("op") == "test" for item in items):
        items = _with_raw_values(items, body)
    return Operations(items, problems, shallow)


def _problems(index: int, item: dict[str, Any]) -> list[str]:
    """Return errors for the unknown fields of an operation. Raises MalformedPatch."""
    problems = []
    for name, value in item.items():
        if name not in _MEMBERS:
            problems.append(f"unknown field {quote(f'[{index}].{name}')}")
        elif name in _TEXTS and value is not None and not isinstance(value, str):
            raise MalformedPatch(
                f"{_DECODING}json: cannot unmarshal {json_kind(value)} into Go struct field "
                f"jsonPatchOp.{name} of type string"
            )
    return problems


def _with_raw_values(items: list[dict[str, Any]], body: bytes) -> list[dict[str, Any]]:
    """Return the operations with the values of tests as JSON text."""
    return [
        {**item, "value": raw.get("value")} if item.get("op") == "test" else item
        for item, raw in zip(items, read_raw(body), strict=True)
    ]


def apply(document: dict[str, Any], operations: Operations) -> Any:
    """Return ``document`` after all operations. Raises PatchDoesNotApply."""
    # The library is imported for the first JSON patch: most clients send others.
    from apiserver.patch.json_patch_operations import apply_operations

    return apply_operations(document, operations.items, shallow=operations.shallow)
