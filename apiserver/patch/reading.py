"""Parsing of patch documents, and their field validation errors."""

from __future__ import annotations

from typing import Any

from apiserver.machinery.documentlimits import DocumentError
from apiserver.machinery.documents import duplicate_fields, parse_json
from apiserver.machinery.quoting import quote
from apiserver.machinery.valueclasses import valueclass
from apiserver.patch.errors import MalformedPatch

_KINDS = {
    bool: "bool", dict: "object", float: "number", int: "number", list: "array", str: "string",
}  # fmt: skip


@valueclass
class ParsedPatch:
    """A patch document, and its duplicate members."""

    document: Any
    duplicates: list[str]


def read(body: bytes, prefix: str = "") -> ParsedPatch:
    """Parse a patch. Raises MalformedPatch, with ``prefix`` before its text."""
    try:
        document = parse_json(body)
        fields = duplicate_fields(body, document)
    except DocumentError as error:
        raise MalformedPatch(f"{prefix}{error}") from error
    return ParsedPatch(document, [f"duplicate field {quote(field)}" for field in fields])


def json_kind(value: Any) -> str:
    """Return the name of a value's type in the errors of Go's decoder."""
    return _KINDS[type(value)]


def no_object(value: Any) -> str:
    """Return the error for a patch that is not an object."""
    into = "Go value of type map[string]interface {}"
    return f"json: cannot unmarshal {json_kind(value)} into {into}"
