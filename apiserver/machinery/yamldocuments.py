"""YAML 1.1 as Go's YAML library parses and writes it.

Imported by the first request that uses YAML, through `apiserver.machinery.documents`.
"""

from __future__ import annotations

import re
from base64 import b64decode, b64encode
from collections.abc import Hashable
from typing import Any, Final

import yaml

from apiserver.machinery.documents import MAX_DEPTH, DocumentError

#: The maximum number of nodes after the expansion of aliases.
_MAX_NODES: Final = 400_000

_TRUE: Final = frozenset(["y", "Y", "yes", "Yes", "YES", "true", "True", "TRUE", "on", "On", "ON"])
_FALSE: Final = frozenset(
    ["n", "N", "no", "No", "NO", "false", "False", "FALSE", "off", "Off", "OFF"]
)
_NULL: Final = frozenset(["", "~", "null", "Null", "NULL"])
_NOT_NUMBERS: Final = frozenset(
    [".nan", ".NaN", ".NAN"]
    + [f"{sign}.{name}" for sign in ("", "+", "-") for name in ("inf", "Inf", "INF")]
)
_INTEGER: Final = re.compile(
    r"[-+]?(0[xX][0-9a-fA-F]+|0[bB][01]+|0[oO]?[0-7]+|0|[1-9][0-9]*)", re.ASCII
)
_FLOAT: Final = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?", re.ASCII)
_BASE_60: Final = re.compile(r"[-+]?[0-9][0-9_]*(:[0-5]?[0-9])+(\.[0-9_]*)?", re.ASCII)
_TIMESTAMP: Final = re.compile(r"\d{4}-\d\d?-\d\d?([Tt ].*)?", re.ASCII)

_TAG: Final = "tag:yaml.org,2002:"
_PLAIN: Final = "plain"


def parse(data: bytes) -> Any:
    """Parse the first document. Raises DocumentError."""
    return _Builder().document(_compose(data))


def duplicates(data: bytes) -> list[str]:
    """Return the error about duplicate keys in a mapping, as a list of one string or none."""
    found: list[str] = []
    _find_duplicates(_compose(data), found)
    return ["yaml: unmarshal errors:\n" + "\n".join(found)] if found else []


def dump(document: Any) -> bytes:
    """Write YAML in block style with sorted keys."""
    text: str = yaml.dump(
        document, Dumper=_Dumper, default_flow_style=False, allow_unicode=True, sort_keys=False
    )
    return text.encode()


def _compose(data: bytes) -> yaml.Node | None:
    text = data.decode("utf-8", "replace")
    try:
        _check_depth(text)
        loader = _Loader(text)
        try:
            return loader.get_node() if loader.check_node() else None
        finally:
            loader.dispose()
    except yaml.MarkedYAMLError as error:
        raise DocumentError(_complaint(error)) from error
    except (yaml.YAMLError, ValueError) as error:
        raise DocumentError(f"yaml: {error}") from error


def _check_depth(text: str) -> None:
    depth = 0
    for event in yaml.parse(text, Loader=_Loader):
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
            if depth > MAX_DEPTH:
                raise DocumentError("exceeded max depth")
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
        elif isinstance(event, yaml.DocumentEndEvent):
            return


def _complaint(error: yaml.MarkedYAMLError) -> str:
    # Go reports the line before the error, except for errors of the scanner.
    line = 0
    if error.problem_mark is not None and error.problem_mark.line:
        line = error.problem_mark.line + isinstance(error, yaml.scanner.ScannerError)
    elif error.context_mark is not None:
        line = error.context_mark.line
    where = f"line {line}: " if line else ""
    return f"yaml: {where}{error.problem or 'unknown problem parsing YAML content'}"


class _Loader(yaml.CSafeLoader):
    """Composes nodes only; scalars are resolved by this module instead of PyYAML."""

    # Every plain scalar without a tag gets a private tag.
    yaml_implicit_resolvers = {None: [(_PLAIN, re.compile(""))]}  # noqa: RUF012 - PyYAML's name


