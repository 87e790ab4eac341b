"""Parses and writes JSON and YAML.

The depth of parsed documents is limited, so that all of them can be written again.
"""

from __future__ import annotations

import json
import re
from typing import Any, Final

import orjson

from apiserver.machinery import jsonsyntax

#: The maximum nesting of arrays and objects; orjson writes at most 254 levels.
MAX_DEPTH: Final = 250
# Finds possible numbers with a fraction or an exponent; a match inside a string is harmless.
_FRACTION: Final = re.compile(rb"[:,\[]\s*-?[0-9]+[.eE]")
#: Integral floats below this limit are exact.
_EXACT: Final = 1 << 53


class DocumentError(ValueError):
    """The bytes are not a valid document; the message is that of Go's parsers."""


def parse_json(data: bytes) -> Any:
    """Parse JSON. Invalid UTF-8 becomes U+FFFD, as in Go. Raises DocumentError."""
    try:
        document = orjson.loads(data)
    except orjson.JSONDecodeError as error:
        document = _parse_slowly(data, str(error))
    check_depth(data, document)
    return document


def dump_json(document: Any) -> bytes:
    """Encode as compact JSON."""
    return orjson.dumps(document)


def dump_json_indented(document: Any) -> bytes:
    """Encode as indented JSON."""
    return orjson.dumps(document, option=orjson.OPT_INDENT_2)


def duplicate_fields(data: bytes, document: Any) -> list[str]:
    """Return the paths of duplicate members of JSON objects: ``spec.ports[0].name``.

    ``document`` is the result of parsing ``data``.
    """
    # An overwritten member removes a colon, so equal counts mean that there are no duplicates.
    if b"\\u003" not in data and data.count(b":") == orjson.dumps(document).count(b":"):
        return []
    found: list[str] = []
    _duplicates(json.loads(data, object_pairs_hook=_Pairs), "", found)
    return list(dict.fromkeys(found))


def parse_yaml(data: bytes) -> Any:
    """Parse the first YAML document. Raises DocumentError."""
    document = _json_as_yaml(data)
    if document is not None:
        return document
    from apiserver.machinery import yamldocuments

    return yamldocuments.parse(data)


def yaml_duplicates(data: bytes) -> list[str]:
    """Return the error about duplicate keys, as a list of one string or none."""
    if _json_as_yaml(data) is not None:
        return []
    from apiserver.machinery import yamldocuments

    return yamldocuments.duplicates(data)


def _json_as_yaml(data: bytes) -> dict[str, Any] | None:
    """Parse a JSON object without duplicate members, the most common YAML in requests.

    It is fifty times faster. Everything else, errors included, is left to the YAML parser.
    """
    if not data.startswith(b"{"):
        return None
    try:
        document: dict[str, Any] = orjson.loads(data)
        check_depth(data, document)
    except (orjson.JSONDecodeError, DocumentError):
        return None
    if duplicate_fields(data, document):
        return None
    return _with_whole_numbers(document) if _FRACTION.search(data) else document


def _with_whole_numbers(value: Any) -> Any:
    # In YAML 1.0 and 1 are the same.
    if isinstance(value, dict):
        return {name: _with_whole_numbers(member) for name, member in value.items()}
    if isinstance(value, list):
        return [_with_whole_numbers(item) for item in value]
    if isinstance(value, float) and value.is_integer() and abs(value) < _EXACT:
        return int(value)
    return value


def dump_yaml(document: Any) -> bytes:
    """Encode as YAML."""
    from apiserver.machinery import yamldocuments

    return yamldocuments.dump(document)


def check_depth(data: bytes, document: Any) -> None:
    """Raise DocumentError for a document that is nested too deeply to be written."""
    if data.count(b"{") + data.count(b"[") > MAX_DEPTH and is_too_deep(document):
        raise DocumentError("exceeded max depth")


def is_too_deep(document: Any, limit: int = MAX_DEPTH) -> bool:
    """Return whether arrays and objects are nested more than ``limit`` levels deep."""
    level = [document] if isinstance(document, dict | list) else []
    for _ in range(limit):
        level = [
            member
            for holder in level
            for member in (holder.values() if isinstance(holder, dict) else holder)
            if isinstance(member, dict | list)
        ]
        if not level:
            return False
    return bool(level)


def _parse_slowly(data: bytes, refusal: str) -> Any:
    text = data.decode("utf-8", "replace")
    complaint = jsonsyntax.complaint(text)
    if complaint is not None:
        raise DocumentError(complaint)
    try:
        document = json.loads(text, parse_constant=None)
        # A lone surrogate can be escaped in JSON, but cannot be encoded as UTF-8.
        return orjson.loads(json.dumps(document, ensure_ascii=False).encode("utf-8", "replace"))
    except (ValueError, RecursionError) as error:
        deep = isinstance(error, RecursionError) or "recursion" in refusal
        raise DocumentError("exceeded max depth" if deep else str(error)) from error


class _Pairs(list[tuple[str, Any]]):
    """The members of an object, all of them."""


def _duplicates(value: Any, path: str, found: list[str]) -> None:
    if isinstance(value, _Pairs):
        seen = set()
        for name, member in value:
            inner = f"{path}.{name}" if path else name
            if name in seen:
                found.append(inner)
            seen.add(name)
            _duplicates(member, inner, found)
    elif isinstance(value, list):
        for index, item in enumerate(value):
            _duplicates(item, f"{path}[{index}]", found)
