"""Bytes -> patch documents, and what is wrong with them if fields are validated."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from apiserver.machinery.documents import DocumentError, duplicate_fields, parse_json
from apiserver.machinery.quoting import quote
from apiserver.patch.errors import MalformedPatch

_KINDS = {
    bool: "bool", dict: "object", float: "number", int: "number", list: "array", str: "string",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Reading:
    """A patch document, and the members that it names twice."""

    document: Any
    duplicates: list[str]


def read(body: bytes, prefix: str = "") -> Reading:
    """Read a patch. Raises MalformedPatch, its text behind ``prefix``."""
    try:
        document = parse_json(body)
        fields = duplicate_fields(body, document)
    except DocumentError as error:
        raise MalformedPatch(f"{prefix}{error}") from error
    return Reading(document, [f"duplicate field {quote(field)}" for field in fields])


def json_kind(value: Any) -> str:
    """Name a value as Go's decoder does where it expected another."""
    return _KINDS[type(value)]


def no_object(value: Any) -> str:
    """Return the complaint about a patch that is no object."""
    into = "Go value of type map[string]interface {}"
    return f"json: cannot unmarshal {json_kind(value)} into {into}"
