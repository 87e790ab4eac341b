"""Objects that expressions make: ``Object{...}`` for ApplyConfiguration, ``JSONPatch{...}``.

See "MutatingAdmissionPolicy" in the documentation of Kubernetes. The type of an object names the
path of the field that it is for: ``Object.spec.template``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

from apiserver.cel.errors import NO_OVERLOAD, EvaluationError
from apiserver.cel.timevalues import duration_text, timestamp_text
from apiserver.cel.values import (
    Duration,
    MapList,
    ObjectValue,
    OptionalValue,
    SetList,
    Timestamp,
    type_name,
    weight,
)
from apiserver.machinery.documentlimits import is_too_deep
from apiserver.machinery.valuelimit import MAX_VALUES

OBJECT: Final = "Object"
JSON_PATCH: Final = "JSONPatch"
_TEXTS: Final = ("op", "path", "from")
_TOO_DEEP: Final = "values are nested too deeply"
_TOO_LARGE: Final = "the value is too large"


_CONTAINERS: Final = frozenset([ObjectValue, list, SetList, MapList, dict])


class MismatchError(Exception):
    """An object does not fit where it is used."""


def _json_patch(name: str, members: dict[str, Any]) -> ObjectValue:
    for member in _TEXTS:
        if member in members and type(members[member]) is not str:
            shown = type_name(members[member])
            raise EvaluationError(f"unexpected type {shown} for JSONPatchType '{member}' field")
    return ObjectValue(name, members)


#: What makes a value of the members of an object, by the first part of the name of its type.
OBJECTS: Final[Mapping[str, Callable[[str, dict[str, Any]], ObjectValue]]] = {
    OBJECT: ObjectValue,
    JSON_PATCH: _json_patch,
}


def _escape_key(key: Any) -> str:
    if type(key) is not str:
        raise EvaluationError(NO_OVERLOAD)
    return key.replace("~", "~0").replace("/", "~1")


PATCH_FUNCTIONS: Final[Mapping[str, Callable[..., Any]]] = {"jsonpatch.escapeKey": _escape_key}


def check_types(value: Any, root: str) -> None:
    """Raise MismatchError if a type does not name the path at which its object is."""
    try:
        problems = list(_misplaced(value, root, set()))
    except RecursionError:
        raise MismatchError(_TOO_DEEP) from None
    if problems:
        raise MismatchError("\n".join(problems))


def _misplaced(value: Any, expected: str, known: set[tuple[int, str]]) -> Iterator[str]:
    kind = type(value)
    # What is in several places of one path is looked at once.
    if kind not in _CONTAINERS or (id(value), expected) in known:
        return
    known.add((id(value), expected))
    if kind is ObjectValue:
        if value.cel_type != expected:
            yield (
                f'unexpected type name "{value.cel_type}", expected "{expected}", '
                "which matches field name path from root Object type"
            )
        for name, member in value.members.items():
            yield from _misplaced(member, f"{expected}.{name}", known)
    else:
        for item in value if isinstance(value, list) else value.values():
            yield from _misplaced(item, expected, known)


def to_document(value: Any) -> Any:
    """Return a value as JSON. Raises MismatchError for one without such a form, or too deep."""
    try:
        document = _document(value, {})
        if weight(document) > MAX_VALUES:
            raise MismatchError(_TOO_LARGE)
    except RecursionError:
        raise MismatchError(_TOO_DEEP) from None
    if is_too_deep(document):
        raise MismatchError(_TOO_DEEP)
    return document


def _document(value: Any, known: dict[int, Any]) -> Any:
    """Return a value as JSON; what is in it several times is converted once."""
    kind = type(value)
    if kind in _CONTAINERS:
        found = known.get(id(value))
        if found is None:
            found = known[id(value)] = _container(value, known)
        return found
    if kind is Timestamp:
        return timestamp_text(value)
    if kind is Duration:
        return duration_text(value)
    if kind is OptionalValue:
        return _document(value.value, known) if value.present else None
    if value is None or kind in (bool, int, float, str):
        return value
    if isinstance(value, int):
        return int(value)
    raise MismatchError(f"unsupported type {type_name(value)}")


def _container(value: Any, known: dict[int, Any]) -> Any:
    if isinstance(value, list):
        return [_document(item, known) for item in value]
    if type(value) is dict:
        return {_key(key): _document(member, known) for key, member in value.items()}
    return {name: _document(member, known) for name, member in value.members.items()}


def _key(key: Any) -> str:
    if type(key) is not str:
        raise MismatchError(f'map key "{key}" is of type {type_name(key)}, not string')
    return key
