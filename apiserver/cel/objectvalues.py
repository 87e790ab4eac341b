"""Objects that expressions make: ``Object{...}`` for ApplyConfiguration, ``JSONPatch{...}``.

See "MutatingAdmissionPolicy" in the documentation of Kubernetes. The type of an object names the
path of the field that it is for: ``Object.spec.template``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

from apiserver.cel.errors import NO_OVERLOAD, EvaluationError
from apiserver.cel.timevalues import duration_text, timestamp_text
from apiserver.cel.values import Duration, OptionalValue, Timestamp, type_name
from apiserver.machinery.valueclasses import valueclass

OBJECT: Final = "Object"
JSON_PATCH: Final = "JSONPatch"
_TEXTS: Final = ("op", "path", "from")


@valueclass
class ObjectValue:
    """An object with a type, and its members."""

    cel_type: str
    members: Mapping[str, Any]


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
    problems = list(_misplaced(value, root))
    if problems:
        raise MismatchError("\n".join(problems))


def _misplaced(value: Any, expected: str) -> Iterator[str]:
    if type(value) is ObjectValue:
        if value.cel_type != expected:
            yield (
                f'unexpected type name "{value.cel_type}", expected "{expected}", '
                "which matches field name path from root Object type"
            )
        for name, member in value.members.items():
            yield from _misplaced(member, f"{expected}.{name}")
    elif type(value) is list:
        for item in value:
            yield from _misplaced(item, expected)
    elif type(value) is dict:
        for member in value.values():
            yield from _misplaced(member, expected)


def to_document(value: Any) -> Any:
    """Return a value as JSON. Raises MismatchError for one that has no such form."""
    kind = type(value)
    if kind is ObjectValue:
        return {name: to_document(member) for name, member in value.members.items()}
    if kind is list:
        return [to_document(item) for item in value]
    if kind is dict:
        return {_key(key): to_document(member) for key, member in value.items()}
    if kind is Timestamp:
        return timestamp_text(value)
    if kind is Duration:
        return duration_text(value)
    if kind is OptionalValue:
        return to_document(value.value) if value.present else None
    if value is None or kind in (bool, int, float, str):
        return value
    if isinstance(value, int):
        return int(value)
    raise MismatchError(f"unsupported type {type_name(value)}")


def _key(key: Any) -> str:
    if type(key) is not str:
        raise MismatchError(f'map key "{key}" is of type {type_name(key)}, not string')
    return key
