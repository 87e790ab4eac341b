"""Bytes <-> documents: JSON and YAML in and out.

What is read is bounded in depth, so that everything that can be read can be written again.
"""

from __future__ import annotations

import json
import re
from typing import Any, Final

import orjson

from apiserver.machinery import jsonsyntax

#: How many arrays and objects may stand in one another; orjson writes no more than 254.
MAX_DEPTH: Final = 250
# Where a number with a fraction or an exponent may stand; a text that looks like one does no harm.
_FRACTION: Final = re.compile(rb"[:,\[]\s*-?[0-9]+[.eE]")
#: Floats below have no more than the digits of a whole number.
_EXACT: Final = 1 << 53


class DocumentError(ValueError):
    """The bytes are no document; the text is that of Go's parsers."""


def parse_json(data: bytes) -> Any:
    """Read JSON. Invalid UTF-8 becomes U+FFFD, as it does in Go. Raises DocumentError."""
    try:
        document = orjson.loads(data)
    except orjson.JSONDecodeError as error:
        document = _parse_slowly(data, str(error))
    check_depth(data, document)
    return document


def dump_json(document: Any) -> bytes:
    """Write JSON without spaces."""
    return orjson.dumps(document)


def dump_json_indented(document: Any) -> bytes:
    """Write JSON for people."""
    return orjson.dumps(document, option=orjson.OPT_INDENT_2)


def duplicate_fields(data: bytes, document: Any) -> list[str]:
    """Return the paths of members that JSON objects in ``data`` name twice: ``spec.ports[0].name``.

    ``document`` is what was read from ``data``.
    """
    # A member that was overwritten took its colon with it, so equal counts mean that none was.
    if b"\\u003" not in data and data.count(b":") == orjson.dumps(document).count(b":"):
        return []
    found: list[str] = []
    _duplicates(json.loads(data, object_pairs_hook=_Pairs), "", found)
    return list(dict.fromkeys(found))


def parse_yaml(data: bytes) -> Any:
    """Read the first YAML document. Raises DocumentError."""
    document = _json_as_yaml(data)
    if document is not None:
        return document
    from apiserver.machinery import yamldocuments

    return yamldocuments.parse(data)


def yaml_duplicates(data: bytes) -> list[str]:
    """Return the complaint about keys that are set twice, one string or none."""
    if _json_as_yaml(data) is not None:
        return []
    from apiserver.machinery import yamldocuments

    return yamldocuments.duplicates(data)


def _json_as_yaml(data: bytes) -> dict[str, Any] | None:
    """Read a JSON object without duplicate members, which most YAML that clients send is.

    That takes a fiftieth of the time. Anything else, mistakes included, is for the YAML parser.
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
    # YAML does not tell 1.0 from 1.
    if isinstance(value, dict):
        return {name: _with_whole_numbers(member) for name, member in value.items()}
    if isinstance(value, list):
        return [_with_whole_numbers(item) for item in value]
    if isinstance(value, float) and value.is_integer() and abs(value) < _EXACT:
        return int(value)
    return value


def dump_yaml(document: Any) -> bytes:
    """Write YAML."""
    from apiserver.machinery import yamldocuments

    return yamldocuments.dump(document)


def check_depth(data: bytes, document: Any) -> None:
    """Raise DocumentError for a document that is nested too deeply to be written."""
    if data.count(b"{") + data.count(b"[") > MAX_DEPTH and is_too_deep(document):
        raise DocumentError("exceeded max depth")


def is_too_deep(document: Any, limit: int = MAX_DEPTH) -> bool:
    """Return whether more than ``limit`` arrays and objects stand in one another."""
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
        # A lone surrogate can be escaped in JSON, but nothing can be made of it.
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
