"""The operations of JSON patches, by the ``jsonpatch`` package.

Arguments are never mutated: a container is copied when an operation first changes it, so the cost
of a patch is that of the parts it changes. A container that has been copied is then changed in
place, until a ``copy`` makes it appear twice.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from types import MappingProxyType
from typing import Any, Final

import jsonpatch
import orjson

from apiserver.machinery.documentlimits import is_too_deep
from apiserver.machinery.quoting import quote
from apiserver.patch.errors import PatchDoesNotApply
from apiserver.patch.rawjson import is_written_as
from apiserver.patch.reading import json_kind

#: The limit for the JSON of all copies of one patch, in bytes.
MAX_COPIED: Final = 3 * 1024 * 1024

_MISSING: Final = "missing value"
_BAD_INDEX: Final = "invalid index referenced"
# Operations whose errors do not give the reason.
_SHORT: Final = frozenset(["add", "remove", "copy"])
# What Go prints for a nil error.
_NO_ERROR: Final = "%!w(<nil>)"
_INDEX: Final = re.compile(r"[+-]?[0-9]{1,19}", re.ASCII)


def apply_operations(
    document: dict[str, Any], operations: Sequence[dict[str, Any]], *, shallow: bool
) -> Any:
    """Return ``document`` after all operations, see `apiserver.patch.json_patch.Operations`.

    Raises PatchDoesNotApply.
    """
    patched = _Document(document)
    try:
        _Patch(operations).apply(patched, in_place=True)
    except jsonpatch.JsonPatchException as error:
        raise PatchDoesNotApply(str(error)) from error
    if (patched.moved or not shallow) and is_too_deep(patched.root):
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
        """Return the container at ``parts``, for reading only, ``None`` if there is none."""
        holder = self.root
        for part in parts:
            holder = _found(holder, part)
            if not isinstance(holder, dict | list):
                return None
        return holder

    def opened(self, parts: tuple[str, ...]) -> Any:
        """Return the container at ``parts``, for changing, ``None`` if there is none."""
        # If the path does not exist, the copies made on the way are discarded.
        if id(self.root) not in self._own:
            self.root = self._copied(self.root)
        holder = self.root
        for part in parts:
            inner = _found(holder, part)
            if id(inner) not in self._own:
                if not isinstance(inner, dict | list):
                    return None
                inner = self._copied(inner)
                holder[part if isinstance(holder, dict) else _index(holder, part)] = inner
            holder = inner
        return holder

    def share(self, value: Any) -> None:
        """Note that ``value`` will appear in the document once more."""
        if value is not None:
            self._left -= len(orjson.dumps(value))
        if self._left < 0:
            raise PatchDoesNotApply(
                "Unable to complete the copy, the accumulated size increase of copy is "
                f"{MAX_COPIED - self._left}, exceeding the limit {MAX_COPIED}"
            )
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
        raise PatchDoesNotApply(f"strconv.Atoi: parsing {quote(part)}: invalid syntax")
    index = int(part)
    if not -length <= index < length:
        raise PatchDoesNotApply(f"Unable to access invalid index: {index}: {_BAD_INDEX}")
    return index + length if index < 0 else index


def _member(holder: Any, part: str) -> Any:
    return holder.get(part) if isinstance(holder, dict) else holder[_index(holder, part)]


def _found(holder: Any, part: str) -> Any:
    """Return a member, ``None`` if there is none."""
    try:
        return _member(holder, part)
    except PatchDoesNotApply:
        return None


def _add(holder: Any, part: str, value: Any) -> None:
    if isinstance(holder, dict):
        holder[part] = value
    elif part == "-":
        holder.append(value)
    else:
        if not _INDEX.fullmatch(part):
            raise PatchDoesNotApply(
                f"value was not a proper array index: '{part}': "
                f"strconv.Atoi: parsing {quote(part)}: invalid syntax"
            )
        holder.insert(_index(holder, part, room=1), value)


def _take(holder: Any, part: str) -> Any:
    if isinstance(holder, list):
        return holder.pop(_index(holder, part))
    if part not in holder:
        raise PatchDoesNotApply(f"Unable to remove nonexistent key: {part}: {_MISSING}")
    return holder.pop(part)


@contextmanager
def _explained(where: str) -> Iterator[None]:
    """Say where an operation failed, before the reason."""
    try:
        yield
    except PatchDoesNotApply as error:
        raise PatchDoesNotApply(f"{where}: {error}") from error


class _Operation(jsonpatch.PatchOperation):
    """An operation with split paths; ``value`` is null if it is missing."""

    #: The name of the operation.
    op = ""

    def __init__(self, operation: Mapping[str, Any], pointer_cls: Any = None) -> None:
        self.operation = dict(operation)
        self.value = operation.get("value")

    def text(self, name: str = "path") -> str:
        """Return a path as it is written. Raises PatchDoesNotApply."""
        path = self.operation.get(name)
        if isinstance(path, str):
            return path
        comma = "," if name == "from" else ""
        why = f"operation{comma} missing {name} field: {_MISSING}"
        if name == "path" and self.op in _SHORT:
            why = _MISSING
        elif path is not None:
            kind = json_kind(path)
            why = f"json: cannot unmarshal {kind} into Go value of type string"
        raise PatchDoesNotApply(f"{self.op} operation failed to decode {name}: {why}")

    def split(self, path: str) -> tuple[tuple[str, ...], str] | None:
        """Return the path of the container and the last part, ``None`` if there is no slash."""
        _, slash, rest = path.partition("/")
        if not slash:
            return None
        parts = rest.split("/")
        if "~" in rest:
            # This order decodes ~01 as ~1, as a single pass for both escapes would.
            parts = [part.replace("~1", "/").replace("~0", "~") for part in parts]
        return tuple(parts[:-1]), parts[-1]

    def opened(self, document: _Document, path: str, missing: str) -> tuple[Any, str]:
        """Return the container at a path, for changing, and the last part.

        Raises PatchDoesNotApply, with the text ``missing``, if there is no container.
        """
        way = self.split(path)
        holder = None if way is None else document.opened(way[0])
        if holder is None or way is None:
            raise PatchDoesNotApply(f"{self.op} operation does not apply: {missing}: {_MISSING}")
        return holder, way[1]

    def held(self, document: _Document, path: str, missing: str) -> tuple[Any, str]:
        """Return the container at a path, for reading, and the last part, as `opened` does."""
        way = self.split(path)
        holder = None if way is None else document.holder(way[0])
        if holder is None or way is None:
            raise PatchDoesNotApply(f"{self.op} operation does not apply: {missing}: {_MISSING}")
        return holder, way[1]


class _Add(_Operation):
    op = "add"

    def apply(self, obj: _Document) -> _Document:
        path = self.text()
        holder, last = self.opened(obj, path, f'doc is missing path: "{path}"')
        with _explained(f"error in add for path: '{path}'"):
            _add(holder, last, self.value)
        return obj


class _Remove(_Operation):
    op = "remove"

    def apply(self, obj: _Document) -> _Document:
        path = self.text()
        holder, last = self.opened(obj, path, f'doc is missing path: "{path}"')
        with _explained(f"error in remove for path: '{path}'"):
            _take(holder, last)
        return obj


class _Replace(_Operation):
    op = "replace"

    def apply(self, obj: _Document) -> _Document:
        path = self.text()
        if path == "":
            if not isinstance(self.value, dict | list):
                what = "replace operation value must be object or array"
                raise PatchDoesNotApply(f"{what}: {_NO_ERROR}")
            obj.root = self.value
            return obj
        holder, last = self.opened(obj, path, f"doc is missing path: {path}")
        if isinstance(holder, list):
            try:
                holder[_index(holder, last)] = self.value
            except PatchDoesNotApply as error:
                why = f"replace operation does not apply: doc is missing key: {path}: {_MISSING}"
                raise PatchDoesNotApply(why) from error
        else:
            holder[last] = self.value
        return obj


class _Move(_Operation):
    op = "move"

    def apply(self, obj: _Document) -> _Document:
        source = self.text("from")
        holder, last = self.opened(obj, source, f"doc is missing from path: {source}")
        with _explained(f"error in move for path: '{last}'"):
            value = _take(holder, last)
        path = self.text()
        holder, last = self.opened(obj, path, f"doc is missing destination path: {path}")
        with _explained(f"error in move for path: '{path}'"):
            _add(holder, last, value)
        obj.moved |= isinstance(value, dict | list)
        return obj


class _Copy(_Operation):
    op = "copy"

    def apply(self, obj: _Document) -> _Document:
        source = self.text("from")
        holder, last = self.held(obj, source, f"doc is missing from path: {source}")
        with _explained(f"error in copy for from: '{source}'"):
            value = _member(holder, last)
        path = self.text()
        if self.split(path) is None:
            missing = f"doc is missing destination path: {path}: {_MISSING}"
            raise PatchDoesNotApply(f"copy operation does not apply: {missing}")
        obj.share(value)
        holder, last = self.opened(obj, path, f"doc is missing destination path: {path}")
        with _explained("error while adding value during copy"):
            _add(holder, last, value)
        obj.moved |= isinstance(value, dict | list)
        return obj


class _Test(_Operation):
    op = "test"

    def apply(self, obj: _Document) -> _Document:
        path = self.text()
        if path == "":
            if not is_written_as(obj.root, self.value):
                raise PatchDoesNotApply("testing value  failed: test failed", test_failed=True)
            return obj
        holder, last = self.held(obj, path, f"is missing path: {path}")
        with _explained(f"error in test for path: '{path}'"):
            found = _member(holder, last)
        if not is_written_as(found, self.value):
            raise PatchDoesNotApply(f"testing value {path} failed: test failed", test_failed=True)
        return obj


class _Unknown(_Operation):
    def apply(self, obj: _Document) -> _Document:
        op = self.operation.get("op")
        raise PatchDoesNotApply(f"Unexpected kind: {op if isinstance(op, str) else 'unknown'}")


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

    def _get_operation(self, operation: Mapping[str, Any]) -> Any:
        op = operation.get("op")
        if isinstance(op, str) and op in self.operations:
            return self.operations[op](operation)
        return _Unknown(operation)
