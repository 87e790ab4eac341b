"""Type checking: every place where a document does not match its type, with Kubernetes' messages.

An applied document must not contain fields that its type does not declare, nor the same list item
twice. The messages quote values as Go prints them.
"""

from __future__ import annotations

from typing import Any

from apiserver.fieldmanager import elements
from apiserver.fieldmanager.atoms import BOOLEAN, NUMERIC, STRING, Atom, ListShape, ObjectShape
from apiserver.fieldmanager.errors import TypeMismatch, UntypedObject
from apiserver.machinery.quoting import go_syntax, go_type, go_value


def check(document: Any, atom: Atom) -> None:
    """Raise UntypedObject if a document does not match its type."""
    found: list[TypeMismatch] = []
    _check(document, atom, "", found)
    if found:
        raise UntypedObject(found)


def _check(value: Any, atom: Atom, path: str, found: list[TypeMismatch]) -> None:
    if value is None:
        return
    kind = type(value)
    if kind is dict and atom.object is not None:
        _check_object(value, atom.object, path, found)
    elif kind is list and atom.list is not None:
        _check_list(value, atom.list, path, found)
    elif atom.object is not None and (kind is dict or not atom.scalar):
        found.append(TypeMismatch(path, f"expected map, got &{{{_plain(value)}}}"))
    elif atom.scalar:
        text = _scalar_problem(value, atom.scalar)
        if text:
            found.append(TypeMismatch(path, text))
    else:
        found.append(TypeMismatch(path, f"expected list, got &{{{_plain(value)}}}"))


def _scalar_problem(value: Any, scalar: str) -> str:
    kind = type(value)
    if scalar == STRING:
        if kind is not str:
            return f"expected string, got &value.valueUnstructured{{Value:{_syntax(value)}}}"
    elif scalar == NUMERIC:
        if kind is not int and kind is not float:
            return f"expected numeric (int or float), got {go_type(_with_floats(value))}"
    elif scalar == BOOLEAN:
        if kind is not bool:
            return f"expected boolean, got &{{{_plain(value)}}}"
    elif kind is dict or kind is list:
        return f"expected any scalar, got &{{{_plain(value)}}}"
    return ""


def _check_object(
    value: dict[str, Any], shape: ObjectShape, path: str, found: list[TypeMismatch]
) -> None:
    members, values = shape.members, shape.values
    for name, member in value.items():
        declared = members.get(name)
        if declared is not None:
            _check(member, declared.atom, f"{path}.{name}", found)
        elif values is not None:
            _check(member, values, f"{path}.{name}", found)
        else:
            found.append(TypeMismatch(f"{path}.{name}", "field not declared in schema"))
            return


def _check_list(value: list[Any], shape: ListShape, path: str, found: list[TypeMismatch]) -> None:
    if shape.atomic:
        for place, item in enumerate(value):
            _check(item, shape.items, f"{path}[{place}]", found)
        return
    seen = set()
    for place, item in enumerate(value):
        try:
            element = shape.element(item)
        except ValueError as error:
            found.append(TypeMismatch(path, f"element {place}: {error}"))
            return
        name = elements.text(element)
        if element in seen:
            found.append(TypeMismatch(path, f"duplicate entries for key {name}"))
        seen.add(element)
        _check(item, shape.items, path + name, found)


def _plain(value: Any) -> str:
    return go_value(_with_floats(value))


def _syntax(value: Any) -> str:
    return go_syntax(_with_floats(value))


def _with_floats(value: Any) -> Any:
    """Return a value with all numbers as floats, which is how Go represents those of YAML."""
    if isinstance(value, dict):
        return {key: _with_floats(member) for key, member in value.items()}
    if isinstance(value, list):
        return [_with_floats(item) for item in value]
    return float(value) if type(value) is int else value