class _Builder:
    def __init__(self) -> None:
        self._built: dict[int, Any] = {}
        self._open: set[int] = set()
        self._sizes: dict[int, int] = {}

    def document(self, node: yaml.Node | None) -> Any:
        if node is None:
            return None
        if self._size(node) > _MAX_NODES:
            raise DocumentError("yaml: document contains excessive aliasing")
        return self._value(node)

    def _size(self, node: yaml.Node) -> int:
        known = self._sizes.get(id(node))
        if known is not None:
            return known
        if id(node) in self._open:
            raise DocumentError("yaml: anchor value contains itself")
        self._open.add(id(node))
        size = 1
        if isinstance(node, yaml.SequenceNode):
            size += sum(map(self._size, node.value))
        elif isinstance(node, yaml.MappingNode):
            size += sum(self._size(key) + self._size(value) for key, value in node.value)
        self._open.discard(id(node))
        self._sizes[id(node)] = size
        return size

    def _value(self, node: yaml.Node) -> Any:
        if id(node) not in self._built:
            self._built[id(node)] = self._build(node)
        return self._built[id(node)]

    def _build(self, node: yaml.Node) -> Any:
        if isinstance(node, yaml.SequenceNode):
            return [self._value(item) for item in node.value]
        if isinstance(node, yaml.MappingNode):
            return self._mapping(node)
        assert isinstance(node, yaml.ScalarNode)
        return _scalar(node)

    def _mapping(self, node: yaml.MappingNode) -> dict[str, Any]:
        merged: dict[str, Any] = {}
        own: dict[str, Any] = {}
        for key_node, value_node in node.value:
            if _is_merge(key_node):
                for source in self._sources(value_node):
                    merged = {**source, **merged}
            else:
                own[_key(self._value(key_node))] = self._value(value_node)
        return {**merged, **own} if merged else own

    def _sources(self, node: yaml.Node) -> list[dict[str, Any]]:
        value = self._value(node)
        sources = value if isinstance(value, list) else [value]
        if not all(isinstance(source, dict) for source in sources):
            raise DocumentError("yaml: map merge requires map or sequence of maps as the value")
        return sources


def _is_merge(node: yaml.Node) -> bool:
    return isinstance(node, yaml.ScalarNode) and node.value == "<<" and node.tag == _PLAIN


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


def _scalar(node: yaml.ScalarNode) -> Any:
    text: str = node.value
    if node.tag == _TAG + "binary":
        return b64decode(text).decode("utf-8", "replace")
    return text if node.tag == _TAG + "str" else resolve(text)


def resolve(text: str) -> Any:
    """Return the value of a plain scalar: a boolean, a number, null or a string."""
    if text in _NULL:
        return None
    if text in _TRUE:
        return True
    if text in _FALSE:
        return False
    digits = text.replace("_", "")
    if _INTEGER.fullmatch(digits):
        value = _integer(digits)
        return value if -(1 << 63) <= value < 1 << 64 else float(value)
    if _FLOAT.fullmatch(digits):
        return float(digits)
    if text in _NOT_NUMBERS:
        raise DocumentError(f"json: unsupported value: {text}")
    return text


def _integer(digits: str) -> int:
    body = digits.lstrip("+-")
    if len(body) > 1 and body[0] == "0" and body[1] in "01234567":
        body = f"0o{body[1:]}"
    value = int(body, 0)
    return -value if digits[0] == "-" else value


def _find_duplicates(node: yaml.Node | None, found: list[str]) -> None:
    if isinstance(node, yaml.SequenceNode):
        for item in node.value:
            _find_duplicates(item, found)
    elif isinstance(node, yaml.MappingNode):
        seen: set[Hashable] = set()
        for key, value in node.value:
            if isinstance(key, yaml.ScalarNode) and not _is_merge(key):
                name = key.value
                if name in seen:
                    line = key.start_mark.line + 1
                    found.append(f'  line {line}: key "{name}" already set in map')
                seen.add(name)
            _find_duplicates(value, found)


class _Dumper(yaml.CSafeDumper):
    """Quotes strings as Go's library does: those that would be parsed as another type."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


def _represent_text(dumper: _Dumper, text: str) -> yaml.ScalarNode:
    style = None
    if "\n" in text:
        style = "|"
    elif _ambiguous(text):
        style = '"'
    return dumper.represent_scalar(_TAG + "str", text, style=style)


def _represent_mapping(dumper: _Dumper, mapping: dict[str, Any]) -> yaml.MappingNode:
    members = sorted(mapping.items(), key=lambda member: natural(member[0]))
    return dumper.represent_mapping(_TAG + "map", members)


def _represent_bytes(dumper: _Dumper, data: bytes) -> yaml.ScalarNode:
    return dumper.represent_scalar(_TAG + "binary", b64encode(data).decode())


def _ambiguous(text: str) -> bool:
    if text in _NOT_NUMBERS or _BASE_60.fullmatch(text) or _TIMESTAMP.fullmatch(text):
        return True
    return text == "<<" or not isinstance(resolve(text), str)


def natural(key: str) -> list[tuple[int, int, str]]:
    """Return the sort key of Go's library: letters last, runs of digits as numbers."""
    parts: list[tuple[int, int, str]] = []
    for run in re.findall(r"[0-9]+|.", key, re.DOTALL):
        if run[0] in "0123456789":
            parts.append((0, int(run), run))
        else:
            parts.append((1 if run.isalpha() else 0, ord(run), ""))
    return parts


_Dumper.add_representer(str, _represent_text)
_Dumper.add_representer(dict, _represent_mapping)
_Dumper.add_representer(bytes, _represent_bytes)
