"""Parses and writes JSON and YAML.

The depth of parsed documents is limited, so that all of them can be written again, and the number
of their values, so that no step on them takes long (`apiserver.machinery.valuelimit`).
"""

from __future__ import annotations

import json
import re
import sys
from typing import Any, Final

import orjson

from apiserver.machinery import jsonsyntax, valuelimit
from apiserver.machinery.documentlimits import MAX_DEPTH, DocumentError, check_depth
from apiserver.machinery.valueclasses import valueclass
from apiserver.machinery.yamlscalars import without_fraction

# How many calls a function that walks a document, or a schema in one, may need for each level.
_CALLS: Final = 10
#: How many duplicate fields are reported, and how many characters of them.
_MAX_DUPLICATES: Final = 100
_MAX_REPORTED: Final = 1024 * 1024
# Finds possible numbers with a fraction or an exponent; a match inside a string is harmless.
_FRACTION: Final = re.compile(rb"[:,\[]\s*-?[0-9]+[.eE]")


sys.setrecursionlimit(max(sys.getrecursionlimit(), _CALLS * MAX_DEPTH))


def parse_json(data: bytes) -> Any:
    """Parse JSON. Invalid UTF-8 becomes U+FFFD, as in Go.

    Raises DocumentError, and RequestEntityTooLarge for too many values.
    """
    valuelimit.check_text(data)
    try:
        document = orjson.loads(data)
    except orjson.JSONDecodeError as error:
        document = _parse_slowly(data, str(error))
    check_depth(data, document)
    return document


def dump_json(document: Any) -> bytes:
    """Encode as compact JSON."""
    return orjson.dumps(document)


def dump_json_to_keep(document: Any) -> bytes:
    """Encode as compact JSON that takes no more memory than its length.

    The bytes that orjson returns occupy a buffer of several kilobytes, or of several times their
    length.
    """
    return bytes(memoryview(orjson.dumps(document)))


def dump_json_indented(document: Any) -> bytes:
    """Encode as indented JSON."""
    return orjson.dumps(document, option=orjson.OPT_INDENT_2)


def duplicate_fields(data: bytes, document: Any) -> list[str]:
    """Return the paths of duplicate members of JSON objects: ``spec.ports[0].name``.

    ``document`` is the result of parsing ``data``. Raises DocumentError when what a duplicate hides
    is nested too deeply.
    """
    text = orjson.dumps(document)
    # What most clients send is compact, so it is written the same again.
    if text == data.rstrip():
        return []
    # An overwritten member removes a colon, so equal counts mean that there are no duplicates.
    if b"\\u003" not in data and data.count(b":") == text.count(b":"):
        return []
    try:
        # A Python function is called for every object, so that other threads can run.
        pairs = json.loads(data, object_pairs_hook=lambda members: _Pairs(members))
    except RecursionError as error:
        raise DocumentError("exceeded max depth") from error
    search = _DuplicateSearch()
    search.search(pairs, None, 0)
    return list(dict.fromkeys(search.found))


def parse_yaml(data: bytes) -> tuple[Any, list[str]]:
    """Parse the first YAML document; return also the error about duplicate keys, one or none.

    Raises DocumentError, and RequestEntityTooLarge for too many values.
    """
    document = _json_as_yaml(data)
    if document is not None:
        return document, []
    from apiserver.machinery import yamldocuments

    parsed = yamldocuments.parse(data)
    return parsed.value, parsed.duplicates


def _json_as_yaml(data: bytes) -> dict[str, Any] | None:
    """Parse a JSON object without duplicate members, the most common YAML in requests.

    This is fifty times faster. Everything else, errors included, is left to the YAML parser.
    """
    if not data.startswith(b"{"):
        return None
    valuelimit.check_text(data)
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
    return without_fraction(value) if isinstance(value, float) else value


def dump_yaml(document: Any) -> bytes:
    """Encode as YAML."""
    from apiserver.machinery import yamldocuments

    return yamldocuments.dump(document)


def _parse_slowly(data: bytes, refusal: str) -> Any:
    text = data.decode("utf-8", "replace")
    problem = jsonsyntax.syntax_error(text)
    if problem is not None:
        raise DocumentError(problem)
    try:
        document = json.loads(text, parse_constant=None)
        # A lone surrogate can be escaped in JSON, but cannot be encoded as UTF-8.
        return orjson.loads(json.dumps(document, ensure_ascii=False).encode("utf-8", "replace"))
    except (ValueError, RecursionError) as error:
        deep = isinstance(error, RecursionError) or "recursion" in refusal
        raise DocumentError("exceeded max depth" if deep else str(error)) from error


class _Pairs(list[tuple[str, Any]]):
    """The members of an object, all of them."""


@valueclass
class _DocumentPath:
    """The path of a value: a step, a member or an item (``[0]``), below the path of its parent."""

    parent: _DocumentPath | None
    step: str

    def __str__(self) -> str:
        steps: list[str] = []
        path: _DocumentPath | None = self
        while path is not None:
            steps += [path.step, "" if path.step.startswith("[") else "."]
            path = path.parent
        return "".join(reversed(steps)).removeprefix(".")


class _DuplicateSearch:
    """Finds duplicate fields of objects, with their paths."""

    def __init__(self) -> None:
        self.found: list[str] = []
        self._room = _MAX_REPORTED

    def search(self, value: Any, path: _DocumentPath | None, depth: int) -> None:
        """Search the value at ``path``. Raises DocumentError for one too deep."""
        if depth > MAX_DEPTH:
            raise DocumentError("exceeded max depth")
        if isinstance(value, _Pairs):
            seen = set()
            for name, member in value:
                if name in seen:
                    self._report(_DocumentPath(path, name))
                seen.add(name)
                if isinstance(member, list):
                    self.search(member, _DocumentPath(path, name), depth + 1)
        elif isinstance(value, list):
            for index, item in enumerate(value):
                if isinstance(item, list):
                    self.search(item, _DocumentPath(path, f"[{index}]"), depth + 1)

    def _report(self, path: _DocumentPath) -> None:
        if len(self.found) < _MAX_DUPLICATES and self._room > 0:
            self.found.append(str(path))
            self._room -= len(self.found[-1])
