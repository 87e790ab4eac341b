"""JSON patches: RFC 6902 with the ``jsonpatch`` package, as Kubernetes' library implements it.

The differences from the package: replacing a missing member adds it, the part of a path before its
first slash is ignored, indices may count from the end, a missing value is null, a ``test`` compares
the JSON text of scalars (`apiserver.patch.rawjson`) and treats a missing member as null, a copy of
a missing member is null, and the total size of copies is limited.

Arguments are never mutated: a container is copied when an operation first changes it, so the cost
of a patch is that of the parts it changes. A container that has been copied is then changed in
place, until a ``copy`` makes it appear twice.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Final

import jsonpatch
import orjson

from apiserver.machinery.documents import MAX_DEPTH, is_too_deep
from apiserver.machinery.quoting import quote
from apiserver.patch.errors import (
    MAX_OPERATIONS,
    MalformedPatch,
    PatchDoesNotApply,
    TooManyOperations,
)
from apiserver.patch.rawjson import is_written_as, read_raw
from apiserver.patch.reading import json_kind, read

#: The limit for the JSON of all copies of one patch, in bytes.
MAX_COPIED: Final = 3 * 1024 * 1024

_DECODING: Final = "error decoding patch: "
_MEMBERS: Final = ("op", "path", "from", "value")
_TEXTS: Final = ("op", "path", "from")
_INDEX: Final = re.compile(r"[+-]?[0-9]{1,19}", re.ASCII)


@dataclass(frozen=True, slots=True)
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
    patched = _Document(document)
    try:
        _Patch(operations.items).apply(patched, in_place=True)
    except jsonpatch.JsonPatchException as error:
        raise PatchDoesNotApply(str(error)) from error
    if (patched.moved or not operations.shallow) and is_too_deep(patched.root):
        raise PatchDoesNotApply("the result is nested too deeply")
    return patched.root


class _Document:
    """A document while it is being patched."""

    def __init__(self, root: Any) -> None:
        self.root = root
        #: Whether a container has been put in another place.
        self.moved = False
        self._left = MAX_COPIED
        # Containers copied by this patch, by id; the references keep the ids unique.
        self._own: dict[int, Any] = {}

    def holder(self, parts: tuple[str, ...]) -> Any:
        """Return the container at ``parts``, for reading only."""
        holder = self.root
        for part in parts:
            holder = _member(holder, part)
            if not isinstance(holder, dict | list):
                raise PatchDoesNotApply(f"there is no container at {part}")
        return holder

    def opened(self, parts: tuple[str, ...]) -> Any:
        """Return the container at ``parts``, for changing."""
        # If the path does not exist, the copies made on the way are discarded.
        if id(self.root) not in self._own:
            self.root = self._copied(self.root)
        holder = self.root
        for part in parts:
            inner = _member(holder, part)
            if id(inner) not in self._own:
                if not isinstance(inner, dict | list):
                    raise PatchDoesNotApply(f"there is no container at {part}")
                inner = self._copied(inner)
                holder[part if isinstance(holder, dict) else _index(holder, part)] = inner
            holder = inner
        return holder

    def share(self, value: Any) -> None:
        """Note that ``value`` will appear in the document once more."""
        if value is not None:
            self._left -= len(orjson.dumps(value))
        if self._left < 0:
            raise PatchDoesNotApply(f"the copies exceed {MAX_COPIED} bytes")
        # All ancestors of an own container are own, so a container that is not own contains none.
        if id(value) in self._own:
            self._own.clear()

    def _copied(self, container: Any) -> Any:
        copied = container.copy()
        self._own[id(copied)] = copied
        return copied


def _index(items: list[Any], part: str, room: int = 0) -> int:
    """Return the index for ``part`` in a list that may have ``room`` more items."""
    length = len(items) + room
    if not _INDEX.fullmatch(part):
        raise PatchDoesNotApply(f"{part} is no index")
    index = int(part)
    if not -length <= index < length:
        raise PatchDoesNotApply(f"index {part} is out of range")
    return index + length if index < 0 else index


def _member(holder: Any, part: str) -> Any:
    return holder.get(part) if isinstance(holder, dict) else holder[_index(holder, part)]


def _add(holder: Any, part: str, value: Any) -> None:
    if isinstance(holder, dict):
        holder[part] = value
    elif part == "-":
        holder.append(value)
    else:
        holder.insert(_index(holder, part, room=1), value)


def _take(holder: Any, part: str) -> Any:
    if isinstance(holder, list):
        return holder.pop(_index(holder, part))
    if part not in holder:
        raise PatchDoesNotApply(f"there is no member {part}")
    return holder.pop(part)


class _Operation(jsonpatch.PatchOperation):
    """An operation with split paths; ``value`` is null if it is missing."""

    def __init__(self, operation: Mapping[str, Any], pointer_cls: Any = None) -> None:
        self.operation = dict(operation)
        self.value = operation.get("value")

    def parts(self, name: str = "path") -> tuple[tuple[str, ...], str]:
        """Return a path, split into the path of the container and the last part."""
        path = self.operation.get(name)
        _, slash, rest = path.partition("/") if isinstance(path, str) else ("", "", "")
        if not slash:
            raise PatchDoesNotApply(f"the {name} {quote(str(path))} leads to nothing")
        parts = rest.split("/")
        if "~" in rest:
            # This order decodes ~01 as ~1, as a single pass for both escapes would.
            parts = [part.replace("~1", "/").replace("~0", "~") for part in parts]
        return tuple(parts[:-1]), parts[-1]


class _Add(_Operation):
    def apply(self, obj: _Document) -> _Document:
        way, last = self.parts()
        _add(obj.opened(way), last, self.value)
        return obj


class _Remove(_Operation):
    def apply(self, obj: _Document) -> _Document:
        way, last = self.parts()
        _take(obj.opened(way), last)
        return obj


class _Replace(_Operation):
    def apply(self, obj: _Document) -> _Document:
        if self.operation.get("path") == "":
            if not isinstance(self.value, dict | list):
                raise PatchDoesNotApply("only an object or a list can replace the whole")
            obj.root = self.value
            return obj
        way, last = self.parts()
        holder = obj.opened(way)
        holder[last if isinstance(holder, dict) else _index(holder, last)] = self.value
        return obj


class _Move(_Operation):
    def apply(self, obj: _Document) -> _Document:
        way, last = self.parts("from")
        value = _take(obj.opened(way), last)
        way, last = self.parts()
        _add(obj.opened(way), last, value)
        obj.moved |= isinstance(value, dict | list)
        return obj


class _Copy(_Operation):
    def apply(self, obj: _Document) -> _Document:
        way, last = self.parts("from")
        value = _member(obj.holder(way), last)
        obj.share(value)
        way, last = self.parts()
        _add(obj.opened(way), last, value)
        obj.moved |= isinstance(value, dict | list)
        return obj


class _Test(_Operation):
    def apply(self, obj: _Document) -> _Document:
        if self.operation.get("path") == "":
            found = obj.root
        else:
            way, last = self.parts()
            found = _member(obj.holder(way), last)
        if not is_written_as(found, self.value):
            raise PatchDoesNotApply("a test failed")
        return obj


class _Patch(jsonpatch.JsonPatch):
    operations = MappingProxyType(
        {
            "add": _Add,
            "copy": _Copy,
            "move": _Move,
            "remove": _Remove,
            "replace": _Replace,
            "test": _Test,
        }
    )
