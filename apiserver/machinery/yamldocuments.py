"""YAML 1.1 as Go's YAML library parses and writes it.

Imported by the first request that uses YAML, through `apiserver.machinery.documents`.

A document is built from the events of the parser in one pass. An alias stands for all that its
anchor names, so a few bytes may make a document of any size: what aliases add is counted, and
limited as Go's library limits it, and by its bytes. A merge key costs what it merges, and counts as
that. All nodes together are limited like the names and values of JSON.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final

import yaml

from apiserver.machinery.documentlimits import MAX_DEPTH, DocumentError, is_too_deep
from apiserver.machinery.quoting import quote
from apiserver.machinery.sorting import in_order
from apiserver.machinery.valueclasses import valueclass
from apiserver.machinery.valuelimit import MAX_VALUES, too_many_values
from apiserver.machinery.yamlscalars import (
    TAG,
    is_ambiguous,
    natural,
    resolve,
    tagged,
    without_fraction,
)

#: So many nodes may all come of aliases; of so many, no more than a tenth.
_FEW_NODES, _MANY_NODES = 400_000, 4_000_000
_FEW_SHARE, _MANY_SHARE = 0.99, 0.10
#: How many bytes of strings aliases may add.
_MAX_ALIASED_BYTES: Final = 16 * 1024 * 1024
#: How many duplicate keys are reported.
_MAX_DUPLICATES: Final = 1000
_MERGE: Final = "<<"
_TOO_DEEP: Final = "exceeded max depth"
_ALIASING: Final = "yaml: document contains excessive aliasing"


@valueclass
class YAMLDocument:
    """A document, and the keys that a mapping of it has twice, as Go's library reports them."""

    value: Any
    duplicates: list[str]


def parse(data: bytes) -> YAMLDocument:
    """Parse the first document. Raises DocumentError."""
    text = data.decode("utf-8", "replace")
    try:
        loader = yaml.CSafeLoader(text)
        try:
            return _Parser(loader).document()
        finally:
            loader.dispose()
    except yaml.MarkedYAMLError as error:
        raise DocumentError(_yaml_problem(error)) from error
    except yaml.YAMLError as error:
        raise DocumentError(f"yaml: {error}") from error


def dump(document: Any) -> bytes:
    """Write YAML in block style with sorted keys."""
    text: str = yaml.dump(
        document, Dumper=_Dumper, default_flow_style=False, allow_unicode=True, sort_keys=False
    )
    return text.encode()


def _yaml_problem(error: yaml.MarkedYAMLError) -> str:
    # Go reports the line before the error, except for errors of the scanner.
    line = 0
    if error.problem_mark is not None and error.problem_mark.line:
        line = error.problem_mark.line + isinstance(error, yaml.scanner.ScannerError)
    elif error.context_mark is not None:
        line = error.context_mark.line
    where = f"line {line}: " if line else ""
    return f"yaml: {where}{error.problem or 'unknown problem parsing YAML content'}"


@dataclass(slots=True)
class _Anchored:
    """The value of an anchor, and its size; ``None`` while it is being read."""

    value: Any = None
    nodes: int = 0
    size: int = 0
    open: bool = True
    lines: dict[str, int] = field(default_factory=dict)


