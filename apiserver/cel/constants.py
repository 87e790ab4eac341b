"""Constants: parts of an expression whose value is known before it is evaluated."""

from __future__ import annotations

from typing import Any

from apiserver.cel.syntaxtree import ListOf, Literal, MapOf, Node


def is_constant(node: Node) -> bool:
    """Return whether the value of a node is known before: a literal, or a list or map of such."""
    match node:
        case Literal():
            return True
        case ListOf(items, optional):
            return not optional and all(map(is_constant, items))
        case MapOf(message, entries):
            keys = [key.value for key, _, may in entries if isinstance(key, Literal) and not may]
            distinct = len(set(keys)) == len(entries)
            return not message and distinct and all(is_constant(value) for _, value, _ in entries)
        case _:
            return False


def value_of(node: Node) -> Any:
    """Return the value of a constant."""
    match node:
        case ListOf(items):
            return list(map(value_of, items))
        case MapOf(_, entries):
            return {value_of(key): value_of(value) for key, value, _ in entries}
        case Literal(value):
            return value
        case _:
            raise TypeError(f"no constant: {node}")
