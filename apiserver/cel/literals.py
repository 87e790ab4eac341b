"""Literals in a checked expression: those that cannot mean what they are used for.

The API server looks for three sorts of them after the type check (cel-go, "AST validators"): texts
of durations, times and patterns that are none, and lists and maps with members of several types.
What has another type than its predecessors is an error; what has a type that is not known is not.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from apiserver.cel.errors import EvaluationError
from apiserver.cel.places import Places
from apiserver.cel.syntaxtree import parts_of
from apiserver.cel.textfunctions import compile_pattern
from apiserver.cel.timevalues import parse_duration, parse_timestamp

_PRIMITIVES: Final = ("", "bool", "int", "uint", "double", "string", "bytes")
_WELL_KNOWN: Final = ("", "", "timestamp", "duration")
_TEXTS: Final[Mapping[str, Callable[[str], Any]]] = {
    "duration": parse_duration,
    "timestamp": parse_timestamp,
    "matches": compile_pattern,
}
#: The function whose list may have members of any type.
_MIXED: Final = "format"


def literal_problems(checked: Any, source: str) -> list[str]:
    """Return the errors in a ``cel.expr.CheckedExpr``, with their places, in order."""
    problems = _Problems({entry.key: entry.value for entry in checked.types})
    problems.visit(checked.expr)
    offsets = {entry.key: entry.value for entry in checked.source.positions}
    found = [(offsets.get(id_, 0), text) for id_, text in problems.found]
    places = Places(source)
    return [places.shown(*places.of(offset), text) for offset, text in sorted(found)]


class _Problems:
    def __init__(self, types: Mapping[int, Any]) -> None:
        self._types = types
        #: Expressions by their ids, and what is wrong with them.
        self.found: list[tuple[int, str]] = []

    def visit(self, root: Any) -> None:
        left = [(root, False)]
        while left:
            expr, may_mix = left.pop()
            if expr.HasField("call"):
                self._check_text(expr.call)
                mixes = expr.call.function == _MIXED
                left += [(each, mixes) for each in expr.call.args]
                if expr.call.HasField("target"):
                    left.append((expr.call.target, False))
                continue
            if expr.HasField("list") and not may_mix:
                optional = set(expr.list.optional)
                items = enumerate(expr.list.items)
                self._check_types([item for at, item in items if at not in optional])
            elif expr.HasField("struct") and not expr.struct.message:
                entries = expr.struct.entries
                self._check_types([entry.key for entry in entries])
                self._check_types([entry.value for entry in entries if not entry.optional])
            left += [(part, False) for part in parts_of(expr)]

    def _check_text(self, call: Any) -> None:
        parse = _TEXTS.get(call.function)
        if parse is None or not call.args or not call.args[0].HasField("constant"):
            return
        literal = call.args[0]
        if not literal.constant.HasField("string"):
            return
        try:
            parse(literal.constant.string)
        except EvaluationError:
            self.found.append((literal.id, f"invalid {call.function} argument"))

    def _check_types(self, exprs: list[Any]) -> None:
        before = ""
        for expr in exprs:
            type_ = _type(self._types.get(expr.id))
            if before and type_ and not _agree(before, type_):
                text = f"expected type '{before}' but found '{type_}'"
                self.found.append((expr.id, text))
                return
            before = before or type_


def _type(type_: Any) -> str:
    """Return the name of a type, "" for one that agrees with others."""
    if type_ is None:
        return ""
    if type_.HasField("primitive"):
        return _PRIMITIVES[type_.primitive]
    if type_.HasField("well_known"):
        return _WELL_KNOWN[type_.well_known]
    if type_.HasField("list"):
        return f"list({_type(type_.list.element) or 'dyn'})"
    if type_.HasField("map"):
        key, value = _type(type_.map.key) or "dyn", _type(type_.map.value) or "dyn"
        return f"map({key}, {value})"
    return "null" if type_.HasField("null") else ""


def _agree(one: str, other: str) -> bool:
    """Return whether types may stand beside each other: what is in a list or map is not compared.

    Null agrees with what may be absent: times and durations.
    """
    heads = {one.partition("(")[0], other.partition("(")[0]}
    return len(heads) == 1 or heads <= {"null", *_WELL_KNOWN}