class _Parser:
    """Builds one document from events."""

    def __init__(self, loader: yaml.CSafeLoader) -> None:
        self._next: Callable[[], Any] = loader.get_event
        self._anchors: dict[str, _Anchored] = {}
        self._duplicates: list[str] = []
        self._depth = 0
        # Numbers of nodes and of bytes of scalars: with aliases expanded, and from aliases alone.
        self._nodes = self._aliased = 0
        self._size = self._aliased_size = 0

    def document(self) -> YAMLDocument:
        """Return the first document. Raises DocumentError and YAMLError."""
        self._next()
        if isinstance(self._next(), yaml.StreamEndEvent):
            return YAMLDocument(None, [])
        value = self._content(self._next())
        # What is wrong up to the end of the document is found with it.
        self._next()
        if self._aliased and is_too_deep(value):
            raise DocumentError(_TOO_DEEP)
        found = self._duplicates
        problem = ["yaml: unmarshal errors:\n" + "\n".join(found)] if found else []
        return YAMLDocument(value, problem)

    def _content(self, event: Any) -> Any:
        """Return the value of a member, an item or the document, with numbers as in JSON."""
        value = self._value(event)
        return without_fraction(value) if type(value) is float else value

    def _value(self, event: Any, lines: dict[str, int] | None = None) -> Any:
        """Return the value that begins with an event; ``lines`` takes those of a mapping's keys."""
        if type(event) is yaml.AliasEvent:
            anchored = self._alias(event)
            if lines is not None:
                lines.update(anchored.lines)
            return anchored.value
        anchor = event.anchor
        if anchor is None:
            return self._node(event, lines)
        anchored = self._anchors[anchor] = _Anchored()
        nodes, size = self._nodes, self._size
        anchored.value = self._node(event, anchored.lines)
        anchored.nodes, anchored.size = self._nodes - nodes, self._size - size
        anchored.open = False
        if lines is not None:
            lines.update(anchored.lines)
        return anchored.value

    def _node(self, event: yaml.Event, lines: dict[str, int] | None) -> Any:
        self._nodes += 1
        if self._nodes > MAX_VALUES:
            raise too_many_values()
        if type(event) is yaml.ScalarEvent:
            text = event.value
            self._size += len(text)
            if event.tag is not None:
                return tagged(text, event.tag)
            return resolve(text) if event.implicit[0] else text
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise DocumentError(_TOO_DEEP)
        value = self._mapping(lines) if type(event) is yaml.MappingStartEvent else self._sequence()
        self._depth -= 1
        return value

    def _sequence(self) -> list[Any]:
        items = []
        event = self._next()
        while type(event) is not yaml.SequenceEndEvent:
            items.append(self._content(event))
            event = self._next()
        return items

    def _mapping(self, lines: dict[str, int] | None) -> dict[str, Any]:
        members: dict[str, Any] = {}
        event = self._next()
        while type(event) is not yaml.MappingEndEvent:
            if _is_merge(event):
                self._merge(members, lines)
            else:
                key = self._value(event)
                name = key if type(key) is str else _key(key)
                event = self._next()
                line = event.start_mark.line + 1
                value = self._content(event)
                if name in members:
                    self._report(line, key)
                members[name] = value
                if lines is not None:
                    lines[name] = line
            event = self._next()
        return members

    def _merge(self, members: dict[str, Any], lines: dict[str, int] | None) -> None:
        """Take over the members of a mapping, or of a sequence of them: the first ones count."""
        event = self._next()
        sources: list[tuple[Any, dict[str, int]]] = []
        if type(event) is yaml.SequenceStartEvent and event.anchor is None:
            self._nodes += 1
            event = self._next()
            while type(event) is not yaml.SequenceEndEvent:
                sources.append(self._source(event))
                event = self._next()
        else:
            sources.append(self._source(event))
            value, _ = sources[0]
            if type(value) is list:
                sources = [(item, {}) for item in value]
        if not all(type(source) is dict for source, _ in sources):
            raise DocumentError("yaml: map merge requires map or sequence of maps as the value")
        for source, its_lines in reversed(sources):
            for name in source.keys() & members.keys():
                self._report(its_lines.get(name, event.start_mark.line + 1), name)
            members.update(source)
            if lines is not None:
                lines.update(its_lines)

    def _source(self, event: yaml.Event) -> tuple[Any, dict[str, int]]:
        lines: dict[str, int] = {}
        return self._value(event, lines), lines

    def _alias(self, event: Any) -> _Anchored:
        name = event.anchor
        anchored = self._anchors.get(name)
        if anchored is None:
            raise DocumentError(f"yaml: unknown anchor '{name}' referenced")
        if anchored.open:
            raise DocumentError(f"yaml: anchor '{name}' value contains itself")
        self._nodes += 1 + anchored.nodes
        self._aliased += anchored.nodes
        self._size += anchored.size
        self._aliased_size += anchored.size
        share = self._aliased / self._nodes
        if self._aliased > 100 and self._nodes > 1000 and share > _allowed_share(self._nodes):
            raise DocumentError(_ALIASING)
        if self._aliased_size > _MAX_ALIASED_BYTES:
            raise DocumentError(_ALIASING)
        if self._nodes > MAX_VALUES:
            raise too_many_values()
        return anchored

    def _report(self, line: int, key: Any) -> None:
        if len(self._duplicates) < _MAX_DUPLICATES:
            shown = quote(key) if isinstance(key, str) else _key(key)
            self._duplicates.append(f"  line {line}: key {shown} already set in map")


def _allowed_share(nodes: int) -> float:
    """Return which share of the nodes aliases may have added."""
    part = (nodes - _FEW_NODES) / (_MANY_NODES - _FEW_NODES)
    return _FEW_SHARE - (_FEW_SHARE - _MANY_SHARE) * min(max(part, 0.0), 1.0)


def _is_merge(event: yaml.Event) -> bool:
    if type(event) is not yaml.ScalarEvent or event.value != _MERGE:
        return False
    return bool(event.implicit[0]) or event.tag == TAG + "merge"


def _key(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return value
    if isinstance(value, int):
        return str(value)
    if isinstance(value, float):
        return f"{value:g}"
    kinds: dict[type, str] = {list: "[]interface {}", dict: "map[interface {}]interface {}"}
    raise DocumentError(f"Unsupported map key of type: {kinds.get(type(value), 'nil')}")


class _Dumper(yaml.CSafeDumper):
    """Quotes strings as Go's library does: those that would be parsed as another type."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


def _represent_text(dumper: _Dumper, text: str) -> yaml.ScalarNode:
    style = None
    if "\n" in text:
        style = "|"
    elif is_ambiguous(text):
        style = '"'
    return dumper.represent_scalar(TAG + "str", text, style=style)


def _represent_mapping(dumper: _Dumper, mapping: dict[str, Any]) -> yaml.MappingNode:
    members = in_order(mapping.items(), lambda member: natural(member[0]))
    return dumper.represent_mapping(TAG + "map", members)


def _represent_bytes(dumper: _Dumper, data: bytes) -> yaml.ScalarNode:
    return dumper.represent_scalar(TAG + "binary", b64encode(data).decode())


_Dumper.add_representer(str, _represent_text)
_Dumper.add_representer(dict, _represent_mapping)
_Dumper.add_representer(bytes, _represent_bytes)
